use dfdx::tensor::NoneTape;

use super::{
    measured::{AnyWeights, Measured},
    names::LOSS,
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    reduce::{Mean, SampleWeights, Unweighted},
    signal::Signal,
};

/// A metric, and whether it honours the sample weights.
pub(super) type AnyMetric<P, Y, E, D> = (Box<dyn Measured<P, Y, E, D>>, bool);

/// The means of an epoch.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Totals {
    pub(super) loss: Mean,
    pub(super) metrics: Vec<Mean>,
}

impl Totals {
    pub(super) fn new(metrics: usize) -> Self {
        Self { loss: Mean::default(), metrics: vec![Mean::default(); metrics] }
    }

    /// Whether no batch was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.loss == Mean::default()
    }

    /// The loss, then the metrics.
    pub(super) fn values(&self) -> impl Iterator<Item = f64> {
        std::iter::once(&self.loss).chain(&self.metrics).map(Mean::get)
    }

    /// The values with their names.
    pub(super) fn report(&self, columns: &[String]) -> impl Iterator<Item = (String, f64)> {
        let names = std::iter::once(LOSS).chain(columns.iter().map(String::as_str));
        names.map(str::to_owned).zip(self.values())
    }
}

/// Adds a batch to the means of the metrics.
pub(super) fn measure<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
    metrics: &[AnyMetric<P, Y, E, D>],
    means: &mut [Mean],
    output: &P::Data<E, D, NoneTape>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(), Error> {
    for (mean, (metric, weighted)) in means.iter_mut().zip(metrics) {
        let weights = if *weighted { AnyWeights::of(weights) } else { AnyWeights::of(&Unweighted) };
        metric.update(mean, P::share::<E, D>(output), target, weights)?;
    }
    Ok(())
}
