//! Running a layer on data.

use super::Takes;
use crate::{
    backend::{Backend, Element, whole_pass},
    error::Error,
    signal::{Fed, Feedable, OnWire, Signal},
};
use dfdx::tensor::Tape;

/// Data that a layer can be run on.
///
/// It is a trait of the data, so that this is looked at first, and a layer that takes something else is told as that.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to `{L}`",
    label = "feed a tensor of the shape that `{L}` takes; `predict` takes rows in a `Vec`"
)]
pub trait InputOf<L, E: Element, D: Backend<E>>: Sized {
    /// What the layer, or a chain of layers, gives for it.
    type Output;

    /// The inference pass.
    ///
    /// # Errors
    /// Those of the layer.
    fn run(self, layer: &L) -> Result<Self::Output, Error>;

    /// The training pass.
    ///
    /// # Errors
    /// Those of the layer.
    fn run_mut(self, layer: &mut L) -> Result<Self::Output, Error>;
}

impl<X, L, E, D> InputOf<L, E, D> for X
where
    X: Feedable<Data: OnWire>,
    L: Takes<<X::Data as OnWire>::Signal, E, D>,
    <X::Data as OnWire>::Tape: Tape<E, D>,
    X::Data: Fed<<X::Data as OnWire>::Signal, <X::Data as OnWire>::Tape, E, D>,
    E: Element,
    D: Backend<E>,
{
    type Output = <L::Out as Signal>::Data<E, D, <X::Data as OnWire>::Tape>;

    fn run(self, layer: &L) -> Result<Self::Output, Error> {
        whole_pass(|| layer.call(self.data().into_signal()))
    }

    fn run_mut(self, layer: &mut L) -> Result<Self::Output, Error> {
        whole_pass(|| layer.call_mut(self.data().into_signal()))
    }
}

/// Runs a layer on data, or on a reference to data without a tape; several inputs are a tuple.
///
/// ```
/// use kerata::{Cpu, Dropout, Error, prelude::*};
///
/// let x = Cpu::seed_from_u64(0).tensor([[1.0_f32; 100]]);
/// let mut dropout = Dropout::<50>;
/// assert_eq!(dropout.forward(&x)?.array(), x.array());
/// assert_ne!(dropout.forward_mut(&x)?.array(), x.array());
/// # Ok::<(), Error>(())
/// ```
pub trait Forward: Sized {
    /// The inference pass: dropout is the identity, running statistics are used as they are.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward<E: Element, D: Backend<E>, X: InputOf<Self, E, D>>(
        &self,
        x: X,
    ) -> Result<X::Output, Error> {
        x.run(self)
    }

    /// The training pass: dropout drops, running statistics move.
    ///
    /// # Errors
    /// Those of the layers that the data runs through.
    fn forward_mut<E: Element, D: Backend<E>, X: InputOf<Self, E, D>>(
        &mut self,
        x: X,
    ) -> Result<X::Output, Error> {
        x.run_mut(self)
    }
}

impl<L> Forward for L {}
