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
    train_begin: Moment<M, E, D>,
    train_end: Moment<M, E, D>,
    epoch_begin: Numbered<M, E, D>,
    measure: Ended<M, E, D>,
    epoch_end: Ended<M, E, D>,
    batch_begin: Numbered<M, E, D>,
    batch_end: Measured<M, E, D>,
    columns: Vec<(String, Option<Direction>)>,
}

impl<M, E: Element, D: Backend<E>> Default for LambdaCallback<M, E, D> {
    fn default() -> Self {
        Self {
            train_begin: None,
            train_end: None,
            epoch_begin: None,
            measure: None,
            epoch_end: None,
            batch_begin: None,
            batch_end: None,
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

    /// Before the first epoch.
    #[must_use]
    pub fn on_train_begin(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        self.train_begin = Some(Box::new(hook));
        self
    }

    /// After the last epoch.
    #[must_use]
    pub fn on_train_end(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        self.train_end = Some(Box::new(hook));
        self
    }

    /// Before an epoch.
    #[must_use]
    pub fn on_epoch_begin(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>, usize) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        self.epoch_begin = Some(Box::new(hook));
        self
    }

    /// After an epoch, before [`on_epoch_end`](Self::on_epoch_end) of any callback: measures something for the logs, see
    /// [`Callback::measure`].
    #[must_use]
    pub fn measure(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>, usize, &mut Logs) -> Result<(), Error>
        + Send
        + 'static,
    ) -> Self {
        self.measure = Some(Box::new(hook));
        self
    }

    /// After an epoch and its validation.
    #[must_use]
    pub fn on_epoch_end(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>, usize, &mut Logs) -> Result<(), Error>
        + Send
        + 'static,
    ) -> Self {
        self.epoch_end = Some(Box::new(hook));
        self
    }

    /// Before a step.
    #[must_use]
    pub fn on_train_batch_begin(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>, usize) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        self.batch_begin = Some(Box::new(hook));
        self
    }

    /// After a step.
    #[must_use]
    pub fn on_train_batch_end(
        mut self,
        hook: impl FnMut(&mut Training<'_, M, E, D>, usize, &Logs) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        self.batch_end = Some(Box::new(hook));
        self
    }
}

impl<M, E: Element, D: Backend<E>> fmt::Debug for LambdaCallback<M, E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LambdaCallback").finish_non_exhaustive()
    }
}

/// Calls a closure, if there is one.
macro_rules! call {
    ($hook:expr, $($argument:expr),*) => {
        match &mut $hook {
            Some(hook) => hook($($argument),*),
            None => Ok(()),
        }
    };
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for LambdaCallback<M, E, D> {
    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        self.columns.clone()
    }

    fn reads_model_in_batches(&self) -> bool {
        self.batch_begin.is_some() || self.batch_end.is_some()
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        call!(self.train_begin, training)
    }

    fn on_train_end(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        call!(self.train_end, training)
    }

    fn on_epoch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
    ) -> Result<(), Error> {
        call!(self.epoch_begin, training, epoch)
    }

    fn measure(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        call!(self.measure, training, epoch, logs)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        call!(self.epoch_end, training, epoch, logs)
    }

    fn on_train_batch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
    ) -> Result<(), Error> {
        call!(self.batch_begin, training, batch)
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        call!(self.batch_end, training, batch, logs)
    }
}
