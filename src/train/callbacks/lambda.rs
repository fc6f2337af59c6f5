use std::fmt;

use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
    train::{Callback, Logs, Training},
};

type Moment<M, E, D> =
    Option<Box<dyn FnMut(&mut Training<'_, M, E, D>) -> Result<(), Error> + Send>>;
type Numbered<M, E, D> =
    Option<Box<dyn FnMut(&mut Training<'_, M, E, D>, usize) -> Result<(), Error> + Send>>;
type Measured<M, E, D> =
    Option<Box<dyn FnMut(&mut Training<'_, M, E, D>, usize, &Logs) -> Result<(), Error> + Send>>;
type Ended<M, E, D> = Option<
    Box<dyn FnMut(&mut Training<'_, M, E, D>, usize, &mut Logs) -> Result<(), Error> + Send>,
>;

/// A callback made of closures.
///
/// Keras: [`LambdaCallback`](https://keras.io/api/callbacks/lambda_callback/).
///
/// ```
/// use kerata::{*, callbacks::LambdaCallback, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Sgd,
///     prelude::*, train::{Fit, Trainer}};
///
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?.callback(
///     LambdaCallback::new().on_epoch_end(|training, epoch, logs| {
///         println!("epoch {epoch}: {:?}, rate {}", logs.get("loss"), training.learning_rate()?);
///         Ok(())
///     }),
/// );
/// trainer.fit(&InMemory::new(vec![[1.0]], vec![[2.0]])?, &Fit::epochs(2))?;
/// # Ok::<(), Error>(())
/// ```
pub struct LambdaCallback<M, E: Element = f32, D: Backend<E> = Cpu> {
    on_train_begin: Moment<M, E, D>,
    on_train_end: Moment<M, E, D>,
    on_epoch_begin: Numbered<M, E, D>,
    measure: Ended<M, E, D>,
    on_epoch_end: Ended<M, E, D>,
    on_train_batch_begin: Numbered<M, E, D>,
    on_train_batch_end: Measured<M, E, D>,
    columns: Vec<(String, Option<Direction>)>,
}

impl<M, E: Element, D: Backend<E>> Default for LambdaCallback<M, E, D> {
    fn default() -> Self {
        Self {
            on_train_begin: None,
            on_train_end: None,
            on_epoch_begin: None,
            measure: None,
            on_epoch_end: None,
            on_train_batch_begin: None,
            on_train_batch_end: None,
            columns: Vec::new(),
        }
    }
}

impl<M, E: Element, D: Backend<E>> LambdaCallback<M, E, D> {
    /// A callback that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says that the closure of [`measure`](Self::measure) sets this name in the logs, so that others can monitor it, and what is
    /// better there, if that is known: [`Callback::adds`].
    ///
    /// ```
    /// use kerata::{*, callbacks::{EarlyStopping, LambdaCallback}, data::InMemory, loss::MeanSquaredError, metric::Direction,
    ///     model::Sequential, optim::Sgd, prelude::*, train::{Fit, Trainer}};
    ///
    /// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
    /// let slope = LambdaCallback::<Sequential<_, (Dense<1, 1>,)>>::new().column("slope", Some(Direction::Up)).measure(
    ///     |training, _, logs| {
    ///         logs.set("slope", training.model.layers.0.kernel.array()[0][0].into());
    ///         Ok(())
    ///     },
    /// );
    /// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?
    ///     .callback(EarlyStopping::new("slope"))
    ///     .callback(slope);
    /// let history = trainer.fit(&InMemory::new(vec![[1.0]], vec![[2.0]])?, &Fit::epochs(2))?;
    /// assert!(history.last("slope").is_some());
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn column(mut self, name: impl Into<String>, better: Option<Direction>) -> Self {
        self.columns.push((name.into(), better));
        self
    }
}

/// The hooks: a method that takes the closure of each, and one that calls it.
macro_rules! hooks {
    ($($(#[$doc:meta])* fn $hook:ident($($argument:ident: $type:ty),*);)*) => {
        impl<M, E: Element, D: Backend<E>> LambdaCallback<M, E, D> {
            $($(#[$doc])*
            #[must_use]
            pub fn $hook(
                mut self,
                hook: impl FnMut(&mut Training<'_, M, E, D>, $($type),*) -> Result<(), Error>
                + Send
                + 'static,
            ) -> Self {
                self.$hook = Some(Box::new(hook));
                self
            })*
        }

        #[diagnostic::do_not_recommend]
        impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for LambdaCallback<M, E, D> {
            $(fn $hook(
                &mut self,
                training: &mut Training<'_, M, E, D>,
                $($argument: $type,)*
            ) -> Result<(), Error> {
                self.$hook.as_mut().map_or(Ok(()), |hook| hook(training, $($argument),*))
            })*

            fn adds(&self) -> Vec<(String, Option<Direction>)> {
                self.columns.clone()
            }

            fn reads_model_in_batches(&self) -> bool {
                self.on_train_batch_begin.is_some() || self.on_train_batch_end.is_some()
            }
        }
    };
}
hooks! {
    /// Before the first epoch.
    fn on_train_begin();
    /// After the last epoch.
    fn on_train_end();
    /// Before an epoch.
    fn on_epoch_begin(epoch: usize);
    /// After an epoch, before [`on_epoch_end`](Self::on_epoch_end) of any callback: measures something for the logs, see
    /// [`Callback::measure`].
    fn measure(epoch: usize, logs: &mut Logs);
    /// After an epoch and its validation.
    fn on_epoch_end(epoch: usize, logs: &mut Logs);
    /// Before a step.
    fn on_train_batch_begin(batch: usize);
    /// After a step.
    fn on_train_batch_end(batch: usize, logs: &Logs);
}

impl<M, E: Element, D: Backend<E>> fmt::Debug for LambdaCallback<M, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaCallback").finish_non_exhaustive()
    }
}
