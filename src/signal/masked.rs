use dfdx::{
    shapes::HasShape,
    tensor::{Storage, Tensor},
};

use super::Mask;
use crate::{
    error::Error,
    shape::{Features, Sequence},
};

/// A padded sequence together with the mask that says which of its steps are real.
///
/// As data it is `Masked<Tensor<S, E, D, T>>`. As the name of a wire it is `Masked<S>`, for example
/// `Masked<(Batch, Const<10>, Const<32>)>`. The batch and length of the mask agree with those of the
/// values: nothing else can be made.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let dev = Cpu::default();
/// let x = dev.tensor([[[1.0_f32], [2.0], [9.0]], [[3.0], [9.0], [9.0]]]);
/// let x = Masked::new(x, Mask::from_lengths(&[2, 1], 3)?)?;
/// assert_eq!(x.mask().count(), 3);
///
/// let wrong = Masked::new(x.values().clone(), Mask::full(2, 4));
/// assert_eq!(wrong.unwrap_err().to_string(), "the batch and length of a mask: expected (2, 3), found (2, 4)");
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Masked<T> {
    values: T,
    mask: Mask,
}

impl<T> Masked<T> {
    /// The values, those of the padding included.
    pub fn values(&self) -> &T {
        &self.values
    }

    /// The mask.
    pub fn mask(&self) -> &Mask {
        &self.mask
    }

    /// The values and the mask, apart.
    pub fn into_parts(self) -> (T, Mask) {
        (self.values, self.mask)
    }

    /// For values that come from the same batch as the mask.
    pub(super) fn from_parts(values: T, mask: Mask) -> Self {
        Self { values, mask }
    }
}

impl<S: Sequence, E, D: Storage<E>, T> Masked<Tensor<S, E, D, T>> {
    /// Puts a mask on a sequence.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    pub fn new(values: Tensor<S, E, D, T>, mask: Mask) -> Result<Self, Error> {
        let (steps, sizes) = (values.shape().steps(), (mask.batch(), mask.length()));
        if steps != sizes {
            return Err(Error::mismatch("the batch and length of a mask", steps, sizes));
        }
        Ok(Self { values, mask })
    }

    /// Replaces the mask that arrived by another, as the argument `mask=` does in Keras.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the mask has another batch or length than the values.
    pub fn with_mask(self, mask: Mask) -> Result<Self, Error> {
        Self::new(self.values, mask)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Features> Features for Masked<S> {
    const SIZE: usize = S::SIZE;
}
