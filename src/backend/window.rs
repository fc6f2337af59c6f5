//! Where a window goes on images, for convolution and pooling.

pub use kerata_kernels::{activation::ActivationKind, pool::Pooling, window::Window};

use super::memory::elements;
use crate::error::Error;

/// Fails unless a window lies on images of this shape, and its places and pixels can be counted.
///
/// # Errors
/// [`Error::Mismatch`] for images of another size, [`Error::Device`] for more places than there can be.
pub(crate) fn check_window(
    window: &Window,
    &(_, height, width, _): &ImageShape,
) -> Result<(), Error> {
    if window.size != [height, width] {
        let what = "the height and width of images";
        return Err(Error::mismatch(what, window.size, [height, width]));
    }
    elements(&window.places)?;
    elements(&window.kernel)?;
    for axis in 0..2 {
        elements(&[window.places[axis], window.stride[axis]])?;
        elements(&[window.kernel[axis], window.dilation[axis]])?;
    }
    Ok(())
}

/// Images: batch, height, width, channels.
pub type ImageShape = (usize, usize, usize, usize);
