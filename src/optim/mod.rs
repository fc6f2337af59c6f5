//! Optimisers under Keras's names, with its defaults, formulas and options, and schedules of the learning rate.
//!
//! ```
//! use kerata::optim::{Adam, Sgd, schedules::ExponentialDecay};
//!
//! let adam = Adam { clipnorm: Some(1.0), ..Adam::default() };
//! assert_eq!(adam.learning_rate, 1e-3);
//! let sgd = Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(ExponentialDecay::new(0.1, 500.0, 0.9)) };
//! assert!(sgd.learning_rate.is_schedule());
//! ```

mod adadelta;
mod adafactor;
mod adagrad;
mod adam;
mod adamax;
mod apart;
mod blocks;
mod bounds;
mod decay_steps;
mod elsewhere;
mod ftrl;
mod groups;
mod lamb;
mod lion;
mod look;
mod muon;
mod nadam;
mod options;
mod penalties;
mod plan;
mod rate;
mod rmsprop;
mod rows;
mod schedule_free;
pub mod schedules;
mod sgd;
mod slots;
mod state;
mod step;
mod summed;
mod tables;

pub use crate::just_the_type::JustTheType;
pub use adadelta::Adadelta;
pub use adafactor::Adafactor;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub(crate) use apart::Fault;
pub use bounds::Bounds;
pub use decay_steps::DecaySteps;
#[doc(hidden)]
#[doc(hidden)]
pub use elsewhere::{NotOfOptimizers, StepsAlone};
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::Nadam;
pub use options::{Clipping, Ema, Options};
pub use penalties::penalty;
pub use rate::{IntoRate, LearningRate, LearningRateSchedule};
pub use rmsprop::RMSprop;
pub use schedule_free::ScheduleFreeAdamW;
pub use sgd::Sgd;
#[cfg(feature = "keras")]
pub(crate) use slots::{AVERAGE, GATHERED};
pub use slots::{Initial, Slot, SlotView};
pub use state::State;
pub(crate) use summed::{Sum, Summed};

use crate::{backend::Element, error::Error, just_the_type::name_of};

