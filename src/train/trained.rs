use dfdx::tensor::Cpu;

use super::{History, Optimizes, Trainer};
use crate::{
    backend::{Backend, Element},
    model::Model,
    never::{Never, Nobody},
    optim::State,
    parameters,
    signal::Signal,
};

/// A [`Model`], as what a trainer is made of: by way of it the compiler says once what is none.
///
/// It is for all types, and stands on the one with the words: so the compiler does not show where it is asked for.
pub trait Trained<E: Element = f32, D: Backend<E> = Cpu>: Sized {
    /// The same `T`.
    type Made<T>;

    /// The trainer of this model.
    #[doc(hidden)]
    fn trainer<L, O, Y>(self, loss: L, optimizer: O) -> Self::Made<Trainer<Self, L, O, Y, E, D>>
    where
        O: Optimizes,
        Y: Signal;
}

impl<M, E: Element, D: Backend<E>> Trained<E, D> for M
where
    (): IsModel<M, E, D>,
{
    type Made<T> = <() as IsModel<M, E, D>>::Of<T>;

    fn trainer<L, O, Y>(self, loss: L, optimizer: O) -> Self::Made<Trainer<M, L, O, Y, E, D>>
    where
        O: Optimizes,
        Y: Signal,
    {
        <() as IsModel<M, E, D>>::trainer(self, loss, optimizer)
    }
}

/// What [`Trained`] stands on. It is a trait of another type, as the compiler has no words for a bound on the same one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{M}` is no model",
    label = "no model: one is a struct under `#[model]`, or layers as a tuple in a `Sequential::<Input, _>::new((..,))`; it is taken whole, not as `&net`, and out of a `Result` by `?`; a generic function asks for `M: Model`"
)]
pub trait IsModel<M, E: Element, D: Backend<E>> {
    /// The same `T`.
    type Of<T>;

    /// [`Trained::trainer`].
    fn trainer<L, O, Y>(model: M, loss: L, optimizer: O) -> Self::Of<Trainer<M, L, O, Y, E, D>>
    where
        O: Optimizes,
        Y: Signal;
}

#[diagnostic::do_not_recommend]
impl<M: Model<E, D>, E: Element, D: Backend<E>> IsModel<M, E, D> for () {
    type Of<T> = T;

    fn trainer<L, O, Y>(model: M, loss: L, optimizer: O) -> Trainer<M, L, O, Y, E, D>
    where
        O: Optimizes,
        Y: Signal,
    {
        Trainer {
            dev: parameters::device(&model),
            model,
            loss,
            optimizer,
            state: State::default(),
            metrics: Box::new(Vec::new()),
            callbacks: Vec::new(),
            augment: Box::new(Vec::new()),
            history: History::default(),
            resumed: None,
            ranks: None,
            optimizing: O::optimizing::<M, E, D>(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> IsModel<M, E, D> for ()
where
    for<'a> Nobody: Never<'a>,
{
    type Of<T> = Nobody;

    fn trainer<L, O, Y>(_: M, _: L, _: O) -> Nobody
    where
        O: Optimizes,
        Y: Signal,
    {
        Nobody::never()
    }
}
