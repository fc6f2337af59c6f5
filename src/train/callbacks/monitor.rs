use super::super::{Logs, Training};
use crate::{
    backend::{Backend, Element},
    error::Error,
    metric::Direction,
};

/// Which values of what is monitored are the better ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the loss or the metric says, see [`Metric::direction`](crate::metric::Metric::direction).
    #[default]
    Auto,
    /// The smaller ones.
    Min,
    /// The larger ones.
    Max,
}

/// The name of what is monitored, a column of the history.
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no column of the history: write `\"val_loss\"`, and settings behind it, as in `.patience(3)`",
    label = "the name of what is monitored"
)]
pub trait Monitored {
    /// The name.
    fn name(self) -> String;
}

#[diagnostic::do_not_recommend]
impl Monitored for &str {
    fn name(self) -> String {
        self.to_owned()
    }
}

#[diagnostic::do_not_recommend]
impl Monitored for &String {
    fn name(self) -> String {
        self.clone()
    }
}

#[diagnostic::do_not_recommend]
impl Monitored for String {
    fn name(self) -> String {
        self
    }
}

/// What is [`Monitored`]. A method that takes it returns what this names, so that the compiler does not show where the bound is.
#[doc(hidden)]
pub trait Monitors: Monitored {
    /// The same `T`.
    type By<T>;

    /// The same value.
    fn by<T>(of: T) -> Self::By<T>;
}

impl<N: Monitored> Monitors for N {
    type By<T> = T;

    fn by<T>(of: T) -> T {
        of
    }
}

/// A value that is monitored, and what counts as better.
#[derive(Debug, Clone)]
pub(super) struct Monitor {
    pub(super) name: String,
    pub(super) mode: Mode,
    pub(super) min_delta: f64,
    pub(super) larger: bool,
}

impl Monitor {
    pub(super) fn new(monitored: impl Monitored) -> Self {
        Self { name: monitored.name(), mode: Mode::Auto, min_delta: 0.0, larger: false }
    }

    /// Checks a value that the monitored one is compared with. Nothing is better than NaN, or worse.
    pub(super) fn check_compared(name: &'static str, value: Option<f64>) -> Result<(), Error> {
        match value.filter(|value| value.is_nan()) {
            Some(value) => Err(Error::invalid(name, value, "it must be a number")),
            None => Ok(()),
        }
    }

    /// Looks up in the training what is monitored. Keras warns once an epoch if it is not there.
    pub(super) fn settle<M, E: Element, D: Backend<E>>(
        &mut self,
        training: &Training<'_, M, E, D>,
    ) -> Result<(), Error> {
        if !self.min_delta.is_finite() {
            return Err(Error::invalid("min_delta", self.min_delta, "it must be finite"));
        }
        let direction = training.direction(&self.name)?;
        self.larger = match (self.mode, direction) {
            (Mode::Max, _) | (Mode::Auto, Some(Direction::Up)) => true,
            (Mode::Min, _) | (Mode::Auto, Some(Direction::Down)) => false,
            (Mode::Auto, None) => {
                let expected =
                    "whether more of it is better is not known: say `Mode::Min` or `Mode::Max`";
                return Err(Error::invalid("the monitored value", &self.name, expected));
            }
        };
        Ok(())
    }

    /// The value of this epoch; none if it was not measured.
    pub(super) fn current(&self, logs: &Logs) -> Option<f64> {
        logs.get(&self.name)
    }

    /// Whether a value is better than another by more than `min_delta`. All are better than none.
    pub(super) fn improves(&self, value: f64, than: Option<f64>) -> bool {
        let Some(than) = than else { return true };
        let delta = self.min_delta.abs();
        if self.larger { value - delta > than } else { value + delta < than }
    }
}
