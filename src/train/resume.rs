//! How a trainer is written to a checkpoint, and goes on from one.

use std::path::Path;

use super::{Trainer, checkpoint, fit::Terms, resumed::Position, setup::Setup};
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
    /// Writes a checkpoint: the model, what the optimiser remembers, the history, and what callbacks remember.
    ///
    /// During `fit` a [`ModelCheckpoint`](super::callbacks::ModelCheckpoint) writes them. The file is written whole or
    /// not at all.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Invalid`] where one of several ranks has failed between two updates of gathered gradients, of which each
    /// has a part.
    pub fn save_checkpoint(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        (self.optimizing)(&mut self.optimizer).check_gathered(&self.state)?;
        let position = Position { epochs_before: self.history.epochs(), ..Position::default() };
        self.parts()?.save(path.as_ref(), &position, &Terms::default())
    }

    /// Goes on from a checkpoint: the next call of `fit` goes on where it was written, in the middle of an epoch too,
    /// and gives the same numbers, bit by bit, as if the training had never stopped.
    ///
    /// The trainer is put together as before: the same model, loss, optimiser, metrics and callbacks; and `fit` is
    /// called with the same data and settings, but for the number of epochs. What is not in the file is what layers
    /// hold beside their parameters, and what closures remember.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is no checkpoint, or is broken; [`Error::Differences`] with all that differs: the version, the
    /// number type, the layers, the loss, the metrics, the optimiser and its settings, callbacks that remembered something. Then the trainer is
    /// as it was before. What is to differ is changed afterwards; but `fit` refuses other batches than before, and other settings of the loss.
    ///
    /// ```
    /// use kerata::{*, callbacks::ModelCheckpoint, data::InMemory, loss::MeanSquaredError, model::Sequential, optim::Adam,
    ///     prelude::*, train::{Fit, Trainer}};
    ///
    /// let path = std::env::temp_dir().join(format!("kerata-doc-resume-{}.safetensors", std::process::id()));
    /// let file = path.to_str().unwrap();
    /// let trainer = |seed| {
    ///     let model = Sequential::<(Batch, Const<1>), (Dense<1, 1>,)>::build(&Cpu::seed_from_u64(seed))?;
    ///     Ok::<_, Error>(Trainer::new(model, MeanSquaredError, Adam::new(0.1))?.callback(ModelCheckpoint::new(file)))
    /// };
    /// let data = InMemory::new(vec![[0.0], [1.0], [2.0]], vec![[1.0], [3.0], [5.0]])?;
    /// let mut first = trainer(1)?;
    /// first.fit(&data, &Fit::epochs(2))?;
    ///
    /// // In another process.
    /// let mut second = trainer(2)?;
    /// second.resume(&path)?;
    /// second.fit(&data, &Fit::epochs(4))?;
    ///
    /// let mut undisturbed = trainer(1)?;
    /// undisturbed.fit(&data, &Fit::epochs(4))?;
    /// assert_eq!(second.history(), undisturbed.history());
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "load_checkpoint")]
    pub fn resume(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let read = self.parts()?.read(path.as_ref())?;
        let rate = read.learning_rate()?;
        let checkpoint::Read { model, state, history, mut resumed } = read;
        resumed.restore_totals(path.as_ref(), self.metrics.list())?;
        let own = (self.optimizing)(&mut self.optimizer).learning_rate_mut();
        if let Some(rate) = rate.filter(|_| !own.is_schedule()) {
            own.set(rate)?;
        }
        (self.model, self.state, self.history) = (model, state, history);
        self.resumed = Some(resumed);
        log::info!("going on from {}", path.as_ref().display());
        Ok(())
    }

    fn parts(&mut self) -> Result<checkpoint::Parts<'_, M, E, D>, Error> {
        let optimizer = (self.optimizing)(&mut self.optimizer);
        let setup = Setup::of::<M, L, Y, E, D>(&self.model, optimizer, self.metrics.list())?;
        Ok(checkpoint::Parts {
            model: &mut self.model,
            state: &mut self.state,
            optimizer,
            setup,
            history: &self.history,
            callbacks: &mut self.callbacks,
        })
    }
}
