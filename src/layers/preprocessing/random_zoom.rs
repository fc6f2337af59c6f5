use dfdx::tensor::{Tape, Tensor};

use super::{
    Factor, FillMode, Interpolation, WidthFactor, element,
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

/// Brings each image nearer or farther away by a factor that is drawn for it, in the training pass only.
///
/// [`Factor::between`]`(-0.3, -0.2)` shows it larger, by 20 to 30 %, and positive numbers smaller. The seed is that of the
/// [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomZoom`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_zoom/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Cpu, Error, Factor, RandomZoom, model, prelude::*};
///
/// #[model(input = (Batch, 1, 4, 1))]
/// struct Zoomed {
///     #[with(height_factor = Factor::between(-0.5, -0.5))]
///     zoom: RandomZoom,
/// }
///
/// let mut model = Zoomed::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[[0.0_f32], [1.0], [2.0], [3.0]]]]);
/// assert_eq!(model.zoom.forward_mut(x)?.as_vec(), [0.75, 1.25, 1.75, 2.25]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomZoom",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RandomZoom {
    /// By how much the height changes, more than -1 and at most 1. Default not at all; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub height_factor: Factor,
    /// By how much the width does. Default as the height.
    #[option(default = WidthFactor::LikeHeight)]
    pub width_factor: WidthFactor,
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

impl RandomZoom {
    pub(crate) fn check<E: Element>(&self) -> Result<(), Error> {
        element::<E>("fill_value", self.fill_value)?;
        let fits = |end: f64| end > -1.0 && end <= 1.0;
        let expected = "it must be more than -1, and at most 1";
        self.height_factor.check("height_factor", fits, expected)?;
        match self.width_factor {
            WidthFactor::LikeHeight => Ok(()),
            WidthFactor::Own(factor) => factor.check("width_factor", fits, expected),
        }
    }

    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let Self { fill_mode: mode, fill_value: value, interpolation, .. } = *self;
        changed(x, Filling { mode, value, interpolation }, |random, size| {
            let height = 1.0 + drawn(self.height_factor.ends(), random);
            let width = match self.width_factor {
                WidthFactor::LikeHeight => height,
                WidthFactor::Own(factor) => 1.0 + drawn(factor.ends(), random),
            };
            Affine::zoom([height, width], size)
        })
    }
}

random_layer!(RandomZoom, check);
