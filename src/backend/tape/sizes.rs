use dfdx::{
    prelude::{RealizeTo, ReshapeTo},
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, memory::elements_of},
    error::{Error, OrDevice},
    shape::{Shape, display},
};

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

/// The same tensor with its sizes in another type: as values, `usize`, where they were `Const`s, or the other way around.
///
/// It stays the same tensor: nothing is copied, and its gradient is found under either type.
///
/// # Errors
/// [`Error::Mismatch`] if the type asks for other sizes.
pub(crate) fn sized<From, S, E, D, T>(x: Tensor<From, E, D, T>) -> Result<Tensor<S, E, D, T>, Error>
where
    From: Shape<Concrete = S::Concrete>,
    S: Shape,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    x.try_realize()
        .map_err(|x| Error::mismatch("the sizes of a tensor", display::<S>(), x.shape().concrete()))
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
