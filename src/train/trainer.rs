use std::path::Path;

use dfdx::tensor::{Cpu, NoneTape};

use super::{
    Callback, Feeds, History, Predict, Progress,
    callback::Kept,
    checkpoint::{self, Position, Resumed},
    names,
    run::{self, Run},
    totals::AnyMetric,
    training::{About, Wishes},
};
use crate::{
    backend::{Backend, Element},
    data::{Dataset, Samples},
    error::Error,
    loss::{Loss, Prediction},
    metric::Metric,
    model::Model,
    optim::{Optimizer, State},
    parameters,
    reduce::Weights,
    signal::Signal,
};

/// How long and in what pieces to train: the arguments of Keras's `fit`, with its defaults.
///
/// ```
/// use kerata::train::Fit;
///
/// let fit = Fit { batch_size: 64, ..Fit::epochs(12) };
/// assert!(fit.shuffle);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    /// How often all samples are seen. Default 1.
    pub epochs: usize,
    /// How many samples are in a batch. Default 32.
    pub batch_size: usize,
    /// Whether each epoch has an order of its own. Default yes.
    pub shuffle: bool,
    /// What decides these orders. Default 0.
    pub seed: u64,
    /// Whether a progress bar is drawn, if the output is a terminal. Default yes.
    pub progress: bool,
}

impl Default for Fit {
    fn default() -> Self {
        Self { epochs: 1, batch_size: 32, shuffle: true, seed: 0, progress: true }
    }
}

impl Fit {
    /// The defaults, with a number of epochs.
    pub fn epochs(epochs: usize) -> Self {
        Self { epochs, ..Self::default() }
    }
}

