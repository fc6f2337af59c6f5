//! Measuring a model, and the rows of a batch that one of several ranks takes.

use dfdx::tensor::NoneTape;

use super::{
    Feeds, Judges, Matches, TargetsOf,
    judge::Judge,
    ranks::Ranks,
    totals::{AnyMetric, Totals, measure},
};
use crate::{
    backend::{Backend, Element, logits, whole_pass},
    data::{Batch, Dataset, Order},
    distributed::{self, Pass},
    error::Error,
    model::Model,
    reduce::SampleWeights,
    regularizers::collected,
    signal::{Outputs, Signal},
};

/// What measures a model.
pub(super) struct Parts<'a, M: Model<E, D>, L, Y: Signal, E: Element, D: Backend<E>> {
    pub(super) model: &'a M,
    pub(super) loss: &'a L,
    pub(super) metrics: &'a [AnyMetric<M::Output, Y, E, D>],
    /// The penalty of the weights, which the loss has.
    pub(super) penalty: f64,
    pub(super) ranks: Option<&'a Ranks>,
}

/// Measures a model on data, without learning from it.
pub(super) fn evaluate<M, L, Y, E, D, Data>(
    parts: Parts<'_, M, L, Y, E, D>,
    data: &Data,
    order: Order,
    dev: &D,
) -> Result<Totals, Error>
where
    M: Model<E, D>,
    M::Output: Outputs<Number: Matches<M::Output, L, Y>>,
    Judge<M, L, Y, E, D>: Judges<M::Output, L, Y, Data::Weights, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
    Data: Dataset<Target: TargetsOf<Y>>,
    Data::Input: Feeds<M::Input>,
{
    let Parts { model, loss, metrics, penalty, ranks } = parts;
    let mut totals = Totals::new(Judge::<M, L, Y, E, D>::COLUMNS, metrics);
    let mut found = 0;
    for batch in data.batches::<E, D>(order, dev).take(order.steps.unwrap_or(usize::MAX)) {
        found += 1;
        let Batch { input, target, weights, size } = batch?;
        let target = Data::Target::same::<E, D>(target);
        let input = Data::Input::feed::<E, D>(input)?;
        let ranks = ranks.map(|ranks| (ranks, ranks.pass(size)));
        let (input, target, weights) =
            share_of::<M::Input, Y, _, E, D>(ranks.as_ref(), input, target, weights)?;
        let share = ranks.map(|(_, pass)| pass);
        let penalty = if share.as_ref().is_none_or(Pass::is_first) { penalty } else { 0.0 };
        let measured = || {
            let (output, activity) = collected(|| whole_pass(|| model.call::<NoneTape>(input)))?;
            measure::<M::Output, Y, E, D>(metrics, &mut totals, &output, &target, &weights)?;
            let judged =
                Judge::<M, L, Y, E, D>::judge::<NoneTape>(loss, output, &target, &weights)?;
            totals.add_outputs(&judged.each, size);
            let loss = judged.total.as_vec()[0].as_f64() + penalty + activity.sum();
            totals.loss.add([loss], [size as f64]);
            Ok::<_, Error>(())
        };
        distributed::within(share, || logits::remembered(measured))?;
    }
    match order.steps {
        Some(expected) if found < expected => {
            Err(Error::DataEnded { found, expected: Some(expected), setting: "validation_steps" })
        }
        _ if totals.is_empty() => Err(Error::Empty("the dataset")),
        _ => match ranks {
            Some(ranks) => ranks.sum_totals(&totals, metrics),
            None => Ok(totals),
        },
    }
}

/// The rows of a batch that are those of a rank.
#[allow(clippy::type_complexity)]
pub(super) fn share_of<X: Signal, Y: Signal, W: SampleWeights, E: Element, D: Backend<E>>(
    ranks: Option<&(&Ranks, Pass)>,
    input: X::Data<E, D, NoneTape>,
    target: Y::Data<E, D, NoneTape>,
    weights: W,
) -> Result<(X::Data<E, D, NoneTape>, Y::Data<E, D, NoneTape>, W), Error> {
    let Some((_, pass)) = ranks else { return Ok((input, target, weights)) };
    let rows = pass.share.range();
    let input = X::rows_of::<E, D>(&input, rows.clone())?;
    let target = Y::rows_of::<E, D>(&target, rows.clone())?;
    Ok((input, target, weights.select(&rows.collect::<Vec<_>>())?))
}
