//! Keras's further activations, each a function of one value, as types.

use dfdx::tensor::{Tape, Tensor};

use super::Activation;
use crate::{
    backend::{ActivationFunction, Backend, Element},
    error::Error,
    fields::activation_class,
    layer,
    layer::Layer,
    shape::Shape,
    signal::MaskTransparent,
};

/// An activation that is a row of the table of functions.
macro_rules! function {
    ($(#[$doc:meta])* $layer:ident, $constant:ident) => {
        $(#[$doc])*
        #[layer(
            class = "Activation",
            // The slope of Keras's layer `LeakyReLU` is another one by default.
            accepts = |class| class == "ELU" && activation_class(Self::NAME) == Some(class),
            keys(activation_layer(Self::NAME)),
        )]
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $layer;

        #[diagnostic::do_not_recommend]
        impl Activation for $layer {
            const NAME: &'static str = ActivationFunction::$constant.name();

            fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: Tensor<S, E, D, T>,
            ) -> Result<Tensor<S, E, D, T>, Error> {
                D::activation(x, ActivationFunction::$constant.into())
            }

            fn in_place<E: Element, D: Backend<E>>(
                values: &mut [E],
                _: usize,
            ) -> Result<(), Error> {
                ActivationFunction::$constant.in_place(values)
            }
        }

        impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for $layer {
            type Out = In;

            fn call<T: Tape<E, D>>(
                &self,
                x: In::Data<E, D, T>,
            ) -> Result<In::Data<E, D, T>, Error> {
                In::map(x, Self::apply)
            }
        }
    };
}

function!(
    /// `x`, or below 0 `exp(x) - 1`, continuously differentiable.
    Celu, CELU
);
function!(
    /// `x`, or below 0 `exp(x) - 1`.
    Elu, ELU
);
function!(
    /// `exp(x)`.
    Exponential, EXPONENTIAL
);
function!(
    /// `x` times the share of a normal distribution that is below `x`.
    Gelu, GELU
);
function!(
    /// `x`, but 0 from -0.5 to 0.5.
    HardShrink, HARD_SHRINK
);
function!(
    /// `x / 6 + 0.5`, from 0 to 1: that of Keras 3.
    HardSigmoid, HARD_SIGMOID
);
function!(
    /// `x` times its [`HardSigmoid`]; Keras's `hard_swish` too.
    HardSilu, HARD_SILU
);
function!(
    /// `x`, from -1 to 1.
    HardTanh, HARD_TANH
);
function!(
    /// `0.2 x + 0.5`, from 0 to 1: Keras 2's `hard_sigmoid`.
    Keras2HardSigmoid, KERAS_2_HARD_SIGMOID
);
function!(
    /// `x`, or below 0 `0.2 x`: the function, not the layer `LeakyReLU`, whose slope is an option.
    LeakyRelu, LEAKY_RELU
);
function!(
    /// The logarithm of the sigmoid.
    LogSigmoid, LOG_SIGMOID
);
function!(
    /// `x * tanh(softplus(x))`.
    Mish, MISH
);
function!(
    /// `x`, from 0 to 6.
    Relu6, RELU6
);
function!(
    /// An [`Elu`] whose constants keep mean and variance.
    Selu, SELU
);
function!(
    /// `x` times its sigmoid; Keras's `swish` too.
    Silu, SILU
);
function!(
    /// `x` moved to 0 by 0.5, and 0 from -0.5 to 0.5.
    SoftShrink, SOFT_SHRINK
);
function!(
    /// `ln(1 + exp(x))`.
    Softplus, SOFTPLUS
);
function!(
    /// `x / (1 + |x|)`.
    Softsign, SOFTSIGN
);
function!(
    /// 0 up to -1, `x` from 1 on, and `(x + 1)^2 / 4` between them: a softplus that reaches 0.
    SparsePlus, SPARSE_PLUS
);
function!(
    /// `(x + 1) / 2` held between 0 and 1: a sigmoid that reaches both.
    SparseSigmoid, SPARSE_SIGMOID
);
function!(
    /// `(x + sqrt(x * x + 4)) / 2`.
    Squareplus, SQUAREPLUS
);
function!(
    /// `x - tanh(x)`.
    TanhShrink, TANH_SHRINK
);
