use super::{Mode, Monitors, monitor::Monitor};
use crate::{
    backend::{Backend, Element},
    error::Error,
    never::Is,
    parameters::Parameters,
    train::{Callback, Logs, Saved, Snapshot, Training},
};

/// Stops when a value has not become better for some epochs.
///
/// Keras: [`EarlyStopping`](https://keras.io/api/callbacks/early_stopping/). A name that is not measured is an error
/// before the first epoch.
///
/// ```
/// use kerata::callbacks::{EarlyStopping, Mode};
///
/// let early = EarlyStopping::new("val_f1").mode(Mode::Max).patience(3).min_delta(0.001);
/// assert_eq!(early.stopped_epoch(), None);
/// ```
#[derive(Debug, Clone)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    baseline: Option<f64>,
    start_from_epoch: usize,
    restore_best_weights: bool,
    wait: usize,
    best: Option<f64>,
    best_epoch: usize,
    best_weights: Option<Snapshot>,
    stopped_epoch: Option<usize>,
}

impl Default for EarlyStopping {
    /// Monitors `val_loss`.
    fn default() -> Self {
        Self::new("val_loss")
    }
}

impl EarlyStopping {
    /// Stops after the first epoch in which this value is not better.
    pub fn new<N: Monitors>(monitor: impl Is<N>) -> N::By<Self> {
        N::by(Self {
            monitor: Monitor::new(monitor.unchanged()),
            patience: 0,
            baseline: None,
            start_from_epoch: 0,
            restore_best_weights: false,
            wait: 0,
            best: None,
            best_epoch: 0,
            best_weights: None,
            stopped_epoch: None,
        })
    }

    setters! {
        /// After how many epochs without a better value it stops. Default 0.
        fn patience(epochs: usize) => patience = epochs;
        /// By how much a value has to be better. Default 0.
        fn min_delta(min_delta: f64) => monitor.min_delta = min_delta;
        /// Which values are the better ones. Default as the loss or the metric says.
        fn mode(mode: Mode) => monitor.mode = mode;
        /// A value that has to be beaten too, else the patience runs out. Default none.
        fn baseline(baseline: f64) => baseline = Some(baseline);
        /// The first epoch that is looked at, from 0. Default 0.
        fn start_from_epoch(epoch: usize) => start_from_epoch = epoch;
        /// Whether the model gets the weights of its best epoch in the end, also if it was not stopped. Default no.
        fn restore_best_weights(restore: bool) => restore_best_weights = restore;
    }

    /// The epoch after which the training was stopped, from 0.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped_epoch
    }

    /// The best value so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// The epoch of the best value, from 0.
    pub fn best_epoch(&self) -> usize {
        self.best_epoch
    }
}

#[diagnostic::do_not_recommend]
impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Callback<M, E, D> for EarlyStopping {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.monitor.settle(training)?;
        Monitor::check_compared("baseline", self.baseline)?;
        (self.wait, self.best, self.best_epoch) = (0, None, 0);
        (self.best_weights, self.stopped_epoch) = (None, None);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let current = self.monitor.current(logs).filter(|_| epoch >= self.start_from_epoch);
        let Some(current) = current else { return Ok(()) };
        let improves = self.monitor.improves(current, self.best);
        if self.restore_best_weights && (improves || self.best_weights.is_none()) {
            self.best_weights = Some(Snapshot::of(training.model)?);
            self.best_epoch = epoch;
        }
        self.wait = self.wait.saturating_add(1);
        if improves {
            (self.best, self.best_epoch) = (Some(current), epoch);
            // What is better than before, but not than the baseline, does not give new patience.
            if self.baseline.is_none() || self.monitor.improves(current, self.baseline) {
                self.wait = 0;
            }
        } else if self.wait >= self.patience && epoch > 0 {
            self.stopped_epoch = Some(epoch);
            let (name, best) = (&self.monitor.name, self.best.unwrap_or(current));
            log::info!("stopped early after epoch {}: {name} was best with {best:.4}", epoch + 1);
            training.stop();
        }
        Ok(())
    }

    fn on_train_end(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        match &self.best_weights {
            Some(weights) => {
                log::info!("the weights are those of epoch {}", self.best_epoch + 1);
                weights.restore(training.model)
            }
            None => Ok(()),
        }
    }

    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        saved.value("wait", &mut self.wait)?;
        saved.optional("best", &mut self.best)?;
        saved.value("best_epoch", &mut self.best_epoch)?;
        saved.optional("stopped_epoch", &mut self.stopped_epoch)?;
        saved.snapshot("best_weights", &mut self.best_weights)
    }
}
