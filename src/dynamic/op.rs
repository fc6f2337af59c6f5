//! What is inside of a dynamic layer, and how it runs: without a tape, or on a [`Recorder`].

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
};

use dfdx::tensor::{Cpu, CpuError, Gradients, Merge, NoneTape, Tape, Tensor};

use super::{
    custom::Functions,
    flow::{Flow, Rows},
    own::{Runs, Takes},
};
use crate::{
    error::Error,
    fields::{AnySignal, Config},
};

/// A layer whose sizes are values. All that differs between inference and training is the tape of `T`.
pub(crate) trait Op: Passes + fmt::Debug + Send + Sync {
    /// What leaves the layer, if it takes what arrives.
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error>;

    /// The inference pass. What it gets is what `gives` has taken, and what it gives is not empty, unless it
    /// [`asks_for_nothing`](Self::asks_for_nothing).
    fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error>
    where
        Self: Sized;

    /// The training pass, where it is another one.
    fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error>
    where
        Self: Sized,
    {
        self.apply(x)
    }

    /// Makes the weights for what arrives. The names of those of a custom layer begin with `prefix`.
    fn build(&mut self, _dev: &Cpu, _prefix: &str, _arrives: &AnySignal) -> Result<(), Error> {
        Ok(())
    }

    /// Shows all weights.
    fn visit(&mut self, _show: &mut dyn Show) -> Result<(), Error> {
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

    /// Whether its training pass is the inference pass if its weights are not trained: Keras's `BatchNormalization`.
    fn rests(&self) -> bool {
        false
    }
}

/// All values of a weight.
pub(crate) type Flat = Tensor<(usize,), f32, Cpu>;

/// Something that is shown all weights of a layer: a [`Visitor`](crate::parameters::Visitor) behind a pointer.
pub(crate) trait Show {
    fn weight(
        &mut self,
        name: &str,
        trainable: bool,
        sizes: &[usize],
        values: &mut Flat,
    ) -> Result<(), Error>;

    fn enter(&mut self, _name: &str) {}

    fn leave(&mut self) {}
}

/// The passes of an [`Op`] behind a pointer, where no method is generic.
pub(crate) trait Passes {
    fn boxed(&self) -> Box<dyn Op>;
    fn apply_plain(&self, x: Flow<NoneTape>) -> Result<Flow<NoneTape>, Error>;
    fn apply_taped(&self, x: Flow<Recorder>) -> Result<Flow<Recorder>, Error>;
    fn train_plain(&mut self, x: Flow<NoneTape>) -> Result<Flow<NoneTape>, Error>;
    fn train_taped(&mut self, x: Flow<Recorder>) -> Result<Flow<Recorder>, Error>;
}

impl<L: Op + Clone + 'static> Passes for L {
    fn boxed(&self) -> Box<dyn Op> {
        Box::new(self.clone())
    }

    fn apply_plain(&self, x: Flow<NoneTape>) -> Result<Flow<NoneTape>, Error> {
        self.apply(x)
    }

    fn apply_taped(&self, x: Flow<Recorder>) -> Result<Flow<Recorder>, Error> {
        self.apply(x)
    }

    fn train_plain(&mut self, x: Flow<NoneTape>) -> Result<Flow<NoneTape>, Error> {
        self.train(x)
    }

    fn train_taped(&mut self, x: Flow<Recorder>) -> Result<Flow<Recorder>, Error> {
        self.train(x)
    }
}

/// One of the two tapes that a layer behind a pointer can run on.
pub(crate) trait Pass: Tape<f32, Cpu> {
    fn apply(op: &dyn Op, x: Flow<Self>) -> Result<Flow<Self>, Error>;
    fn train(op: &mut dyn Op, x: Flow<Self>) -> Result<Flow<Self>, Error>;
    fn activation(of: &Functions) -> fn(Rows<Self>) -> Result<Rows<Self>, Error>;
    fn runs<L>(of: &Takes<L>) -> &Runs<L, Self>;
}

macro_rules! pass {
    ($tape:ty, $apply:ident, $train:ident, $field:ident) => {
        impl Pass for $tape {
            fn apply(op: &dyn Op, x: Flow<Self>) -> Result<Flow<Self>, Error> {
                op.$apply(x)
            }

            fn train(op: &mut dyn Op, x: Flow<Self>) -> Result<Flow<Self>, Error> {
                op.$train(x)
            }

            fn activation(of: &Functions) -> fn(Rows<Self>) -> Result<Rows<Self>, Error> {
                of.$field
            }

            fn runs<L>(of: &Takes<L>) -> &Runs<L, Self> {
                &of.$field
            }
        }
    };
}
pass!(NoneTape, apply_plain, train_plain, plain);
pass!(Recorder, apply_taped, train_taped, taped);

type Backward = Box<dyn FnOnce(&mut Gradients<f32, Cpu>) -> Result<(), CpuError>>;

/// A tape that can be put on any other: a layer behind a pointer cannot be generic over tapes.
#[derive(Default)]
pub(crate) struct Recorder(Vec<(u64, Backward)>);

/// Orders the operations of tapes that are merged.
static TIME: AtomicU64 = AtomicU64::new(0);

impl Tape<f32, Cpu> for Recorder {
    const OWNS_TAPE: bool = true;

    fn add_backward_op<F>(&mut self, operation: F)
    where
        F: 'static + FnOnce(&mut Gradients<f32, Cpu>) -> Result<(), CpuError>,
    {
        self.0.push((TIME.fetch_add(1, Ordering::Relaxed), Box::new(operation)));
    }
}

impl Merge<NoneTape> for Recorder {
    fn merge(self, _: NoneTape) -> Self {
        self
    }
}

impl Merge<Recorder> for Recorder {
    fn merge(mut self, mut other: Self) -> Self {
        self.0.append(&mut other.0);
        self
    }
}

/// Runs a pass on any tape.
pub(crate) fn on_any_tape<L, T: Tape<f32, Cpu>>(
    layer: L,
    x: Flow<T>,
    plain: fn(L, Flow<NoneTape>) -> Result<Flow<NoneTape>, Error>,
    taped: fn(L, Flow<Recorder>) -> Result<Flow<Recorder>, Error>,
) -> Result<Flow<T>, Error> {
    let (x, mut tape) = x.split_tape();
    if !T::OWNS_TAPE {
        return Ok(plain(layer, x)?.put_tape(tape));
    }
    let (y, Recorder(mut operations)) = taped(layer, x.put_tape(Recorder::default()))?.split_tape();
    operations.sort_by_key(|(time, _)| *time);
    operations.into_iter().for_each(|(_, operation)| tape.add_backward_op(operation));
    Ok(y.put_tape(tape))
}
