//! What training asks of data, as one trait.
//!
//! The methods of a [`Trainer`] return what such a trait names. So the compiler comes to it before it comes to the
//! bounds of the method: it says in one error what does not fit, in the words of that, and not where the bound is.

use dfdx::tensor::{Cpu, NoneTape, OwnedTape};

use super::{
    Feeds, Fit, History, Trainer,
    measured::{AnyWeights, Measured},
    names::LOSS,
    progress::Progress,
    trainer::checked,
};
use crate::{
    backend::{Backend, Element},
    data::{Batch, Dataset, Order},
    error::Error,
    loss::{Loss, Prediction},
    model::Model,
    reduce::{Mean, SampleWeights, Unweighted, Weights},
    signal::Signal,
};

/// Targets of the signal `Y`: those of all data that one trainer is given.
#[diagnostic::on_unimplemented(
    message = "the targets are `{Self}` here, but `{Y}` in what the trainer was given before",
    label = "other targets than before",
    note = "training and validation data have targets of one kind: class ids in both, or one-hot rows in both"
)]
pub trait TargetsOf<Y: Signal>: Signal {
    /// The same targets.
    fn same<E: Element, D: Backend<E>>(
        targets: Self::Data<E, D, NoneTape>,
    ) -> Y::Data<E, D, NoneTape>;
}

impl<Y: Signal> TargetsOf<Y> for Y {
    fn same<E: Element, D: Backend<E>>(
        targets: Y::Data<E, D, NoneTape>,
    ) -> Y::Data<E, D, NoneTape> {
        targets
    }
}

/// Data to train and judge a model by: a [`Dataset`] whose inputs [feed](Feeds) the model, and whose targets the loss
/// `L` compares with what the model gives.
pub trait TrainingData<M: Model<E, D>, L, Y: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// [`History`].
    type History;
    /// Pairs of name and value.
    type Measures;

    /// What [`Trainer::fit`] returns.
    fn history(history: History) -> Self::History;

    /// What [`Trainer::evaluate`] returns.
    fn measures(measures: Vec<(String, f64)>) -> Self::Measures;

    /// [`Dataset::samples`].
    fn known_samples(&self) -> Option<usize>;

    /// One epoch of training.
    ///
    /// # Errors
    /// Those of [`Trainer::fit`].
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn epoch<O>(
        &self,
        trainer: &mut Trainer<M, L, O, Y, E, D>,
        epoch: usize,
        fit: &Fit,
        bar: &Progress,
    ) -> Result<Vec<(String, f64)>, Error>;

    /// Measures the model.
    ///
    /// # Errors
    /// Those of [`Trainer::evaluate`].
    fn evaluate<O>(
        &self,
        trainer: &Trainer<M, L, O, Y, E, D>,
        batch_size: usize,
    ) -> Result<Vec<(String, f64)>, Error>;
}

impl<Data, M, L, Y, E, D> TrainingData<M, L, Y, E, D> for Data
where
    M: Model<E, D>,
    M::Output: Prediction,
    Data: Dataset,
    Data::Input: Feeds<M::Input>,
    Data::Target: TargetsOf<Y>,
    Data::Weights: Weights<M::Output>,
    L: Loss<M::Output, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type History = History;
    type Measures = Vec<(String, f64)>;

    fn history(history: History) -> History {
        history
    }

    fn measures(measures: Vec<(String, f64)>) -> Vec<(String, f64)> {
        measures
    }

    fn known_samples(&self) -> Option<usize> {
        self.samples()
    }

    #[allow(private_interfaces)]
    fn epoch<O>(
        &self,
        trainer: &mut Trainer<M, L, O, Y, E, D>,
        epoch: usize,
        fit: &Fit,
        bar: &Progress,
    ) -> Result<Vec<(String, f64)>, Error> {
        let mut totals = Totals::new(trainer.metrics.len());
        // Each epoch of each call has its own order, and the whole follows from one seed.
        let shuffle = (trainer.history.epochs() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let order = Order {
            batch_size: checked(fit.batch_size)?,
            shuffle: fit.shuffle.then_some(fit.seed ^ shuffle),
        };
        let dev = trainer.dev.clone();
        for (number, batch) in self.batches::<E, D>(order, &dev).enumerate() {
            let (batch, number) = (batch?, number + 1);
            let size = batch.size;
            let Trainer { model, loss, optimizer, state, metrics, attempt, .. } = trainer;
            let mut batch = Some(batch);
            let mut pass = |model: &mut M| {
                let batch = batch.take().ok_or(Error::Empty("the batch"))?;
                let Batch { input, target, weights, .. } = batch;
                let input = Data::Input::feed::<E, D>(input)?;
                let target = Data::Target::same::<E, D>(target);
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
            let value = attempt(state, optimizer, model, &mut pass);
            let value = value.map_err(|error| error.in_batch(epoch, number))?;
            totals.loss.add([value.as_f64()], [size as f64]);
            bar.batch(size, totals.loss.get());
        }
        totals.report(trainer.columns())
    }

    fn evaluate<O>(
        &self,
        trainer: &Trainer<M, L, O, Y, E, D>,
        batch_size: usize,
    ) -> Result<Vec<(String, f64)>, Error> {
        let mut totals = Totals::new(trainer.metrics.len());
        let order = Order { batch_size: checked(batch_size)?, shuffle: None };
        for batch in self.batches::<E, D>(order, &trainer.dev) {
            let Batch { input, target, weights, size } = batch?;
            let input = Data::Input::feed::<E, D>(input)?;
            let target = Data::Target::same::<E, D>(target);
            let output = trainer.model.call::<NoneTape>(input)?;
            measure::<M::Output, Y, E, D>(
                &trainer.metrics,
                &mut totals,
                &output,
                &target,
                &weights,
            )?;
            let loss = trainer.loss.mean::<NoneTape, _>(output, &target, &weights)?;
            totals.loss.add([loss.as_vec()[0].as_f64()], [size as f64]);
        }
        totals.report(trainer.columns())
    }
}

/// Adds a batch to the means of the metrics.
fn measure<P: Signal, Y: Signal, E: Element, D: Backend<E>>(
    metrics: &[(Box<dyn Measured<P, Y, E, D>>, bool)],
    totals: &mut Totals,
    output: &P::Data<E, D, NoneTape>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(), Error> {
    for (mean, (metric, weighted)) in totals.metrics.iter_mut().zip(metrics) {
        let weights = if *weighted { AnyWeights::of(weights) } else { AnyWeights::of(&Unweighted) };
        metric.update(mean, P::share::<E, D>(output), target, weights)?;
    }
    Ok(())
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
