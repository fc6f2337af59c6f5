//! The loop of `fit`.

use std::cell::{Cell, RefCell};

use dfdx::tensor::OwnedTape;
use log::{error, info, warn};

use super::{
    Callback, Feeds, Fit, History, Judges, Logs, Matches, Recovery, TargetsOf, TrainingData,
    augment::{Augment, augmented},
    callback::Kept,
    checkpoint, columns,
    evaluate::share_of,
    fit::Terms,
    judge::Judge,
    moments::{each, each_in_batch},
    optimizing::Optimizing,
    ranks::{Ranks, Step, told},
    resumed::Position,
    swap_back::SwapBack,
    totals::{AnyMetric, Totals, measure},
    training::{About, Wishes},
};
use crate::{
    backend::{Backend, Element, whole_pass},
    data::{Batch, Dataset, Order},
    distributed,
    error::Error,
    model::Model,
    optim::{State, Sum, Summed},
    regularizers::is_penalized,
    signal::{Outputs, Signal},
};

/// A call of `fit`: the parts of the trainer, and how far it is.
pub struct Run<'a, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    pub(super) model: &'a mut M,
    pub(super) loss: &'a L,
    pub(super) optimizer: &'a mut dyn Optimizing<M, E, D>,
    pub(super) state: &'a mut State<E, D>,
    pub(super) metrics: &'a [AnyMetric<M::Output, Y, E, D>],
    pub(super) callbacks: &'a mut [Box<dyn Kept<M, E, D> + Send>],
    pub(super) augment: &'a mut [Augment<M::Input, Y, E, D>],
    pub(super) history: &'a mut History,
    pub(super) dev: D,
    pub(super) ranks: Option<Ranks>,
    /// Whether callbacks of this rank have changed the weights, which the others do not know yet.
    pub(super) changed: bool,
    pub(super) fit: Fit,
    pub(super) terms: Terms,
    /// How many samples the data has, if that is known.
    pub(super) samples: Option<usize>,
    pub(super) columns: Vec<String>,
    /// That of `fit_validated`, before those of the trainer.
    pub(super) validation: Option<Box<dyn Callback<M, E, D> + 'a>>,
    /// Callbacks of every training, behind those of the trainer.
    pub(super) given: Vec<Box<dyn Callback<M, E, D>>>,
    /// What was measured in this call.
    pub(super) measured: History,
    pub(super) about: About,
    pub(super) wishes: Wishes,
    pub(super) at: Position,
}

