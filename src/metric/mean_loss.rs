use dfdx::tensor::{NoneTape, Tensor};

use super::{Direction, Metric};
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    loss::{Loss, Prediction, input_of},
    reduce::Mean,
    signal::Signal,
};

/// A loss as a metric: its mean over all positions of all batches.
///
/// The loss that `fit` and `evaluate` report is, as in Keras, the mean over batches by their size, each
/// divided by its own number of real steps; under a mask it depends on how the data is cut into batches.
/// This metric does not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanLoss<L>(pub L);

#[diagnostic::do_not_recommend]
impl<L, P, Y, E, D> Metric<P, Y, E, D> for MeanLoss<L>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type State = Mean;

    fn name(&self) -> String {
        self.0.name().into()
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Down)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        let (values, is_logits) = input_of::<L, P, Y, E, D, NoneTape>(&self.0, prediction.clone())?;
        let losses = match is_logits {
            true => self.0.per_logits(values, target)?,
            false => self.0.per_position(values, target)?,
        };
        let losses = to_values(&losses)?;
        if losses.len() != weights.len() {
            let what = "the losses of a metric, one for each position";
            return Err(Error::mismatch(what, weights.len(), losses.len()));
        }
        mean.add(losses.into_iter().map(Element::as_f64), weights.iter().copied());
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}
