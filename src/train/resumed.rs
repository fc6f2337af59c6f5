//! A training that goes on from a checkpoint.

use std::path::Path;

use super::{
    checkpoint::{Content, TOTALS, difference, fail},
    fit::Terms,
    totals::{AnyMetric, Totals},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    signal::Signal,
};

/// How far a training is.
#[derive(Debug, Clone, Default)]
pub(super) struct Position {
    /// How many epochs the history had before this call of `fit`.
    pub(super) epochs_before: usize,
    /// The epoch of this call, from 0.
    pub(super) epoch: usize,
    /// The next batch of that epoch, from 0.
    pub(super) batch: usize,
    /// Whether callbacks have seen the beginning of the epoch.
    pub(super) begun: bool,
    /// Whether they have seen the beginning of that batch.
    pub(super) batch_begun: bool,
    /// Whether a callback has ended the training.
    pub(super) stopped: bool,
    /// Whether one has ended it within this epoch, which ends then.
    pub(super) stopping: bool,
    /// What was measured of the batches before it.
    pub(super) totals: Option<Totals>,
}

/// A training that was read from a checkpoint, and goes on in the next call of `fit`.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) at: Position,
    /// What the callbacks remember.
    pub(super) content: Content,
}

impl Resumed {
    /// Takes what was measured before from the file, for these metrics.
    pub(super) fn restore_totals<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
        &mut self,
        path: &Path,
        metrics: &[AnyMetric<P, Y, E, D>],
    ) -> Result<(), Error> {
        let array = |i: usize| {
            let name = format!("{TOTALS}{i}");
            self.content.arrays.iter().find(|array| array.name == name)
        };
        let parts = (0..).map_while(array).map(|array| array.values.elements());
        let parts = parts.collect::<Result<Vec<Vec<f64>>, _>>()?;
        let found = parts.len();
        if found == 0 {
            return Ok(());
        }
        let what = path.display().to_string();
        let place = "what is measured, the losses and the metrics";
        self.at.totals = match Totals::of_parts(parts, metrics) {
            Ok(Some(totals)) => Some(totals),
            _ => {
                return fail(&what, vec![difference(place, metrics.len() + 1, found)]);
            }
        };
        Ok(())
    }

    /// Checks that there are so many losses of outputs and metrics as before, in the middle of an epoch.
    pub(super) fn check_measures(&self, losses: usize, metrics: usize) -> Result<(), Error> {
        let Some(totals) = &self.at.totals else { return Ok(()) };
        let found = totals.metrics.len() + totals.outputs.len();
        match (losses, metrics) == (totals.outputs.len(), totals.metrics.len()) {
            true => Ok(()),
            false => {
                let place = "the number of metrics and losses of outputs";
                fail("the checkpoint", vec![difference(place, losses + metrics, found)])
            }
        }
    }

    /// Checks that `fit` is called as it was.
    pub(super) fn check(&self, terms: &Terms) -> Result<(), Error> {
        let mut differences = Vec::new();
        for (name, own) in &terms.0 {
            let found: Option<String> = self.content.get(&format!("fit.{name}"))?;
            // A checkpoint that was written outside of `fit` has none.
            if let Some(found) = found.filter(|found| found != own) {
                differences.push(difference(name, own, found));
            }
        }
        fail("the checkpoint", differences)
    }
}
