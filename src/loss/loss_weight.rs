use dfdx::tensor::{NoneTape, Tape, Tensor};

use super::{Loss, Prediction, PredictionRows, Reduction, of_loss_within};
use crate::{
    backend::{ActivationFunction, Backend, Element},
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
    of_loss_within!();

    fn reduction(&self) -> Reduction {
        self.loss.reduction()
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let own = [("loss_weight", self.weight.to_string())];
        own.into_iter().chain(self.loss.settings()).collect()
    }

    fn loss_weight(&self) -> f64 {
        self.weight * self.loss.loss_weight()
    }
}
