//! Metrics of probabilities of classes whose targets are labels, position by position.

use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tensor},
};

use super::{Direction, MetricState, rows::Batch};
use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::{Labels, Prediction, check_labels},
};

/// A batch as such a metric looks at it.
pub(super) type LabelBatch<E> = Batch<E, usize>;

impl<E: Element> LabelBatch<E> {
    pub(super) fn new<P, Y, D>(
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<Self, Error>
    where
        P: Prediction,
        Y: Labels<P>,
        D: Backend<E>,
    {
        let (labels, positions) = (Y::labels::<E, D>(target)?, prediction.shape().0);
        if labels.len() != positions {
            return Err(Error::mismatch("the number of labels", positions, labels.len()));
        }
        Self::of(prediction, labels, weights)
    }

    /// Checks that each label is a class, for a metric that looks it up.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`].
    pub(super) fn check_classes(&self) -> Result<(), Error> {
        check_labels(&self.target, self.target.len(), self.width)
    }

    /// The positions that count: probabilities, label and weight.
    pub(super) fn labelled(&self) -> impl Iterator<Item = (&[E], usize, f64)> {
        self.rows().map(|(row, label, weight)| (row, label[0], weight))
    }
}

/// A metric of probabilities and labels.
pub(super) trait LabelMetric {
    type State: MetricState;

    /// The name that Keras gives it, if it is one of Keras's.
    const NAME: &'static str;
    /// Whether more is better.
    const DIRECTION: Option<Direction> = Some(Direction::Up);

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    fn check(&self, _classes: usize) -> Result<(), Error> {
        Ok(())
    }

    fn add<E: Element>(&self, state: &mut Self::State, batch: &LabelBatch<E>) -> Result<(), Error>;

    fn value(&self, state: &Self::State) -> f64;
}

/// Makes a [`LabelMetric`] a [`Metric`](super::Metric).
macro_rules! label_metrics {
    ($($metric:ty: $state:ty),* $(,)?) => {
        crate::metric::rows::metrics_by! {
            [crate::metric::labels::LabelMetric, crate::metric::labels::LabelBatch::<E>, Labels] $($metric: $state),*
        }
    };
}
pub(super) use label_metrics;
