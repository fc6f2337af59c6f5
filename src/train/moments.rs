//! The moments of a training: what callbacks are shown, what they decide, and how several ranks agree on it.

use log::info;

use super::{
    Callback, Logs, Recovery, Training, checkpoint,
    ranks::{self, Control, Ranks},
    resumed::Position,
    run::Run,
    setup::Setup,
    totals::Totals,
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    model::Model,
    parameters,
    signal::Signal,
};

/// Shows a moment to all callbacks: `each!(run.hook(arguments))`.
macro_rules! each {
    ($run:ident.$hook:ident($($argument:expr),*)) => {
        $run.hooks(|callback, training| callback.$hook(training, $($argument),*))
    };
}
pub(super) use each;

/// Shows a moment in each batch to all callbacks.
macro_rules! each_in_batch {
    ($run:ident.$hook:ident($($argument:expr),*)) => {
        $run.hooks_in_batch(|callback, training| callback.$hook(training, $($argument),*))
    };
}
pub(super) use each_in_batch;

/// Shows a moment of a training to a callback.
pub(super) trait Hook<M, E: Element, D: Backend<E>>:
    FnMut(&mut dyn Callback<M, E, D>, &mut Training<'_, M, E, D>) -> Result<(), Error>
{
}

impl<M, E, D, F> Hook<M, E, D> for F
where
    E: Element,
    D: Backend<E>,
    F: FnMut(&mut dyn Callback<M, E, D>, &mut Training<'_, M, E, D>) -> Result<(), Error>,
{
}

/// Whose callbacks are shown a moment.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    /// The validation of this call, on all ranks.
    Validation,
    /// All of the trainer.
    Trainer,
    /// One of these.
    One(usize),
    /// Those of every training.
    Every,
}

impl<M, L, Y, E, D> Run<'_, M, L, Y, E, D>
where
    M: Model<E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    pub(super) fn has_callbacks(&self) -> bool {
        !self.callbacks.is_empty()
    }

    pub(super) fn recovery(&mut self, batch: usize, error: &Error) -> Result<Recovery, Error> {
        let mut recovery = Recovery::Fail;
        let asked = self.hooks(|callback, training| {
            recovery = recovery.max(callback.on_step_error(training, batch, error));
            Ok(())
        });
        let own = asked.map_or(Recovery::Fail, |()| recovery);
        let all = [Recovery::Fail, Recovery::Stop, Recovery::Skip];
        let decided = usize::from(self.follow(own as u8)?);
        Ok(all.get(decided).copied().unwrap_or(Recovery::Fail))
    }

    /// Has the model be what it is after the last step, before anything else looks at it.
    pub(super) fn settle(&mut self) -> Result<(), Error> {
        self.optimizer.settle(self.state, self.model)
    }

    /// Shows a moment to all callbacks.
    pub(super) fn hooks(&mut self, hook: impl Hook<M, E, D>) -> Result<(), Error> {
        self.settle()?;
        self.hooks_unsettled(hook)
    }

    /// The same for a moment in each batch, at which few callbacks look at the model.
    pub(super) fn hooks_in_batch(&mut self, hook: impl Hook<M, E, D>) -> Result<(), Error> {
        let own = self.callbacks.iter().any(|callback| callback.reads_model_in_batches());
        if own || self.given.iter().any(|callback| callback.reads_model_in_batches()) {
            self.settle()?;
        }
        self.hooks_unsettled(hook)
    }

    fn hooks_unsettled(&mut self, mut hook: impl Hook<M, E, D>) -> Result<(), Error> {
        self.hooks_of(Whose::Validation, &mut hook)?;
        self.on_first(|run| run.hooks_of(Whose::Trainer, &mut hook))?;
        self.hooks_of(Whose::Every, &mut hook)
    }

    /// Shows a moment to the callbacks of every training.
    pub(super) fn hooks_given(&mut self, mut hook: impl Hook<M, E, D>) -> Result<(), Error> {
        self.settle()?;
        self.hooks_of(Whose::Every, &mut hook)
    }

    /// Does something with the callbacks of the trainer; other ranks than the first have these only so that they are the same program.
    fn on_first(&mut self, work: impl FnOnce(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        match &self.ranks {
            None => work(self),
            Some(ranks) if ranks.is_first() && self.has_callbacks() => {
                let before = self.model.clone();
                work(self)?;
                self.changed |= ranks::differ(&before, self.model)?;
                Ok(())
            }
            Some(_) => Ok(()),
        }
    }

    fn hooks_of(&mut self, whose: Whose, hook: &mut impl Hook<M, E, D>) -> Result<(), Error> {
        let mut training = Training {
            model: &mut *self.model,
            state: &mut *self.state,
            rate: self.optimizer.learning_rate_mut(),
            history: &mut *self.history,
            measured: &mut self.measured,
            about: &self.about,
            wishes: &mut self.wishes,
            epoch: self.at.epoch,
        };
        let (own, given) = (&mut *self.callbacks, &mut self.given);
        match whose {
            Whose::Validation => {
                self.validation.iter_mut().try_for_each(|own| hook(&mut **own, &mut training))
            }
            Whose::Trainer => own.iter_mut().try_for_each(|own| hook(&mut **own, &mut training)),
            Whose::One(at) => hook(&mut *own[at], &mut training),
            Whose::Every => {
                given.iter_mut().try_for_each(|given| hook(&mut **given, &mut training))
            }
        }
    }

    /// Has callbacks measure what all of them are to see in the logs of this epoch.
    pub(super) fn measure(&mut self, epoch: usize, logs: &mut Logs) -> Result<(), Error> {
        self.settle()?;
        self.measure_by(Whose::Validation, epoch, logs)?;
        self.on_first(|run| {
            let mut own = 0..run.callbacks.len();
            own.try_for_each(|at| run.measure_by(Whose::One(at), epoch, logs))
        })
    }

    fn measure_by(&mut self, whose: Whose, epoch: usize, logs: &mut Logs) -> Result<(), Error> {
        let mut validates = false;
        self.hooks_of(
            whose,
            &mut |callback: &mut dyn Callback<M, E, D>, _: &mut Training<'_, M, E, D>| {
                validates = callback.validates(epoch);
                Ok(())
            },
        )?;
        // Of those of the trainer other ranks know nothing.
        let all = whose == Whose::Validation || self.ranks.is_none();
        if validates {
            each!(self.on_test_begin())?;
            if all {
                self.conclude()?;
            }
        }
        let before = logs.len();
        let measured = self.hooks_of(
            whose,
            &mut |callback: &mut dyn Callback<M, E, D>, training: &mut Training<'_, M, E, D>| {
                callback.measure(training, epoch, logs)
            },
        );
        if validates {
            // Also after an error, so that what has been exchanged for the validation is put back.
            let own = logs.since(before);
            let ended = each!(self.on_test_end(&own));
            measured?;
            ended?;
            return if all { self.conclude() } else { Ok(()) };
        }
        measured
    }

    /// Writes the checkpoints that callbacks have asked for.
    pub(super) fn grant(&mut self) -> Result<(), Error> {
        if !self.wishes.checkpoints.is_empty() {
            self.settle()?;
        }
        for path in std::mem::take(&mut self.wishes.checkpoints) {
            let setup = Setup::of::<M, L, Y, E, D>(self.model, self.optimizer, self.metrics)?;
            let mut parts = checkpoint::Parts {
                model: self.model,
                state: self.state,
                optimizer: self.optimizer,
                setup,
                history: self.history,
                callbacks: self.callbacks,
            };
            // An interrupted training goes on as if it had not been.
            let stopping = self.wishes.stop && !self.wishes.interrupted && !self.at.stopped;
            parts.save(&path, &Position { stopping, ..self.at.clone() }, &self.terms)?;
            info!("checkpoint saved in {}", path.display());
        }
        Ok(())
    }

    /// The same in the middle of an epoch, of which this was measured.
    pub(super) fn grant_within(&mut self, totals: &Totals) -> Result<(), Error> {
        if self.wishes.checkpoints.is_empty() {
            return Ok(());
        }
        self.at.totals = Some(totals.clone()).filter(|totals| !totals.is_empty());
        self.grant()
    }

    /// After a moment between two epochs: all ranks do what was decided, and checkpoints are written.
    pub(super) fn conclude(&mut self) -> Result<(), Error> {
        self.follow(0)?;
        self.grant()
    }

    /// Where several ranks begin: at the same place, with the weights and the seed of rank 0.
    pub(super) fn meet(&mut self) -> Result<(), Error> {
        let has_callbacks = self.has_callbacks();
        let Some(ranks) = &mut self.ranks else { return Ok(()) };
        let numbers = [
            ("number of epochs in the history", self.history.epochs()),
            ("epoch", self.at.epoch),
            ("batch", self.at.batch),
            ("number of steps", self.state.steps()),
            ("`epochs`", self.fit.epochs),
            ("`batch_size`", self.fit.batch_size),
            ("`shuffle`", usize::from(self.fit.shuffle)),
            ("`steps_per_epoch`", self.fit.steps_per_epoch.unwrap_or(0)),
            ("number of metrics", self.metrics.len()),
            ("number of parameters", parameters::list(self.model).len()),
            ("state of gathered gradients", usize::from(self.state.gathers_apart())),
        ];
        let mut numbers = numbers.map(|(name, number)| (name, number as u64)).to_vec();
        numbers.push(("`seed`", self.fit.seed));
        numbers.push(("checksum of the optimizer's options", self.optimizer.fingerprint()));
        ranks.meet(&numbers, has_callbacks)?;
        ranks.share_weights(self.model)?;
        let rate = self.optimizer.learning_rate_mut();
        if !rate.is_schedule() {
            let own = rate.at(0)?;
            let of_first = f64::from_bits(ranks.number_of_first(own.to_bits())?);
            if of_first != own {
                rate.set(of_first)?;
            }
        }
        let own = self.state.settle_seed(self.model);
        self.state.set_seed(ranks.number_of_first(own)?);
        self.state.gather_apart(ranks.is_first());
        Ok(())
    }

    /// Whether each rank has gathered gradients that those of the others are to be added to.
    pub(super) fn gathers_apart(&self) -> bool {
        self.state.gathers_apart() && self.optimizer.is_gathering(self.state)
    }

    /// Adds up what the ranks have gathered apart, so that each has all of it, as one process has.
    pub(super) fn unite(&mut self) -> Result<(), Error> {
        let Some(ranks) = self.ranks.as_ref().filter(|_| self.state.gathers_apart()) else {
            return Ok(());
        };
        let mut gathered = Vec::new();
        if self.gathers_apart() {
            gathered = self.state.gathered()?;
            ranks.sum(&mut gathered)?;
        }
        self.state.set_gathered(&gathered);
        Ok(())
    }

    /// Does what callbacks on rank 0 have decided, on all ranks; `decision` is what else this rank has decided, and the result what rank 0
    /// has. Where rank 0 is about to write a checkpoint, it has all that was gathered afterwards.
    pub(super) fn follow(&mut self, decision: u8) -> Result<u8, Error> {
        let Some(ranks) = self.ranks.as_ref().filter(|ranks| ranks.has_callbacks) else {
            return Ok(decision);
        };
        let rate = self.optimizer.learning_rate_mut();
        let own = match rate.is_schedule() {
            true => None,
            false => Some(rate.at(0)?),
        };
        let control = ranks.follow(Control {
            stop: self.wishes.stop,
            interrupted: self.wishes.interrupted,
            rate: own,
            changed: std::mem::take(&mut self.changed),
            swapped: self.state.has_swapped_averages(),
            saves: !self.wishes.checkpoints.is_empty(),
            decision,
        })?;
        if let (Some(now), Some(own)) = (control.rate, own)
            && now != own
        {
            rate.set(now)?;
        }
        (self.wishes.stop, self.wishes.interrupted) = (control.stop, control.interrupted);
        // Each by its own averages, so that it knows how to take them back after a failure.
        if control.swapped != self.state.has_swapped_averages() {
            self.state.swap_averages(self.model)?;
        }
        if control.changed {
            ranks.share_weights(self.model)?;
        }
        if control.saves && self.gathers_apart() {
            self.unite()?;
            let is_first = self.ranks.as_ref().is_some_and(Ranks::is_first);
            self.state.gather_apart(is_first);
        }
        Ok(control.decision)
    }
}
