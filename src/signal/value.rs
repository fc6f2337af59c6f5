use dfdx::tensor::{Storage, Tape, Tensor};

use super::{Ids, Masked, Signal};
use crate::{
    backend::{Backend, Element},
    shape::{Sequence, Shape},
    tuples::several,
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

/// Data that is a [`Value`] for some element.
///
/// It says nothing of the element, which is that of the layer for ids. So the compiler sees at once what is no tensor, and tells
/// it once.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to a layer",
    label = "no tensor: rows in a `Vec` go to `predict`",
    note = "feed a `Tensor` of floats, a `Tensor` of `usize` ids, or a `Masked` tensor, by value"
)]
pub trait Feedable {
    /// The same type.
    type Data;

    /// The same data.
    fn data(self) -> Self::Data;
}

#[diagnostic::do_not_recommend]
impl<S: Shape, E, D: Storage<E>, T> Feedable for Tensor<S, E, D, T> {
    type Data = Self;

    fn data(self) -> Self {
        self
    }
}

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S),*> Feedable for ($($S,)*) {
            type Data = Self;

            fn data(self) -> Self {
                self
            }
        }
    };
}
several!(side_by_side);

#[diagnostic::do_not_recommend]
impl<V> Feedable for Masked<V> {
    type Data = Self;

    fn data(self) -> Self {
        self
    }
}
