//! Keras's [schedules of the learning rate](https://keras.io/api/optimizers/learning_rate_schedules/).
//!
//! Each counts steps of the optimiser, from 0. It is given instead of a number:
//!
//! ```
//! use kerata::optim::{Adam, schedules::CosineDecay};
//!
//! let schedule = CosineDecay { warmup_target: Some(1e-3), warmup_steps: 100.0, ..CosineDecay::new(0.0, 900.0) };
//! let adam = Adam::new(schedule);
//! assert_eq!(adam.learning_rate.at(50)?, 5e-4);
//! assert!(adam.learning_rate.at(1000)?.abs() < 1e-12);
//! # Ok::<(), kerata::Error>(())
//! ```

use std::f64::consts::PI;

use super::{DecaySteps, LearningRateSchedule, check, check_positive};
use crate::error::Error;

/// Checks that a setting is a number.
fn check_finite(settings: &[(&'static str, f64)]) -> Result<(), Error> {
    settings
        .iter()
        .try_for_each(|&(name, value)| check(name, value, value.is_finite(), "it must be finite"))
}

/// What Keras's files say of a schedule whose fields are the arguments of Keras's constructor.
macro_rules! in_keras {
    ($class:ident: $($field:ident)*) => {
        fn in_keras(&self) -> Option<(&'static str, serde_json::Value)> {
            Some((stringify!($class), serde_json::json!({ $(stringify!($field): self.$field),* })))
        }
    };
}

/// `initial * rate^(step / decay_steps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialDecay {
    /// The rate of the first step.
    pub initial_learning_rate: f64,
    /// After how many steps the rate is multiplied by `decay_rate`.
    pub decay_steps: f64,
    /// What it is multiplied by.
    pub decay_rate: f64,
    /// Whether it changes only then, not in between. Default no.
    pub staircase: bool,
}

impl ExponentialDecay {
    /// A schedule without a staircase.
    pub fn new(initial_learning_rate: f64, decay_steps: impl DecaySteps, decay_rate: f64) -> Self {
        let decay_steps = decay_steps.steps();
        Self { initial_learning_rate, decay_steps, decay_rate, staircase: false }
    }
}

/// How many times `decay_steps` have passed.
fn passed(step: usize, decay_steps: f64, staircase: bool) -> f64 {
    let passed = step as f64 / decay_steps;
    if staircase { passed.floor() } else { passed }
}

impl LearningRateSchedule for ExponentialDecay {
    in_keras!(ExponentialDecay: initial_learning_rate decay_steps decay_rate staircase);

    fn rate(&self, step: usize) -> f64 {
        let passed = passed(step, self.decay_steps, self.staircase);
        self.initial_learning_rate * self.decay_rate.powf(passed)
    }

    fn check(&self) -> Result<(), Error> {
        check_positive("decay_steps", self.decay_steps)?;
        check_finite(&[
            ("initial_learning_rate", self.initial_learning_rate),
            ("decay_rate", self.decay_rate),
        ])
    }
}

/// `initial / (1 + rate * step / decay_steps)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct InverseTimeDecay {
    /// The rate of the first step.
    pub initial_learning_rate: f64,
    /// How many steps the decay counts as one.
    pub decay_steps: f64,
    /// How fast it decays.
    pub decay_rate: f64,
    /// Whether it changes only every `decay_steps`. Default no.
    pub staircase: bool,
}

impl InverseTimeDecay {
    /// A schedule without a staircase.
    pub fn new(initial_learning_rate: f64, decay_steps: impl DecaySteps, decay_rate: f64) -> Self {
        let decay_steps = decay_steps.steps();
        Self { initial_learning_rate, decay_steps, decay_rate, staircase: false }
    }
}

impl LearningRateSchedule for InverseTimeDecay {
    in_keras!(InverseTimeDecay: initial_learning_rate decay_steps decay_rate staircase);

    fn rate(&self, step: usize) -> f64 {
        let passed = passed(step, self.decay_steps, self.staircase);
        self.initial_learning_rate / (1.0 + self.decay_rate * passed)
    }

