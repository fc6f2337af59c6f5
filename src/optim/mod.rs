//! Optimisers: dfdx's update kernels under Keras's names, defaults and formulas.
//!
//! ```
//! use kerata::optim::{Adam, Sgd};
//!
//! let adam = Adam::default();
//! assert_eq!(adam.learning_rate, 1e-3);
//! let sgd = Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(0.1) };
//! assert_eq!(sgd.learning_rate, 0.1);
//! ```

mod adam;
mod bounds;
mod rmsprop;
mod sgd;
mod step;

pub use adam::{Adam, AdamW};
pub use bounds::Bounds;
pub use rmsprop::RMSprop;
pub use sgd::Sgd;

use dfdx::{
    prelude::WeightDecay,
    shapes::Shape,
    tensor::{Gradients, Storage, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::Error,
};

/// How parameters follow their gradients.
///
/// The optimiser itself is only its settings; what it remembers is a [`State`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no optimiser",
    label = "no optimiser",
    note = "an optimiser is a value, such as `Adam::default()`; so is a loss, `MeanSquaredError`"
)]
pub trait Optimizer: Clone {
    /// Checks the settings; every step does.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense.
    fn check(&self) -> Result<(), Error>;

    /// Changes one parameter by its gradient.
    ///
    /// # Errors
    /// [`Error::Device`]; [`Error::Invalid`] for a setting that makes no sense once it is rounded to `E`.
    fn update<S: Shape, E: Element, D: Backend<E>>(
        &self,
        state: &mut State<E, D>,
        parameter: &mut Tensor<S, E, D>,
        gradient: &<D as Storage<E>>::Vec,
    ) -> Result<(), Error>;

    /// How large the values can become that the next step computes, where no value of a gradient is larger than
    /// `gradient`. A step that cannot overflow changes the weights where they are.
    ///
    /// `None`, the default, says that nothing is known: then the weights are copied before each step, so that a step
    /// which overflows can be taken back.
    fn bounds<E: Element, D: Backend<E>>(
        &self,
        _state: &State<E, D>,
        _gradient: f64,
    ) -> Option<Bounds> {
        None
    }
}

/// What training goes on from, beside the model: the number of steps that were made, what the optimiser remembers,
/// such as Adam's two moments, up to three values for each value of the parameters, and the seed of the random
/// numbers.
///
/// A [`Trainer`](crate::train::Trainer) has one. In a loop of your own, [`attempt`](State::attempt) makes a whole
/// step, and [`step`](State::step) only the part of the optimiser.
#[derive(Debug)]
pub struct State<E: Element, D: Backend<E>> {
    step: i32,
    slots: Vec<Gradients<E, D>>,
    /// No value of a slot is larger.
    largest_slot: f64,
    /// What the random numbers of each step follow from. Drawn from the device in the first.
    seed: Option<u64>,
}

impl<E: Element, D: Backend<E>> Default for State<E, D> {
    fn default() -> Self {
        Self { step: 0, slots: Vec::new(), largest_slot: 0.0, seed: None }
    }
}

impl<E: Element, D: Backend<E>> Clone for State<E, D> {
    fn clone(&self) -> Self {
        Self { slots: self.slots.clone(), ..*self }
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// How many steps were made.
    pub fn steps(&self) -> usize {
        usize::try_from(self.step).unwrap_or(0)
    }

    /// The number of the step that is made, or about to be.
    fn now(&self) -> i32 {
        self.step.saturating_add(1)
    }

    /// What the optimiser remembers for each parameter.
    fn slots<const N: usize>(&mut self) -> &mut [Gradients<E, D>; N] {
        if self.slots.len() < N {
            self.slots.resize_with(N, Gradients::leaky);
        }
        // There are as many now.
        self.slots.first_chunk_mut().unwrap_or_else(|| unreachable!())
    }
}

/// Keras's `weight_decay`: taken from the weights themselves, not added to the gradient.
fn decay(rate: Option<f64>) -> Option<WeightDecay> {
    rate.map(WeightDecay::Decoupled)
}

fn check_positive(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, value, value > 0.0 && value.is_finite(), "it must be greater than 0")
}

fn check_share(name: &'static str, value: f64) -> Result<(), Error> {
    check(name, value, (0.0..1.0).contains(&value), "it must be in 0..1")
}

fn check_decay(rate: Option<f64>) -> Result<(), Error> {
    let value = rate.unwrap_or(0.0);
    check("weight_decay", value, value >= 0.0 && value.is_finite(), "it must be at least 0")
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
