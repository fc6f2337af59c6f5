use dfdx::{
    shapes::Dim,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, Pooling},
    error::Error,
    layer,
    layer::Layer,
    layers::conv::window,
    shape::Valid,
    signal::{Images, UnmaskedSteps},
};

/// The largest number over all time steps, for each feature. Keras ignores a mask here; so does not this: it
/// takes sequences without one.
///
/// Keras: [`GlobalMaxPooling1D`](https://keras.io/api/layers/pooling_layers/global_max_pooling1d/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, without a mask
/// - output `(Batch, F)`
#[layer(class = "GlobalMaxPooling1D", input = (Batch, Length, Features), keys(global_pooling()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlobalMaxPooling1d;

impl<In: UnmaskedSteps, E: Element, D: Backend<E>> Layer<In, E, D> for GlobalMaxPooling1d {
    type Out = (In::Batch, In::Features);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, length, features)) = In::rows(x)?;
        let size = [1, length.size()];
        let window = window::<Valid>(size, size, [1, 1], [1, 1])?;
        D::pool2d(x, Pooling::Max, &window)?.into_shape(&(batch, features))
    }
}

/// The largest number over a whole image, for each channel.
///
/// Keras: [`GlobalMaxPooling2D`](https://keras.io/api/layers/pooling_layers/global_max_pooling2d/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output `(Batch, C)`
#[layer(class = "GlobalMaxPooling2D", input = (Batch, Height, Width, Channels), keys(global_pooling()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlobalMaxPooling2d;

impl<In: Images, E: Element, D: Backend<E>> Layer<In, E, D> for GlobalMaxPooling2d {
    type Out = (In::Batch, In::Channels);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, height, width, channels)) = In::images(x)?;
        let size = [height.size(), width.size()];
        let window = window::<Valid>(size, size, [1, 1], [1, 1])?;
        D::pool2d(x, Pooling::Max, &window)?.into_shape(&(batch, channels))
    }
}
