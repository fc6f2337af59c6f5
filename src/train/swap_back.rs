//! A training that ends by an error leaves the model with its weights.

use log::error;

use super::run::Run;
use crate::{
    backend::{Backend, Element},
    model::Model,
    signal::Signal,
};

/// Gives the model its weights back when this is dropped, be it by an error or a panic.
pub(super) struct SwapBack<'a, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    pub(super) run: Run<'a, M, L, Y, E, D>,
    pub(super) failed: bool,
}

impl<M, L, Y, E, D> Drop for SwapBack<'_, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn drop(&mut self) {
        if !self.failed {
            return;
        }
        if let Err(error) = self.run.settle() {
            error!("rows of tables lack updates: {error}");
        }
        let Run { model, state, .. } = &mut self.run;
        if !state.has_swapped_averages() {
            return;
        }
        if let Err(error) = state.swap_averages(*model) {
            error!("the model keeps the averages of its weights: {error}");
        }
    }
}
