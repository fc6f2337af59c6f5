use std::fmt::Debug;

use serde_json::{Value, json};

use super::{Axes, EPSILON};
use crate::{error::Error, memory::zeros};

/// What holds for a weight after each step.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no constraint of a weight",
    label = "no constraint",
    note = "a constraint is a value, such as `MaxNorm::new(2.0)` or `NonNeg`"
)]
pub trait Constraint: Debug {
    /// Brings the values of a weight, in the order of their indices, back to where they may be.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense.
    fn apply(&self, weight: &mut [f64], sizes: &[usize]) -> Result<(), Error>;

    /// What Keras's JSON says of it; none for one of your own.
    fn config(&self) -> Option<Value> {
        None
    }
}

fn object(class: &str, config: Value) -> Value {
    json!({
        "module": "keras.constraints", "class_name": class, "config": config,
        "registered_name": null,
    })
}

/// Negative values become 0.
///
/// Keras: [`NonNeg`](https://keras.io/api/layers/constraints/#nonneg-class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NonNeg;

impl Constraint for NonNeg {
    fn apply(&self, weight: &mut [f64], _: &[usize]) -> Result<(), Error> {
        weight.iter_mut().for_each(|w| *w = w.max(0.0));
        Ok(())
    }

    fn config(&self) -> Option<Value> {
        Some(object("NonNeg", json!({})))
    }
}

/// The norm of each vector along `axis` is at most `max_value`.
///
/// Keras: [`MaxNorm`](https://keras.io/api/layers/constraints/#maxnorm-class).
///
/// ```
/// use kerata::regularizers::{Constraint, MaxNorm};
///
/// // In the kernel of a `Conv2d`, `(KH, KW, I, O)`, all that reaches one filter.
/// let of_filters = MaxNorm { max_value: 2.0, axis: [0, 1, 2] };
/// let mut kernel = vec![2.0; 3 * 3];
/// of_filters.apply(&mut kernel, &[3, 3, 1, 1])?;
/// assert!(kernel.iter().all(|w| (w - 2.0 / 3.0).abs() < 1e-6));
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxNorm<A = isize> {
    /// The largest norm. Default 2.
    pub max_value: f64,
    /// The [axis or axes](Axes) of the vectors. Default 0: in a `Dense`, all that reaches one unit.
    pub axis: A,
}

impl MaxNorm {
    /// With this largest norm, along the first axis.
    pub fn new(max_value: f64) -> Self {
        Self { max_value, axis: 0 }
    }
}

impl Default for MaxNorm {
    fn default() -> Self {
        Self::new(2.0)
    }
}

impl<A: Axes> Constraint for MaxNorm<A> {
    fn apply(&self, weight: &mut [f64], sizes: &[usize]) -> Result<(), Error> {
        let most = at_least_0("max_value", self.max_value)?;
        each_vector(weight, sizes, &self.axis, |norm| norm.clamp(0.0, most) / (EPSILON + norm))
    }

    fn config(&self) -> Option<Value> {
        Some(object("MaxNorm", json!({ "max_value": self.max_value, "axis": self.axis.config() })))
    }
}

/// The norm of each vector along `axis` is 1.
///
/// Keras: [`UnitNorm`](https://keras.io/api/layers/constraints/#unitnorm-class).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnitNorm<A = isize> {
    /// The [axis or axes](Axes) of the vectors. Default 0.
    pub axis: A,
}

impl Default for UnitNorm {
    fn default() -> Self {
        Self { axis: 0 }
    }
}

impl<A: Axes> Constraint for UnitNorm<A> {
    fn apply(&self, weight: &mut [f64], sizes: &[usize]) -> Result<(), Error> {
        each_vector(weight, sizes, &self.axis, |norm| 1.0 / (EPSILON + norm))
    }

    fn config(&self) -> Option<Value> {
        Some(object("UnitNorm", json!({ "axis": self.axis.config() })))
    }
}

/// The norm of each vector along `axis` is at least `min_value` and at most `max_value`.
///
/// Keras: [`MinMaxNorm`](https://keras.io/api/layers/constraints/#minmaxnorm-class).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MinMaxNorm<A = isize> {
    /// The least norm. Default 0.
    pub min_value: f64,
    /// The largest norm. Default 1.
    pub max_value: f64,
    /// How much of the way a step brings the norm back, from 0 to 1. Default 1.
    pub rate: f64,
    /// The [axis or axes](Axes) of the vectors. Default 0.
    pub axis: A,
}

impl Default for MinMaxNorm {
    fn default() -> Self {
        Self { min_value: 0.0, max_value: 1.0, rate: 1.0, axis: 0 }
    }
}

impl<A: Axes> Constraint for MinMaxNorm<A> {
    fn apply(&self, weight: &mut [f64], sizes: &[usize]) -> Result<(), Error> {
        let least = at_least_0("min_value", self.min_value)?;
        let most = at_least_0("max_value", self.max_value)?;
        if most < least {
            return Err(Error::invalid("max_value", most, "it must be at least min_value"));
        }
        if !(0.0..=1.0).contains(&self.rate) {
            return Err(Error::invalid("rate", self.rate, "it must be in 0..=1"));
        }
        each_vector(weight, sizes, &self.axis, |norm| {
            let desired = self.rate * norm.clamp(least, most) + (1.0 - self.rate) * norm;
            desired / (EPSILON + norm)
        })
    }

    fn config(&self) -> Option<Value> {
        let Self { min_value, max_value, rate, axis } = self;
        let config = json!({
            "min_value": min_value, "max_value": max_value, "rate": rate, "axis": axis.config(),
        });
        Some(object("MinMaxNorm", config))
    }
}

fn at_least_0(name: &'static str, value: f64) -> Result<f64, Error> {
    if value >= 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Error::invalid(name, value, "it must be finite, and not negative"))
}

/// Multiplies each vector along the axes by what its norm gives.
fn each_vector(
    weight: &mut [f64],
    sizes: &[usize],
    axes: &impl Axes,
    factor: impl Fn(f64) -> f64,
) -> Result<(), Error> {
    let along = axes.among(sizes.len())?;
    // The number of a vector, by how far it moves along each axis.
    let (mut steps, mut vectors) = (vec![0; sizes.len()], 1);
    for axis in (0..sizes.len()).rev().filter(|&axis| !along[axis]) {
        (steps[axis], vectors) = (vectors, vectors * sizes[axis]);
    }
    let vector = |mut at: usize| {
        let mut number = 0;
        for (size, step) in sizes.iter().zip(&steps).rev() {
            number += at % size * step;
            at /= size;
        }
        number
    };
    let mut factors: Vec<f64> = zeros(vectors)?;
    for (at, w) in weight.iter().enumerate() {
        factors[vector(at)] += w * w;
    }
    factors.iter_mut().for_each(|sum| *sum = factor(sum.sqrt()));
    for (at, w) in weight.iter_mut().enumerate() {
        *w *= factors[vector(at)];
    }
    Ok(())
}
