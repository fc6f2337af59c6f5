use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tensor},
};

use super::{
    Direction, Metric,
    rows::{Batch, RowMetric, check_k, labelled, row_metrics},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::{Labels, Prediction},
    reduce::Mean,
    signal::argmax,
};

/// The share of positions whose class, that of the one-hot target, is among the `k` most probable. Of equals all are.
///
/// # Errors
/// [`Error::Invalid`] for a `k` of 0, or above the number of classes.
///
/// Keras: [`TopKCategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#topkcategoricalaccuracy-class).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopKCategoricalAccuracy {
    /// Default 5.
    pub k: usize,
}

/// The share of positions whose class, the label, is among the `k` most probable. Of equals all are.
///
/// # Errors
/// [`Error::Invalid`] for a `k` of 0, or above the number of classes.
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

/// 1 if fewer than `k` values are larger than that of the class. NaN is no value.
fn within<E: Element>(row: &[E], class: usize, k: usize) -> f64 {
    let own = row[class];
    let larger = row.iter().filter(|value| **value > own).count();
    f64::from(u8::from(!own.is_nan() && larger < k))
}

impl RowMetric for TopKCategoricalAccuracy {
    type State = Mean;
    const NAME: &'static str = "top_k_categorical_accuracy";

    fn check(&self, width: usize) -> Result<(), Error> {
        check_k("k", self.k, width)
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

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Labels<P>, E: Element, D: Backend<E>> Metric<P, Y, E, D>
    for SparseTopKCategoricalAccuracy
{
    type State = Mean;

    fn name(&self) -> String {
        "sparse_top_k_categorical_accuracy".into()
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        check_k("k", self.k, prediction.shape().1)?;
        labelled::<P, Y, E, D>(prediction, target, weights, |row, label, weight| {
            mean.add([within(row, label, self.k)], [weight]);
        })
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}
