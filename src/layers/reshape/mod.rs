//! Layers that move numbers about and change none.

mod flatten;
mod permute;
mod repeat;
mod zero_padding;

pub(crate) use flatten::UNMASKED;
pub use flatten::{FixedSizes, Flatten, Reshape, TrailingDims, Unmasked};
pub use permute::{Permute, Permuted};
pub use repeat::RepeatVector;
pub use zero_padding::ZeroPadding2d;
