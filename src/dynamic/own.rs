use std::fmt;

use dfdx::tensor::{Cpu, NoneTape, Tape};

use super::{
    FromDynamic,
    flow::{Flow, Flows, in_pass},
    op::Op,
    value::from_flows,
    words::refused,
};
use crate::{
    backend::{CarriedStates, Recorder},
    error::Error,
    fields::{AnySignal, SignalKind},
    layer::Layer,
    parameters::{Parameter, Parameters, Visitor},
};

/// The passes of a typed layer on one tape.
pub(crate) struct Runs<L, T> {
    apply: fn(&L, Flows<T>) -> Result<Flows<T>, Error>,
    train: fn(&mut L, Flows<T>) -> Result<Flows<T>, Error>,
}

impl<L, T> Clone for Runs<L, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L, T> Copy for Runs<L, T> {}

impl<L, T: Tape<f32, Cpu>> Runs<L, T> {
    fn of<In: FromDynamic>() -> Self
    where
        L: Layer<In, f32, Cpu, Out: FromDynamic>,
    {
        Self {
            apply: |layer, x| L::Out::into_flows(layer.call(from_flows::<In, T>(x)?)?),
            train: |layer, x| L::Out::into_flows(layer.call_mut(from_flows::<In, T>(x)?)?),
        }
    }
}

/// One signal that a typed layer takes, or several side by side.
pub(crate) struct Takes<L> {
    takes: Vec<AnySignal>,
    /// What it gives, or `None` if that is what it takes.
    gives: Option<Vec<AnySignal>>,
    plain: Runs<L, NoneTape>,
    taped: Runs<L, Recorder>,
}

impl<L> Clone for Takes<L> {
    fn clone(&self) -> Self {
        let (takes, gives) = (self.takes.clone(), self.gives.clone());
        Self { takes, gives, plain: self.plain, taped: self.taped }
    }
}

impl<L> fmt::Debug for Takes<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&listed(&self.takes))
    }
}

impl<L> Takes<L> {
    /// The layer takes `In`.
    pub(crate) fn of<In>() -> Self
    where
        In: FromDynamic,
        L: Layer<In, f32, Cpu, Out: FromDynamic>,
    {
        let all = |parts: Vec<(String, AnySignal)>| parts.into_iter().map(|(_, one)| one).collect();
        let takes: Vec<AnySignal> = all(AnySignal::parts::<In>());
        let gives: Vec<AnySignal> = all(AnySignal::parts::<L::Out>());
        let gives = (takes != gives).then_some(gives);
        Self { gives, takes, plain: Runs::of::<In>(), taped: Runs::of::<In>() }
    }

    fn fits(&self, arrive: &[AnySignal]) -> bool {
        let fits = |(takes, arrives): (&AnySignal, &AnySignal)| {
            takes.kind == arrives.kind && takes.agrees(&arrives.sizes)
        };
        self.takes.len() == arrive.len() && self.takes.iter().zip(arrive).all(fits)
    }
}

/// The names of some signals.
fn listed(signals: &[AnySignal]) -> String {
    let names: Vec<String> = signals.iter().map(|signal| format!("`{signal}`")).collect();
    names.join(" and ")
}

fn signals(x: &Flows) -> Vec<AnySignal> {
    x.iter().map(Flow::signal).collect()
}

/// A typed layer behind run-time shapes.
#[derive(Clone)]
pub(crate) struct Own<L> {
    layer: L,
    takes: Vec<Takes<L>>,
    built: bool,
}

impl<L> Own<L> {
    pub(crate) fn new(layer: L, takes: Vec<Takes<L>>) -> Self {
        Self { layer, takes, built: false }
    }

    /// Which of the signals that it takes arrives.
    fn taken(&self, arrive: &[AnySignal]) -> Result<usize, Error> {
        self.takes.iter().position(|takes| takes.fits(arrive)).ok_or_else(|| {
            let all: Vec<String> = self.takes.iter().map(|t| listed(&t.takes)).collect();
            let (all, found) = (all.join(" or "), listed(arrive));
            let verb = if arrive.len() == 1 { "arrives" } else { "arrive" };
            refused(format!("{all} is needed here, but {found} {verb}"))
        })
    }
}

impl<L: fmt::Debug> fmt::Debug for Own<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("layer", &self.layer).field("takes", &self.takes).finish()
    }
}

impl<L: Parameters + fmt::Debug + Send + Sync + 'static> Op for Own<L> {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        let gives = &self.takes[self.taken(arrive)?].gives;
        Ok(gives.clone().unwrap_or_else(|| arrive.to_vec()))
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        let Takes { plain, taped, .. } = &self.takes[self.taken(&signals(&x))?];
        in_pass(&self.layer, x, plain.apply, taped.apply)
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        let Takes { plain, taped, .. } = &self.takes[self.taken(&signals(&x))?];
        in_pass(&mut self.layer, x, plain.train, taped.train)
    }

    fn build(&mut self, _: &Cpu, _: &str, _: &[AnySignal]) -> Result<(), Error> {
        self.built = true;
        Ok(())
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        if self.built { self.layer.visit(visitor) } else { Ok(()) }
    }

    fn reset_states(&mut self) {
        struct Reset;

        impl Visitor<f32, Cpu> for Reset {
            fn visit(&mut self, _: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
                Ok(())
            }

            fn visit_carried(&mut self, carried: &CarriedStates<f32, Cpu>) -> Result<(), Error> {
                carried.reset();
                Ok(())
            }
        }

        // The only errors are those of the visitor, and this one has none; a weight that does not fit ends the visit, but
        // then no pass has left a state either.
        let _ = self.layer.visit(&mut Reset);
    }

    fn takes_ids(&self) -> bool {
        let ids = |takes: &Takes<L>| takes.takes.iter().all(|one| one.kind == SignalKind::Tokens);
        self.takes.iter().all(ids)
    }
}
