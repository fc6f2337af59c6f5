use dfdx::{
    shapes::Dim,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, IntoShape, memory::elements, sized},
    error::Error,
    layer,
    layer::Layer,
    signal::{Images, Steps},
};

/// The mean over the time steps. Under a mask, over the real ones only; the mask ends here.
///
/// A row without a real step gives zeros (Keras gives NaN). Behind an [`Embedding`](crate::layers::Embedding), an
/// [`EmbeddingBag`](crate::layers::EmbeddingBag) instead of both gives the same and is faster.
///
/// Keras: [`GlobalAveragePooling1D`](https://keras.io/api/layers/pooling_layers/global_average_pooling1d/).
///
/// # Shapes
/// - input `(Batch, Length, F)` or `Masked<(Batch, Length, F)>`
/// - output `(Batch, F)`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = Masked::new(dev.tensor([[[2.0_f32], [4.0], [99.0]]]), Mask::from_lengths(&[2], 3)?)?;
/// assert_eq!(GlobalAveragePooling1d.forward(x)?.array(), [[3.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "GlobalAveragePooling1D", input = (Batch, Length, Features), keys(global_pooling()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlobalAveragePooling1d;

impl<In: Steps, E: Element, D: Backend<E>> Layer<In, E, D> for GlobalAveragePooling1d {
    type Out = (In::Batch, In::Features);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, In::Features), E, D, T>, Error> {
        let (x, mask) = In::split(x);
        sized(D::mean_over_steps(sized(x)?, mask.as_ref())?)
    }
}

/// The mean over a whole image, for each channel.
///
/// Keras: [`GlobalAveragePooling2D`](https://keras.io/api/layers/pooling_layers/global_average_pooling2d/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output `(Batch, C)`
///
/// ```
/// use kerata::{Cpu, Error, GlobalAveragePooling2d, prelude::*};
///
/// let x = Cpu::default().tensor([[[[1.0_f32], [2.0]], [[3.0], [6.0]]]]);
/// assert_eq!(GlobalAveragePooling2d.forward(x)?.array(), [[3.0]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "GlobalAveragePooling2D", input = (Batch, Height, Width, Channels), keys(global_pooling()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlobalAveragePooling2d;

impl<In: Images, E: Element, D: Backend<E>> Layer<In, E, D> for GlobalAveragePooling2d {
    type Out = (In::Batch, In::Channels);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, height, width, channels)) = In::images(x)?;
        let pixels = elements(&[height.size(), width.size()])?;
        let pixels = (batch.size(), pixels, channels.size());
        sized(D::mean_over_steps(x.into_shape(&pixels)?, None)?)
    }
}
