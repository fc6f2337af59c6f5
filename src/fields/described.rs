use super::{Configured, Fields};

/// A [`Configured`] layer behind a pointer, so that what is done with a config is compiled once, and not for
/// each layer.
pub(crate) trait Described {
    /// [`Configured::CLASS`].
    fn class(&self) -> &'static str;

    /// [`Configured::WRITTEN`].
    fn is_written(&self) -> bool {
        true
    }

    /// [`Configured::accepts`].
    fn takes(&self, class: &str) -> bool;

    /// [`Configured::may_be_missing`].
    fn may_be_left_out(&self, next: Option<&str>) -> bool;

    /// [`Configured::describe`].
    fn show_keys(&mut self, fields: &mut Fields);
}

impl<L: Configured> Described for L {
    fn class(&self) -> &'static str {
        L::CLASS
    }

    fn is_written(&self) -> bool {
        L::WRITTEN
    }

    fn takes(&self, class: &str) -> bool {
        L::accepts(class)
    }

    fn may_be_left_out(&self, next: Option<&str>) -> bool {
        L::may_be_missing(next)
    }

    fn show_keys(&mut self, fields: &mut Fields) {
        self.describe(fields);
    }
}
