use super::labels::{LabelBatch, LabelMetric, label_metrics};
use crate::{backend::Element, error::Error, reduce::Mean};

/// The mean of `1 / rank` of the label among the classes by their probability: 1 where it is the most probable, 1/2 where it is the second.
/// Of sequences it is of each step that the mask leaves, as of a model of language. Of equals all have the first rank that one of
/// them has; a label whose probability is NaN counts 0.
///
/// It is in Keras's recommenders, not in Keras.
///
/// ```
/// use kerata::{*, prelude::*, metric::{MeanReciprocalRank, update}, reduce::{Mean, Unweighted}};
///
/// let dev = Cpu::default();
/// let prediction: Tensor<(Batch, Const<3>), f32, Cpu> =
///     dev.tensor_from_vec(vec![0.5, 0.3, 0.2, 0.1, 0.6, 0.3], (2, Const));
/// let labels = dev.tensor_from_vec(vec![0, 2], (2,));
/// let mut mean = Mean::default();
/// update::<(Batch, Const<3>), Ids<(Batch,)>, f32, Cpu, _>(&mut mean, &MeanReciprocalRank, prediction, &labels, &Unweighted)?;
/// assert_eq!(mean.get(), (1.0 + 0.5) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanReciprocalRank;

impl LabelMetric for MeanReciprocalRank {
    type State = Mean;
    const NAME: &'static str = "mean_reciprocal_rank";

    fn add<E: Element>(&self, mean: &mut Mean, batch: &LabelBatch<E>) -> Result<(), Error> {
        batch.check_classes()?;
        for (row, label, weight) in batch.labelled() {
            let own = row[label];
            let larger = row.iter().filter(|value| **value > own).count();
            let value = if own.is_nan() { 0.0 } else { 1.0 / (larger + 1) as f64 };
            mean.add([value], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

label_metrics!(MeanReciprocalRank: Mean);
