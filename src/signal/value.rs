use dfdx::tensor::{Storage, Tape, Tensor};

use super::{Ids, Masked, Signal};
use crate::{
    backend::{Backend, Element},
    never::{Never, Nobody},
    shape::{Sequence, Shape},
    tuples::several,
};

/// Data that can be fed to a layer: it knows the [`Signal`] that it carries.
///
/// It is the other way round of [`Signal::Data`], and is what lets `layer.forward(x)` find the wire
/// from the tensor.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to a layer",
    note = "feed a `Tensor` of floats, a `Tensor` of `usize` ids, or a `Masked` tensor: `dev.tensor([[0.5, 1.0]])` makes one"
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
    note = "feed a `Tensor` of floats, a `Tensor` of `usize` ids, or a `Masked` tensor, and one with a tape by value"
)]
pub trait Feedable {
    /// The same type; of a reference, what it refers to.
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

// The values of a tensor are shared: it is not copied.
#[diagnostic::do_not_recommend]
impl<X: Feedable + Clone> Feedable for &X {
    type Data = X::Data;

    fn data(self) -> X::Data {
        self.clone().data()
    }
}

macro_rules! side_by_side {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Feedable),*> Feedable for ($($S,)*) {
            type Data = ($($S::Data,)*);

            fn data(self) -> Self::Data {
                ($(self.$at.data(),)*)
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

/// What data carries, whatever the element of the layer: the part of [`Value`] that does not ask for one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be fed to a layer",
    note = "feed a `Tensor` of floats, a `Tensor` of `usize` ids, or a `Masked` tensor"
)]
pub trait OnWire {
    /// [`Value::Signal`].
    type Signal: Signal;
    /// [`Value::Tape`].
    type Tape;
}

#[diagnostic::do_not_recommend]
impl<S: Shape, E: Element, D: Storage<E>, T> OnWire for Tensor<S, E, D, T> {
    type Signal = S;
    type Tape = T;
}

#[diagnostic::do_not_recommend]
impl<S: Shape, D: Storage<usize>, T> OnWire for Tensor<S, usize, D, T> {
    type Signal = Ids<S>;
    type Tape = T;
}

#[diagnostic::do_not_recommend]
impl<S: Sequence, E: Element, D: Storage<E>, T> OnWire for Masked<Tensor<S, E, D, T>> {
    type Signal = Masked<S>;
    type Tape = T;
}

/// The end of [`Fed`].
#[doc(hidden)]
pub trait OfElement<S: Signal, T: Tape<E, D>, E: Element, D: Backend<E>> {
    /// The same data.
    fn into_signal(self) -> S::Data<E, D, T>;
}

#[diagnostic::do_not_recommend]
impl<X, E: Element, D: Backend<E>> OfElement<X::Signal, X::Tape, E, D> for X
where
    X: Value<E, D>,
{
    fn into_signal(self) -> <X::Signal as Signal>::Data<E, D, X::Tape> {
        self.into_data()
    }
}

#[diagnostic::do_not_recommend]
impl<X, S: Signal, T: Tape<E, D>, E: Element, D: Backend<E>> OfElement<S, T, E, D> for X
where
    for<'a> Nobody: Never<'a>,
{
    fn into_signal(self) -> S::Data<E, D, T> {
        Nobody::never()
    }
}

macro_rules! later {
    ($($(#[$attribute:meta])* $name:ident $then:ident)*) => {$(
        $(#[$attribute])*
        #[doc(hidden)]
        pub trait $name<S: Signal, T: Tape<E, D>, E: Element, D: Backend<E>> {
            /// The same data.
            fn into_signal(self) -> S::Data<E, D, T>;
        }

        #[diagnostic::do_not_recommend]
        impl<X, S: Signal, T: Tape<E, D>, E: Element, D: Backend<E>> $name<S, T, E, D> for X
        where
            X: $then<S, T, E, D>,
        {
            fn into_signal(self) -> S::Data<E, D, T> {
                $then::into_signal(self)
            }
        }
    )*};
}
later! {
    /// Data for a layer of the element `E`.
    ///
    /// It is so many traits deep that the compiler comes to the layer first, which has its element. From the data it would otherwise take
    /// that of the data, and say that there is no such layer.
    #[diagnostic::on_unimplemented(
        message = "the layers compute with `{E}`, but `{Self}` arrives",
        label = "numbers of another type than `{E}`",
        note = "a number without a type may be `f64`: write `0.5_f32`, or `x as f32`; a model of `f64` has `element = f64` in its attribute"
    )]
    Fed Later1
    Later1 Later2
    Later2 Later3
    Later3 Later4
    Later4 Later5
    Later5 Later6
    Later6 OfElement
}
