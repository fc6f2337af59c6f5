use dfdx::{
    shapes::Rank0,
    tensor::{Cpu, OwnedTape, Tensor},
};

use super::{Asks, Fit, History, TrainingData, measured::Measured, names, progress::Progress};
use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::Prediction,
    metric::Metric,
    model::Model,
    optim::{Optimizer, State},
    parameters,
    signal::Signal,
};

/// A metric, and whether it honours the sample weights.
type AnyMetric<P, Y, E, D> = (Box<dyn Measured<P, Y, E, D>>, bool);

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
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// The model. After an error, or a panic in a layer, a loss or a metric, it is as the last complete step left it:
    /// its weights, its moving statistics and whatever else its layers hold.
    pub model: M,
    pub(super) loss: L,
    pub(super) optimizer: O,
    pub(super) state: State<E, D>,
    pub(super) metrics: Vec<AnyMetric<M::Output, Y, E, D>>,
    pub(super) history: History,
    pub(super) dev: D,
    /// [`State::attempt`] with the optimiser: what it takes is asked for in `new`, and nowhere else.
    pub(super) attempt: Attempt<M, O, E, D>,
}

/// A pass of training, which gives the loss.
pub(super) type Pass<'a, M, E, D> =
    &'a mut dyn FnMut(&mut M) -> Result<Tensor<Rank0, E, D, OwnedTape<E, D>>, Error>;
type Attempt<M, O, E, D> = fn(&mut State<E, D>, &O, &mut M, Pass<'_, M, E, D>) -> Result<E, Error>;

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Puts a model, a loss and an optimiser together, to a [`Trainer`].
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting of the optimiser that makes no sense.
    pub fn new(model: M, loss: L, optimizer: O) -> Result<Self, Error>
    where
        O: Optimizer,
    {
        optimizer.check()?;
        Ok(Self {
            dev: parameters::device(&model),
            model,
            loss,
            optimizer,
            state: State::default(),
            metrics: Vec::new(),
            history: History::default(),
            attempt: |state, optimizer, model, pass| state.attempt(optimizer, model, pass),
        })
    }

    /// Adds a metric. It honours the mask, not the sample weights: Keras's `metrics=`.
    ///
    /// A second metric of one name is called `name_1`, and so on.
    #[must_use]
    pub fn metric<K: Metric<M::Output, Y, E, D> + Send + 'static>(mut self, metric: K) -> Self
    where
        M::Output: Prediction,
    {
        self.metrics.push((Box::new(metric), false));
        self
    }

    /// Adds a metric that honours the mask and the sample weights: Keras's `weighted_metrics=`.
    ///
    /// Beside one of the same name it is called `weighted_name`.
    #[must_use]
    pub fn weighted_metric<K: Metric<M::Output, Y, E, D> + Send + 'static>(
        mut self,
        metric: K,
    ) -> Self
    where
        M::Output: Prediction,
    {
        self.metrics.push((Box::new(metric), true));
        self
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
    /// Returns what was measured in these epochs, a [`History`]: `loss`, the mean of the losses of the batches by their
    /// size, each taken before its step; and the metrics, likewise of the training pass.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`], [`Error::NonFiniteGradient`] and [`Error::NonFiniteParameter`] name epoch and batch;
    /// [`Error::Empty`] if the data yields no batch; [`Error::Invalid`] for no epochs or a batch size of 0; and those
    /// of layers, loss and data.
    ///
    /// The step that fails is not made, and those before it stay: training can go on, with the random numbers that
    /// the step would have drawn.
    pub fn fit<Data>(&mut self, data: &Data, fit: &Fit) -> Result<Data::History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        self.run(data, None::<&Data>, fit).map(Data::history)
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
    ) -> Result<Validation::History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
        Validation: TrainingData<M, L, Y, E, D>,
    {
        self.run(data, Some(validation), fit).map(Validation::history)
    }

    /// Measures the model on data, without learning from it: the loss first, then the metrics, as pairs of name and
    /// value.
    ///
    /// # Errors
    /// [`Error::Empty`] if the data yields no batch; and those of layers, loss and data.
    pub fn evaluate<Data>(&self, data: &Data, batch_size: usize) -> Result<Data::Measures, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        data.evaluate(self, batch_size).map(Data::measures)
    }

    /// The outputs of the model, of all samples in one: [`Predict::predict`](super::Predict::predict).
    ///
    /// # Errors
    /// [`Error::Empty`] if there are no samples; and those of the layers.
    pub fn predict<X>(&self, inputs: &X, batch_size: usize) -> Result<X::Answers, Error>
    where
        X: Asks<M, E, D> + ?Sized,
    {
        inputs.ask(&self.model, batch_size)
    }

    fn run<Data, Validation>(
        &mut self,
        data: &Data,
        validation: Option<&Validation>,
        fit: &Fit,
    ) -> Result<History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
        Validation: TrainingData<M, L, Y, E, D>,
    {
        if fit.epochs == 0 {
            return Err(Error::invalid("epochs", 0, "it must be at least 1"));
        }
        let mut history = History::default();
        for epoch in 1..=fit.epochs {
            let bar = Progress::start(fit.progress, epoch, fit.epochs, data.known_samples());
            let mut values = data.epoch(self, epoch, fit, &bar)?;
            let measured = validation.map(|data| data.evaluate(self, fit.batch_size)).transpose();
            if let Ok(measured) = &measured {
                let measured = measured.iter().flatten();
                values.extend(measured.map(|(name, value)| (names::of_validation(name), *value)));
            }
            let line = values.iter().map(|(name, value)| format!("  {name} {value:.4}"));
            bar.finish(format!("epoch {epoch}/{}{}", fit.epochs, line.collect::<String>()));
            history.push(values.clone());
            self.history.push(values);
            measured?;
        }
        Ok(history)
    }

    /// The names of the metrics in a history.
    pub(super) fn columns(&self) -> Vec<String> {
        let names = self.metrics.iter().map(|(metric, weighted)| (metric.name(), *weighted));
        names::columns(&names.collect::<Vec<_>>())
    }
}

pub(super) fn checked(batch_size: usize) -> Result<usize, Error> {
    if batch_size == 0 {
        return Err(Error::invalid("batch_size", 0, "it must be at least 1"));
    }
    Ok(batch_size)
}
