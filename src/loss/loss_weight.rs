use dfdx::tensor::{NoneTape, Tape, Tensor};

use super::{Loss, Prediction, PredictionRows, Reduction};
use crate::{
    backend::{Backend, Element},
    error::Error,
    signal::Signal,
};

/// A loss that counts for so much among those of several outputs, which
/// [`with_loss_weight`](super::Compute::with_loss_weight) makes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossWeight<L> {
    /// The loss.
    pub loss: L,
    /// What it counts for.
    pub weight: f64,
}

#[diagnostic::do_not_recommend]
impl<L, P, Y, E, D> Loss<P, Y, E, D> for LossWeight<L>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.loss.per_position(prediction, target)
    }

    fn per_batch<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        sizes: &[usize],
        keep: Option<&[bool]>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.loss.per_batch(prediction, target, sizes, keep)
    }

    fn counted(&self, target: &Y::Data<E, D, NoneTape>) -> Result<Option<Vec<bool>>, Error> {
        self.loss.counted(target)
    }

    fn reduction(&self) -> Reduction {
        self.loss.reduction()
    }

    fn loss_weight(&self) -> f64 {
        self.weight * self.loss.loss_weight()
    }
}
