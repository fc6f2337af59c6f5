use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::Parameters,
    train::{Callback, Logs, Training},
};

/// Validates the moving averages of the weights instead of the weights, which come back afterwards. The optimiser has
/// `use_ema`.
///
/// Keras: [`SwapEMAWeights`](https://keras.io/api/callbacks/swap_ema_weights/).
///
/// ```
/// use kerata::{callbacks::SwapEmaWeights, optim::Adam};
///
/// let (adam, swap) = (Adam { use_ema: true, ..Adam::default() }, SwapEmaWeights::new());
/// ```
#[derive(Debug, Clone, Default)]
pub struct SwapEmaWeights {
    on_epoch: bool,
}

impl SwapEmaWeights {
    /// Exchanges them for the validation.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the averages are in the model at the end of each epoch too, for the callbacks that follow this one,
    /// such as a [`ModelCheckpoint`](super::ModelCheckpoint). Default no.
    #[must_use]
    pub fn swap_on_epoch(mut self, swap: bool) -> Self {
        self.on_epoch = swap;
        self
    }

    fn swap<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        training: &mut Training<'_, M, E, D>,
        averages: bool,
    ) -> Result<(), Error> {
        if training.state.has_swapped_averages() == averages {
            return Ok(());
        }
        training.swap_averages()
    }
}

#[diagnostic::do_not_recommend]
impl<M: Parameters<E, D>, E: Element, D: Backend<E>> Callback<M, E, D> for SwapEmaWeights {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        if training.has_averages() {
            return Ok(());
        }
        Err(Error::invalid(
            "use_ema",
            false,
            "`SwapEmaWeights` needs the moving averages of the optimiser",
        ))
    }

    fn on_epoch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
    ) -> Result<(), Error> {
        Self::swap(training, false)
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        _: usize,
        _: &mut Logs,
    ) -> Result<(), Error> {
        if self.on_epoch { Self::swap(training, true) } else { Ok(()) }
    }

    fn on_test_begin(&mut self, training: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        Self::swap(training, true)
    }

    fn on_test_end(&mut self, training: &mut Training<'_, M, E, D>, _: &Logs) -> Result<(), Error> {
        Self::swap(training, false)
    }
}
