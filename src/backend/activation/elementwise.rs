use std::fmt;

use kerata_kernels::curves::Pointwise;

use super::{
    ActivationFunction, ReluOptions, WithFunction,
    functions::{SELU_ALPHA, SELU_SCALE, elu},
};
use crate::backend::Element;

/// A function of each value: one of Keras's activations, or one that a layer has options for.
///
/// ```
/// use kerata::{Backend, Cpu, backend::{Elementwise, ReluOptions}, config::ActivationFunction, prelude::*};
///
/// let x = Cpu::default().tensor([[-2.0_f32, 4.0, 8.0]]);
/// let leaky = ReluOptions { negative_slope: 0.5, ..ReluOptions::default() };
/// assert_eq!(Cpu::activation(x.clone(), leaky.into())?.as_vec(), [-1.0, 4.0, 8.0]);
/// assert_eq!(Cpu::activation(x, ActivationFunction::RELU6.into())?.as_vec(), [0.0, 4.0, 6.0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Elementwise {
    /// An activation of Keras, if it is a function of each value.
    Named(ActivationFunction),
    /// Keras's layers `ReLU` and `LeakyReLU`.
    OfRelu(ReluOptions),
    /// Keras's layer `ELU`, by its `alpha`.
    OfElu(f64),
}

impl Elementwise {
    /// Runs something with the function; `None` if it is none of each value.
    pub(crate) fn with<E: Element, W: WithFunction<E>>(self, with: W) -> Option<W::Out> {
        match self {
            Self::Named(function) => function.with(with),
            Self::OfRelu(options) => Some(with.run(options.function(), options.slope())),
            Self::OfElu(alpha) => {
                let alpha = E::of(alpha);
                // Not by the result: below, nothing is left of its digits.
                let slope = move |x: E, _| if x > E::zero() { E::one() } else { alpha * x.exp() };
                Some(with.run(move |x| elu(x, alpha), slope))
            }
        }
    }

    /// Whether it is a function of each value, and not of a row.
    pub(crate) fn is_of_each(self) -> bool {
        self.in_place::<f32>(&mut [])
    }

    /// The same as a kernel, if there is one.
    pub(crate) fn curve(self) -> Option<Pointwise> {
        use ActivationFunction as Of;

        Some(match self {
            Self::OfElu(alpha) => Pointwise::OfElu { alpha },
            Self::OfRelu(_) => return None,
            Self::Named(function) => match function {
                Of::CELU | Of::ELU => Pointwise::OfElu { alpha: 1.0 },
                Of::EXPONENTIAL => Pointwise::OfExponential,
                Of::GELU => Pointwise::OfGelu,
                Of::LOG_SIGMOID => Pointwise::OfLogSigmoid,
                Of::MISH => Pointwise::OfMish,
                Of::SELU => Pointwise::OfSelu { alpha: SELU_ALPHA, scale: SELU_SCALE },
                Of::SILU => Pointwise::OfSilu,
                Of::SOFTPLUS => Pointwise::OfSoftplus,
                Of::SQUAREPLUS => Pointwise::OfSquareplus,
                Of::TANH_SHRINK => Pointwise::OfTanhShrink,
                _ => return None,
            },
        })
    }

    /// Applies it to each value in its place; `false` if it is no function of each.
    pub(crate) fn in_place<E: Element>(self, values: &mut [E]) -> bool {
        struct InPlace<'a, E>(&'a mut [E]);

        impl<E: Element> WithFunction<E> for InPlace<'_, E> {
            type Out = ();

            fn run(self, function: impl Fn(E) -> E, _: impl Fn(E, E) -> E) {
                self.0.iter_mut().for_each(|x| *x = function(*x));
            }
        }

        let fast = self.curve().is_some_and(|curve| E::curve(curve, values));
        fast || self.with(InPlace(values)).is_some()
    }
}

impl From<ActivationFunction> for Elementwise {
    fn from(function: ActivationFunction) -> Self {
        Self::Named(function)
    }
}

impl From<ReluOptions> for Elementwise {
    fn from(options: ReluOptions) -> Self {
        Self::OfRelu(options)
    }
}

impl fmt::Display for Elementwise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(function) => function.fmt(f),
            Self::OfRelu(_) => f.write_str("\"relu\""),
            Self::OfElu(_) => f.write_str("\"elu\""),
        }
    }
}
