//! Metrics of rows of values: a prediction and its target, position by position.

use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tensor},
};

use super::{Direction, MetricState};
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    loss::{Prediction, Target, same_rows},
};

/// A batch as a metric looks at it: of values, or of labels, one a position.
pub(super) struct Batch<E, Y = E> {
    prediction: Vec<E>,
    pub(super) target: Vec<Y>,
    weights: Vec<f64>,
    /// How many values a position is predicted.
    pub(super) width: usize,
}

impl<E: Element, Y> Batch<E, Y> {
    pub(super) fn of<D: Backend<E>>(
        prediction: &Tensor<(usize, usize), E, D>,
        target: Vec<Y>,
        weights: &[f64],
    ) -> Result<Self, Error> {
        let (width, prediction) = (prediction.shape().1, to_values(prediction)?);
        Ok(Self { prediction, target, weights: weights.to_vec(), width })
    }

    /// The positions that count: prediction, target and weight.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[E], &[Y], f64)> {
        let each = self.target.len().checked_div(self.weights.len()).unwrap_or(0).max(1);
        let rows = self.prediction.chunks(self.width.max(1)).zip(self.target.chunks(each));
        let rows = rows.zip(&self.weights).filter(|(_, weight)| **weight != 0.0);
        rows.map(|((p, y), weight)| (p, y, *weight))
    }
}

impl<E: Element> Batch<E> {
    pub(super) fn new<P, Y, D>(
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<Self, Error>
    where
        P: Prediction,
        Y: Target<P>,
        D: Backend<E>,
    {
        let target = Y::rows(target)?;
        same_rows(prediction, &target)?;
        Self::of(prediction, to_values(&target)?, weights)
    }
}

/// A metric of values that have targets of the same shape.
pub(super) trait RowMetric {
    type State: MetricState;

    /// The name that Keras gives it.
    const NAME: &'static str;
    /// Whether more is better.
    const DIRECTION: Option<Direction> = Some(Direction::Up);

    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    fn check(&self, _width: usize) -> Result<(), Error> {
        Ok(())
    }

    fn add<E: Element>(&self, state: &mut Self::State, batch: &Batch<E>) -> Result<(), Error>;

    fn value(&self, state: &Self::State) -> f64;
}

/// Makes what goes by rows a [`Metric`](super::Metric): a [`RowMetric`], or a [`LabelMetric`](super::labels::LabelMetric).
macro_rules! metrics_by {
    ([$by:path, $batch:ty, $target:ident] $($metric:ty: $state:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<P, Y, E, D> crate::metric::Metric<P, Y, E, D> for $metric
        where
            P: crate::loss::Prediction,
            Y: crate::loss::$target<P>,
            E: crate::backend::Element,
            D: crate::backend::Backend<E>,
        {
            type State = $state;

            fn name(&self) -> String {
                <$metric as $by>::NAME.into()
            }

            fn direction(&self) -> Option<crate::metric::Direction> {
                <$metric as $by>::DIRECTION
            }

            fn update(
                &self,
                state: &mut Self::State,
                prediction: &dfdx::tensor::Tensor<(usize, usize), E, D>,
                target: &Y::Data<E, D, dfdx::tensor::NoneTape>,
                weights: &[f64],
            ) -> Result<(), crate::error::Error> {
                <$metric as $by>::check(self, dfdx::shapes::HasShape::shape(prediction).1)?;
                let batch = <$batch>::new::<P, Y, D>(prediction, target, weights)?;
                <$metric as $by>::add(self, state, &batch)
            }

            fn result(&self, state: &Self::State) -> f64 {
                <$metric as $by>::value(self, state)
            }
        }
    )*};
}
pub(super) use metrics_by;

/// Makes a [`RowMetric`] a [`Metric`](super::Metric).
macro_rules! row_metrics {
    ($($metric:ty: $state:ty),* $(,)?) => {
        crate::metric::rows::metrics_by! {
            [crate::metric::rows::RowMetric, crate::metric::rows::Batch::<E>, Target] $($metric: $state),*
        }
    };
}
pub(super) use row_metrics;

/// Checks the number of a class, of so many.
pub(super) fn check_class(class: Option<usize>, classes: usize) -> Result<(), Error> {
    match class.filter(|class| *class >= classes) {
        Some(class) => {
            let expected = "it must be less than the number of classes";
            Err(Error::invalid("class_id", format!("{class} of {classes}"), expected))
        }
        None => Ok(()),
    }
}

/// Checks a threshold.
pub(super) fn check_threshold(threshold: Option<f64>) -> Result<(), Error> {
    match threshold {
        Some(threshold) if !(0.0..=1.0).contains(&threshold) => {
            Err(Error::invalid("threshold", threshold, "it must be in 0..=1"))
        }
        _ => Ok(()),
    }
}
