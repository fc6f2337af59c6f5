use std::sync::Arc;

use dfdx::tensor::{Cpu, NoneTape};
use rand::rngs::StdRng;

use super::{
    Asks, Callback, Calls, History, HowToFit, Measures, MeasuresOutput, OfOne, Optimizes, Trained,
    TrainingData, ValueOfLoss, augment::Augments, callback::Kept, columns, evaluate::Parts,
    fit::at_least_one, optimizing::AsOptimizing, ranks::Ranks, resumed::Resumed, totals::Metrics,
};
use crate::{
    backend::{Backend, Element},
    data::{Lends, Order},
    distributed::Connects,
    error::Error,
    model::{AsOutput, Model},
    never::Is,
    optim::State,
    signal::Signal,
};

/// A model with its loss, its optimiser and its metrics: what Keras's `compile` makes.
///
/// A model of several outputs has one loss for each, as a tuple: see [`metric_of`](Trainer::metric_of).
///
/// The same model, data, [`Fit`](super::Fit) and seed of the device give the same numbers, on any number of threads.
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
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// The model. After an error, or a panic in a layer, a loss or a metric, it is as the last complete step left it:
    /// its weights, its moving statistics and whatever else its layers hold.
    pub model: M,
    pub(super) loss: L,
    /// The optimiser; its learning rate and other settings can be changed between two calls of `fit`.
    pub optimizer: O,
    /// What the optimiser remembers, and the number of steps.
    pub state: State<E, D>,
    pub(super) metrics: Box<dyn Metrics<M, Y, E, D>>,
    pub(super) callbacks: Vec<Box<dyn Kept<M, E, D> + Send>>,
    pub(super) augment: Box<dyn Augments<M, Y, E, D>>,
    pub(super) history: History,
    pub(super) resumed: Option<Resumed>,
    pub(super) ranks: Option<Ranks>,
    pub(super) dev: D,
    pub(super) optimizing: AsOptimizing<M, O, E, D>,
}

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Puts a model, a loss and an optimiser together: what it gives is the [`Trainer`] itself, by way of the output of the model and
    /// of the optimiser, so that of what is no model and no optimiser the compiler says one thing. Of a bare loss it says
    /// that of the whole call, as the argument has a type of its own: it would take more lines for the argument.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting of the optimiser that makes no sense.
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    pub fn new(model: impl Is<M>, loss: impl Is<L>, optimizer: impl Is<O>) -> Result<L::By<O::With<M::Made<Self>>>, Error> where M: Trained<E, D>, L: ValueOfLoss, O: Optimizes {
        let optimizer = optimizer.unchanged();
        optimizer.checked()?;
        Ok(L::by(O::with(model.unchanged().trainer(loss.unchanged(), optimizer))))
    }
}

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Adds a metric. It honours the mask, not the sample weights: Keras's `metrics=`.
    ///
    /// A second metric of one name is called `name_1`, and so on.
    #[must_use]
    pub fn metric<K: OfOne<M, E, D> + Measures<M, Y, E, D>>(mut self, metric: K) -> K::Added<Self> {
        self.add_metric(metric, false);
        K::added(self)
    }

    /// Adds a metric that honours the mask and the sample weights: Keras's `weighted_metrics=`.
    ///
    /// Beside one of the same name it is called `weighted_name`.
    #[must_use]
    pub fn weighted_metric<K: OfOne<M, E, D> + Measures<M, Y, E, D>>(
        mut self,
        metric: K,
    ) -> K::Added<Self> {
        self.add_metric(metric, true);
        K::added(self)
    }

    fn add_metric(&mut self, metric: impl Measures<M, Y, E, D>, weighted: bool) {
        if let Some(metric) = metric.measured() {
            self.metrics.push((metric, weighted));
        }
    }

    /// Adds a metric of one output of several, which is named by a constant of the `#[model]`. It stands in the history behind
    /// the name of the output, `size_mean_squared_error`, and is otherwise as [`metric`](Trainer::metric) adds it: Keras's
    /// `metrics={"size": ..}`.
    ///
    /// ```
    /// use kerata::{*, loss::{MeanSquaredError, SparseCategoricalCrossentropy}, metric::SparseCategoricalAccuracy,
    ///     optim::Adam, prelude::*, data::InMemory, train::{Fit, Trainer}};
    ///
    /// #[model(input = (Batch, 2), outputs(size, color))]
    /// struct TwoHeads {
    ///     trunk: Dense<_, 8, Relu>,
    ///     size: Dense<_, 1>,
    ///     #[from(trunk)]
    ///     color: Dense<_, 3, Softmax>,
    /// }
    ///
    /// let losses = (MeanSquaredError, SparseCategoricalCrossentropy::default().with_loss_weight(0.5));
    /// let model = TwoHeads::build(&Cpu::seed_from_u64(0))?;
    /// let mut trainer = Trainer::new(model, losses, Adam::default())?
    ///     .metric_of(TwoHeads::COLOR, SparseCategoricalAccuracy);
    /// let (sizes, colors) = (vec![1.0_f32, 2.0], vec![0_usize, 2]);
    /// let data = InMemory::new(vec![[0.5_f32, -0.5], [1.0, 2.0]], (sizes, colors))?;
    /// let history = trainer.fit(&data, &Fit::epochs(3))?;
    /// let names: Vec<&str> = history.names().collect();
    /// assert_eq!(names, ["loss", "size_loss", "color_loss", "color_sparse_categorical_accuracy"]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn metric_of<Of, K>(self, output: impl Is<Of>, metric: K) -> Of::By<K::By<Self>>
    where
        Of: AsOutput<M, E, D>,
        K: MeasuresOutput<M, Y, Of::Named, E, D>,
    {
        let name = output.unchanged().name_of();
        Of::by(metric.add_of(self, name, |trainer, metric| trainer.metrics.push((metric, false))))
    }

    /// Adds a metric of one output of several, as [`metric_of`](Trainer::metric_of), that honours the mask and the sample
    /// weights.
    #[must_use]
    pub fn weighted_metric_of<Of, K>(self, output: impl Is<Of>, metric: K) -> Of::By<K::By<Self>>
    where
        Of: AsOutput<M, E, D>,
        K: MeasuresOutput<M, Y, Of::Named, E, D>,
    {
        let name = output.unchanged().name_of();
        Of::by(metric.add_of(self, name, |trainer, metric| trainer.metrics.push((metric, true))))
    }

    /// Adds a callback; they are called in the order in which they were added.
    ///
    /// Those of Keras are in [`callbacks`](super::callbacks), and [`Callback`] shows how one is written.
    #[must_use]
    pub fn callback<C: Calls<M, E, D>>(mut self, callback: C) -> C::Called<Self> {
        self.callbacks.push(Box::new(callback));
        C::called(self)
    }

    /// Adds a function that changes each batch before its step: augmentation. `evaluate`, `predict` and the validation see the
    /// data as it is. Several are called in the order in which they were added.
    ///
    /// What the generator draws follows from [`Fit::seed`](super::Fit::seed), the epoch and the batch, so that a training that is resumed draws
    /// the same. An error of the function is one of the step: it is not made. For functions on samples, before they are tensors, see
    /// [`BatchStream::map`](crate::data::BatchStream::map).
    ///
    /// ```
    /// use kerata::{*, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Sgd, prelude::*,
    ///     tensor::TensorFromVec, train::{Fit, Trainer}};
    /// use rand::Rng;
    ///
    /// let dev = Cpu::seed_from_u64(0);
    /// let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&dev)?;
    /// let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?.augment(move |x, y, random| {
    ///     let rows = x.as_vec().len();
    ///     let noise = (0..rows).map(|_| random.gen_range(-0.01..0.01)).collect();
    ///     Ok((x + dev.tensor_from_vec(noise, (rows, Const)), y))
    /// });
    /// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
    /// let history = trainer.fit(&data, &Fit::epochs(200))?;
    /// assert!(history.last("loss").unwrap() < 1e-2);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn augment<F>(mut self, function: F) -> Self
    where
        F: FnMut(
                <M::Input as Signal>::Data<E, D, NoneTape>,
                Y::Data<E, D, NoneTape>,
                &mut StdRng,
            ) -> Result<
                (<M::Input as Signal>::Data<E, D, NoneTape>, Y::Data<E, D, NoneTape>),
                Error,
            > + Send
            + 'static,
    {
        self.augment.list().push(Box::new(function));
        self
    }

    /// Makes the trainer one of several ranks, each of which has the same trainer, data and [`Fit`](super::Fit): threads of one program by
    /// [`Threads`](crate::distributed::Threads), or whatever a [`Communicator`](crate::distributed::Communicator) connects.
    ///
    /// Every batch is shared out by its rows, and gradients, losses, metrics and the statistics of batches are summed over all ranks. So the
    /// result is that of one process on the whole batch, up to the order in which sums are taken: means are over the valid steps and the sample
    /// weights of all ranks. Ranks whose share is smaller, or empty, are no exception; shuffling, dropout and clipping are as in one process.
    ///
    /// - `fit` begins with the weights, the kept states and the learning rate of rank 0, and all ranks get the same weights and [`History`].
    /// - Callbacks, checkpoints and the progress bar are those of rank 0, and the others follow: when it stops, changes the learning rate or
    ///   the weights. What a callback sets in the logs stands in the history of rank 0 alone.
    /// - [`evaluate`](Trainer::evaluate), [`predict`](Trainer::predict) and the validation share the work too, so all ranks call them. The model
    ///   of a rank alone is asked by `trainer.model.predict`.
    /// - To go on from a checkpoint all ranks call [`resume`](Trainer::resume), on any number of ranks.
    /// - An error on one rank alone ends all of them, with an [`Error::Rank`] that names it, and no [`Recovery`](super::Recovery) is asked
    ///   for. An error that all have, such as a loss that is not finite, is as in one process.
    ///
    /// # Errors
    /// In training: [`Error::Invalid`] for what several ranks cannot do, losses with a mean of their own; [`Error::Rank`] for one that is set
    /// otherwise than rank 0, or has other data.
    #[must_use]
    pub fn distributed<C: Connects>(mut self, comm: C) -> C::Connected<Self> {
        self.ranks = (comm.size() > 1).then(|| Ranks::new(Arc::new(comm)));
        C::connected(self)
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
    /// Returns what was measured in these epochs, a [`History`]: `loss`, the mean of the losses of the batches by their
    /// size, each taken before its step; and the metrics, likewise of the training pass.
    ///
    /// # Errors
    /// [`Error::NonFiniteLoss`], [`Error::NonFiniteGradient`] and [`Error::NonFiniteParameter`] name epoch and batch;
    /// [`Error::Empty`] if the data yields no batch, [`Error::DataEnded`] if it yields fewer than
    /// [`Fit::steps_per_epoch`](super::Fit::steps_per_epoch); [`Error::Invalid`] for no epochs or a batch size of 0; and those of layers, loss and
    /// data.
    ///
    /// The step that fails is not made, and those before it stay: training can go on, with the random numbers that
    /// the step would have drawn.
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    pub fn fit<Data: Lends<Data: TrainingData<M, L, Y, E, D> + Sized>, F>(&mut self, data: impl Is<Data>, fit: F) -> Result<F::Returned, Error>
    where
        F: HowToFit<<Data::Data as TrainingData<M, L, Y, E, D>>::History>,
    {
        let data = data.unchanged();
        let history = self.run(data.lent(), None::<&Data::Data>, &fit.settings())?;
        Ok(F::returned(Data::Data::history(history)))
    }

    /// Trains the model and judges it after each epoch by data that it does not learn from: the `val_`
    /// columns of the history.
    ///
    /// # Errors
    /// Those of [`fit`](Trainer::fit).
    pub fn fit_validated<Data, Validation, F>(
        &mut self,
        data: Data,
        validation: Validation,
        fit: F,
    ) -> Result<F::Returned, Error>
    where
        Data: Lends<Data: TrainingData<M, L, Y, E, D> + Sized>,
        Validation: Lends<Data: TrainingData<M, L, Y, E, D> + Sized>,
        F: HowToFit<<Validation::Data as TrainingData<M, L, Y, E, D>>::History>,
    {
        let history = self.run(data.lent(), Some(validation.lent()), &fit.settings())?;
        Ok(F::returned(Validation::Data::history(history)))
    }

    /// Measures the model on data, without learning from it: the loss first, then the metrics, as pairs of name and
    /// value.
    ///
    /// # Errors
    /// [`Error::Empty`] if the data yields no batch; and those of layers, loss and data.
    pub fn evaluate<Data>(
        &self,
        data: Data,
        batch_size: usize,
    ) -> Result<<Data::Data as TrainingData<M, L, Y, E, D>>::Measures, Error>
    where
        Data: Lends<Data: TrainingData<M, L, Y, E, D> + Sized>,
    {
        let penalty = self.state.penalty(&self.model)?;
        let mut model = self.model.clone();
        if let Some(ranks) = &self.ranks {
            ranks.share_weights(&mut model)?;
        }
        let parts = Parts {
            model: &model,
            loss: &self.loss,
            metrics: self.metrics.list(),
            penalty,
            ranks: self.ranks.as_ref(),
        };
        let totals =
            data.lent().evaluate(parts, Order::sequential(checked(batch_size)?), &self.dev)?;
        let columns = columns::of::<M, Y, E, D>(Data::Data::LOSSES, self.metrics.list());
        Ok(Data::Data::measures(totals.report(&columns, self.metrics.list()).collect()))
    }

    /// The outputs of the model, of all samples in one: [`Predict::predict`](super::Predict::predict). Several ranks share the work.
    ///
    /// # Errors
    /// [`Error::Empty`] if there are no samples; those of the layers and of the ranks.
    pub fn predict<X>(
        &self,
        inputs: X,
        batch_size: usize,
    ) -> Result<<X::Data as Asks<M, E, D>>::Answers, Error>
    where
        X: Lends<Data: Asks<M, E, D>>,
    {
        inputs.lent().ask(&self.model, batch_size, self.ranks.as_ref().map(Ranks::comm))
    }
}

pub(super) fn checked(batch_size: usize) -> Result<usize, Error> {
    at_least_one(&[("batch_size", Some(batch_size))])?;
    Ok(batch_size)
}
