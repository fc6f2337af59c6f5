//! The validation behind an epoch.
//!
//! It is no [`Callback`](super::Callback), as a [`Validation`](super::callbacks::Validation) is: it shows its own moments to the callbacks, and on
//! several ranks all of them take part.

use super::{Logs, TrainingData, evaluate::Parts, moments::each, names, run::Run};
use crate::{
    backend::{Backend, Element},
    data::Order,
    error::Error,
    model::Model,
    signal::Signal,
};

impl<M, L, Y, E, D> Run<'_, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    /// Measures the model on data that it does not learn from: the columns that begin with `val_`.
    pub(super) fn validate<Validation>(&mut self, data: &Validation) -> Result<Logs, Error>
    where
        Validation: TrainingData<M, L, Y, E, D>,
    {
        each!(self.on_test_begin())?;
        self.conclude()?;
        let totals = self.state.penalty(self.model).and_then(|penalty| {
            let (model, loss, metrics) = (&*self.model, self.loss, self.metrics);
            let parts = Parts { model, loss, metrics, penalty, ranks: self.ranks.as_ref() };
            let size = self.fit.validation_batch_size.unwrap_or(self.fit.batch_size);
            let order = Order::sequential(size);
            data.evaluate(parts, Order { steps: self.fit.validation_steps, ..order }, &self.dev)
        });
        let logs: Logs = match &totals {
            Ok(totals) => {
                let values = totals.report(&self.columns, self.metrics);
                values.map(|(name, value)| (names::of_validation(&name), value)).collect()
            }
            Err(_) => Logs::default(),
        };
        // Also after an error, so that what has been exchanged for the validation is put back.
        let ended = each!(self.on_test_end(&logs));
        totals?;
        ended?;
        self.conclude()?;
        Ok(logs)
    }
}
