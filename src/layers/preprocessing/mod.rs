//! Preprocessing that is a part of the model.

mod colors;
mod geometry;
mod normalization;
mod options;
mod random;
mod random_brightness;
mod random_contrast;
mod random_crop;
mod random_flip;
mod random_rotation;
mod random_translation;
mod random_zoom;
mod rescaling;

pub use normalization::Normalization;
pub(crate) use normalization::at_least;
pub use options::{Factor, FillMode, FlipMode, Interpolation, ValueRange, WidthFactor};
pub use random_brightness::RandomBrightness;
pub use random_contrast::RandomContrast;
pub use random_crop::RandomCrop;
pub(crate) use random_crop::cropped;
pub use random_flip::RandomFlip;
pub use random_rotation::RandomRotation;
pub use random_translation::RandomTranslation;
pub use random_zoom::RandomZoom;
pub use rescaling::Rescaling;

use crate::{backend::Element, error::Error};

/// A setting as an element.
///
/// # Errors
/// [`Error::Invalid`] if it is not finite, or beyond the range of elements.
fn element<E: Element>(name: &'static str, value: f64) -> Result<E, Error> {
    let expected = "it must be finite, and within the range of the model's elements";
    let element = E::checked(value).filter(|_| value.is_finite());
    element.ok_or_else(|| Error::invalid(name, value, expected))
}
