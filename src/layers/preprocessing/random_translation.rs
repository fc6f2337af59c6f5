use dfdx::tensor::{Tape, Tensor};

use super::{
    Factor, FillMode, Interpolation, element,
    geometry::{Affine, Filling},
    random::{changed, drawn, random_layer},
};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape},
    error::Error,
    layer,
    layer::{Layer, trains},
    signal::Images,
};

/// Shifts each image by shares of its height and width that are drawn for it, in the training pass only.
///
/// [`Factor::between`]`(0.1, 0.2)` shifts it down, or to the right, by 10 to 20 %. The seed is that of the
/// [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomTranslation`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_translation/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Cpu, Error, Factor, FillMode, RandomTranslation, model, prelude::*};
///
/// #[model(input = (Batch, 1, 4, 1))]
/// struct Shifted {
///     #[with(width_factor = Factor::between(0.25, 0.25), fill_mode = FillMode::Constant)]
///     shift: RandomTranslation,
/// }
///
/// let mut model = Shifted::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[[1.0_f32], [2.0], [3.0], [4.0]]]]);
/// assert_eq!(model.shift.forward_mut(x)?.as_vec(), [0.0, 1.0, 2.0, 3.0]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomTranslation",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RandomTranslation {
    /// The share of the height, within -1 to 1. Default none; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub height_factor: Factor,
    /// The share of the width, within -1 to 1. Default none; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub width_factor: Factor,
    /// What stands around an image. Default the image in a mirror.
    #[option(default = FillMode::Reflect)]
    pub fill_mode: FillMode,
    /// How pixels in between are made. Default bilinear.
    #[option(default = Interpolation::Bilinear)]
    pub interpolation: Interpolation,
    /// The value of [`FillMode::Constant`]. Default 0.
    #[option(default = 0.0)]
    pub fill_value: f64,
}

impl RandomTranslation {
    pub(crate) fn check<E: Element>(&self) -> Result<(), Error> {
        element::<E>("fill_value", self.fill_value)?;
        let (fits, expected) =
            (|end: f64| (-1.0..=1.0).contains(&end), "it must be within -1 to 1");
        self.height_factor.check("height_factor", fits, expected)?;
        self.width_factor.check("width_factor", fits, expected)
    }

    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let Self { fill_mode: mode, fill_value: value, interpolation, .. } = *self;
        changed(x, Filling { mode, value, interpolation }, |random, size| {
            let factors = [self.height_factor, self.width_factor];
            Affine::translation(factors.map(|factor| drawn(factor.ends(), random)), size)
        })
    }
}

random_layer!(RandomTranslation, check);
