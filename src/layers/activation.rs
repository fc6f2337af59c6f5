use dfdx::{
    shapes::Shape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    layer::Layer,
    parameters::{Build, Parameters},
    signal::{LastAxis, MaskTransparent},
};

/// A function applied to what a layer gives, `Dense<128, 10, Softmax>`.
///
/// Each is a layer of its own as well. See Keras's
/// [activations](https://keras.io/api/layers/activations/).
pub trait Activation: Default + Clone + Copy + std::fmt::Debug + 'static {
    /// The name that Keras gives it.
    const NAME: &'static str;

    /// Applies the function; the shape stays.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error>;
}

macro_rules! activation {
    ($(#[$doc:meta])* $name:ident: $kind:ident, $keras:literal, $x:ident => $apply:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name;

        impl Activation for $name {
            const NAME: &'static str = $keras;

            fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
                $x: Tensor<S, E, D, T>,
            ) -> Result<Tensor<S, E, D, T>, Error> {
                $apply
            }
        }

        impl<In: $kind, E: Element, D: Backend<E>> Layer<In, E, D> for $name {
            type Out = In;

            fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
                In::map(x, Self::apply)
            }
        }

        impl<E: Element, D: Backend<E>> Build<E, D> for $name {
            fn build(_: &D) -> Result<Self, Error> {
                Ok(Self)
            }
        }

        impl<E: Element, D: Backend<E>> Parameters<E, D> for $name {}
    };
}

activation! {
    /// `x`.
    Linear: MaskTransparent, "linear", x => Ok(x)
}
activation! {
    /// `max(x, 0)`.
    Relu: MaskTransparent, "relu", x => x.try_relu().or_device()
}
activation! {
    /// The hyperbolic tangent.
    Tanh: MaskTransparent, "tanh", x => x.try_tanh().or_device()
}
activation! {
    /// `1 / (1 + exp(-x))`.
    Sigmoid: MaskTransparent, "sigmoid", x => x.try_sigmoid().or_device()
}
activation! {
    /// `exp(x) / sum(exp(x))` along the last axis: probabilities of classes.
    ///
    /// On a masked sequence `(Batch, Length, Classes)` each step is a distribution of its own and the
    /// mask passes.
    Softmax: LastAxis, "softmax", x => x.try_softmax::<S::LastAxis>().or_device()
}
