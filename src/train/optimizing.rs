use dfdx::{
    shapes::Rank0,
    tensor::{OwnedTape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::Error,
    io::Weight,
    optim::{LearningRate, Optimizer, State, Sum},
    parameters::Parameters,
};

/// A pass of training, which gives the loss.
pub(super) type Pass<'a, M, E, D> =
    &'a mut dyn FnMut(&mut M) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error>;

/// An optimiser as a trainer uses it.
///
/// [`Trainer::new`](super::Trainer::new) asks for an [`Optimizer`], and nothing else does: so the compiler says once what
/// is none.
pub(super) trait Optimizing<M, E: Element, D: Backend<E>> {
    fn name(&self) -> &'static str;

    fn learning_rate(&self) -> &LearningRate;

    fn learning_rate_mut(&mut self) -> &mut LearningRate;

    /// Whether it keeps averages of the weights.
    fn has_averages(&self) -> bool;

    /// [`State::attempt`]; `sum` is for one of several ranks.
    fn attempt(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        pass: Pass<'_, M, E, D>,
        sum: Option<Sum<'_, E>>,
    ) -> Result<E, Error>;

    /// [`State::restore`].
    fn restore(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        at: (usize, u64),
        found: &[Weight],
    ) -> Result<Vec<(String, String, String)>, Error>;
}

impl<O, M, E, D> Optimizing<M, E, D> for O
where
    O: Optimizer,
    M: Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    fn name(&self) -> &'static str {
        Optimizer::name(self)
    }

    fn learning_rate(&self) -> &LearningRate {
        Optimizer::learning_rate(self)
    }

    fn learning_rate_mut(&mut self) -> &mut LearningRate {
        Optimizer::learning_rate_mut(self)
    }

    fn has_averages(&self) -> bool {
        self.options().ema.is_some()
    }

    fn attempt(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        pass: Pass<'_, M, E, D>,
        sum: Option<Sum<'_, E>>,
    ) -> Result<E, Error> {
        state.attempt_summed(self, model, pass, sum)
    }

    fn restore(
        &self,
        state: &mut State<E, D>,
        model: &mut M,
        at: (usize, u64),
        found: &[Weight],
    ) -> Result<Vec<(String, String, String)>, Error> {
        state.restore(model, self, at, found)
    }
}
