//! Whether there is any `impl Layer` for a type, and any `impl Infer`, whatever the input.
//!
//! No bound can ask for that. But the compiler looks for a method at the receiver first, then at what that refers to, and passes over a
//! trait of which no impl can fit. So there are three of one name: of a layer that takes what reaches it, of one that takes something
//! else, which is told in the words of that, and of a type that is no layer. Without the last, the compiler would list some types that are.

use std::marker::PhantomData;

use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, Element},
    layer::{Infer, Inferred, Layer, Takes},
    signal::Signal,
};

/// What is asked of a field of the type `L`, which `In` reaches.
#[doc(hidden)]
pub struct Asked<L, In, E = f32, D = Cpu>(PhantomData<fn() -> (L, In, E, D)>);

impl<L, In, E, D> Asked<L, In, E, D> {
    /// The question.
    pub const NEW: Self = Self(PhantomData);
}

/// A layer of this input.
#[doc(hidden)]
pub trait Computes {
    fn computes(&self) {}
}

impl<L, In, E, D> Computes for &&Asked<L, In, E, D>
where
    L: Layer<In, E, D>,
    In: Signal,
    E: Element,
    D: Backend<E>,
{
}

/// A layer of another input, `X`.
#[doc(hidden)]
pub trait ComputesOther<X> {
    fn computes(&self) -> <Self as Reason>::Out
    where
        Self: Reason,
    {
        Self::never()
    }
}

impl<X, L, In, E, D> ComputesOther<X> for &Asked<L, In, E, D>
where
    X: Signal,
    L: Layer<X, E, D>,
    E: Element,
    D: Backend<E>,
{
}

/// What is asked for where the input is another one.
#[doc(hidden)]
pub trait Reason {
    type Out;

    fn never() -> Self::Out;
}

impl<L, In, E, D> Reason for &Asked<L, In, E, D>
where
    L: Takes<In, E, D>,
    In: Signal,
    E: Element,
    D: Backend<E>,
{
    type Out = PhantomData<L::Out>;

    fn never() -> Self::Out {
        PhantomData
    }
}

/// No layer.
#[doc(hidden)]
pub trait ComputesNothing<L> {
    fn computes(&self) -> PhantomData<<() as HasLayer<L>>::Impl>
    where
        (): HasLayer<L>,
    {
        PhantomData
    }
}

impl<L, In, E, D> ComputesNothing<L> for Asked<L, In, E, D> {}

/// What is asked for where there is no `impl Layer`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "nothing says what `{L}` computes: an `impl Layer` is missing",
    label = "no `impl Layer` for this",
    note = "write `impl<In: MaskTransparent> Layer<In> for {L}`, or another kind of input, with `type Out` and `fn call`; the cell of a recurrent layer stands in `Rnn<{L}>`"
)]
pub trait HasLayer<L> {
    type Impl;
}

/// A layer whose `_` follows from this input.
#[doc(hidden)]
pub trait Infers {
    fn infers(&self) {}
}

impl<L: Infer<In>, In> Infers for &&Asked<L, In> {}

/// A layer whose `_` follows from another input, `X`.
#[doc(hidden)]
pub trait InfersOther<X> {
    fn infers(&self) -> <Self as ReasonOfHole>::Out
    where
        Self: ReasonOfHole,
    {
        Self::never()
    }
}

impl<X, L: Infer<X>, In> InfersOther<X> for &Asked<L, In> {}

/// What is asked for where it follows from another input.
#[doc(hidden)]
pub trait ReasonOfHole {
    type Out;

    fn never() -> Self::Out;
}

impl<L: Inferred<In>, In> ReasonOfHole for &Asked<L, In> {
    type Out = L::Size;

    fn never() -> L::Size {
        L::size()
    }
}

/// A layer whose `_` follows from nothing.
#[doc(hidden)]
pub trait InfersNothing<L> {
    fn infers(&self) -> PhantomData<<() as HasHole<L>>::Impl>
    where
        (): HasHole<L>,
    {
        PhantomData
    }
}

impl<L, In> InfersNothing<L> for Asked<L, In> {}

/// What is asked for where there is no `impl Infer`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{L}`: nothing says what it stands for",
    label = "write the number in place of `_`",
    note = "a layer of your own says it by `#[layer(input = (Batch, F), infer)]`; a model in a model has no `_`"
)]
pub trait HasHole<L> {
    type Impl;
}