/// A model with its loss, its optimiser and its metrics: what Keras's `compile` makes.
///
/// The same model, data, [`Fit`] and seed of the device give the same numbers, on any number of threads.
///
/// ```
/// use kerata::{*, prelude::*, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Sgd,
///     train::{Fit, Trainer}};
///
/// let dev = Cpu::seed_from_u64(0);
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&dev)?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?;
/// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
/// let history = trainer.fit(&data, &Fit::epochs(200))?;
/// assert!(history.last("loss").unwrap() < 1e-4);
/// let answers = trainer.predict(&vec![[10.0_f32]], 32)?;
/// assert!((answers.as_vec()[0] - 21.0).abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
pub struct Trainer<M, L, O, Y, E = f32, D = Cpu>
where
    M: Model<E, D, Output: Prediction>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// The model. After an error, or a panic in a layer, a loss or a metric, it is as the last complete step left it:
    /// its weights, its moving statistics and whatever else its layers hold.
    pub model: M,
    loss: L,
    /// The optimiser; its learning rate and other settings can be changed between two calls of `fit`.
    pub optimizer: O,
    /// What the optimiser remembers, and the number of steps.
    pub state: State<E, D>,
    metrics: Vec<AnyMetric<M::Output, Y, E, D>>,
    callbacks: Vec<Box<dyn Kept<M, E, D> + Send>>,
    history: History,
    resumed: Option<Resumed>,
    dev: D,
}

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    M: Model<E, D, Output: Prediction>,
    O: Optimizer,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Puts a model, a loss and an optimiser together.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting of the optimiser that makes no sense.
    pub fn new(model: M, loss: L, optimizer: O) -> Result<Self, Error> {
        optimizer.check()?;
        Ok(Self {
            dev: parameters::device(&model),
            model,
            loss,
            optimizer,
            state: State::default(),
            metrics: Vec::new(),
            callbacks: Vec::new(),
            history: History::default(),
            resumed: None,
        })
    }

    /// Adds a metric. It honours the mask, not the sample weights: Keras's `metrics=`.
    ///
    /// A second metric of one name is called `name_1`, and so on.
    #[must_use]
    pub fn metric(mut self, metric: impl Metric<M::Output, Y, E, D> + Send + 'static) -> Self {
        self.metrics.push((Box::new(metric), false));
        self
    }

    /// Adds a metric that honours the mask and the sample weights: Keras's `weighted_metrics=`.
    ///
    /// Beside one of the same name it is called `weighted_name`.
    #[must_use]
    pub fn weighted_metric(
        mut self,
        metric: impl Metric<M::Output, Y, E, D> + Send + 'static,
    ) -> Self {
        self.metrics.push((Box::new(metric), true));
        self
    }

    /// Adds a callback; they are called in the order in which they were added.
    ///
    /// Those of Keras are in [`callbacks`](super::callbacks), and [`Callback`] shows how one is written.
    #[must_use]
    pub fn callback(mut self, callback: impl Callback<M, E, D> + Send + 'static) -> Self {
        self.callbacks.push(Box::new(callback));
        self
    }

    /// The first callback of this type.
    pub fn find_callback<C: Callback<M, E, D> + 'static>(&self) -> Option<&C> {
        self.callbacks.iter().find_map(|callback| callback.as_any().downcast_ref())
    }

    /// What was measured in all epochs so far, also in those before an error. An epoch that an error ended is not
    /// there; one whose validation failed is, without what the validation measures.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many steps the optimiser has made.
    pub fn steps(&self) -> usize {
        self.state.steps()
    }

    /// Trains the model.
    ///
    /// Returns what was measured in these epochs: `loss`, the mean of the losses of the batches by their
    /// size, each taken before its step; and the metrics, likewise of the training pass.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`], [`Error::NonFiniteGradient`] and [`Error::NonFiniteParameter`] name epoch and batch;
    /// [`Error::Empty`] if the data yields no batch; [`Error::Invalid`] for no epochs or a batch size of 0; and those
    /// of layers, loss and data.
    ///
    /// The step that fails is not made, and those before it stay: training can go on, with the random numbers that
    /// the step would have drawn.
    pub fn fit<Data>(&mut self, data: &Data, fit: &Fit) -> Result<History, Error>
    where
        L: Loss<M::Output, Y, E, D>,
        Data: Dataset<Target = Y>,
        Data::Input: Feeds<M::Input>,
        Data::Weights: Weights<M::Output>,
    {
        self.run(data, None::<&Data>, fit)
    }

    /// Trains the model and judges it after each epoch by data that it does not learn from: the `val_`
    /// columns of the history.
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit).
    pub fn fit_validated<Data, Validation>(
        &mut self,
        data: &Data,
        validation: &Validation,
        fit: &Fit,
    ) -> Result<History, Error>
    where
        L: Loss<M::Output, Y, E, D>,
        Data: Dataset<Target = Y>,
        Data::Input: Feeds<M::Input>,
        Data::Weights: Weights<M::Output>,
        Validation: Dataset<Target = Y>,
        Validation::Input: Feeds<M::Input>,
        Validation::Weights: Weights<M::Output>,
    {
        self.run(data, Some(validation), fit)
    }

    /// Measures the model on data, without learning from it: the loss first, then the metrics.
    ///
    /// # Errors
    /// [`Error::Empty`] if the data yields no batch; and those of layers, loss and data.
    pub fn evaluate<Data>(
        &self,
        data: &Data,
        batch_size: usize,
    ) -> Result<Vec<(String, f64)>, Error>
    where
        L: Loss<M::Output, Y, E, D>,
        Data: Dataset<Target = Y>,
        Data::Input: Feeds<M::Input>,
        Data::Weights: Weights<M::Output>,
    {
        let parts = (&self.model, &self.loss, self.metrics.as_slice());
        let batch_size = checked(batch_size)?;
        let totals = run::evaluate::<M, L, Y, E, D, _>(parts, data, batch_size, &self.dev)?;
        Ok(totals.report(&self.columns()).collect())
    }

    /// Writes a checkpoint: the model, what the optimiser remembers, the history, and what callbacks remember.
    ///
    /// During `fit` a [`ModelCheckpoint`](super::callbacks::ModelCheckpoint) writes them. The file is written whole or
    /// not at all.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save_checkpoint(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let position = Position { epochs_before: self.history.epochs(), ..Position::default() };
        self.parts().save(path.as_ref(), &position, None)
    }

    /// Goes on from a checkpoint: the next call of `fit` goes on where it was written, in the middle of an epoch too,
    /// and gives the same numbers, bit by bit, as if the training had never stopped.
    ///
    /// The trainer is put together as before: the same model, loss, optimiser, metrics and callbacks; and `fit` is
    /// called with the same data and settings, but for the number of epochs. What is not in the file is what layers
    /// hold beside their parameters, and what closures remember.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is no checkpoint; [`Error::Differences`] with all that differs, if it is
    /// of another version, model, optimiser or number type. Then the trainer is as it was before.
    ///
    /// ```
    /// use kerata::{*, callbacks::ModelCheckpoint, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Adam,
    ///     prelude::*, train::{Fit, Trainer}};
    ///
    /// let path = std::env::temp_dir().join(format!("kerata-doc-resume-{}.safetensors", std::process::id()));
    /// let file = path.to_str().unwrap();
    /// let trainer = |seed| {
    ///     let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(seed))?;
    ///     Ok::<_, Error>(Trainer::new(model, MeanSquaredError, Adam::new(0.1))?.callback(ModelCheckpoint::new(file)))
    /// };
    /// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
    /// let mut first = trainer(1)?;
    /// first.fit(&data, &Fit::epochs(2))?;
    ///
    /// // In another process.
    /// let mut second = trainer(2)?;
    /// second.resume(&path)?;
    /// second.fit(&data, &Fit::epochs(4))?;
    ///
    /// let mut undisturbed = trainer(1)?;
    /// undisturbed.fit(&data, &Fit::epochs(4))?;
    /// assert_eq!(second.history(), undisturbed.history());
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let metrics = self.metrics.len();
        let read = self.parts().read(path.as_ref(), metrics)?;
        let rate = read.learning_rate()?;
        let checkpoint::Read { model, state, history, resumed } = read;
        if let Some(rate) = rate.filter(|_| !self.optimizer.learning_rate().is_schedule()) {
            self.optimizer.learning_rate_mut().set(rate)?;
        }
        (self.model, self.state, self.history) = (model, state, history);
        self.resumed = resumed;
        Ok(())
    }

    fn parts(&mut self) -> checkpoint::Parts<'_, M, O, E, D> {
        checkpoint::Parts {
            model: &mut self.model,
            state: &mut self.state,
            optimizer: &self.optimizer,
            history: &self.history,
            callbacks: &mut self.callbacks,
        }
    }

    /// The outputs of the model, of all samples in one.
    ///
    /// # Errors
    /// [`Error::Empty`] if there are no samples; and those of the layers.
    pub fn predict<X>(
        &self,
        inputs: &X,
        batch_size: usize,
    ) -> Result<<M::Output as Signal>::Data<E, D, NoneTape>, Error>
    where
        X: Samples + ?Sized,
        X::Signal: Feeds<M::Input>,
    {
        self.model.predict(inputs, batch_size)
    }

    fn run<Data, Validation>(
        &mut self,
        data: &Data,
        validation: Option<&Validation>,
        fit: &Fit,
    ) -> Result<History, Error>
    where
        L: Loss<M::Output, Y, E, D>,
        Data: Dataset<Target = Y>,
        Data::Input: Feeds<M::Input>,
        Data::Weights: Weights<M::Output>,
        Validation: Dataset<Target = Y>,
        Validation::Input: Feeds<M::Input>,
        Validation::Weights: Weights<M::Output>,
    {
        if fit.epochs == 0 {
            let (name, value) = ("epochs", "0".into());
            return Err(Error::Invalid { name, value, expected: "it must be at least 1" });
        }
        checked(fit.batch_size)?;
        if let Some(resumed) = &self.resumed {
            resumed.check(fit)?;
        }
        let columns = self.columns();
        let has_progress = self.find_callback::<Progress>().is_some();
        let mut resumed = self.resumed.take();
        let anew = || Position { epochs_before: self.history.epochs(), ..Position::default() };
        let at = resumed.as_mut().map_or_else(anew, |resumed| std::mem::take(&mut resumed.at));
        let about = About { resumed: resumed.as_ref().map(|_| at.epoch), ..About::default() };
        let run = Run {
            model: &mut self.model,
            loss: &self.loss,
            optimizer: &mut self.optimizer,
            state: &mut self.state,
            metrics: &self.metrics,
            callbacks: &mut self.callbacks,
            history: &mut self.history,
            dev: self.dev.clone(),
            fit: *fit,
            columns,
            progress: (fit.progress && !has_progress).then(Progress::new),
            about,
            wishes: Wishes::default(),
            at,
        };
        run.run(data, validation, resumed.as_mut().map(|resumed| &mut resumed.content))
    }

    /// The names of the metrics in a history.
    fn columns(&self) -> Vec<String> {
        let names = self.metrics.iter().map(|(metric, weighted)| (metric.name(), *weighted));
        names::columns(&names.collect::<Vec<_>>())
    }
}

pub(super) fn checked(batch_size: usize) -> Result<usize, Error> {
    if batch_size == 0 {
        let (name, value) = ("batch_size", "0".into());
        return Err(Error::Invalid { name, value, expected: "it must be at least 1" });
    }
    Ok(batch_size)
}
