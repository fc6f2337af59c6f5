use super::{
    labels::{LabelBatch, LabelMetric, label_metrics},
    rows::{Batch, RowMetric, row_metrics},
};
use crate::{backend::Element, error::Error, reduce::Mean, signal::argmax};

/// The share of positions whose class, that of the one-hot target, is among the `k` most probable. Of equals all are; of `k` classes or fewer,
/// each is.
///
/// # Errors
/// [`Error::Invalid`] for a `k` of 0.
///
/// Keras: [`TopKCategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#topkcategoricalaccuracy-class).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopKCategoricalAccuracy {
    /// Default 5.
    pub k: usize,
}

/// The share of positions whose class, the label, is among the `k` most probable. Of equals all are; of `k` classes or fewer,
/// each is. No answer to a label that is no class is right.
///
/// # Errors
/// [`Error::Invalid`] for a `k` of 0.
///
/// Keras: [`SparseTopKCategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#sparsetopkcategoricalaccuracy-class).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SparseTopKCategoricalAccuracy {
    /// Default 5.
    pub k: usize,
}

impl Default for TopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

impl Default for SparseTopKCategoricalAccuracy {
    fn default() -> Self {
        Self { k: 5 }
    }
}

fn check(k: usize) -> Result<(), Error> {
    if k > 0 { Ok(()) } else { Err(Error::invalid("k", k, "it must be at least 1")) }
}

/// 1 if fewer than `k` values are larger than that of the class. NaN is no value.
fn within<E: Element>(row: &[E], class: usize, k: usize) -> f64 {
    let larger = |own: &E| row.iter().filter(|value| **value > *own).count();
    let own = row.get(class).filter(|own| !own.is_nan());
    f64::from(u8::from(own.is_some_and(|own| larger(own) < k)))
}

impl RowMetric for TopKCategoricalAccuracy {
    type State = Mean;
    const NAME: &'static str = "top_k_categorical_accuracy";

    fn check(&self, _width: usize) -> Result<(), Error> {
        check(self.k)
    }

    fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
        for (p, y, weight) in batch.rows() {
            mean.add([argmax(y).map_or(0.0, |class| within(p, class, self.k))], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

row_metrics!(TopKCategoricalAccuracy: Mean);

impl LabelMetric for SparseTopKCategoricalAccuracy {
    type State = Mean;
    const NAME: &'static str = "sparse_top_k_categorical_accuracy";

    fn check(&self, _classes: usize) -> Result<(), Error> {
        check(self.k)
    }

    fn add<E: Element>(&self, mean: &mut Mean, batch: &LabelBatch<E>) -> Result<(), Error> {
        for (row, label, weight) in batch.labelled() {
            mean.add([within(row, label, self.k)], [weight]);
        }
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

label_metrics!(SparseTopKCategoricalAccuracy: Mean);