    fn check(&self) -> Result<(), Error> {
        check_positive("decay_steps", self.decay_steps)?;
        check_finite(&[
            ("initial_learning_rate", self.initial_learning_rate),
            ("decay_rate", self.decay_rate),
        ])
    }
}

/// `(initial - end) * (1 - step / decay_steps)^power + end`, which stays at `end` behind `decay_steps`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolynomialDecay {
    /// The rate of the first step.
    pub initial_learning_rate: f64,
    /// After how many steps the end is reached.
    pub decay_steps: f64,
    /// The rate at the end. Default 0.0001.
    pub end_learning_rate: f64,
    /// The power of the polynomial. Default 1, a line.
    pub power: f64,
    /// Whether it begins again behind the end, each time from lower down. Default no.
    pub cycle: bool,
}

impl PolynomialDecay {
    /// A line down to 0.0001.
    pub fn new(initial_learning_rate: f64, decay_steps: impl DecaySteps) -> Self {
        let decay_steps = decay_steps.steps();
        let (end_learning_rate, power, cycle) = (1e-4, 1.0, false);
        Self { initial_learning_rate, decay_steps, end_learning_rate, power, cycle }
    }
}

impl LearningRateSchedule for PolynomialDecay {
    in_keras!(PolynomialDecay: initial_learning_rate decay_steps end_learning_rate power cycle);

    fn rate(&self, step: usize) -> f64 {
        let step = step as f64;
        let passed = if self.cycle {
            step / (self.decay_steps * (step / self.decay_steps).ceil().max(1.0))
        } else {
            step.min(self.decay_steps) / self.decay_steps
        };
        let end = self.end_learning_rate;
        (self.initial_learning_rate - end) * (1.0 - passed).powf(self.power) + end
    }

    fn check(&self) -> Result<(), Error> {
        check_positive("decay_steps", self.decay_steps)?;
        check_finite(&[
            ("initial_learning_rate", self.initial_learning_rate),
            ("end_learning_rate", self.end_learning_rate),
            ("power", self.power),
        ])
    }
}

/// One rate up to and with the first boundary, the next up to the second, and so on.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecewiseConstantDecay {
    /// The last steps of the pieces but the last piece, increasing.
    pub boundaries: Vec<usize>,
    /// The rates of the pieces: one more than there are boundaries.
    pub values: Vec<f64>,
}

impl PiecewiseConstantDecay {
    /// A schedule of constant pieces.
    pub fn new(boundaries: impl Into<Vec<usize>>, values: impl Into<Vec<f64>>) -> Self {
        Self { boundaries: boundaries.into(), values: values.into() }
    }
}

impl LearningRateSchedule for PiecewiseConstantDecay {
    in_keras!(PiecewiseConstantDecay: boundaries values);

    fn rate(&self, step: usize) -> f64 {
        let piece = self.boundaries.iter().take_while(|&&boundary| step > boundary).count();
        self.values.get(piece).copied().unwrap_or(f64::NAN)
    }

    fn check(&self) -> Result<(), Error> {
        let (expected, found) = (self.boundaries.len() + 1, self.values.len());
        if expected != found {
            return Err(Error::mismatch("the number of values of a schedule", expected, found));
        }
        if let Some(pair) = self.boundaries.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(Error::invalid("boundaries", pair[1], "they must increase"));
        }
        self.values.iter().try_for_each(|&value| check_finite(&[("values", value)]))
    }
}

/// The first half of a cosine, from the initial rate down to `alpha` times it; and before it, if there is a
/// `warmup_target`, a line from the initial rate up to that target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineDecay {
    /// The rate of the first step.
    pub initial_learning_rate: f64,
    /// How many steps the cosine takes, not counting those of the warm-up.
    pub decay_steps: f64,
    /// The fraction of the rate that is left in the end. Default 0.
    pub alpha: f64,
    /// Where the warm-up leads to. Default none: there is no warm-up.
    pub warmup_target: Option<f64>,
    /// How many steps the warm-up takes. Default 0.
    pub warmup_steps: f64,
}

