//! Keras's activations as values: the one table of their functions and derivatives.

mod elementwise;
mod functions;
mod relu_options;

pub use elementwise::Elementwise;
pub use relu_options::ReluOptions;

use std::fmt;

use dfdx::tensor::{Tape, Tensor};

use super::{ActivationKind, Backend, Element, reference};
use crate::error::Error;
use functions::*;

/// An activation of Keras as a value, as the recurrent layers have it for an option.
///
/// In `#[with(..)]` it is written as a name, `activation = Relu`.
///
/// ```
/// use kerata::{Cpu, Gru, build_with, config::ActivationFunction, prelude::*};
///
/// let gru = build_with!(Gru<3, 4>, &Cpu::default(), activation = ActivationFunction::RELU)?;
/// assert_eq!(gru.activation.name(), "relu");
/// assert_eq!(ActivationFunction::named("swish"), Some(ActivationFunction::SILU));
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ActivationFunction(&'static str);

/// A function of each value and its derivative, which is made of the argument and the result.
pub(crate) trait WithFunction<E> {
    type Out;

    fn run(self, function: impl Fn(E) -> E, slope: impl Fn(E, E) -> E) -> Self::Out;
}

macro_rules! table {
    ($($constant:ident, $name:literal $(| $alias:literal)*: $function:expr, $slope:expr;)*) => {
        impl ActivationFunction {
            $(
                #[doc = concat!("Keras's `", $name, "`.")]
                pub const $constant: Self = Self($name);
            )*

            /// The names of those that are a function of each value, and of the others.
            pub(crate) const NAMES: &[&str] =
                &[$($name, $($alias,)*)* "linear", "log_softmax", "softmax", "sparsemax"];

            /// The activation that Keras knows by this name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name $(| $alias)* => Some(Self::$constant),)*
                    "linear" => Some(Self::LINEAR),
                    "log_softmax" => Some(Self::LOG_SOFTMAX),
                    "softmax" => Some(Self::SOFTMAX),
                    "sparsemax" => Some(Self::SPARSEMAX),
                    _ => None,
                }
            }

            /// Runs something with the function of each value; `None` if it is none such.
            pub(crate) fn with<E: Element, W: WithFunction<E>>(self, with: W) -> Option<W::Out> {
                match self.0 {
                    $($name => Some(with.run($function, $slope)),)*
                    _ => None,
                }
            }
        }
    };
}

table! {
    CELU, "celu": |x| elu(x, one()), |x: E, _| if x > zero() { one() } else { x.exp() };
    ELU, "elu": |x| elu(x, one()), |x: E, _| if x > zero() { one() } else { x.exp() };
    EXPONENTIAL, "exponential": E::exp, |_, y| y;
    GELU, "gelu": gelu, gelu_slope;
    HARD_SHRINK, "hard_shrink": |x: E| if x.abs() <= of(0.5) { zero() } else { x },
        |x: E, _| one_if(x.abs() > of(0.5));
    HARD_SIGMOID, "hard_sigmoid": hard_sigmoid,
        |x: E, _| if x.abs() < of(3.0) { of(1.0 / 6.0) } else { zero() };
    HARD_SILU, "hard_silu" | "hard_swish": hard_silu, |x: E, _| match x {
        _ if x <= of(-3.0) => zero(),
        _ if x >= of(3.0) => one(),
        _ => x / of(3.0) + of(0.5),
    };
    HARD_TANH, "hard_tanh": |x| clamp(x, -1.0, 1.0), |x: E, _| one_if(x.abs() <= one());
    KERAS_2_HARD_SIGMOID, "keras_2_hard_sigmoid": |x| clamp(of::<E>(0.2) * x + of(0.5), 0.0, 1.0),
        |x: E, _| if x.abs() < of(2.5) { of(0.2) } else { zero() };
    LEAKY_RELU, "leaky_relu": |x: E| if x > zero() { x } else { of::<E>(0.2) * x },
        |x: E, _| if x > zero() { one() } else { of(0.2) };
    LOG_SIGMOID, "log_sigmoid": |x: E| -softplus(-x), |x: E, _| sigmoid(-x);
    MISH, "mish": mish, mish_slope;
    RELU, "relu": |x| ActivationKind::Rectifier.of(x), |x: E, _| one_if(x > zero());
    RELU6, "relu6": |x| clamp(x, 0.0, 6.0), |x: E, _| one_if(x > zero() && x < of(6.0));
    SELU, "selu": |x| of::<E>(SELU_SCALE) * elu(x, of(SELU_ALPHA)), |x: E, _| {
        if x >= zero() { of(SELU_SCALE) } else { of::<E>(SELU_SCALE * SELU_ALPHA) * x.exp() }
    };
    SIGMOID, "sigmoid": sigmoid, |_, y: E| y * (one::<E>() - y);
    SILU, "silu" | "swish": silu, |x: E, y: E| {
        let sigmoid = sigmoid(x);
        or_step(x, sigmoid + y * (one::<E>() - sigmoid))
    };
    SOFT_SHRINK, "soft_shrink": |x| x - clamp(x, -0.5, 0.5), |x: E, _| one_if(x.abs() > of(0.5));
    SOFTPLUS, "softplus": softplus, |x, _| sigmoid(x);
    SOFTSIGN, "softsign": softsign, |x: E, _| (one::<E>() + x.abs()).recip().powi(2);
    SPARSE_PLUS, "sparse_plus": sparse_plus, |x: E, _| {
        clamp((x + one()) * of(0.5), 0.0, 1.0)
    };
    SPARSE_SIGMOID, "sparse_sigmoid": |x| clamp((x + one::<E>()) * of(0.5), 0.0, 1.0),
        |x: E, _| if x.abs() < one() { of(0.5) } else { zero() };
    SQUAREPLUS, "squareplus": squareplus, |x: E, y: E| or_step(x, y / x.hypot(of(2.0)));
    TANH, "tanh": E::tanh, |_, y: E| (one::<E>() - y) * (one::<E>() + y);
    TANH_SHRINK, "tanh_shrink": tanh_shrink, |x: E, _| x.tanh().powi(2);
}

