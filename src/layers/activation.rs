use dfdx::{
    shapes::Shape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{ActivationKind, Backend, Element},
    error::Error,
    fields::activation_class,
    layer,
    layer::Layer,
    signal::{LastAxis, MaskTransparent},
};

/// A function applied to what a layer gives, `Dense<128, 10, Softmax>`.
///
/// Each is a layer of its own as well. See Keras's
/// [activations](https://keras.io/api/layers/activations/).
///
/// ```
/// use kerata::{Activation, Backend, Cpu, Dense, Element, Error, Tensor, prelude::*, tensor::{Shape, Tape}};
///
/// /// `x * x`
/// #[derive(Debug, Default, Clone, Copy)]
/// struct Square;
///
/// impl Activation for Square {
///     const NAME: &'static str = "square";
///
///     fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
///         x: Tensor<S, E, D, T>,
///     ) -> Result<Tensor<S, E, D, T>, Error> {
///         Ok(x.square())
///     }
/// }
///
/// let dense = Dense::<3, 2, Square>::build(&Cpu::seed_from_u64(0))?;
/// let y = dense.forward(Cpu::default().tensor([[1.0, -2.0, 3.0]]))?;
/// assert!(y.as_vec().iter().all(|&y| y >= 0.0));
/// # Ok::<(), Error>(())
/// ```
pub trait Activation: Default + Clone + Copy + std::fmt::Debug + 'static {
    /// The name that Keras gives it.
    const NAME: &'static str;

    /// What an operation of a backend does instead of [`apply`](Activation::apply), if it can.
    const FUSED: ActivationKind = ActivationKind::Nothing;

    /// Applies the function; the shape stays.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error>;

    /// Applies the function to what an operation gives that was told to do [`FUSED`](Activation::FUSED).
    ///
    /// # Errors
    /// [`Error::Device`].
    fn finish<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        match Self::FUSED {
            ActivationKind::Nothing => Self::apply(x),
            _ => Ok(x),
        }
    }
}

/// `x`.
#[layer(
    class = "Activation",
    accepts = |class| activation_class(Self::NAME) == Some(class),
    keys(activation_layer(Self::NAME)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Linear;

impl Activation for Linear {
    const NAME: &'static str = "linear";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x)
    }
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Linear {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}

/// `max(x, 0)`. NaN stays.
#[layer(
    class = "Activation",
    accepts = |class| activation_class(Self::NAME) == Some(class),
    keys(activation_layer(Self::NAME)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Relu;

impl Activation for Relu {
    const NAME: &'static str = "relu";
    const FUSED: ActivationKind = ActivationKind::Rectifier;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::relu(x)
    }
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Relu {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}

/// The hyperbolic tangent.
#[layer(
    class = "Activation",
    accepts = |class| activation_class(Self::NAME) == Some(class),
    keys(activation_layer(Self::NAME)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tanh;

impl Activation for Tanh {
    const NAME: &'static str = "tanh";
    const FUSED: ActivationKind = ActivationKind::HyperbolicTangent;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::tanh(x)
    }
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Tanh {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}

/// `1 / (1 + exp(-x))`.
#[layer(
    class = "Activation",
    accepts = |class| activation_class(Self::NAME) == Some(class),
    keys(activation_layer(Self::NAME)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sigmoid;

impl Activation for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const FUSED: ActivationKind = ActivationKind::Logistic;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::sigmoid(x)
    }
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Sigmoid {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}

/// `exp(x) / sum(exp(x))` along the last axis: probabilities of classes.
///
/// On a masked sequence `(Batch, Length, Classes)` each step is a distribution of its own and the
/// mask passes.
#[layer(
    class = "Activation",
    accepts = |class| activation_class(Self::NAME) == Some(class),
    keys(activation_layer(Self::NAME)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Softmax;

impl Activation for Softmax {
    const NAME: &'static str = "softmax";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::softmax(x)
    }
}

impl<In: LastAxis, E: Element, D: Backend<E>> Layer<In, E, D> for Softmax {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}
