use std::path::PathBuf;

use dfdx::tensor::Cpu;

use super::{History, Logs};
use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
    optim::{LearningRate, State},
    parameters::Parameters,
};

/// A training under way, as a [`Callback`](super::Callback) sees it.
#[derive(Debug)]
pub struct Training<'a, M, E: Element = f32, D: Backend<E> = Cpu> {
    /// The model.
    pub model: &'a mut M,
    /// What the optimiser remembers, and the number of steps.
    pub state: &'a mut State<E, D>,
    pub(super) rate: &'a mut LearningRate,
    pub(super) history: &'a mut History,
    /// What was measured in this call of `fit`.
    pub(super) measured: &'a mut History,
    pub(super) about: &'a About,
    pub(super) wishes: &'a mut Wishes,
    pub(super) epoch: usize,
}

/// What is known of a training before it begins.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    pub(super) epochs: usize,
    /// How many samples and batches an epoch has, if that is known.
    pub(super) samples: Option<usize>,
    pub(super) batch_size: usize,
    pub(super) optimizer: &'static str,
    /// The names that the logs of an epoch have, and the direction of what is measured there.
    pub(super) columns: Vec<(String, Option<Direction>)>,
    /// How many of these the logs of a batch have too.
    pub(super) in_batches: usize,
    pub(super) validated: bool,
    /// Whether the optimiser keeps averages of the weights.
    pub(super) averages: bool,
    /// The epoch that a resumed training goes on in.
    pub(super) resumed: Option<usize>,
}

/// What callbacks ask for.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) stop: bool,
    /// Whether it is to end for now only.
    pub(super) interrupted: bool,
    pub(super) checkpoints: Vec<PathBuf>,
}

impl<M, E: Element, D: Backend<E>> Training<'_, M, E, D> {
    /// Ends the training: at once between two batches, without an error. The epoch is validated, and stands in the
    /// history.
    pub fn stop(&mut self) {
        self.wishes.stop = true;
    }

    /// Ends the training as [`stop`](Training::stop) does, but for now only: a checkpoint that is written afterwards goes on with
    /// the next epoch, while one of a training that was stopped has come to its end.
    pub fn interrupt(&mut self) {
        self.wishes.stop = true;
        self.wishes.interrupted = true;
    }

    /// Whether the training is to end.
    pub fn is_stopping(&self) -> bool {
        self.wishes.stop
    }

    /// The learning rate of the next step.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a schedule gives none.
    pub fn learning_rate(&self) -> Result<f64, Error> {
        self.rate.at(self.state.steps())
    }

    /// Checks that the learning rate can be set by a callback, before it is to be.
    ///
    /// # Errors
    /// [`Error::Invalid`] where the optimiser follows a schedule.
    pub(super) fn check_rate_is_free(&self, callback: &str) -> Result<(), Error> {
        if self.rate.is_schedule() {
            let expected = "it sets the learning rate, but that follows a schedule";
            return Err(Error::invalid("the callback", callback, expected));
        }
        Ok(())
    }

    /// Sets the learning rate; it may be 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rate that is negative or not finite; and where the optimiser follows a schedule, as
    /// in Keras.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<(), Error> {
        self.rate.set(rate)
    }

    /// Writes a checkpoint, from which [`resume`](super::Trainer::resume) goes on, as soon as all callbacks have
    /// seen this moment. An error in that ends the training.
    pub fn save_checkpoint(&mut self, path: impl Into<PathBuf>) {
        self.wishes.checkpoints.push(path.into());
    }

    /// The epoch, counted from 0.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// How many epochs there are to be.
    pub fn epochs(&self) -> usize {
        self.about.epochs
    }

    /// How many samples an epoch has, if that is known.
    pub fn samples(&self) -> Option<usize> {
        self.about.samples
    }

    /// How many samples a batch has; the last one may have fewer.
    pub fn batch_size(&self) -> usize {
        self.about.batch_size
    }

    /// The name of the optimiser, `adam`.
    pub fn optimizer(&self) -> &'static str {
        self.about.optimizer
    }

    /// The names that the logs have at the end of an epoch.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.about.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The names that the logs have after a batch.
    pub fn names_in_batches(&self) -> impl Iterator<Item = &str> {
        self.names().take(self.about.in_batches)
    }

    /// Whether the optimiser keeps moving averages of the weights, `use_ema`.
    pub fn has_averages(&self) -> bool {
        self.about.averages
    }

    /// Whether more of what has this name is better; `None` if that is not known.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that the logs do not have.
    pub fn direction(&self, name: &str) -> Result<Option<Direction>, Error> {
        let known = || self.names().map(str::to_owned).collect();
        match self.about.columns.iter().find(|(own, _)| own == name) {
            Some((_, direction)) => Ok(*direction),
            None => Err(Error::Unknown { what: "the value", name: name.into(), known: known() }),
        }
    }

    /// Whether there is validation data.
    pub fn is_validated(&self) -> bool {
        self.about.validated
    }

    /// The epoch that a resumed training goes on in; `None` for one that begins.
    pub fn resumed(&self) -> Option<usize> {
        self.about.resumed
    }

    /// What was measured in all epochs so far, this one not included.
    pub fn history(&self) -> &History {
        self.history
    }

    /// Adds an epoch to the histories.
    pub(super) fn record(&mut self, logs: &Logs) {
        for history in [&mut *self.history, &mut *self.measured] {
            history.push(logs.iter().map(|(name, value)| (name.to_owned(), value)));
        }
    }

    /// Exchanges the weights with their moving averages.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the optimiser has no `use_ema`; [`Error::Device`].
    pub fn swap_averages(&mut self) -> Result<(), Error>
    where
        M: Parameters<E, D>,
    {
        self.state.swap_averages(self.model)
    }
}
