use dfdx::tensor::{Tape, Tensor};

use super::{Ids, Masked, Signal};
use crate::{
    backend::{Backend, Element},
    shape::{Sequence, Shape},
};

/// Data that can be fed to a layer: it knows the [`Signal`] that it carries.
///
/// It is the other way round of [`Signal::Data`], and is what lets `layer.forward(x)` find the wire
/// from the tensor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to a layer",
    note = "feed a `Tensor` of floats, a `Tensor` of `usize` ids, or a `Masked` tensor"
)]
pub trait Value<E: Element, D: Backend<E>>: Sized {
    /// The wire that the data belongs on.
    type Signal: Signal;
    /// The tape that the data carries.
    type Tape: Tape<E, D>;

    /// The same data, under the name that the signal has for it.
    fn into_data(self) -> <Self::Signal as Signal>::Data<E, D, Self::Tape>;
}

#[diagnostic::do_not_recommend]
impl<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>> Value<E, D> for Tensor<S, E, D, T> {
    type Signal = S;
    type Tape = T;

    fn into_data(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>> Value<E, D> for Tensor<S, usize, D, T> {
    type Signal = Ids<S>;
    type Tape = T;

    fn into_data(self) -> Self {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sequence, E: Element, D: Backend<E>, T: Tape<E, D>> Value<E, D>
    for Masked<Tensor<S, E, D, T>>
{
    type Signal = Masked<S>;
    type Tape = T;

    fn into_data(self) -> Self {
        self
    }
}
