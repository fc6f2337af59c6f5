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
mod rmsprop;
mod sgd;

pub use adam::{Adam, AdamW};
pub use rmsprop::RMSprop;
pub use sgd::Sgd;

use dfdx::{
    prelude::WeightDecay,
    shapes::Shape,
    tensor::{Gradients, Storage, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    parameters::{Parameter, Parameters, Visitor},
};

/// How parameters follow their gradients.
///
/// The optimiser itself is only its settings; what it remembers is a [`State`].
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
}

/// What an optimiser remembers: how many steps it made, and up to three numbers for each number of the
/// parameters, such as Adam's two moments.
#[derive(Debug)]
pub struct State<E: Element, D: Backend<E>> {
    step: i32,
    slots: [Gradients<E, D>; 3],
}

impl<E: Element, D: Backend<E>> Default for State<E, D> {
    fn default() -> Self {
        Self { step: 0, slots: std::array::from_fn(|_| Gradients::leaky()) }
    }
}

impl<E: Element, D: Backend<E>> State<E, D> {
    /// How many steps were made.
    pub fn steps(&self) -> usize {
        usize::try_from(self.step).unwrap_or(0)
    }

    /// Makes one step: changes all trainable parameters of a model.
    ///
    /// A parameter that no gradient reached counts as one with a gradient of zeros.
    ///
    /// # Errors
    /// [`Error::Device`]; [`Error::Invalid`] for a setting that makes no sense.
    pub fn step<M: Parameters<E, D>>(
        &mut self,
        optimizer: &impl Optimizer,
        model: &mut M,
        gradients: &mut Gradients<E, D>,
    ) -> Result<(), Error> {
        optimizer.check()?;
        self.step = self.step.saturating_add(1);
        model.visit(&mut Step { state: self, optimizer, gradients })
    }
}

struct Step<'a, E: Element, D: Backend<E>, O> {
    state: &'a mut State<E, D>,
    optimizer: &'a O,
    gradients: &'a mut Gradients<E, D>,
}

impl<E: Element, D: Backend<E>, O: Optimizer> Visitor<E, D> for Step<'_, E, D, O> {
    fn visit<S: Shape>(&mut self, parameter: Parameter<'_, S, E, D>) -> Result<(), Error> {
        if !parameter.trainable {
            return Ok(());
        }
        let gradient = self.gradients.get_or_alloc_mut(parameter.tensor).or_device()?;
        self.optimizer.update(self.state, parameter.tensor, gradient)
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
