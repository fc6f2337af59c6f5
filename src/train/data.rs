//! What training asks of data, as one trait.
//!
//! The methods of a [`Trainer`](super::Trainer) return what such a trait names. So the compiler comes to it before it comes to the
//! bounds of the method: it says in one error what does not fit, in the words of that, and not where the bound is.

use dfdx::tensor::{Cpu, NoneTape};

use super::{
    Feeds, History, Judges, Logs, Matches,
    evaluate::{Parts, evaluate},
    judge::Judge,
    run::Run,
    totals::Totals,
};
use crate::{
    backend::{Backend, Element},
    data::{Dataset, Order},
    error::Error,
    model::Model,
    signal::{Outputs, Signal},
};

/// Targets of the signal `Y`: those of all data that one trainer is given.
#[diagnostic::on_unimplemented(
    message = "the targets are `{Self}` here, but must be `{Y}` for this trainer",
    label = "other targets than the losses have, or the data before",
    note = "training and validation data have targets of one kind: class ids in both, or one-hot rows in both",
    note = "a model of several outputs has a target for each, as a tuple in the order of `outputs(..)`"
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

    /// What [`Trainer::fit`](super::Trainer::fit) returns.
    fn history(history: History) -> Self::History;

    /// What [`Trainer::evaluate`](super::Trainer::evaluate) returns.
    fn measures(measures: Vec<(String, f64)>) -> Self::Measures;

    /// How many losses of outputs stand in columns of their own.
    #[doc(hidden)]
    const LOSSES: usize;

    /// [`Loss::settings`](crate::loss::Loss::settings) of each loss.
    #[doc(hidden)]
    fn loss_settings(losses: &L) -> Vec<Vec<(&'static str, String)>>;

    /// [`Dataset::samples`].
    fn known_samples(&self) -> Option<usize>;

    /// Checks the weights of all samples, if they are known.
    ///
    /// # Errors
    /// Those of [`Weights::check_all`](crate::reduce::Weights::check_all).
    #[doc(hidden)]
    fn check_weights(&self) -> Result<(), Error>;

    /// The batches of an epoch of training.
    ///
    /// # Errors
    /// Those of [`Trainer::fit`](super::Trainer::fit).
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn batches(
        &self,
        run: &mut Run<'_, M, L, Y, E, D>,
        logs: &mut Logs,
        totals: &mut Totals,
    ) -> Result<(), Error>;

    /// Measures the model.
    ///
    /// # Errors
    /// Those of [`Trainer::evaluate`](super::Trainer::evaluate).
    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn evaluate(
        &self,
        parts: Parts<'_, M, L, Y, E, D>,
        order: Order,
        dev: &D,
    ) -> Result<Totals, Error>;
}

impl<Data, M, L, Y, E, D> TrainingData<M, L, Y, E, D> for Data
where
    M: Model<E, D>,
    M::Output: Outputs,
    Data: Dataset,
    Data::Input: Feeds<M::Input>,
    Data::Target: TargetsOf<Y>,
    <M::Output as Outputs>::Number: Matches<M::Output, L, Y>,
    Judge<M, L, Y, E, D>: Judges<M::Output, L, Y, Data::Weights, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type History = History;
    type Measures = Vec<(String, f64)>;
    const LOSSES: usize = Judge::<M, L, Y, E, D>::COLUMNS;

    fn history(history: History) -> History {
        history
    }

    fn measures(measures: Vec<(String, f64)>) -> Vec<(String, f64)> {
        measures
    }

    fn loss_settings(losses: &L) -> Vec<Vec<(&'static str, String)>> {
        Judge::<M, L, Y, E, D>::settings(losses)
    }

    fn known_samples(&self) -> Option<usize> {
        self.samples()
    }

    fn check_weights(&self) -> Result<(), Error> {
        self.known_weights().map_or(Ok(()), Judge::<M, L, Y, E, D>::check_weights)
    }

    #[allow(private_interfaces)]
    fn batches(
        &self,
        run: &mut Run<'_, M, L, Y, E, D>,
        logs: &mut Logs,
        totals: &mut Totals,
    ) -> Result<(), Error> {
        run.batches_of(self, logs, totals)
    }

    #[allow(private_interfaces)]
    fn evaluate(
        &self,
        parts: Parts<'_, M, L, Y, E, D>,
        order: Order,
        dev: &D,
    ) -> Result<Totals, Error> {
        evaluate(parts, self, order, dev)
    }
}