impl ActivationFunction {
    /// Keras's `linear`: `x`.
    pub const LINEAR: Self = Self("linear");
    /// Keras's `log_softmax`, of all units of a row.
    pub const LOG_SOFTMAX: Self = Self("log_softmax");
    /// Keras's `softmax`, of all units of a row.
    pub const SOFTMAX: Self = Self("softmax");
    /// Keras's `sparsemax`, of all units of a row.
    pub const SPARSEMAX: Self = Self("sparsemax");

    /// Keras's name.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// What an operation does in its place, if it can.
    pub fn fused(self) -> ActivationKind {
        match self {
            Self::RELU => ActivationKind::Rectifier,
            Self::SIGMOID => ActivationKind::Logistic,
            Self::TANH => ActivationKind::HyperbolicTangent,
            _ => ActivationKind::Nothing,
        }
    }

    /// Applies it to rows, `(R, F)`.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub fn apply<E: Element, D: Backend<E>, T: Tape<E, D>>(
        self,
        x: Tensor<(usize, usize), E, D, T>,
    ) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
        match self {
            Self::LINEAR => Ok(x),
            Self::LOG_SOFTMAX => D::log_softmax(x),
            Self::RELU => D::relu(x),
            Self::SIGMOID => D::sigmoid(x),
            Self::SOFTMAX => D::softmax(x),
            Self::SPARSEMAX => reference::sparsemax(x),
            Self::TANH => D::tanh(x),
            _ => D::activation(x, self.into()),
        }
    }

    /// Applies it to one row in its place, without allocating, but for a sparsemax.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for that.
    pub(crate) fn in_place<E: Element>(self, row: &mut [E]) -> Result<(), Error> {
        match self {
            Self::LINEAR => {}
            Self::SOFTMAX => reference::step_softmax(row),
            Self::SPARSEMAX => {
                let (threshold, _) = reference::sparse_threshold(row)?;
                row.iter_mut().for_each(|x| *x = (*x - threshold).max(E::zero()));
            }
            Self::LOG_SOFTMAX => {
                // Without the largest, so that little is not lost beside it.
                let largest = (1..row.len()).fold(0, |at, i| if row[i] > row[at] { i } else { at });
                let most = row.get(largest).map_or(0.0, |most| most.as_f64());
                let others = row.iter().enumerate().filter(|(i, _)| *i != largest);
                let sum: f64 = others.map(|(_, x)| (x.as_f64() - most).exp()).sum();
                let log = sum.ln_1p();
                row.iter_mut().for_each(|x| *x = of(x.as_f64() - most - log));
            }
            _ => {
                Elementwise::from(self).in_place(row);
            }
        }
        Ok(())
    }
}

impl fmt::Display for ActivationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

impl fmt::Debug for ActivationFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The attribute `#[with(..)]` goes by the table of `kerata-format`.
    #[test]
    fn the_macro_knows_the_same_names() {
        let all = kerata_format::table::ACTIVATIONS;
        let names = |one: &kerata_format::table::Activation| [&[one.keras], one.others].concat();
        let mut found: Vec<&str> = all.iter().flat_map(names).collect();
        let mut expected = ActivationFunction::NAMES.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected);
    }

    /// The derivatives are those of the functions, in both number types, on either device path.
    #[test]
    fn slopes_are_central_differences() {
        struct Slopes;
        impl WithFunction<f64> for Slopes {
            type Out = ();

            fn run(self, function: impl Fn(f64) -> f64, slope: impl Fn(f64, f64) -> f64) {
                for i in -35..35 {
                    // No place is one where a slope jumps.
                    let (x, h) = (f64::from(i) * 0.1 + 0.033, 1e-6);
                    let expected = (function(x + h) - function(x - h)) / (2.0 * h);
                    let found = slope(x, function(x));
                    assert!((found - expected).abs() < 1e-7, "{x}: {found}, not {expected}");
                }
            }
        }
        for name in ActivationFunction::NAMES {
            let function = ActivationFunction::named(name).unwrap();
            let of_rows = ["linear", "log_softmax", "softmax", "sparsemax"].contains(name);
            assert_eq!(function.with::<f64, _>(Slopes).is_none(), of_rows, "{name}");
        }
    }
}
