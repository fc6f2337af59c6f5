//! What is inside of a dynamic layer, and how it runs: on a [`Recorder`], which is off where no gradient is asked for.

use std::fmt;

use dfdx::tensor::{Cpu, Tape, Tensor};

use super::{
    DynamicLayer,
    flow::{Flow, Flows, join_tapes, put_first},
    said::{CallWords, Said},
    words::refused,
};
use crate::{
    backend::Recorder,
    error::Error,
    fields::{AnySignal, Config},
    model::Row,
    parameters::Visitor,
};

/// What is the same for a layer of one input and for one of several.
macro_rules! shared {
    () => {
        /// Shows all weights.
        fn visit(&mut self, _visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
            Ok(())
        }

        /// Puts the configs of the layers inside into the config of this one.
        fn write(&self, _config: &mut Config) {}

        /// Whether the layer takes token ids.
        fn takes_ids(&self) -> bool {
            false
        }

        /// Says that a layer which takes one vector per sample may take sequences: Keras's `Dense`.
        fn allow_steps(&mut self, _allowed: bool) {}

        /// Whether it is asked for an empty result too, since it holds layers that may refuse what reaches them.
        fn asks_for_nothing(&self) -> bool {
            false
        }

        /// Whether its training pass is the inference pass if its weights are not trained: Keras's
        /// `BatchNormalization`.
        fn rests(&self) -> bool {
            false
        }

        /// How many layers are called in one call of it: a model inside may be called several times.
        fn calls(&self) -> usize {
            let inside = self.inside();
            inside.iter().fold(1, |count: usize, layer| count.saturating_add(layer.op.calls()))
        }

        /// What reaches the layer, if it says so itself: a model whose inputs have shapes.
        fn own_inputs(&self) -> Option<Vec<AnySignal>> {
            None
        }

        /// The rows of a summary, of a model.
        fn rows(&self) -> Option<Vec<Row>> {
            None
        }

        /// The layers inside, in the order of the config.
        fn inside(&self) -> Vec<&DynamicLayer> {
            Vec::new()
        }

        /// The layers inside, in the order of the config.
        fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
            Vec::new()
        }

        /// Forgets the state that a `stateful` layer keeps from one batch to the next.
        fn reset_states(&mut self) {
            self.inside_mut().into_iter().for_each(DynamicLayer::reset_states);
        }
    };
}

/// A layer whose sizes are values.
///
/// It takes a list and gives a list: most layers, which take one value and give one, are [`OneToOne`].
pub(crate) trait Op: Boxed + fmt::Debug + Send + Sync {
    /// What leaves the layer, if it takes what arrives.
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error>;

    /// The inference pass. What it gets is what `gives` has taken, and what it gives is not empty, unless it
    /// [`asks_for_nothing`](Self::asks_for_nothing).
    fn apply(&self, x: Flows) -> Result<Flows, Error>;

    /// The training pass, where it is another one.
    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        self.apply(x)
    }

    /// Makes the weights for what arrives. The names of those of a custom layer begin with `prefix`.
    fn build(&mut self, _dev: &Cpu, _prefix: &str, _arrive: &[AnySignal]) -> Result<(), Error> {
        Ok(())
    }

    /// Whether this is a function of Keras's, and no layer.
    fn is_function(&self) -> bool {
        false
    }

    /// Whether the layer goes over steps, and takes the states to begin with as further inputs.
    fn takes_states(&self) -> bool {
        false
    }

    /// What calls may say to the layer.
    fn words(&self) -> CallWords {
        CallWords::default()
    }

    /// Takes what the calls of the layer say.
    fn called(&mut self, _said: Said) {}

    /// What is true of its calls.
    fn call_flags(&self) -> &[&'static str] {
        &[]
    }

    shared!();
}

/// An [`Op`] that takes one value and gives one.
pub(crate) trait OneToOne: fmt::Debug + Send + Sync {
    /// See [`Op::gives`].
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error>;

    /// See [`Op::apply`].
    fn apply(&self, x: Flow) -> Result<Flow, Error>;

    /// See [`Op::train`].
    fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        self.apply(x)
    }

    /// See [`Op::build`].
    fn build(&mut self, _dev: &Cpu, _prefix: &str, _arrives: &AnySignal) -> Result<(), Error> {
        Ok(())
    }

    shared!();
}

impl<L: OneToOne + Clone + 'static> Op for L {
    fn gives(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        Ok(vec![OneToOne::gives(self, only(arrive)?)?])
    }

    fn apply(&self, x: Flows) -> Result<Flows, Error> {
        Ok(vec![OneToOne::apply(self, one(x)?)?])
    }

    fn train(&mut self, x: Flows) -> Result<Flows, Error> {
        Ok(vec![OneToOne::train(self, one(x)?)?])
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, arrive: &[AnySignal]) -> Result<(), Error> {
        OneToOne::build(self, dev, prefix, only(arrive)?)
    }

    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        OneToOne::visit(self, visitor)
    }

    fn write(&self, config: &mut Config) {
        OneToOne::write(self, config);
    }

    fn takes_ids(&self) -> bool {
        OneToOne::takes_ids(self)
    }

    fn allow_steps(&mut self, allowed: bool) {
        OneToOne::allow_steps(self, allowed);
    }

    fn asks_for_nothing(&self) -> bool {
        OneToOne::asks_for_nothing(self)
    }

    fn rests(&self) -> bool {
        OneToOne::rests(self)
    }

    fn inside(&self) -> Vec<&DynamicLayer> {
        OneToOne::inside(self)
    }

    fn inside_mut(&mut self) -> Vec<&mut DynamicLayer> {
        OneToOne::inside_mut(self)
    }

    fn reset_states(&mut self) {
        OneToOne::reset_states(self);
    }

    fn calls(&self) -> usize {
        OneToOne::calls(self)
    }

    fn rows(&self) -> Option<Vec<Row>> {
        OneToOne::rows(self)
    }

    fn own_inputs(&self) -> Option<Vec<AnySignal>> {
        OneToOne::own_inputs(self)
    }
}

/// The one thing of a list.
pub(super) fn only<S>(list: &[S]) -> Result<&S, Error> {
    match list {
        [one] => Ok(one),
        _ => Err(refused(format!("one input is needed here, but {} arrive", list.len()))),
    }
}

/// The one value of a list.
pub(crate) fn one(mut list: Flows) -> Result<Flow, Error> {
    match (list.len(), list.pop()) {
        (1, Some(one)) => Ok(one),
        (n, _) => Err(refused(format!("one value is needed here, but there are {n}"))),
    }
}

/// All values of a weight.
pub(crate) type Flat = Tensor<(usize,), f32, Cpu>;

/// A copy of an [`Op`] behind a pointer.
pub(crate) trait Boxed {
    fn boxed(&self) -> Box<dyn Op>;
}

impl<L: Op + Clone + 'static> Boxed for L {
    fn boxed(&self) -> Box<dyn Op> {
        Box::new(self.clone())
    }
}

/// Runs a pass on any tape. The first of the results carries it.
pub(crate) fn on_any_tape<T: Tape<f32, Cpu>>(
    x: Flows<T>,
    pass: impl FnOnce(Flows) -> Result<Flows, Error>,
) -> Result<Flows<T>, Error> {
    let (x, mut tape) = join_tapes(x);
    let recorder = Recorder::of(&mut tape);
    let (y, recorder) = join_tapes(pass(put_first(x, recorder))?);
    recorder.move_to(&mut tape);
    let mut tape = Some(tape);
    Ok(y.into_iter().map(|y| y.put_tape(tape.take().unwrap_or_default())).collect())
}
