use dfdx::{
    prelude::ReshapeTo,
    shapes::{HasShape, Shape},
    tensor::{Tape, Tensor},
};

use super::{Backend, Element, memory::elements_of};
use crate::error::{Error, OrDevice};

/// The one way to give a tensor another shape: dfdx's own multiplies sizes without a check, and panics if there are
/// not as many elements.
pub(crate) trait IntoShape<E: Element, D: Backend<E>, T: Tape<E, D>> {
    /// The same elements in another shape.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it has room for more or fewer; [`Error::Device`] if one of both has more elements than
    /// there can be.
    fn into_shape<S: Shape>(self, shape: &S) -> Result<Tensor<S, E, D, T>, Error>;
}

impl<From: Shape, E: Element, D: Backend<E>, T: Tape<E, D>> IntoShape<E, D, T>
    for Tensor<From, E, D, T>
{
    fn into_shape<S: Shape>(self, shape: &S) -> Result<Tensor<S, E, D, T>, Error> {
        if elements_of(&self)? != elements_of(shape)? {
            let (expected, found) = (shape.concrete(), self.shape().concrete());
            return Err(Error::mismatch("the numbers of a reshaped batch", expected, found));
        }
        self.try_reshape_like(shape).or_device()
    }
}
