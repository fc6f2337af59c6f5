use super::bar::Bar;
use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// A progress bar of each epoch, and a line with what was measured in it. It draws nothing where the output is no
/// terminal, and without the feature `terminal`.
///
/// [`Fit::progress`](crate::train::Fit) adds one behind the other callbacks, if there is none among them.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<Bar>,
}

impl Progress {
    /// A progress bar.
    pub fn new() -> Self {
        Self::default()
    }
}

#[diagnostic::do_not_recommend]
impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for Progress {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_batch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
    ) -> Result<(), Error> {
        self.bar.get_or_insert_with(|| {
            let title = format!("epoch {}/{}", training.epoch() + 1, training.epochs());
            Bar::start(title, training.samples(), batch * training.batch_size())
        });
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        if let Some(bar) = &self.bar {
            let seen = (batch + 1) * training.batch_size();
            let seen = training.samples().map_or(seen, |all| seen.min(all));
            bar.show(seen, || format!("loss {:.4}", logs.get("loss").unwrap_or(f64::NAN)));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        if let Some(bar) = self.bar.take() {
            bar.end(|| {
                let values = logs.iter().map(|(name, value)| format!("  {name} {value:.4}"));
                let line: String = values.collect();
                format!("epoch {}/{}{line}", epoch + 1, training.epochs())
            });
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.bar = None;
        Ok(())
    }
}
