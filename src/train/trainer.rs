use dfdx::tensor::{Cpu, NoneTape, OwnedTape};

use super::{
    Feeds, History, Predict,
    names::{self, LOSS},
    progress::Progress,
};
use crate::{
    backend::{Backend, Element},
    data::{Batch, Dataset, Order, Samples},
    error::Error,
    loss::{Loss, Prediction},
    metric::{self, Metric},
    model::Model,
    optim::{Optimizer, State},
    parameters,
    reduce::{Mean, SampleWeights, Unweighted, Weights},
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

/// A metric, and whether it honours the sample weights.
type AnyMetric<P, Y, E, D> = (Box<dyn Metric<P, Y, E, D> + Send>, bool);

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
    history: History,
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
            history: History::default(),
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
        let mut totals = Totals::new(self.metrics.len());
        let order = Order { batch_size: checked(batch_size)?, shuffle: None };
        for batch in data.batches::<E, D>(order, &self.dev) {
            let Batch { input, target, weights, size } = batch?;
            let input = Data::Input::feed::<E, D>(input)?;
            let output = self.model.call::<NoneTape>(input)?;
            measure::<M::Output, Y, E, D>(&self.metrics, &mut totals, &output, &target, &weights)?;
            let loss = self.loss.mean::<NoneTape, _>(output, &target, &weights)?;
            totals.loss.add([loss.as_vec()[0].as_f64()], [size as f64]);
        }
        totals.report(self.columns())
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
        let mut history = History::default();
        for epoch in 1..=fit.epochs {
            let bar = Progress::start(fit.progress, epoch, fit.epochs, data.samples());
            let mut values = self.epoch(data, epoch, fit, &bar)?;
            let measured = validation.map(|data| self.evaluate(data, fit.batch_size)).transpose();
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

    /// One epoch of training.
    fn epoch<Data>(
        &mut self,
        data: &Data,
        epoch: usize,
        fit: &Fit,
        bar: &Progress,
    ) -> Result<Vec<(String, f64)>, Error>
    where
        L: Loss<M::Output, Y, E, D>,
        Data: Dataset<Target = Y>,
        Data::Input: Feeds<M::Input>,
        Data::Weights: Weights<M::Output>,
    {
        let mut totals = Totals::new(self.metrics.len());
        // Each epoch of each call has its own order, and the whole follows from one seed.
        let shuffle = (self.history.epochs() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let order = Order {
            batch_size: checked(fit.batch_size)?,
            shuffle: fit.shuffle.then_some(fit.seed ^ shuffle),
        };
        let dev = self.dev.clone();
        for (number, batch) in data.batches::<E, D>(order, &dev).enumerate() {
            let (batch, number) = (batch?, number + 1);
            let size = batch.size;
            let Self { model, loss, optimizer, state, metrics, .. } = self;
            let pass = |model: &mut M| {
                let Batch { input, target, weights, .. } = batch;
                let input = Data::Input::feed::<E, D>(input)?;
                let constant = M::Input::stop_gradient::<E, D>(&input);
                let tape = OwnedTape::default();
                let input = M::Input::put_tape::<E, D, OwnedTape<E, D>>(input, tape);
                let output = model.call_mut(input)?;
                drop(constant);
                let (output, tape) = M::Output::split_tape(output);
                measure::<M::Output, Y, E, D>(metrics, &mut totals, &output, &target, &weights)?;
                let output = M::Output::put_tape::<E, D, OwnedTape<E, D>>(output, tape);
                let loss = loss.mean(output, &target, &weights)?;
                let value = loss.as_vec()[0].as_f64();
                if !value.is_finite() {
                    return Err(Error::NonFiniteLoss { value, epoch, batch: number });
                }
                Ok(loss)
            };
            let value = state.attempt(optimizer, model, pass);
            let value = value.map_err(|error| error.in_batch(epoch, number))?;
            totals.loss.add([value.as_f64()], [size as f64]);
            bar.batch(size, totals.loss.get());
        }
        totals.report(self.columns())
    }

    /// The names of the metrics in a history.
    fn columns(&self) -> Vec<String> {
        let names = self.metrics.iter().map(|(metric, weighted)| (metric.name(), *weighted));
        names::columns(&names.collect::<Vec<_>>())
    }
}

/// Adds a batch to the means of the metrics.
fn measure<P: Prediction, Y: Signal, E: Element, D: Backend<E>>(
    metrics: &[AnyMetric<P, Y, E, D>],
    totals: &mut Totals,
    output: &P::Data<E, D, NoneTape>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(), Error> {
    for (mean, (metric, weighted)) in totals.metrics.iter_mut().zip(metrics) {
        let metric = metric.as_ref();
        let output = P::share::<E, D>(output);
        if *weighted {
            metric::update::<P, Y, E, D, _>(mean, metric, output, target, weights)?;
        } else {
            metric::update::<P, Y, E, D, _>(mean, metric, output, target, &Unweighted)?;
        }
    }
    Ok(())
}

pub(super) fn checked(batch_size: usize) -> Result<usize, Error> {
    if batch_size == 0 {
        let (name, value) = ("batch_size", "0".into());
        return Err(Error::Invalid { name, value, expected: "it must be at least 1" });
    }
    Ok(batch_size)
}

/// The means of an epoch.
struct Totals {
    loss: Mean,
    metrics: Vec<Mean>,
}

impl Totals {
    fn new(metrics: usize) -> Self {
        Self { loss: Mean::default(), metrics: vec![Mean::default(); metrics] }
    }

    fn report(self, columns: Vec<String>) -> Result<Vec<(String, f64)>, Error> {
        if self.loss == Mean::default() {
            return Err(Error::Empty("the dataset"));
        }
        let values = columns.into_iter().zip(self.metrics.iter().map(Mean::get));
        Ok(std::iter::once((LOSS.to_owned(), self.loss.get())).chain(values).collect())
    }
}
