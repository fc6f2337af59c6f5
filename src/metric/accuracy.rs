use super::{
    labels::{LabelBatch, LabelMetric, label_metrics},
    rows::{Batch, RowMetric, check_threshold, row_metrics},
};
use crate::{backend::Element, error::Error, reduce::Mean, signal::argmax};

/// The share of values that are those of the target: labels that a model gives as such against labels. Of probabilities it
/// says next to nothing; those of classes have [`SparseCategoricalAccuracy`], [`CategoricalAccuracy`] and [`BinaryAccuracy`], among which
/// Keras chooses where it is told `"accuracy"`.
///
/// Keras: [`Accuracy`](https://keras.io/api/metrics/accuracy_metrics/#accuracy-class).
///
/// ```
/// use kerata::{*, prelude::*, metric::{Accuracy, update}, reduce::{Mean, PerSample}};
///
/// type Labels = (Batch, Const<1>);
/// let labels = |labels: [f32; 4]| Cpu::default().tensor_from_vec(labels.to_vec(), (4, Const::<1>));
/// let (mut mean, target) = (Mean::default(), labels([1.0, 2.0, 3.0, 4.0]));
/// let weights = PerSample(vec![1.0, 1.0, 0.0, 0.0]);
/// update::<Labels, Labels, f32, Cpu, _>(&mut mean, &Accuracy, labels([0.0, 2.0, 3.0, 4.0]), &target, &weights)?;
/// assert_eq!(mean.get(), 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accuracy;

impl RowMetric for Accuracy {
    type State = Mean;
    const NAME: &'static str = "accuracy";

    fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
        for (p, y, weight) in batch.rows() {
            let same = p.iter().zip(y).filter(|(p, y)| p == y).count();
            mean.add([same as f64 / batch.width as f64], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

row_metrics!(Accuracy: Mean);

/// The share of answers on the right side of a threshold. NaN is on neither.
///
/// # Errors
/// [`Error::Invalid`] for a `threshold` that is not in 0..=1.
///
/// Keras: [`BinaryAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#binaryaccuracy-class).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryAccuracy {
    /// An answer above it is a yes.
    pub threshold: f64,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

impl RowMetric for BinaryAccuracy {
    type State = Mean;
    const NAME: &'static str = "binary_accuracy";

    fn check(&self, _width: usize) -> Result<(), Error> {
        check_threshold(Some(self.threshold))
    }

    fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
        let right = |(p, y): (&E, &E)| {
            let yes = if *p > E::of(self.threshold) { E::one() } else { E::zero() };
            f64::from(u8::from(*y == yes && !p.is_nan()))
        };
        for (p, y, weight) in batch.rows() {
            let share = p.iter().zip(y).map(right).sum::<f64>() / batch.width as f64;
            mean.add([share], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

row_metrics!(BinaryAccuracy: Mean);

/// The share of positions whose most probable class, the first of equals, is that of the one-hot target. Where a
/// probability is NaN, no class is the most probable.
///
/// Keras: [`CategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#categoricalaccuracy-class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CategoricalAccuracy;

impl RowMetric for CategoricalAccuracy {
    type State = Mean;
    const NAME: &'static str = "categorical_accuracy";

    fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
        for (p, y, weight) in batch.rows() {
            let right = argmax(p).is_some() && argmax(p) == argmax(y);
            mean.add([f64::from(u8::from(right))], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

row_metrics!(CategoricalAccuracy: Mean);

/// The share of positions whose most probable class, the first of equals, is the label. Where a probability is NaN, no
/// class is the most probable. To a label that is no class, no answer is right, as in Keras;
/// [`IgnoreClass`](super::IgnoreClass) leaves such a label out.
///
/// Keras: [`SparseCategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#sparsecategoricalaccuracy-class).
///
/// ```
/// use kerata::{*, prelude::*, metric::{SparseCategoricalAccuracy, update}, reduce::{Mean, Unweighted}};
///
/// let dev = Cpu::default();
/// let prediction: Tensor<(Batch, Const<2>), f32, Cpu> = dev.tensor_from_vec(vec![0.9, 0.1, 0.4, 0.6], (2, Const));
/// let labels = dev.tensor_from_vec(vec![0, 0], (2,));
/// let mut mean = Mean::default();
/// update::<(Batch, Const<2>), Ids<(Batch,)>, f32, Cpu, _>(&mut mean, &SparseCategoricalAccuracy, prediction, &labels, &Unweighted)?;
/// assert_eq!(mean.get(), 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SparseCategoricalAccuracy;

impl LabelMetric for SparseCategoricalAccuracy {
    type State = Mean;
    const NAME: &'static str = "sparse_categorical_accuracy";

    fn add<E: Element>(&self, mean: &mut Mean, batch: &LabelBatch<E>) -> Result<(), Error> {
        for (row, label, weight) in batch.labelled() {
            mean.add([f64::from(u8::from(argmax(row) == Some(label)))], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

label_metrics!(SparseCategoricalAccuracy: Mean);
