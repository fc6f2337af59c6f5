//! Layers that move numbers about and change none.

mod cropping;
mod flatten;
mod permute;
mod repeat;
mod stretch;
mod up_sampling;
mod zero_padding;

pub use cropping::{Cropping1d, Cropping2d};
pub(crate) use flatten::UNMASKED;
pub use flatten::{FixedSizes, Flatten, Reshape, TrailingDims, Unmasked};
pub use permute::{Permute, Permuted};
pub use repeat::RepeatVector;
pub use stretch::ResizeInterpolation;
pub(crate) use stretch::{Stretch, picked};
pub use up_sampling::{UpSampling1d, UpSampling2d};
pub use zero_padding::{ZeroPadding1d, ZeroPadding2d};
