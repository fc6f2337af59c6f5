use dfdx::tensor::{Tape, Tensor};

use super::{Factor, ValueRange, colors::more_contrast, random::random_layer};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape},
    error::Error,
    layer,
    layer::{Layer, trains},
    signal::Images,
};

/// Multiplies how far the pixels of each image are from the mean of their channel, by a number that is drawn for it, in the training pass
/// only.
///
/// [`Factor::between`]`(lower, upper)` are numbers from `1 - lower` to `1 + upper`. The seed is that of the
/// [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomContrast`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_contrast/), whose `RandomContrast(0.2)` is
/// [`Factor::between`]`(0.0, 0.2)`: Keras 3 does not lower the contrast there.
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Cpu, Error, Factor, RandomContrast, ValueRange, model, prelude::*};
///
/// #[model(input = (Batch, 1, 2, 1))]
/// struct Vivid {
///     #[with(factor = Factor::between(0.0, 1.0), value_range = ValueRange::UNIT)]
///     contrast: RandomContrast,
/// }
///
/// let mut model = Vivid::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[[0.25_f32], [0.75]]]]);
/// let y = model.contrast.forward_mut(x)?.as_vec();
/// // As far from the mean, 0.5, or farther.
/// assert!(y[0] <= 0.25 && y[1] >= 0.75);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomContrast",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RandomContrast {
    /// From `1 - lower` to `1 + upper`; both within 0 to 1. Default none; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub factor: Factor,
    /// Between which values the images are, and stay. Default 0 to 255.
    #[option(default = ValueRange::BYTES)]
    pub value_range: ValueRange,
}

impl RandomContrast {
    pub(crate) fn check<E: Element>(&self) -> Result<(), Error> {
        self.value_range.check::<E>()?;
        let expected =
            "it must be within 0 to 1: `Factor::between(0.2, 0.2)` are numbers from 0.8 to 1.2";
        self.factor.check("factor", |end| (0.0..=1.0).contains(&end), expected)
    }

    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        more_contrast(x, self.factor.ends(), self.value_range)
    }
}

random_layer!(RandomContrast, check);
