use dfdx::tensor::{Tape, Tensor};

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{Build, Parameters},
    shape::Sequence,
    signal::Masked,
};

/// Drops the mask, on purpose: every step counts behind it, padding included.
///
/// Keras drops the mask with a warning, or in silence, in front of a layer that knows no masks. Here
/// such a wiring does not compile, and this layer says that it is meant.
///
/// # Shapes
/// - input `Masked<S>`
/// - output `S`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = Masked::new(dev.tensor([[[2.0_f32], [4.0]]]), Mask::from_lengths(&[1], 2)?)?;
/// assert_eq!(Unmask.forward(x)?.array(), [[[2.0], [4.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unmask;

impl<S: Sequence, E: Element, D: Backend<E>> Layer<Masked<S>, E, D> for Unmask {
    type Out = S;

    const DROPS_MASK: bool = true;

    fn call<T: Tape<E, D>>(
        &self,
        x: Masked<Tensor<S, E, D, T>>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x.into_parts().0)
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for Unmask {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Unmask {}
