//! Losses that go back to the logits of what is predicted.

use dfdx::tensor::{PutTape, SplitTape, Tape};

use super::{Loss, Prediction, PredictionRows};
use crate::{
    backend::{Backend, Element, logits},
    error::Error,
    signal::Signal,
};

/// What a loss is computed from, and whether it is logits: those that the prediction was made of, if the loss asks for them
/// and they are known.
pub(crate) fn input_of<L, P, Y, E, D, T>(
    loss: &L,
    prediction: PredictionRows<E, D, T>,
) -> Result<(PredictionRows<E, D, T>, bool), Error>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let known = loss.activation().map(|function| logits::behind(&prediction, function));
    match known.transpose()?.flatten() {
        Some(logits) => Ok((logits.put_tape(prediction.split_tape().1), true)),
        None => Ok((prediction, false)),
    }
}

/// The part of a [`Loss`] with a field `from_logits` that goes back to the logits of an activation.
macro_rules! by_logits {
    ($activation:ident) => {
        fn activation(&self) -> Option<crate::backend::ActivationFunction> {
            (!self.from_logits).then_some(crate::backend::ActivationFunction::$activation)
        }

        fn per_logits<T: dfdx::tensor::Tape<E, D>>(
            &self,
            logits: crate::loss::PredictionRows<E, D, T>,
            target: &Y::Data<E, D, dfdx::tensor::NoneTape>,
        ) -> Result<dfdx::tensor::Tensor<(usize,), E, D, T>, crate::error::Error> {
            let of_logits = Self { from_logits: true, ..*self };
            <Self as crate::loss::Loss<P, Y, E, D>>::per_position(&of_logits, logits, target)
        }
    };
}
pub(super) use by_logits;
