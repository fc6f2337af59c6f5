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
///
/// What the loss does not count, such as the `ignore_class` of
/// [`SparseCategoricalCrossentropy`](crate::loss::SparseCategoricalCrossentropy), is not in the mean either. So it is in Keras where there are
/// weights or a mask; without them Keras's metric of that name counts such positions with a loss of 0, unlike its loss.
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
        let losses = |target: &_| match is_logits {
            true => self.0.per_logits(values, target),
            false => self.0.per_position(values, target),
        };
        let (losses, counted) = match self.0.counted(target)? {
            None => (losses(target)?, None),
            Some(counted) => {
                // What does not count may be no class at all.
                let target = Y::without_padding::<E, D>(target, &counted)?;
                (losses(&target)?, Some(counted))
            }
        };
        let losses = to_values(&losses)?;
        if losses.len() != weights.len() {
            let what = "the losses of a metric, one for each position";
            return Err(Error::mismatch(what, weights.len(), losses.len()));
        }
        let counts = |position: usize| {
            counted.as_ref().and_then(|counted| counted.get(position)) != Some(&false)
        };
        let weights = weights.iter().enumerate().map(|(i, &w)| if counts(i) { w } else { 0.0 });
        mean.add(losses.into_iter().map(Element::as_f64), weights);
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}
