use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// Puts the logs of an epoch into the [`History`](crate::train::History): what Keras calls its `History` callback. Every training has
/// one, behind all others, so that what they set in the logs stands there too.
#[derive(Debug)]
pub(crate) struct Recorder;

impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for Recorder {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        training.record(logs);
        Ok(())
    }
}
