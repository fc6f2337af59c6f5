/// What is drawn of an epoch on the terminal; nothing where the output is none.
#[cfg(feature = "terminal")]
#[derive(Debug)]
pub(super) struct Bar(indicatif::ProgressBar);

#[cfg(feature = "terminal")]
impl Bar {
    pub(super) fn start(title: String, samples: Option<usize>, seen: usize) -> Self {
        use indicatif::{ProgressBar, ProgressStyle};
        let (bar, template) = match samples {
            Some(n) => {
                (ProgressBar::new(n as u64), "{prefix} {wide_bar} {pos}/{len} {elapsed} {msg}")
            }
            None => (ProgressBar::no_length(), "{prefix} {spinner} {pos} {elapsed} {msg}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(title);
        bar.set_position(seen as u64);
        Self(bar)
    }

    pub(super) fn show(&self, seen: usize, message: impl FnOnce() -> String) {
        if !self.0.is_hidden() {
            self.0.set_position(seen as u64);
            self.0.set_message(message());
        }
    }

    pub(super) fn end(self, line: impl FnOnce() -> String) {
        if !self.0.is_hidden() {
            self.0.println(line());
            self.0.finish_and_clear();
        }
    }
}

/// Nothing.
#[cfg(not(feature = "terminal"))]
#[derive(Debug)]
pub(super) struct Bar;

#[cfg(not(feature = "terminal"))]
impl Bar {
    pub(super) fn start(_: String, _: Option<usize>, _: usize) -> Self {
        Self
    }

    pub(super) fn show(&self, _: usize, _: impl FnOnce() -> String) {}

    pub(super) fn end(self, _: impl FnOnce() -> String) {}
}
