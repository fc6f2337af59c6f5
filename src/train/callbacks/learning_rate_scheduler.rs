use std::fmt;

use super::LEARNING_RATE;
use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
    train::{Callback, Logs, Training},
};

/// Sets the learning rate before each epoch, and puts it into the history as `learning_rate`. For a rate that changes
/// from step to step, see [`optim::schedules`](crate::optim::schedules).
///
/// Keras: [`LearningRateScheduler`](https://keras.io/api/callbacks/learning_rate_scheduler/).
///
/// ```
/// use kerata::callbacks::LearningRateScheduler;
///
/// let schedule = LearningRateScheduler::new(|epoch, rate| if epoch < 10 { rate } else { rate * 0.9 });
/// ```
pub struct LearningRateScheduler {
    schedule: Box<dyn FnMut(usize, f64) -> f64 + Send>,
}

impl LearningRateScheduler {
    /// The rate of an epoch, from 0, by the rate before it.
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + Send + 'static) -> Self {
        Self { schedule: Box::new(schedule) }
    }
}

impl fmt::Debug for LearningRateScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LearningRateScheduler").finish_non_exhaustive()
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for LearningRateScheduler {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        training.check_rate_is_free("LearningRateScheduler")
    }

    fn on_epoch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
    ) -> Result<(), Error> {
        let rate = training.learning_rate()?;
        training.set_learning_rate((self.schedule)(epoch, rate))
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

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        vec![(LEARNING_RATE.to_owned(), None)]
    }
}
