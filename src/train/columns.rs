//! The columns of what a model is measured by: their names, and which way is better.

use super::{
    names::{self, LOSS},
    totals::AnyMetric,
};
use crate::{
    backend::{Backend, Element},
    metric::Direction,
    model::Model,
    signal::Signal,
};

/// The names behind that of the loss: of so many losses of outputs, and of the metrics.
pub(super) fn of<M, Y, E, D>(
    losses: usize,
    metrics: &[AnyMetric<M::Output, Y, E, D>],
) -> Vec<String>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    let outputs = M::output_names().into_iter().take(losses).collect::<Vec<_>>();
    let metrics = metrics.iter().map(|(metric, weighted)| names::Measured {
        output: metric.output().map(str::to_owned),
        name: metric.name(),
        weighted: *weighted,
    });
    names::columns(&outputs, &metrics.collect::<Vec<_>>())
}

/// All columns, that of the loss first, each with what is better in it.
pub(super) fn directed<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
    columns: &[String],
    metrics: &[AnyMetric<P, Y, E, D>],
) -> Vec<(String, Option<Direction>)> {
    let losses = columns.len() - metrics.len();
    let directions = std::iter::repeat_n(Some(Direction::Down), 1 + losses)
        .chain(metrics.iter().map(|(metric, _)| metric.direction()));
    let names = std::iter::once(LOSS).chain(columns.iter().map(String::as_str));
    names.map(str::to_owned).zip(directions).collect()
}
