use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, Element},
    data::Order,
    error::Error,
    metric::Direction,
    model::Model,
    parameters,
    signal::Signal,
    train::{
        Callback, Fit, Logs, Measures, Training, TrainingData, columns, evaluate::Parts,
        fit::at_least_one, names::LOSS, ranks::Ranks, totals::AnyMetric,
    },
};

/// Judges the model by data after each epoch: what [`fit_validated`](crate::train::Trainer::fit_validated) does, under the name `val`, and
/// by more data than that: a test set, a second language, the training data without its dropout.
///
/// The columns begin with a name: of `"test"`, `test_loss` and those of the metrics. All callbacks can monitor them, before this one or
/// after it. On several ranks the first one measures, but for what `fit_validated` does.
///
/// Keras has it for one set only, as an argument of `fit`.
///
/// ```
/// use kerata::{*, callbacks::{EarlyStopping, Validation}, data::InMemory, loss::{MeanAbsoluteError, MeanSquaredError},
///     metric::MeanLoss, model::Sequential, optim::Sgd, prelude::*, train::{Fit, Trainer}};
///
/// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(0))?;
/// let near = InMemory::new(vec![[0.5], [1.5]], vec![[2.0], [4.0]])?;
/// let far = InMemory::new(vec![[10.0]], vec![[21.0]])?;
/// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?
///     .callback(EarlyStopping::new("far_loss").patience(3))
///     .callback(Validation::new("near", near, MeanSquaredError))
///     .callback(Validation::new("far", far, MeanSquaredError).metric(MeanLoss(MeanAbsoluteError)));
/// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
/// let history = trainer.fit(&data, &Fit::epochs(5))?;
/// let names: Vec<&str> = history.names().collect();
/// assert_eq!(names, ["loss", "near_loss", "far_loss", "far_mean_absolute_error"]);
/// # Ok::<(), Error>(())
/// ```
pub struct Validation<M, Data, L, Y, E = f32, D = Cpu>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    data: Data,
    loss: L,
    metrics: Vec<AnyMetric<M::Output, Y, E, D>>,
    settings: Settings,
}

/// What is not a value of the training.
#[derive(Debug, Clone)]
struct Settings {
    name: String,
    batch_size: Option<usize>,
    steps: Option<usize>,
    freq: usize,
}

impl<M, Data, L, Y, E, D> Validation<M, Data, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Columns of this name, data, and a loss; one for each output, if there are several.
    pub fn new(name: impl Into<String>, data: Data, loss: L) -> Self
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        let settings = Settings { name: name.into(), batch_size: None, steps: None, freq: 1 };
        Self { data, loss, metrics: Vec::new(), settings }
    }

    /// Adds a metric. It honours the mask, not the sample weights.
    #[must_use]
    pub fn metric(self, metric: impl Measures<M, Y, E, D>) -> Self {
        self.and(metric, false)
    }

    /// Adds a metric that honours the mask and the sample weights.
    #[must_use]
    pub fn weighted_metric(self, metric: impl Measures<M, Y, E, D>) -> Self {
        self.and(metric, true)
    }

    fn and(mut self, metric: impl Measures<M, Y, E, D>, weighted: bool) -> Self {
        self.metrics.extend(metric.measured().map(|metric| (metric, weighted)));
        self
    }

    setters! {
        /// How many samples are in a batch. Default as in the training.
        fn batch_size(batch_size: usize) => settings.batch_size = Some(batch_size);
        /// How many batches are used. Default all.
        fn steps(steps: usize) => settings.steps = Some(steps);
        /// After every how many epochs the model is judged. Default 1.
        fn freq(epochs: usize) => settings.freq = epochs;
    }

    fn lent(&self) -> Lent<'_, M, Data, L, Y, E, D> {
        let Self { data, loss, metrics, settings } = self;
        Lent { data, loss, metrics, settings: settings.clone(), ranks: None }
    }
}

#[diagnostic::do_not_recommend]
impl<M, Data, L, Y, E, D> Callback<M, E, D> for Validation<M, Data, L, Y, E, D>
where
    M: Model<E, D>,
    Data: TrainingData<M, L, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.lent().on_train_begin(training)
    }

    fn validates(&self, epoch: usize) -> bool {
        self.settings.validates(epoch)
    }

    fn measure(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        self.lent().measure(training, epoch, logs)
    }

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        self.lent().adds()
    }
}

impl Settings {
    fn validates(&self, epoch: usize) -> bool {
        (epoch + 1).is_multiple_of(self.freq)
    }

    fn column(&self, name: &str) -> String {
        format!("{}_{name}", self.name)
    }
}

/// The same callback with parts that are lent: by a [`Validation`], or by a trainer for a call of `fit_validated`.
pub(in crate::train) struct Lent<'a, M, Data, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    data: &'a Data,
    loss: &'a L,
    metrics: &'a [AnyMetric<M::Output, Y, E, D>],
    settings: Settings,
    /// Those that share the work.
    ranks: Option<Ranks>,
}

impl<'a, M, Data, L, Y, E, D> Lent<'a, M, Data, L, Y, E, D>
where
    M: Model<E, D>,
    Data: TrainingData<M, L, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// That of a call of `fit_validated`.
    pub(in crate::train) fn of_fit(
        data: &'a Data,
        loss: &'a L,
        metrics: &'a [AnyMetric<M::Output, Y, E, D>],
        ranks: Option<&Ranks>,
        fit: &Fit,
    ) -> Self {
        let settings = Settings {
            name: "val".to_owned(),
            batch_size: fit.validation_batch_size,
            steps: fit.validation_steps,
            freq: fit.validation_freq,
        };
        Self { data, loss, metrics, settings, ranks: ranks.cloned() }
    }

    /// The columns behind that of the loss, without the name of the data.
    fn columns(&self) -> Vec<String> {
        columns::of::<M, Y, E, D>(Data::LOSSES, self.metrics)
    }
}

#[diagnostic::do_not_recommend]
impl<M, Data, L, Y, E, D> Callback<M, E, D> for Lent<'_, M, Data, L, Y, E, D>
where
    M: Model<E, D>,
    Data: TrainingData<M, L, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        let Settings { name, batch_size, steps, freq } = &self.settings;
        let loss = self.settings.column(LOSS);
        if training.names().filter(|name| *name == loss).count() > 1 {
            let expected = "other data has its columns under this name";
            return Err(Error::invalid("the name of a `Validation`", name, expected));
        }
        self.data.check_weights()?;
        at_least_one(&[("freq", Some(*freq)), ("batch_size", *batch_size), ("steps", *steps)])
    }

    fn validates(&self, epoch: usize) -> bool {
        self.settings.validates(epoch)
    }

    fn measure(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let Self { data, loss, metrics, ref settings, ref ranks } = *self;
        if !settings.validates(epoch) {
            return Ok(());
        }
        let model = &*training.model;
        let penalty = training.state.penalty(model)?;
        let parts = Parts { model, loss, metrics, penalty, ranks: ranks.as_ref() };
        let order = Order::sequential(settings.batch_size.unwrap_or(training.batch_size()));
        let order = Order { steps: settings.steps, ..order };
        let totals = data.evaluate(parts, order, &parameters::device(model))?;
        for (name, value) in totals.report(&self.columns(), self.metrics) {
            logs.set(&self.settings.column(&name), value);
        }
        Ok(())
    }

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        let columns = columns::directed(&self.columns(), self.metrics).into_iter();
        columns.map(|(name, direction)| (self.settings.column(&name), direction)).collect()
    }
}
