//! A call of `fit` begins: what of the trainer it runs with.

use super::{
    Callback, Fit, History, Progress, Recorder, Trainer, TrainingData, callbacks, columns,
    fit::Terms,
    ranks::Ranks,
    resumed::Position,
    run::Run,
    training::{About, Wishes},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    model::Model,
    signal::Signal,
};

impl<M, L, O, Y, E, D> Trainer<M, L, O, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    pub(super) fn run<Data, Validation>(
        &mut self,
        data: &Data,
        validation: Option<&Validation>,
        fit: &Fit,
    ) -> Result<History, Error>
    where
        Data: TrainingData<M, L, Y, E, D>,
        Validation: TrainingData<M, L, Y, E, D>,
    {
        fit.check()?;
        data.check_weights()?;
        let losses = Data::loss_settings(&self.loss);
        let terms = Terms::of(fit, data.known_samples(), losses, &M::output_names());
        if let Some(resumed) = &self.resumed {
            resumed.check(&terms)?;
            resumed.check_measures(Data::LOSSES, self.metrics.list().len())?;
        }
        let columns = columns::of::<M, Y, E, D>(Data::LOSSES, self.metrics.list());
        let given = self.given(fit);
        let (loss, metrics, ranks) = (&self.loss, self.metrics.list(), self.ranks.as_ref());
        let validation = validation.map(|data| -> Box<dyn Callback<M, E, D> + '_> {
            Box::new(callbacks::ValidationOfFit::of_fit(data, loss, metrics, ranks, fit))
        });
        let mut resumed = self.resumed.take();
        let anew = || Position { epochs_before: self.history.epochs(), ..Position::default() };
        let mut at = resumed.as_ref().map_or_else(anew, |resumed| resumed.at.clone());
        at.epoch = at.epoch.max(fit.initial_epoch);
        let rate = (self.optimizing)(&mut self.optimizer).learning_rate().clone();
        let done = (self.state.steps(), self.history.epochs());
        let about = About { resumed: resumed.as_ref().map(|_| at.epoch), ..About::default() };
        let run = Run {
            model: &mut self.model,
            loss,
            optimizer: (self.optimizing)(&mut self.optimizer),
            state: &mut self.state,
            metrics,
            callbacks: &mut self.callbacks,
            augment: self.augment.list(),
            history: &mut self.history,
            dev: self.dev.clone(),
            ranks: self.ranks.clone(),
            changed: false,
            fit: *fit,
            terms,
            samples: data.known_samples(),
            columns,
            validation,
            given,
            measured: History::default(),
            about,
            wishes: Wishes { stop: at.stopping, ..Wishes::default() },
            at,
        };
        let result = run.whole(data, resumed.as_mut().map(|r| &mut r.content));
        // What has changed nothing can be tried again from the same place.
        let nothing = done == (self.state.steps(), self.history.epochs());
        if let Some(resumed) = resumed.filter(|_| result.is_err() && nothing) {
            *(self.optimizing)(&mut self.optimizer).learning_rate_mut() = rate;
            self.resumed = Some(resumed);
        }
        result
    }

    /// The callbacks that are there without being asked for, as in Keras: a progress bar, and what writes the history.
    fn given(&self, fit: &Fit) -> Vec<Box<dyn Callback<M, E, D>>> {
        let is_first = self.ranks.as_ref().is_none_or(Ranks::is_first);
        let mut given: Vec<Box<dyn Callback<M, E, D>>> = Vec::new();
        if fit.progress && is_first && self.find_callback::<Progress>().is_none() {
            given.push(Box::new(Progress::new()));
        }
        given.push(Box::new(Recorder));
        given
    }
}