/// How parameters follow their gradients.
///
/// The optimiser itself is only its settings; what it remembers is a [`State`]. One of your own says what is
/// subtracted from a parameter; clipping, weight decay and the like are done around it.
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Element, Error, data::InMemory, loss::MeanSquaredError, model, prelude::*,
///     optim::{LearningRate, Optimizer, Update}, train::{Fit, Trainer}};
///
/// /// Every weight moves by the learning rate, along the sign of its gradient.
/// #[derive(Clone)]
/// struct SignSgd(LearningRate);
///
/// impl Optimizer for SignSgd {
///     fn name(&self) -> &'static str {
///         "sign_sgd"
///     }
///
///     fn learning_rate(&self) -> &LearningRate {
///         &self.0
///     }
///
///     fn learning_rate_mut(&mut self) -> &mut LearningRate {
///         &mut self.0
///     }
///
///     fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
///         let rate = E::of(update.moment.learning_rate);
///         update.weights.iter_mut().zip(update.gradient).for_each(|(w, g)| *w -= rate * g.signum());
///         Ok(())
///     }
/// }
///
/// #[model(input = (Batch, 1), output = (Batch, 1))]
/// struct Line {
///     slope: Dense<_, 1>,
/// }
///
/// let line = Line::build(&Cpu::seed_from_u64(0))?;
/// let start = line.slope.bias.array()[0];
/// let mut trainer = Trainer::new(line, MeanSquaredError, SignSgd(0.25.into()))?;
/// trainer.fit(&InMemory::new(vec![[1.0]], vec![[9.0]])?, &Fit::epochs(1))?;
/// assert_eq!(trainer.model.slope.bias.array()[0] - start, 0.25);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimiser",
    label = "no optimiser",
    note = "an optimiser is a value, such as `Adam::default()`; so is a loss, `MeanSquaredError`"
)]
pub trait Optimizer: Clone + Send + Sync + 'static {
    /// The name that Keras gives it, `adam`. Default: that of the type.
    fn name(&self) -> &'static str {
        name_of::<Self>()
    }

    /// The learning rate.
    fn learning_rate(&self) -> &LearningRate;

    /// The learning rate, to be changed.
    fn learning_rate_mut(&mut self) -> &mut LearningRate;

    /// Weight decay, clipping and the like. Default: none of them.
    fn options(&self) -> Options<'_> {
        Options::default()
    }

    /// Checks the settings; every step does.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense.
    fn check(&self) -> Result<(), Error> {
        self.learning_rate().check()?;
        self.options().check()
    }

    /// What is remembered of a parameter of this shape. Default: nothing.
    fn slots(&self, _shape: &[usize]) -> Vec<Slot> {
        Vec::new()
    }

    /// What is remembered of the parameter with this name, `head.kernel`, of this shape. Default: the [`slots`](Self::slots) of the
    /// shape; where it is something else, the optimiser is not [elementwise](Self::is_elementwise).
    fn slots_of(&self, _name: &str, shape: &[usize]) -> Vec<Slot> {
        self.slots(shape)
    }

    /// The weight decay of the parameter with this name and shape. Default: that of the [`options`](Self::options), which one that has
    /// [`bounds`](Self::bounds) is not to exceed.
    fn weight_decay_of(&self, _name: &str, _shape: &[usize]) -> Option<f64> {
        self.options().weight_decay
    }

    /// What the files of Keras say of it, so that its state can be written to one. Default: nothing, as Keras does not know it.
    fn in_keras(&self) -> Option<InKeras> {
        None
    }

    /// What Keras remembers of a parameter of this shape, made of what is remembered here, in the order of [`slots`](Self::slots):
    /// names, sizes and values. Default: the same.
    fn slots_in_keras<E: Element>(
        &self,
        shape: &[usize],
        slots: &[(&str, &[E])],
    ) -> Vec<(&'static str, Vec<usize>, Vec<E>)> {
        let names = self.slots(shape).into_iter().map(|slot| slot.name);
        let same =
            names.zip(slots).map(|(name, (_, values))| (name, shape.to_vec(), values.to_vec()));
        same.collect()
    }

    /// Moves one parameter by its gradient, in one pass over all that belongs to it if that can be: a large step takes the time of
    /// the memory.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense once it is rounded to `E`.
    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error>;

    /// Whether what becomes of a value depends on nothing but the gradient and the slots of that value, and on the value. Then
    /// an update is made in blocks, on all threads; else, which is the default, of a whole parameter.
    fn is_elementwise(&self) -> bool {
        false
    }

    /// How updates by gradients of zeros fade away, if they do so for the elements `E`.
    ///
    /// Then, of a large table of which a batch has few rows, a step moves these alone; the others make their updates when they are
    /// read next, and are not looked at any more once they do not move. It must be [elementwise](Optimizer::is_elementwise). `None`,
    /// the default, says that nothing is known: then each step moves whole tables.
    fn fading<E: Element>(&self) -> Option<Fading> {
        None
    }

    /// How large the values can become that the next update computes, where no value of a gradient is larger than
    /// `gradient`. An update that cannot overflow changes the weights where they are.
    ///
    /// `None`, the default, says that nothing is known: then the weights are copied before each step, so that a step
    /// which overflows can be taken back.
    fn bounds<E: Element>(&self, _moment: &Moment, _gradient: f64) -> Option<Bounds> {
        None
    }
}

/// What updates by gradients of zeros do: what [`Optimizer::fading`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Fading {
    /// What each slot is multiplied by, in the order of [`Optimizer::slots`].
    pub slots: Vec<f64>,
    /// How large the change of a value is at most, as a share of its change by the update before at the same learning rate; less
    /// than 1. Where it is 0, no such update changes a value.
    pub change: f64,
}

