use std::{
    any::Any,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dfdx::tensor::Cpu;

use super::{Logs, Saved, Training};
use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
};

/// Something that is done while a model `M` is trained: Keras's
/// [`Callback`](https://keras.io/api/callbacks/base_callback/).
///
/// A trainer is given callbacks by [`callback`](super::Trainer::callback). Those of Keras are in
/// [`callbacks`](super::callbacks). Each hook has a default that does nothing. Epochs and batches are counted from 0.
/// An error of a hook ends the training with it.
///
/// ```
/// use kerata::{*, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Sgd, prelude::*,
///     train::{Callback, Fit, Logs, Trainer, Training}};
///
/// /// Stops as soon as the loss is small enough. It is for every model.
/// struct GoodEnough(f64);
///
/// impl<M> Callback<M> for GoodEnough {
///     fn on_epoch_end(&mut self, training: &mut Training<'_, M>, _: usize, logs: &mut Logs) -> Result<(), Error> {
///         if logs.get("loss").is_some_and(|loss| loss < self.0) {
///             training.stop();
///         }
///         Ok(())
///     }
/// }
///
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?.callback(GoodEnough(0.01));
/// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
/// let history = trainer.fit(&data, &Fit::epochs(1000))?;
/// assert!(history.epochs() < 100);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no callback for the model `{M}`",
    label = "a callback is a value, such as `EarlyStopping::default()`; one of your own for every model is `impl<M> Callback<M> for ..`, with elements and devices `impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for ..`"
)]
#[allow(unused_variables)]
pub trait Callback<M, E: Element = f32, D: Backend<E> = Cpu> {
    /// Before the first epoch.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        Ok(())
    }

    /// After the last epoch, also if the training was stopped, but not after an error.
    ///
    /// # Errors
    /// Those of the callback.
    fn on_train_end(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        Ok(())
    }

    /// Before an epoch.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_epoch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// After an epoch, before [`on_epoch_end`](Callback::on_epoch_end) of any callback: measures something and sets it in the logs. So
    /// all callbacks see it, in whatever order they were added. Those that measure are called in that order, behind the validation of
    /// [`fit_validated`](super::Trainer::fit_validated).
    ///
    /// # Errors
    /// Those of the callback; they end the training, and the epoch stands in the history with what was measured before.
    fn measure(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Whether [`measure`](Callback::measure) runs the model on data after this epoch: a validation, before and after which all callbacks have
    /// [`on_test_begin`](Callback::on_test_begin) and [`on_test_end`](Callback::on_test_end). Default no.
    fn validates(&self, epoch: usize) -> bool {
        false
    }

    /// After an epoch and its validation. What is set in the logs stands in the history.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Before a step.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_train_batch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// After a step. The logs are the means of the epoch so far.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// Before a validation.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_test_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        Ok(())
    }

    /// After a validation. The names in the logs begin with that of the data, `val_` for those of
    /// [`fit_validated`](super::Trainer::fit_validated). After one that failed there are none.
    ///
    /// # Errors
    /// Those of the callback; they end the training.
    fn on_test_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        logs: &Logs,
    ) -> Result<(), Error> {
        Ok(())
    }

    /// When a step failed: it was not made, and the model is what it was before. Of the answers of all callbacks, the
    /// one that goes on farthest counts.
    fn on_step_error(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        error: &Error,
    ) -> Recovery {
        Recovery::Fail
    }

    /// The names that the callback sets in the logs by [`measure`](Callback::measure), so that others can monitor them, and what is better in
    /// each, if that is known.
    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        Vec::new()
    }

    /// Whether the hooks of single batches, [`on_train_batch_begin`](Callback::on_train_batch_begin) and
    /// [`on_train_batch_end`](Callback::on_train_batch_end), look at the model or the state.
    ///
    /// Steps move only those rows of large embeddings that are in their batch, and others when they are read next; but all of them
    /// before something looks at the model. A callback that does not in each batch saves that by `false`. Default yes.
    fn reads_model_in_batches(&self) -> bool {
        true
    }

    /// What the callback is called in a checkpoint: its type.
    fn type_name(&self) -> &'static str {
        std::any::type_name::<Self>()
    }

    /// Shows all that the callback remembers, for checkpoints: the same values, in the same order, for writing and
    /// for reading.
    ///
    /// # Errors
    /// Those of [`Saved`].
    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        Ok(())
    }
}

/// What is to be done after a step that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// The training ends with the error.
    Fail,
    /// The epoch ends, and the training, as if it had been [stopped](Training::stop).
    Stop,
    /// The training goes on with the next batch.
    Skip,
}

/// The callback, also if a thread has panicked that had it.
fn locked<C>(callback: &Mutex<C>) -> MutexGuard<'_, C> {
    callback.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hooks that call those of the callback inside.
macro_rules! hooks_inside {
    ($(fn $hook:ident($($argument:ident: $type:ty),*);)*) => {
        $(fn $hook(
            &mut self,
            training: &mut Training<'_, M, E, D>,
            $($argument: $type,)*
        ) -> Result<(), Error> {
            locked(self).$hook(training, $($argument),*)
        })*
    };
}

/// A callback that the program looks at while the trainer has it.
#[diagnostic::do_not_recommend]
impl<C: Callback<M, E, D>, M, E: Element, D: Backend<E>> Callback<M, E, D> for Arc<Mutex<C>> {
    hooks_inside! {
        fn on_train_begin();
        fn on_train_end();
        fn on_epoch_begin(epoch: usize);
        fn measure(epoch: usize, logs: &mut Logs);
        fn on_epoch_end(epoch: usize, logs: &mut Logs);
        fn on_train_batch_begin(batch: usize);
        fn on_train_batch_end(batch: usize, logs: &Logs);
        fn on_test_begin();
        fn on_test_end(logs: &Logs);
    }

    fn on_step_error(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        error: &Error,
    ) -> Recovery {
        locked(self).on_step_error(training, batch, error)
    }

    fn validates(&self, epoch: usize) -> bool {
        locked(self).validates(epoch)
    }

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        locked(self).adds()
    }

    fn reads_model_in_batches(&self) -> bool {
        locked(self).reads_model_in_batches()
    }

    fn type_name(&self) -> &'static str {
        locked(self).type_name()
    }

    fn visit_saved(&mut self, saved: &mut Saved<'_>) -> Result<(), Error> {
        locked(self).visit_saved(saved)
    }
}

/// A [`Callback`] that a trainer can keep: every one is that can be sent to a thread.
///
/// The method of the trainer returns what this trait names, so the compiler says what is no callback, and not where the bound is.
pub trait Calls<M, E: Element = f32, D: Backend<E> = Cpu>:
    Callback<M, E, D> + Send + 'static
{
    /// The same `T`.
    type Called<T>;

    /// The same value.
    fn called<T>(of: T) -> Self::Called<T>;
}

impl<C, M, E: Element, D: Backend<E>> Calls<M, E, D> for C
where
    C: Callback<M, E, D> + Send + 'static,
{
    type Called<T> = T;

    fn called<T>(of: T) -> T {
        of
    }
}

/// A callback that a trainer has, and that can be found by its type.
pub(super) trait Kept<M, E: Element, D: Backend<E>>: Callback<M, E, D> {
    fn as_any(&self) -> &dyn Any;
}

impl<C: Callback<M, E, D> + 'static, M, E: Element, D: Backend<E>> Kept<M, E, D> for C {
    fn as_any(&self) -> &dyn Any {
        self
    }
}
