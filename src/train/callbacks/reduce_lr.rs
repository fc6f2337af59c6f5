use super::{LEARNING_RATE, Mode, Monitors, monitor::Monitor};
use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
    never::Is,
    train::{Callback, Logs, Saved, Training},
};

/// Reduces the learning rate when a value has not become better for some epochs, and puts the rate into the history as
/// `learning_rate`.
///
/// Keras: [`ReduceLROnPlateau`](https://keras.io/api/callbacks/reduce_lr_on_plateau/).
///
/// ```
/// use kerata::callbacks::ReduceLrOnPlateau;
///
/// let reduce = ReduceLrOnPlateau::new("val_loss").factor(0.2).patience(5).min_lr(1e-5);
/// ```
#[derive(Debug, Clone)]
pub struct ReduceLrOnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    cooldown: usize,
    min_lr: f64,
    best: Option<f64>,
    wait: usize,
    cooling: usize,
}

impl Default for ReduceLrOnPlateau {
    /// Monitors `val_loss`.
    fn default() -> Self {
        Self::new("val_loss")
    }
}

impl ReduceLrOnPlateau {
    /// Divides the rate by 10 after 10 epochs in which this value is not better by 0.0001.
    pub fn new<N: Monitors>(monitor: impl Is<N>) -> N::By<Self> {
        let monitor = Monitor { min_delta: 1e-4, ..Monitor::new(monitor.unchanged()) };
        let (factor, patience, cooldown, min_lr) = (0.1, 10, 0, 0.0);
        let (best, wait, cooling) = (None, 0, 0);
        N::by(Self { monitor, factor, patience, cooldown, min_lr, best, wait, cooling })
    }

    setters! {
        /// What the rate is multiplied by, below 1. Default 0.1.
        fn factor(factor: f64) => factor = factor;
        /// After how many epochs without a better value. Default 10.
        fn patience(epochs: usize) => patience = epochs;
        /// By how much a value has to be better. Default 0.0001.
        fn min_delta(min_delta: f64) => monitor.min_delta = min_delta;
        /// Which values are the better ones. Default as the loss or the metric says.
        fn mode(mode: Mode) => monitor.mode = mode;
        /// How many epochs after a reduction do not count. Default 0.
        fn cooldown(epochs: usize) => cooldown = epochs;
        /// The smallest rate. Default 0.
        fn min_lr(rate: f64) => min_lr = rate;
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for ReduceLrOnPlateau {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        if !(0.0..1.0).contains(&self.factor) {
            return Err(Error::invalid("factor", self.factor, "it must be in 0..1"));
        }
        if !(self.min_lr >= 0.0 && self.min_lr.is_finite()) {
            return Err(Error::invalid("min_lr", self.min_lr, "it must be at least 0"));
        }
        training.check_rate_is_free("ReduceLrOnPlateau")?;
        self.monitor.settle(training)?;
        (self.best, self.wait, self.cooling) = (None, 0, 0);
        Ok(())
    }

    fn measure(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        logs.set(LEARNING_RATE, training.learning_rate()?);
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let rate = training.learning_rate()?;
        let Some(current) = self.monitor.current(logs) else { return Ok(()) };
        if self.cooling > 0 {
            self.cooling -= 1;
            self.wait = 0;
        }
        if self.monitor.improves(current, self.best) {
            (self.best, self.wait) = (Some(current), 0);
        } else if self.cooling == 0 {
            self.wait = self.wait.saturating_add(1);
            if self.wait >= self.patience && rate > self.min_lr {
                let reduced = (rate * self.factor).max(self.min_lr);
                training.set_learning_rate(reduced)?;
                log::info!("learning rate reduced from {rate} to {reduced}");
                (self.cooling, self.wait) = (self.cooldown, 0);
            }
        }
        Ok(())
    }

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        vec![(LEARNING_RATE.to_owned(), None)]
    }

    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        saved.optional("best", &mut self.best)?;
        saved.value("wait", &mut self.wait)?;
        saved.value("cooling", &mut self.cooling)
    }
}