impl<M, L, Y, E, D> Run<'_, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// How many losses of outputs stand in columns of their own, before the metrics.
    fn losses(&self) -> usize {
        self.columns.len() - self.metrics.len()
    }

    /// What the logs of an epoch hold.
    fn describe(&mut self, samples: Option<usize>) {
        let mut columns = columns::directed(&self.columns, self.metrics);
        let in_batches = columns.len();
        columns.extend(self.validation.iter().flat_map(|validation| validation.adds()));
        columns.extend(self.callbacks.iter().flat_map(|callback| callback.adds()));
        self.about = About {
            epochs: self.fit.epochs,
            samples,
            batch_size: self.fit.batch_size,
            optimizer: self.optimizer.name(),
            columns,
            in_batches,
            validated: self.validation.is_some(),
            averages: self.optimizer.has_averages(),
            resumed: self.about.resumed,
        };
    }

    /// All epochs. After an error or a panic the model has its weights: all rows of its tables are those of the last step, and none are
    /// exchanged with their averages.
    pub(super) fn whole<Data>(
        self,
        data: &Data,
        resumed: Option<&mut checkpoint::Content>,
    ) -> Result<History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        let mut unless_failed = SwapBack { run: self, failed: true };
        let history = unless_failed.run.run(data, resumed)?;
        unless_failed.run.settle()?;
        unless_failed.run.unite()?;
        unless_failed.failed = false;
        Ok(history)
    }

    fn run<Data>(
        &mut self,
        data: &Data,
        resumed: Option<&mut checkpoint::Content>,
    ) -> Result<History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        let of_steps =
            self.fit.steps_per_epoch.map(|steps| steps.saturating_mul(self.fit.batch_size));
        let samples = match (self.samples, of_steps) {
            (Some(known), Some(used)) => Some(known.min(used)),
            (known, used) => known.or(used),
        };
        self.describe(samples);
        // What is random later on must not depend on what is drawn in between.
        self.state.settle_seed(self.model);
        self.measured = self.history.since(self.at.epochs_before);
        self.meet()?;
        each!(self.on_train_begin())?;
        if let Some(content) = resumed {
            checkpoint::restore_callbacks(self.callbacks, content)?;
        }
        self.conclude()?;
        let About { epochs, batch_size, optimizer, .. } = &self.about;
        info!("training to epoch {epochs}, batches of {batch_size}, {optimizer}");
        // An epoch that was stopped before a checkpoint comes to its end.
        while self.at.epoch < self.fit.epochs
            && !self.at.stopped
            && (!self.wishes.stop || self.at.begun)
        {
            let mut logs = self.epoch(data)?;
            let epoch = self.at.epoch;
            if let Err(error) = self.measure(epoch, &mut logs) {
                // There is nothing to decide by, but it stands in the history.
                self.hooks_given(|callback, training| {
                    callback.on_epoch_end(training, epoch, &mut logs)
                })?;
                error!("measuring after epoch {} failed: {error}", epoch + 1);
                return Err(error);
            }
            each!(self.on_epoch_end(epoch, &mut logs))?;
            self.follow(0)?;
            info!("epoch {}/{}: {}", epoch + 1, self.fit.epochs, logs.line());
            let stopped = self.wishes.stop && !self.wishes.interrupted;
            let epochs_before = self.at.epochs_before;
            self.at = Position { epochs_before, epoch: epoch + 1, stopped, ..Position::default() };
            self.grant()?;
        }
        if self.optimizer.has_averages() && self.state.steps() > 0 {
            self.state.overwrite_with_averages(self.model)?;
        }
        each!(self.on_train_end())?;
        self.conclude()?;
        // A checkpoint that cannot be written is an error on all ranks.
        self.follow(0)?;
        info!("the training ended after epoch {}", self.at.epoch);
        Ok(std::mem::take(&mut self.measured))
    }

    /// The steps of one epoch, and what was measured in them.
    fn epoch<Data>(&mut self, data: &Data) -> Result<Logs, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
    {
        let (epoch, first) = (self.at.epoch, self.at.batch);
        let before = self.at.totals.take();
        let mut totals = before.unwrap_or_else(|| Totals::new(self.losses(), self.metrics));
        if first == 0 && !self.at.begun {
            each!(self.on_epoch_begin(epoch))?;
            self.at.begun = true;
        }
        self.follow(0)?;
        self.grant_within(&totals)?;
        let mut logs: Logs = totals.report(&self.columns, self.metrics).collect();
        data.batches(self, &mut logs, &mut totals)?;
        if totals.is_empty() {
            if !self.wishes.stop {
                return Err(Error::Empty("the dataset"));
            }
            logs.update(std::iter::repeat(f64::NAN));
        }
        // For a checkpoint that is written during a validation.
        self.at.totals = Some(totals).filter(|totals| !totals.is_empty());
        Ok(logs)
    }

    /// The batches of an epoch: [`TrainingData::batches`].
    pub(super) fn batches_of<Data>(
        &mut self,
        data: &Data,
        logs: &mut Logs,
        totals: &mut Totals,
    ) -> Result<(), Error>
    where
        M::Output: Outputs<Number: Matches<M::Output, L, Y>>,
        Judge<M, L, Y, E, D>: Judges<M::Output, L, Y, Data::Weights, E, D>,
        Data: Dataset<Target: TargetsOf<Y>>,
        Data::Input: Feeds<M::Input>,
    {
        let dev = self.dev.clone();
        let steps = self.fit.steps_per_epoch.unwrap_or(usize::MAX);
        let epochs = data.batches_of_all(self.fit.batch_size).map_or(1, |all| all.div_ceil(steps));
        let epochs_before = self.epoch_of_call() % epochs.max(1);
        let (first, order) = (self.at.batch, self.order(epochs_before));
        let batches_before = epochs_before.saturating_mul(steps);
        let mut batches = data.batches_from::<E, D>(order, &dev, batches_before + first);
        for number in first..steps {
            let stops = self.wishes.stop;
            let batch = if stops { None } else { batches.next().transpose()? };
            self.at.batch = number;
            // Of a training that is resumed here, callbacks may have seen this before.
            let begun = std::mem::take(&mut self.at.batch_begun) && number == first;
            if batch.is_some() && !begun {
                each_in_batch!(self.on_train_batch_begin(number))?;
            }
            if self.follow(u8::from(stops))? != 0 {
                break;
            }
            let Some(batch) = batch else {
                let ended = Error::DataEnded {
                    found: number,
                    expected: order.steps,
                    setting: "steps_per_epoch",
                };
                let fails = order.steps.is_some() && epochs_before == 0;
                return if fails { Err(ended) } else { Ok(()) };
            };
            self.at.batch_begun = true;
            self.grant_within(totals)?;
            let on_all = Cell::new(self.ranks.is_none());
            if let Err(error) = self.step::<Data>(batch, number, totals, &on_all) {
                if !on_all.get() {
                    // The others wait, and end with this.
                    error!("the training failed on this rank: {error}");
                    return Err(error);
                }
                let recovery = self.recovery(number, &error)?;
                self.grant_within(totals)?;
                match recovery {
                    Recovery::Fail => {
                        error!("the training failed: {error}");
                        if let Err(more) = self.unite() {
                            error!("what was gathered stays apart: {more}");
                        }
                        return Err(error);
                    }
                    Recovery::Stop => {
                        warn!("the training stops: {error}");
                        self.wishes.stop = true;
                    }
                    Recovery::Skip => warn!("a batch is passed over: {error}"),
                }
                continue;
            }
            logs.update(totals.values(self.metrics));
            (self.at.batch, self.at.batch_begun) = (number + 1, false);
            each_in_batch!(self.on_train_batch_end(number, &logs))?;
            if self.gathers_apart() {
                self.follow(0)?;
            }
            self.grant_within(totals)?;
        }
        Ok(())
    }

    /// Each pass over the data of each call has its own order, and the whole follows from one seed. A pass is one epoch, or several
    /// if these have fewer batches than it; `epochs_before` of them belong to the pass of this one.
    fn order(&self, epochs_before: usize) -> Order {
        let number = self.history.epochs().saturating_sub(epochs_before);
        let shuffle = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let shuffle = self.fit.shuffle.then_some(self.fit.seed ^ shuffle);
        let (batch_size, steps) = (self.fit.batch_size, self.fit.steps_per_epoch);
        Order { batch_size, shuffle, epoch: self.epoch_of_call(), steps }
    }

    /// How many epochs of this call of `fit` there were before this one.
    fn epoch_of_call(&self) -> usize {
        self.at.epoch.saturating_sub(self.fit.initial_epoch)
    }

    fn step<Data>(
        &mut self,
        batch: Batch<Data::Input, Data::Target, Data::Weights, E, D>,
        number: usize,
        totals: &mut Totals,
        on_all: &Cell<bool>,
    ) -> Result<(), Error>
    where
        M::Output: Outputs<Number: Matches<M::Output, L, Y>>,
        Judge<M, L, Y, E, D>: Judges<M::Output, L, Y, Data::Weights, E, D>,
        Data: Dataset<Target: TargetsOf<Y>>,
        Data::Input: Feeds<M::Input>,
    {
        let Batch { input, target, weights, size } = batch;
        let pair = (Data::Input::feed::<E, D>(input)?, Data::Target::same::<E, D>(target));
        let compared = self
            .ranks
            .as_ref()
            .map_or(Ok(0.0), |ranks| ranks.fingerprint::<M::Input, Y, E, D>(&pair.0, &pair.1))?;
        let at = (self.history.epochs(), number);
        let (input, target) =
            augmented::<M::Input, Y, E, D>(self.augment, pair, self.fit.seed, at)?;
        let ranks = self.ranks.as_ref().map(|ranks| (ranks, ranks.pass(size)));
        let (input, target, weights) =
            share_of::<M::Input, Y, _, E, D>(ranks.as_ref(), input, target, weights)?;
        let (epoch, number) = (self.at.epoch + 1, number + 1);
        let (metrics, loss) = (self.metrics, self.loss);
        let told = told(epoch, number, size, compared);
        let fits = |value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(Error::NonFiniteLoss { value, epoch, batch: number }),
        };
        // What a step measures that fails does not count.
        let mut measured = totals.clone();
        // A rank measures its share by itself, which is added then.
        let anew = || Totals::new(measured.outputs.len(), metrics);
        let own = RefCell::new(ranks.as_ref().map(|_| anew()));
        let all = RefCell::new(&mut measured);
        let outputs = RefCell::new(Vec::new());
        let one_loss = ranks.is_some()
            && Judge::<M, L, Y, E, D>::COLUMNS == 0
            && self.optimizer.steps_by_loss_alone(self.state, self.model)?;
        let mut input = Some(input);
        let mut pass = |model: &mut M| {
            let input = input.take().ok_or(Error::Empty("the batch"))?;
            let constant = M::Input::stop_gradient::<E, D>(&input);
            let tape = OwnedTape::default();
            let input = M::Input::put_tape::<E, D, OwnedTape<E, D>>(input, tape);
            let output = whole_pass(|| model.call_mut(input))?;
            drop(constant);
            let (output, tape) = M::Output::split_tape(output);
            {
                let (mut own, mut all) = (own.borrow_mut(), all.borrow_mut());
                let totals = own.as_mut().unwrap_or(&mut **all);
                measure::<M::Output, Y, E, D>(metrics, totals, &output, &target, &weights)?;
            }
            let output = M::Output::put_tape::<E, D, OwnedTape<E, D>>(output, tape);
            if one_loss && !is_penalized() {
                distributed::divide_later();
            }
            let judged = Judge::<M, L, Y, E, D>::judge(loss, output, &target, &weights)?;
            if own.borrow().is_none() {
                fits(judged.total.as_vec()[0].as_f64())?;
            }
            *outputs.borrow_mut() = judged.each;
            Ok(judged.total)
        };
        let mut sum = |summed: Summed<'_, E>, value: E| {
            let (Some((ranks, _)), Some(own)) = (&ranks, &*own.borrow()) else { return Ok(value) };
            let mut losses = [vec![value.as_f64()], outputs.take()].concat();
            let mut all = all.borrow_mut();
            let step = Step { size, put_off: distributed::put_off(), told: &told };
            ranks.sum_step(summed, &mut losses, step, own, &mut all, metrics)?;
            on_all.set(true);
            fits(losses[0])?;
            *outputs.borrow_mut() = losses.split_off(1);
            Ok(E::of(losses[0]))
        };
        let sum: Option<Sum<'_, E>> = if ranks.is_some() { Some(&mut sum) } else { None };
        let share = ranks.as_ref().map(|(_, pass)| pass.clone());
        let value = distributed::within(share, || {
            self.optimizer.attempt(self.state, self.model, &mut pass, sum)
        });
        let value = value.map_err(|error| error.in_batch(epoch, number))?;
        measured.add_outputs(&outputs.into_inner(), size);
        measured.loss.add([value.as_f64()], [size as f64]);
        *totals = measured;
        Ok(())
    }
}
