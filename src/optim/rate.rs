use std::{fmt, sync::Arc};

use crate::error::Error;

/// A learning rate that depends on the step.
///
/// Those of Keras are in [`schedules`](super::schedules). One of your own is a type with this trait:
///
/// ```
/// use kerata::{Error, optim::{Adam, LearningRateSchedule}};
///
/// /// Rises in the first steps, then stays.
/// #[derive(Debug)]
/// struct Warmup {
///     rate: f64,
///     steps: usize,
/// }
///
/// impl LearningRateSchedule for Warmup {
///     fn rate(&self, step: usize) -> f64 {
///         self.rate * ((step + 1) as f64 / self.steps as f64).min(1.0)
///     }
/// }
///
/// let adam = Adam::new(Warmup { rate: 0.1, steps: 100 });
/// assert_eq!(adam.learning_rate.at(0)?, 0.001);
/// assert_eq!(adam.learning_rate.at(500)?, 0.1);
/// # Ok::<(), Error>(())
/// ```
pub trait LearningRateSchedule: fmt::Debug + Send + Sync {
    /// The learning rate of a step; `step` is the number of steps that were made before it.
    fn rate(&self, step: usize) -> f64;

    /// Checks the settings; every step does.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense.
    fn check(&self) -> Result<(), Error> {
        Ok(())
    }

    /// What Keras's files say of it: the class in `keras.optimizers.schedules`, and the arguments of its constructor. Default: nothing,
    /// as Keras does not know it.
    fn in_keras(&self) -> Option<(&'static str, serde_json::Value)> {
        None
    }
}

/// A learning rate: a number, or a [schedule](super::schedules).
///
/// ```
/// use kerata::{Error, optim::{Adam, Sgd, schedules::ExponentialDecay}};
///
/// let mut adam = Adam::new(0.01);
/// assert_eq!(adam.learning_rate, 0.01);
/// adam.learning_rate.set(0.001)?;
/// let halved = ExponentialDecay::new(0.1, 1000.0, 0.5);
/// let sgd = Sgd { momentum: 0.9, ..Sgd::new(halved) };
/// assert_eq!(sgd.learning_rate.at(2000)?, 0.025);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LearningRate(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Constant(f64),
    /// Set while the program runs, where it may become so small that it is 0 as an element.
    Changed(f64),
    Schedule(Arc<dyn LearningRateSchedule>),
}

impl LearningRate {
    /// The learning rate of a step; `step` is the number of steps that were made before it.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a schedule gives a rate that is negative or not finite, or has settings that make no sense.
    pub fn at(&self, step: usize) -> Result<f64, Error> {
        let rate = match &self.0 {
            Kind::Constant(rate) | Kind::Changed(rate) => *rate,
            Kind::Schedule(schedule) => {
                schedule.check()?;
                schedule.rate(step)
            }
        };
        not_negative(rate)
    }

    /// The schedule, if the rate depends on the step.
    pub fn schedule(&self) -> Option<&dyn LearningRateSchedule> {
        match &self.0 {
            Kind::Schedule(schedule) => Some(&**schedule),
            Kind::Constant(_) | Kind::Changed(_) => None,
        }
    }

    /// Whether the rate depends on the step.
    pub fn is_schedule(&self) -> bool {
        matches!(self.0, Kind::Schedule(_))
    }

    /// Sets another rate, which may be 0.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a rate that is negative or not finite; and where there is a schedule, as in Keras: what
    /// was set would be lost in the next step. To replace a schedule, assign a new `LearningRate`.
    pub fn set(&mut self, rate: f64) -> Result<(), Error> {
        if self.is_schedule() {
            let expected = "a learning rate that follows a schedule cannot be set";
            return Err(Error::invalid("learning_rate", rate, expected));
        }
        self.0 = Kind::Changed(not_negative(rate)?);
        Ok(())
    }

    /// Checks the rate, or the settings of the schedule.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub fn check(&self) -> Result<(), Error> {
        match &self.0 {
            Kind::Constant(rate) | Kind::Changed(rate) => not_negative(*rate).map(|_| ()),
            Kind::Schedule(schedule) => schedule.check(),
        }
    }

    /// Checks that the rate of a step is something as an element: a constant must not become 0.
    pub(super) fn check_rounded<E: crate::backend::Element>(&self, rate: f64) -> Result<(), Error> {
        match &self.0 {
            Kind::Constant(_) => super::check_rounded::<E>(&[("learning_rate", rate)]),
            _ if E::of(rate).is_finite() => Ok(()),
            _ => Err(Error::invalid("learning_rate", rate, "it must be finite as an element")),
        }
    }
}

fn not_negative(rate: f64) -> Result<f64, Error> {
    let fits = rate >= 0.0 && rate.is_finite();
    super::check("learning_rate", rate, fits, "it must be at least 0").map(|()| rate)
}

/// What an optimiser takes for its learning rate: what a [`LearningRate`] is made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no learning rate",
    label = "a learning rate is a number, `0.001`, or a schedule, `ExponentialDecay::new(0.1, 500.0, 0.9)`; the parameters are those of the trainer's model"
)]
pub trait IntoRate {
    /// The learning rate.
    fn into_rate(self) -> LearningRate;
}

#[diagnostic::do_not_recommend]
impl<R: Into<LearningRate>> IntoRate for R {
    fn into_rate(self) -> LearningRate {
        self.into()
    }
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        Self(Kind::Constant(rate))
    }
}

impl From<f32> for LearningRate {
    fn from(rate: f32) -> Self {
        f64::from(rate).into()
    }
}

impl<S: LearningRateSchedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        Self(Kind::Schedule(Arc::new(schedule)))
    }
}

impl PartialEq for LearningRate {
    /// Schedules are equal if they are the same one.
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Schedule(a), Kind::Schedule(b)) => Arc::ptr_eq(a, b),
            (Kind::Schedule(_), _) | (_, Kind::Schedule(_)) => false,
            (Kind::Constant(a) | Kind::Changed(a), Kind::Constant(b) | Kind::Changed(b)) => a == b,
        }
    }
}

impl PartialEq<f64> for LearningRate {
    fn eq(&self, rate: &f64) -> bool {
        matches!(&self.0, Kind::Constant(own) | Kind::Changed(own) if own == rate)
    }
}