/// What the files of Keras say of an optimiser.
#[derive(Debug, Clone, PartialEq)]
pub struct InKeras {
    /// Keras's class.
    pub class_name: &'static str,
    /// The arguments of its constructor, but for those that all optimisers have.
    pub settings: Vec<(&'static str, serde_json::Value)>,
    /// How many of its first slots stand together, parameter by parameter. Of each one behind these, all parameters stand
    /// together.
    pub together: usize,
}

/// When an update is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// The number of the update, from 1.
    pub step: i32,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// No value of a slot is larger.
    pub largest_slot: f64,
}

/// What an optimiser updates: a parameter, or a block of it if it [is elementwise](Optimizer::is_elementwise).
pub struct Update<'a, E: Element> {
    /// When.
    pub moment: Moment,
    /// Its name in the model, `head.kernel`.
    pub name: &'a str,
    /// The sizes of the parameter.
    pub shape: &'a [usize],
    /// The values of the parameter, less its weight decay.
    pub weights: &'a mut [E],
    /// The gradient; nobody looks at it afterwards.
    pub gradient: &'a mut [E],
    /// What is remembered of the parameter, in the order of [`Optimizer::slots`].
    pub slots: Vec<&'a mut [E]>,
}

impl<E: Element> std::fmt::Debug for Update<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { moment, name, shape, .. } = self;
        f.debug_struct("Update")
            .field("moment", moment)
            .field("name", name)
            .field("shape", shape)
            .finish_non_exhaustive()
    }
}

/// The slots of an update, as many as the optimiser has.
fn exactly<E, const N: usize>(slots: Vec<&mut [E]>) -> Result<[&mut [E]; N], Error> {
    let found = slots.len();
    slots.try_into().map_err(|_| Error::mismatch("the slots of a parameter", N, found))
}

fn check_positive(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, value, value > 0.0 && value.is_finite(), "it must be greater than 0")
}

fn check_share(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, value, (0.0..1.0).contains(&value), "it must be in 0..1")
}

/// The settings of Adam and its kin: both betas, and epsilon.
fn check_moments([beta_1, beta_2, epsilon]: [f64; 3]) -> Result<(), Error> {
    check_positive("epsilon", epsilon)?;
    check_share("beta_1", beta_1)?;
    check_share("beta_2", beta_2)
}

/// The same as elements, if they still make sense there.
fn rounded_moments<E: Element>(settings: [f64; 3]) -> Result<[E; 3], Error> {
    let [beta_1, beta_2, epsilon] = settings;
    check_rounded::<E>(&[("epsilon", epsilon), ("beta_1", beta_1), ("beta_2", beta_2)])?;
    Ok(settings.map(E::of))
}

/// The sum of the squares, in double precision, where that of no `f32` overflows.
fn squares<E: Element>(values: &[E]) -> f64 {
    values.iter().map(|x| x.as_f64() * x.as_f64()).sum()
}

fn check_decay(rate: Option<f64>) -> Result<(), Error> {
    check_not_negative("weight_decay", rate.unwrap_or(0.0))
}

fn check_not_negative(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, value, value >= 0.0 && value.is_finite(), "it must be at least 0")
}

fn check(name: &'static str, value: f64, fits: bool, expected: &'static str) -> Result<(), Error> {
    if fits { Ok(()) } else { Err(Error::invalid(name, value, expected)) }
}

/// Checks that settings are on the same side of 0, 1 and infinity once they are rounded to elements: an epsilon of
/// 1e-50 is 0 as an `f32`, and 0.999999999 is 1.
fn check_rounded<E: Element>(settings: &[(&'static str, f64)]) -> Result<(), Error> {
    settings.iter().try_for_each(|&(name, value)| {
        let rounded = E::of(value).as_f64();
        let same = [0.0, 1.0, f64::INFINITY]
            .iter()
            .all(|limit| rounded.partial_cmp(limit) == value.partial_cmp(limit));
        check(name, value, same, "it must not become 0, 1 or infinite in the model's elements")
    })
}
