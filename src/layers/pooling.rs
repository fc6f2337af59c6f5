use dfdx::tensor::{Tape, Tensor};

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{Build, Parameters},
    signal::Steps,
};

/// The mean over the time steps. Under a mask, over the real ones only; the mask ends here.
///
/// A row without a real step gives zeros (Keras gives NaN).
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GlobalAveragePooling1d;

impl<In: Steps, E: Element, D: Backend<E>> Layer<In, E, D> for GlobalAveragePooling1d {
    type Out = (In::Batch, In::Features);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, In::Features), E, D, T>, Error> {
        let (x, mask) = In::split(x);
        D::mean_over_steps(x, mask.as_ref())
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for GlobalAveragePooling1d {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for GlobalAveragePooling1d {}
