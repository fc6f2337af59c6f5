use dfdx::tensor::{Tape, Tensor};

use crate::{
    backend::{ActivationKind, Backend, Element, logits, memory::collected, to_values},
    error::{Error, OrDevice},
    fields::activation_class,
    fusion::Fused,
    layer,
    layer::Layer,
    layers::functions::*,
    shape::Shape,
    signal::{LastAxis, MaskTransparent, StepValues},
    stream::{Streamable, copy_bounded, room},
};

/// A function applied to what a layer gives, `Dense<128, 10, Softmax>`.
///
/// Each is a layer of its own as well. One of your own is `Clone`, and `Debug` like the layers that have it. See Keras's
/// [activations](https://keras.io/api/layers/activations/).
///
/// ```
/// use kerata::{Activation, Backend, Cpu, Dense, Element, Error, Tensor, prelude::*, tensor::{Shape, Tape}};
///
/// /// `x * x`
/// #[derive(Debug, Clone)]
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
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no activation",
    label = "an activation is `Relu`, `Softmax` or another of `kerata`, or one of your own: a struct with `impl Activation`"
)]
pub trait Activation: Clone + 'static {
    /// The name that Keras gives it.
    const NAME: &'static str;

    /// What an operation of a backend does instead of [`apply`](Activation::apply), if it can.
    const FUSED: ActivationKind = ActivationKind::Nothing;

    /// Whether it is `x` itself.
    #[doc(hidden)]
    const IS_LINEAR: bool = false;

    /// Applies the function; the shape stays.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error>;

    /// Applies the function to rows of some width, in their place, as a [`Stream`](crate::model::Stream) does.
    ///
    /// By itself this goes by [`apply`](Activation::apply), which allocates.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn in_place<E: Element, D: Backend<E>>(values: &mut [E], width: usize) -> Result<(), Error> {
        if Self::FUSED != ActivationKind::Nothing {
            D::step_activation(Self::FUSED, values);
            return Ok(());
        }
        let rows = values.len().checked_div(width).unwrap_or(0);
        if rows > 0 {
            let copy = collected(&[rows, width], values.iter().copied())?;
            let x = D::default().try_tensor_from_vec(copy, (rows, width)).or_device()?;
            values.copy_from_slice(&to_values(&Self::apply(x)?)?);
        }
        Ok(())
    }

    /// Applies the function behind an operation, which does what it is told: [`FUSED`](Activation::FUSED), or nothing where a
    /// loss may ask for what went into the function.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn behind<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        operation: impl FnOnce(ActivationKind) -> Result<Tensor<S, E, D, T>, Error>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        match logits::fused(Self::FUSED, T::OWNS_TAPE) {
            ActivationKind::Nothing => Self::apply(operation(ActivationKind::Nothing)?),
            fused => operation(fused),
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

#[diagnostic::do_not_recommend]
impl Activation for Linear {
    const NAME: &'static str = "linear";
    const IS_LINEAR: bool = true;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x)
    }

    fn in_place<E: Element, D: Backend<E>>(_: &mut [E], _: usize) -> Result<(), Error> {
        Ok(())
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

#[diagnostic::do_not_recommend]
impl Activation for Relu {
    const NAME: &'static str = "relu";
    const FUSED: ActivationKind = ActivationKind::Rectifier;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::relu(x)
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

#[diagnostic::do_not_recommend]
impl Activation for Tanh {
    const NAME: &'static str = "tanh";
    const FUSED: ActivationKind = ActivationKind::HyperbolicTangent;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        D::tanh(x)
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

#[diagnostic::do_not_recommend]
impl Activation for Sigmoid {
    const NAME: &'static str = "sigmoid";
    const FUSED: ActivationKind = ActivationKind::Logistic;

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        logits::sigmoid(x)
    }
}

/// Activations as layers, which the layer in front can do.
macro_rules! fused_layers {
    ($($layer:ident)*) => {
        $(
            impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for $layer {
                type Out = In;

                fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
                    In::map(x, Self::apply)
                }

                fn fuse<T: Tape<E, D>>(&self, front: &mut Fused<E, D>, _: bool) -> Result<bool, Error> {
                    Ok(front.activation(logits::fused(Self::FUSED, T::OWNS_TAPE)))
                }

                fn pass_over<T: Tape<E, D>>(x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
                    Ok(x)
                }
            }
        )*
    };
}
fused_layers!(Relu Tanh Sigmoid);

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

#[diagnostic::do_not_recommend]
impl Activation for Softmax {
    const NAME: &'static str = "softmax";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        logits::softmax(x)
    }

    fn in_place<E: Element, D: Backend<E>>(values: &mut [E], width: usize) -> Result<(), Error> {
        values.chunks_exact_mut(width.max(1)).for_each(D::step_softmax);
        Ok(())
    }
}

impl<In: LastAxis, E: Element, D: Backend<E>> Layer<In, E, D> for Softmax {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, Self::apply)
    }
}

macro_rules! streams {
    ($($kind:ident: $($layer:ident)*;)*) => {
        $($(
            #[diagnostic::do_not_recommend]
            impl<In: $kind + StepValues, E: Element, D: Backend<E>> Streamable<In, E, D> for $layer {
                type State = ();
                type Stepper = Vec<E>;

                fn begin(&self, rows: usize) -> Result<(Vec<E>, ()), Error> {
                    Ok((room(rows, In::WIDTH)?, ()))
                }

                fn step<'a>(
                    values: &'a mut Vec<E>,
                    (): &mut (),
                    x: In::StepData<'a, E>,
                ) -> Result<In::StepData<'a, E>, Error> {
                    let (x, keep) = In::unpack(x);
                    copy_bounded(x, keep, values);
                    Self::in_place::<E, D>(values, In::FEATURES)?;
                    Ok(In::pack(values, keep))
                }
            }
        )*)*
    };
}
streams! {
    MaskTransparent: Linear Relu Tanh Sigmoid;
    MaskTransparent: Celu Elu Exponential Gelu HardShrink HardSigmoid HardSilu HardTanh Keras2HardSigmoid LeakyRelu LogSigmoid Mish Relu6 Selu Silu SoftShrink Softplus Softsign SparsePlus SparseSigmoid Squareplus TanhShrink;
    LastAxis: Softmax;
}
