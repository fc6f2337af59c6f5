//! Convolutions. Channels come last, as in Keras.

mod conv1d;
mod conv2d;
mod depthwise;
mod groups;
mod separable;
mod stream;
mod transposed;

pub use conv1d::Conv1d;
pub use conv2d::Conv2d;
pub use depthwise::{DepthwiseConv1d, DepthwiseConv2d};
pub use groups::{Grouping, Groups, OneGroup};
pub(crate) use separable::separable;
pub use separable::{SeparableConv1d, SeparableConv2d};
pub(crate) use transposed::Spreading;
pub use transposed::{Conv1dTranspose, Conv2dTranspose};

use groups::{in_group, wrong_filters};

use crate::{
    backend::Window,
    error::Error,
    shape::{Fault, Padding, Same, Valid, Words, wrong_window},
};

/// A padding that makes sense for images: [`Valid`] or [`Same`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no padding for images",
    note = "there are `Valid` and `Same`; `Causal` is for sequences"
)]
pub trait ImagePadding: Padding {}

impl ImagePadding for Valid {}
impl ImagePadding for Same {}

/// What is wrong with a window of a convolution that Keras refuses too: both its places and its taps are apart.
pub(crate) const fn wrong_steps(kernel: &[usize], stride: usize, dilation: usize) -> Fault {
    let both = if stride > 1 && dilation > 1 {
        Fault::new(&[
            Words::Text("a stride of "),
            Words::Number(stride),
            Words::Text(" with a dilation of "),
            Words::Number(dilation),
            Words::Text(": one of the two is 1, in Keras too"),
        ])
    } else {
        Fault::NONE
    };
    wrong_window(kernel, &[stride], dilation).or(both)
}

/// The window of a layer on images of a size.
///
/// # Errors
/// [`Error::Mismatch`] if it does not fit.
pub(crate) fn window<P: Padding>(
    size: [usize; 2],
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
) -> Result<Window, Error> {
    let along = |axis: usize| {
        let reach = kernel[axis].saturating_sub(1) * dilation[axis] + 1;
        P::places(size[axis], reach, stride[axis]).ok_or_else(|| {
            Error::mismatch("the size that a window slides along (at least)", reach, size[axis])
        })
    };
    let (rows, columns) = (along(0)?, along(1)?);
    Ok(Window {
        size,
        kernel,
        stride,
        dilation,
        before: [rows.1, columns.1],
        places: [rows.0, columns.0],
    })
}
