#[cfg(feature = "terminal")]
use indicatif::{ProgressBar, ProgressStyle};

/// The progress bar of one epoch. It draws nothing where the output is no terminal.
#[cfg(feature = "terminal")]
pub(super) struct Progress(ProgressBar);

#[cfg(feature = "terminal")]
impl Progress {
    pub(super) fn start(shown: bool, epoch: usize, epochs: usize, samples: Option<usize>) -> Self {
        if !shown {
            return Self(ProgressBar::hidden());
        }
        let (bar, template) = match samples {
            Some(n) => {
                (ProgressBar::new(n as u64), "{prefix} {wide_bar} {pos}/{len} {elapsed} {msg}")
            }
            None => (ProgressBar::no_length(), "{prefix} {spinner} {pos} {elapsed} {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(format!("epoch {epoch}/{epochs}"));
        Self(bar)
    }

    pub(super) fn batch(&self, samples: usize, loss: f64) {
        self.0.inc(samples as u64);
        self.0.set_message(format!("loss {loss:.4}"));
    }

    /// Leaves a line with what was measured.
    pub(super) fn finish(&self, line: String) {
        if self.0.is_hidden() {
            return;
        }
        self.0.println(line);
        self.0.finish_and_clear();
    }
}

/// None.
#[cfg(not(feature = "terminal"))]
pub(super) struct Progress;

#[cfg(not(feature = "terminal"))]
impl Progress {
    pub(super) fn start(_: bool, _: usize, _: usize, _: Option<usize>) -> Self {
        Self
    }

    pub(super) fn batch(&self, _: usize, _: f64) {}

    pub(super) fn finish(&self, _: String) {}
}
