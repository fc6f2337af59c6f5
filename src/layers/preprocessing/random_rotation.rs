use std::f64::consts::TAU;

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

/// Turns each image by an angle that is drawn for it, in the training pass only.
///
/// The factor is a share of a full turn: [`Factor::of`]`(0.1)` are angles from -36 to 36 degrees, counterclockwise. The seed is that
/// of the [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomRotation`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_rotation/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Cpu, Error, Factor, FillMode, RandomRotation, model, prelude::*};
///
/// #[model(input = (Batch, 3, 3, 1))]
/// struct Turned {
///     // A quarter, always.
///     #[with(factor = Factor::between(0.25, 0.25), fill_mode = FillMode::Constant)]
///     turn: RandomRotation,
/// }
///
/// let mut model = Turned::build(&Cpu::default())?;
/// let x = Cpu::default().tensor([[[[1.0_f32], [2.0], [3.0]], [[4.0], [5.0], [6.0]], [[7.0], [8.0], [9.0]]]]);
/// let y = model.turn.forward_mut(x)?.as_vec();
/// let rounded: Vec<f32> = y.iter().map(|x| x.round()).collect();
/// assert_eq!(rounded, [3.0, 6.0, 9.0, 2.0, 5.0, 8.0, 1.0, 4.0, 7.0]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomRotation",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RandomRotation {
    /// The shares of a full turn, each at most 1. Default none; Keras has no default.
    #[option(default = Factor::of(0.0))]
    pub factor: Factor,
    /// What stands around an image. Default the image in a mirror.
    #[option(default = FillMode::Reflect)]
    pub fill_mode: FillMode,
    /// The value of [`FillMode::Constant`]. Default 0.
    #[option(default = 0.0)]
    pub fill_value: f64,
    /// How pixels in between are made. Default bilinear.
    #[option(default = Interpolation::Bilinear)]
    pub interpolation: Interpolation,
}

impl RandomRotation {
    pub(crate) fn check<E: Element>(&self) -> Result<(), Error> {
        element::<E>("fill_value", self.fill_value)?;
        let expected = "it must be within -1 to 1";
        self.factor.check("factor", |end| (-1.0..=1.0).contains(&end), expected)
    }

    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let Self { fill_mode: mode, fill_value: value, interpolation, .. } = *self;
        changed(x, Filling { mode, value, interpolation }, |random, size| {
            Affine::rotation(TAU * drawn(self.factor.ends(), random), size)
        })
    }
}

random_layer!(RandomRotation, check);
