//! Metrics of probabilities of classes whose targets are labels, position by position.

use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tensor},
};

use super::{Direction, MetricState};
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    loss::{Labels, Prediction, check_labels},
};

/// A batch as such a metric looks at it.
pub(super) struct LabelBatch<E> {
    prediction: Vec<E>,
    labels: Vec<usize>,
    weights: Vec<f64>,
    /// How many classes there are.
    pub(super) classes: usize,
}

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
        let labels = Y::labels::<E, D>(target)?;
        let (positions, classes) = *prediction.shape();
        check_labels(&labels, positions, classes)?;
        let (prediction, weights) = (to_values(prediction)?, weights.to_vec());
        Ok(Self { prediction, labels, weights, classes })
    }

    /// The positions that count: probabilities, label and weight.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[E], usize, f64)> {
        let rows = self.prediction.chunks(self.classes.max(1)).zip(&self.labels);
        let rows = rows.zip(&self.weights).filter(|(_, weight)| **weight != 0.0);
        rows.map(|((row, label), weight)| (row, *label, *weight))
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
