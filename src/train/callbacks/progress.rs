use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    backend::{Backend, Element},
    error::Error,
    train::{Callback, Logs, Training},
};

/// A progress bar of each epoch, and a line with what was measured in it. It draws nothing where the output is no
/// terminal.
///
/// [`Fit::progress`](crate::train::Fit) adds one behind the other callbacks, if there is none among them.
#[derive(Debug, Default)]
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A progress bar.
    pub fn new() -> Self {
        Self::default()
    }

    fn start<M, E: Element, D: Backend<E>>(training: &Training<'_, M, E, D>) -> ProgressBar {
        let (bar, template) = match training.samples() {
            Some(n) => {
                (ProgressBar::new(n as u64), "{prefix} {wide_bar} {pos}/{len} {elapsed} {msg}")
            }
            None => (ProgressBar::no_length(), "{prefix} {spinner} {pos} {elapsed} {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(format!("epoch {}/{}", training.epoch() + 1, training.epochs()));
        bar
    }
}

impl<M, E: Element, D: Backend<E>> Callback<M, E, D> for Progress {
    fn on_train_batch_begin(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
    ) -> Result<(), Error> {
        let start = || {
            let bar = Self::start(training);
            bar.set_position((batch * training.batch_size()) as u64);
            bar
        };
        self.bar.get_or_insert_with(start);
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        if let Some(bar) = self.bar.as_ref().filter(|bar| !bar.is_hidden()) {
            let seen = (batch + 1) * training.batch_size();
            bar.set_position(training.samples().map_or(seen, |all| seen.min(all)) as u64);
            bar.set_message(format!("loss {:.4}", logs.get("loss").unwrap_or(f64::NAN)));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M, E, D>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        if let Some(bar) = self.bar.take().filter(|bar| !bar.is_hidden()) {
            let line: String =
                logs.iter().map(|(name, value)| format!("  {name} {value:.4}")).collect();
            bar.println(format!("epoch {}/{}{line}", epoch + 1, training.epochs()));
            bar.finish_and_clear();
        }
        Ok(())
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M, E, D>) -> Result<(), Error> {
        self.bar = None;
        Ok(())
    }
}
