use dfdx::tensor::NoneTape;

use super::{
    measured::{AnyState, AnyWeights, Measured},
    names::LOSS,
};
use crate::{
    backend::{Backend, Element},
    distributed,
    error::Error,
    metric::MetricState,
    model::Model,
    reduce::{Mean, SampleWeights, Unweighted},
    signal::Signal,
};

/// A metric, and whether it honours the sample weights.
pub(super) type AnyMetric<P, Y, E, D> = (Box<dyn Measured<P, Y, E, D>>, bool);

/// The metrics of a trainer of the model `M`, which may be none.
///
/// A trainer holds them in this form and so asks nothing of `M` in its own type: what is no model is told once, by
/// [`Trainer::new`](super::Trainer::new).
pub(super) trait Metrics<M, Y: Signal, E: Element, D: Backend<E>>: Send {
    fn list(&self) -> &[AnyMetric<M::Output, Y, E, D>]
    where
        M: Model<E, D>;

    fn push(&mut self, metric: AnyMetric<M::Output, Y, E, D>)
    where
        M: Model<E, D>;
}

impl<M, Y, E, D> Metrics<M, Y, E, D> for Vec<AnyMetric<M::Output, Y, E, D>>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn list(&self) -> &[AnyMetric<M::Output, Y, E, D>] {
        self
    }

    fn push(&mut self, metric: AnyMetric<M::Output, Y, E, D>) {
        self.push(metric);
    }
}

/// What was measured in an epoch so far.
#[derive(Debug, Clone)]
pub(super) struct Totals {
    pub(super) loss: Mean,
    /// The losses of several outputs.
    pub(super) outputs: Vec<Mean>,
    pub(super) metrics: Vec<Box<dyn AnyState>>,
}

impl Totals {
    pub(super) fn new<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        outputs: usize,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Self {
        Self {
            loss: Mean::default(),
            outputs: vec![Mean::default(); outputs],
            metrics: metrics.iter().map(|(metric, _)| metric.start()).collect(),
        }
    }

    /// Whether no batch was seen.
    pub(super) fn is_empty(&self) -> bool {
        self.loss == Mean::default()
    }

    /// Adds the losses that the outputs have in a batch.
    pub(super) fn add_outputs(&mut self, losses: &[f64], size: usize) {
        for (mean, loss) in self.outputs.iter_mut().zip(losses) {
            mean.add([*loss], [size as f64]);
        }
    }

    /// The loss, those of the outputs, then the metrics.
    pub(super) fn values<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &self,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> impl Iterator<Item = f64> {
        let measured = metrics.iter().zip(&self.metrics);
        std::iter::once(&self.loss)
            .chain(&self.outputs)
            .map(Mean::get)
            .chain(measured.map(|((metric, _), state)| metric.result(&**state)))
    }

    /// The values with their names.
    pub(super) fn report<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &self,
        columns: &[String],
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> impl Iterator<Item = (String, f64)> {
        let names = std::iter::once(LOSS).chain(columns.iter().map(String::as_str));
        names.map(str::to_owned).zip(self.values(metrics))
    }

    /// All that it is made of, for a checkpoint.
    pub(super) fn parts(&self) -> Vec<Vec<f64>> {
        let losses = std::iter::once(&self.loss).chain(&self.outputs).map(MetricState::to_values);
        losses.chain(self.metrics.iter().map(|state| state.to_values())).collect()
    }

    /// What it was, from its parts; none if there are fewer than the metrics need.
    ///
    /// # Errors
    /// Those of the metrics.
    pub(super) fn of_parts<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        mut losses: Vec<Vec<f64>>,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Result<Option<Self>, Error> {
        let Some(count) = losses.len().checked_sub(metrics.len()).filter(|count| *count > 0) else {
            return Ok(None);
        };
        let states = losses.split_off(count);
        let states = metrics.iter().zip(states).map(|((metric, _), state)| metric.restore(state));
        let states = states.collect::<Result<_, _>>()?;
        let mut losses = losses.into_iter().map(Mean::from_values);
        let loss = losses.next().unwrap_or_else(|| Ok(Mean::default()))?;
        Ok(Some(Self { loss, outputs: losses.collect::<Result<_, _>>()?, metrics: states }))
    }

    /// What the metrics have seen: of each the number of values, then the values.
    pub(super) fn metric_values(&self) -> Vec<f64> {
        let each = self.metrics.iter().map(|state| state.to_values());
        each.flat_map(|values| std::iter::once(values.len() as f64).chain(values)).collect()
    }

    /// Adds what the metrics of another rank have seen.
    pub(super) fn merge_metrics<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &mut self,
        mut values: &[f64],
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Result<(), Error> {
        for (state, (metric, _)) in self.metrics.iter_mut().zip(metrics) {
            let Some((&length, rest)) = values.split_first() else {
                return Err(Error::mismatch("the metrics of a rank", metrics.len(), "fewer"));
            };
            let own = rest.split_at_checked(length as usize);
            let (own, rest) = own.ok_or_else(|| {
                Error::mismatch("the values of a metric of a rank", length, rest.len())
            })?;
            state.merge(&*metric.restore(own.to_vec())?)?;
            values = rest;
        }
        Ok(())
    }
}

/// Shows a batch to the metrics.
pub(super) fn measure<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
    metrics: &[AnyMetric<P, Y, E, D>],
    totals: &mut Totals,
    output: &P::Data<E, D, NoneTape>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(), Error> {
    let counts = distributed::current().is_none_or(|pass| pass.share.counts);
    for (state, (metric, weighted)) in totals.metrics.iter_mut().zip(metrics) {
        let weights = if *weighted { AnyWeights::of(weights) } else { AnyWeights::of(&Unweighted) };
        if counts {
            metric.update(&mut **state, output, target, weights)?;
        } else {
            // It may look at the values of all ranks, so it is asked here too, and what it says goes nowhere.
            metric.update(&mut *metric.start(), output, target, weights)?;
        }
    }
    Ok(())
}
