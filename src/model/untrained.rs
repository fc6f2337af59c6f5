use dfdx::tensor::Cpu;

use super::Model;
use crate::backend::{Backend, Element};

/// What a model cannot do: [`Trainer`](crate::train::Trainer) does it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a model alone is not trained: `Trainer::new(model, loss, optimizer)?` has `fit` and `evaluate`",
    label = "make a `Trainer` of it, which is Keras's `compile`"
)]
pub trait Trains<M> {
    /// What that would give.
    type Returned;

    /// That.
    fn trained() -> Self::Returned;
}

/// The methods of a trainer, of a model. It is a trait of its own, which the compiler does not offer for other types.
#[doc(hidden)]
pub trait Untrained<E: Element = f32, D: Backend<E> = Cpu>: Model<E, D> {
    /// Of nothing, as the next two: who writes it as in Keras is told of the [`Trainer`](crate::train::Trainer). Methods of a type itself go
    /// first, and so do those that need no `&mut`.
    #[doc(hidden)]
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    fn compile<A, B>(&mut self, _: A, _: B) -> <() as Trains<Self>>::Returned where (): Trains<Self> {
        <() as Trains<Self>>::trained()
    }

    #[doc(hidden)]
    #[rustfmt::skip]
    fn fit<A, B>(&mut self, _: A, _: B) -> <() as Trains<Self>>::Returned where (): Trains<Self> {
        <() as Trains<Self>>::trained()
    }

    #[doc(hidden)]
    #[rustfmt::skip]
    fn evaluate<A, B>(&mut self, _: A, _: B) -> <() as Trains<Self>>::Returned where (): Trains<Self> {
        <() as Trains<Self>>::trained()
    }
}

impl<M: Model<E, D>, E: Element, D: Backend<E>> Untrained<E, D> for M {}
