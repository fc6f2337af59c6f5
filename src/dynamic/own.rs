use std::fmt;

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Cpu, NoneTape},
};

use super::{
    FromDynamic,
    flow::Flow,
    op::{Op, Pass, Recorder, Show},
    words::refused,
};
use crate::{
    backend::IntoShape,
    error::Error,
    fields::{AnySignal, SignalKind},
    layer::Layer,
    parameters::{Parameter, Parameters, Visitor},
};

/// The passes of a typed layer on one tape.
pub(crate) struct Runs<L, T> {
    apply: fn(&L, Flow<T>) -> Result<Flow<T>, Error>,
    train: fn(&mut L, Flow<T>) -> Result<Flow<T>, Error>,
}

impl<L, T> Clone for Runs<L, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L, T> Copy for Runs<L, T> {}

impl<L, T: Pass> Runs<L, T> {
    fn of<In: FromDynamic>() -> Self
    where
        L: Layer<In, f32, Cpu, Out: FromDynamic>,
    {
        Self {
            apply: |layer, x| L::Out::into_flow(layer.call(In::from_flow(x)?)?),
            train: |layer, x| L::Out::into_flow(layer.call_mut(In::from_flow(x)?)?),
        }
    }
}

/// One signal that a typed layer takes.
pub(crate) struct Takes<L> {
    takes: AnySignal,
    /// What it gives, or `None` if that is what it takes.
    gives: Option<AnySignal>,
    pub(super) plain: Runs<L, NoneTape>,
    pub(super) taped: Runs<L, Recorder>,
}

impl<L> Clone for Takes<L> {
    fn clone(&self) -> Self {
        let (takes, gives) = (self.takes.clone(), self.gives.clone());
        Self { takes, gives, plain: self.plain, taped: self.taped }
    }
}

impl<L> fmt::Debug for Takes<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.takes)
    }
}

impl<L> Takes<L> {
    /// The layer takes `In`.
    pub(crate) fn of<In>() -> Self
    where
        In: FromDynamic,
        L: Layer<In, f32, Cpu, Out: FromDynamic>,
    {
        let (takes, gives) = (AnySignal::of::<In>(), AnySignal::of::<L::Out>());
        let gives = (takes != gives).then_some(gives);
        Self { gives, takes, plain: Runs::of::<In>(), taped: Runs::of::<In>() }
    }

    fn fits(&self, arrives: &AnySignal) -> bool {
        self.takes.kind == arrives.kind && self.takes.agrees(&arrives.sizes)
    }
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
    fn taken(&self, arrives: &AnySignal) -> Result<usize, Error> {
        self.takes.iter().position(|takes| takes.fits(arrives)).ok_or_else(|| {
            let all: Vec<String> = self.takes.iter().map(|t| format!("`{}`", t.takes)).collect();
            refused(format!("{} is needed here, but `{arrives}` arrives", all.join(" or ")))
        })
    }
}

impl<L: fmt::Debug> fmt::Debug for Own<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Own").field("layer", &self.layer).field("takes", &self.takes).finish()
    }
}

impl<L: Parameters + fmt::Debug + Send + Sync + 'static> Op for Own<L> {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let gives = &self.takes[self.taken(arrives)?].gives;
        Ok(gives.clone().unwrap_or_else(|| arrives.clone()))
    }

    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let taken = self.taken(&x.signal())?;
        (T::runs(&self.takes[taken]).apply)(&self.layer, x)
    }

    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        let taken = self.taken(&x.signal())?;
        (T::runs(&self.takes[taken]).train)(&mut self.layer, x)
    }

    fn build(&mut self, _: &Cpu, _: &str, _: &AnySignal) -> Result<(), Error> {
        self.built = true;
        Ok(())
    }

    fn visit(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        struct Flattened<'a>(&'a mut dyn Show);

        impl Visitor<f32, Cpu> for Flattened<'_> {
            fn visit<S: Shape>(
                &mut self,
                parameter: Parameter<'_, S, f32, Cpu>,
            ) -> Result<(), Error> {
                let Parameter { name, trainable, tensor } = parameter;
                let shape = *tensor.shape();
                // It stays the same parameter under any shape.
                let mut values = tensor.clone().into_shape(&(shape.num_elements(),))?;
                self.0.weight(name, trainable, shape.concrete().as_ref(), &mut values)?;
                *tensor = values.into_shape(&shape)?;
                Ok(())
            }

            fn enter(&mut self, name: &str) {
                self.0.enter(name);
            }

            fn leave(&mut self) {
                self.0.leave();
            }
        }

        if self.built { self.layer.visit(&mut Flattened(show)) } else { Ok(()) }
    }

    fn takes_ids(&self) -> bool {
        self.takes.iter().all(|takes| takes.takes.kind == SignalKind::Tokens)
    }
}
