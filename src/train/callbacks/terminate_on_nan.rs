use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Recovery, Training},
};

/// Stops, without an error, when a loss, a gradient or a weight would become NaN or infinite. The step that would do so
/// is not made, so the model is as good as it was before it.
///
/// Without this callback `fit` ends with the error.
///
/// Keras: [`TerminateOnNaN`](https://keras.io/api/callbacks/terminate_on_nan/).
#[derive(Debug, Clone, Default)]
pub struct TerminateOnNan {
    error: Option<Error>,
}

impl TerminateOnNan {
    /// A callback that stops.
    pub fn new() -> Self {
        Self::default()
    }

    /// Why it stopped.
    pub fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for TerminateOnNan {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_begin(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.error = None;
        Ok(())
    }

    fn on_step_error(
        &mut self,
        _: &mut Training<'_, M, E, D>,
        _: usize,
        error: &Error,
    ) -> Recovery {
        match error {
            Error::NonFiniteLoss { .. }
            | Error::NonFiniteGradient { .. }
            | Error::NonFiniteParameter { .. } => {
                self.error = Some(error.clone());
                Recovery::Stop
            }
            _ => Recovery::Fail,
        }
    }
}
