use dfdx::tensor::{Tape, Tensor};

use super::{Factor, ValueRange, colors::brighter, random::random_layer};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape},
    error::Error,
    layer,
    layer::{Layer, trains},
    signal::Images,
};

/// Makes each image brighter or darker by a number that is drawn for it, in the training pass only.
///
/// The factor is a share of the range of values: with [`Factor::of`]`(0.2)` and values of 0 to 255, from -51 to 51 is added. The seed is
/// that of the [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomBrightness`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_brightness/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Cpu, Error, Factor, RandomBrightness, ValueRange, model, prelude::*};
///
/// #[model(input = (Batch, 1, 2, 1))]
/// struct Bright {
///     #[with(factor = Factor::between(0.5, 0.5), value_range = ValueRange::UNIT)]
///     light: RandomBrightness,
/// }
///
/// let mut model = Bright::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[[0.25_f32], [0.75]]]]);
/// assert_eq!(model.light.forward_mut(x)?.as_vec(), [0.75, 1.0]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomBrightness",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RandomBrightness {
    /// The share of the range, within -1 to 1. Default none; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub factor: Factor,
    /// Between which values the images are, and stay. Default 0 to 255.
    #[option(default = ValueRange::BYTES)]
    pub value_range: ValueRange,
}

impl RandomBrightness {
    pub(crate) fn check<E: Element>(&self) -> Result<(), Error> {
        self.value_range.check::<E>()?;
        let expected = "it must be within -1 to 1";
        self.factor.check("factor", |end| (-1.0..=1.0).contains(&end), expected)
    }

    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        brighter(x, self.factor.ends(), self.value_range)
    }
}

random_layer!(RandomBrightness, check);