impl CosineDecay {
    /// A cosine down to 0, without a warm-up.
    pub fn new(initial_learning_rate: f64, decay_steps: impl DecaySteps) -> Self {
        let decay_steps = decay_steps.steps();
        let (alpha, warmup_target, warmup_steps) = (0.0, None, 0.0);
        Self { initial_learning_rate, decay_steps, alpha, warmup_target, warmup_steps }
    }
}

/// The first half of a cosine from 1 to 0, with something left in the end.
fn cosine(fraction: f64, scale: f64, alpha: f64) -> f64 {
    (1.0 - alpha) * (0.5 * scale * (1.0 + (PI * fraction).cos())) + alpha
}

impl LearningRateSchedule for CosineDecay {
    in_keras!(CosineDecay: initial_learning_rate decay_steps alpha warmup_target warmup_steps);

    fn rate(&self, step: usize) -> f64 {
        let (mut step, mut from) = (step as f64, self.initial_learning_rate);
        if let Some(target) = self.warmup_target {
            if step < self.warmup_steps {
                return (target - from) * (step / self.warmup_steps) + from;
            }
            (step, from) = (step - self.warmup_steps, target);
        }
        from * cosine(step.min(self.decay_steps) / self.decay_steps, 1.0, self.alpha)
    }

    fn check(&self) -> Result<(), Error> {
        check_positive("decay_steps", self.decay_steps)?;
        check(
            "warmup_steps",
            self.warmup_steps,
            self.warmup_steps >= 0.0,
            "it must be at least 0",
        )?;
        check_finite(&[
            ("initial_learning_rate", self.initial_learning_rate),
            ("alpha", self.alpha),
            ("warmup_target", self.warmup_target.unwrap_or(0.0)),
            ("warmup_steps", self.warmup_steps),
        ])
    }
}

/// A cosine that begins again whenever it is down
/// ([Loshchilov and Hutter 2016](https://arxiv.org/abs/1608.03983)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CosineDecayRestarts {
    /// The rate of the first step.
    pub initial_learning_rate: f64,
    /// How many steps the first cosine takes.
    pub first_decay_steps: f64,
    /// How much longer each cosine is than the one before it. Default 2.
    pub t_mul: f64,
    /// What the rate is multiplied by at each restart. Default 1.
    pub m_mul: f64,
    /// The fraction of the rate that is left in the end. Default 0.
    pub alpha: f64,
}

impl CosineDecayRestarts {
    /// Cosines of which each is twice as long as the one before it.
    pub fn new(initial_learning_rate: f64, first_decay_steps: impl DecaySteps) -> Self {
        let first_decay_steps = first_decay_steps.steps();
        let (t_mul, m_mul, alpha) = (2.0, 1.0, 0.0);
        Self { initial_learning_rate, first_decay_steps, t_mul, m_mul, alpha }
    }
}

impl LearningRateSchedule for CosineDecayRestarts {
    in_keras!(CosineDecayRestarts: initial_learning_rate first_decay_steps t_mul m_mul alpha);

    fn rate(&self, step: usize) -> f64 {
        let passed = step as f64 / self.first_decay_steps;
        let (restarts, fraction) = if self.t_mul == 1.0 {
            (passed.floor(), passed - passed.floor())
        } else {
            let t = self.t_mul;
            // A restart on the step itself is one, whatever the logarithm is rounded to.
            let restarts = ((1.0 - passed * (1.0 - t)).ln() / t.ln() + 1e-9).floor();
            let before = (1.0 - t.powf(restarts)) / (1.0 - t);
            (restarts, (passed - before) / t.powf(restarts))
        };
        self.initial_learning_rate * cosine(fraction, self.m_mul.powf(restarts), self.alpha)
    }

    fn check(&self) -> Result<(), Error> {
        check_positive("first_decay_steps", self.first_decay_steps)?;
        // Shorter and shorter ones would never pass a certain step.
        let fits = self.t_mul >= 1.0 && self.t_mul.is_finite();
        check("t_mul", self.t_mul, fits, "it must be at least 1")?;
        check_finite(&[
            ("initial_learning_rate", self.initial_learning_rate),
            ("m_mul", self.m_mul),
            ("alpha", self.alpha),
        ])
    }
}
