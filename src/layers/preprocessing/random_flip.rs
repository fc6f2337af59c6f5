use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};
use rand::Rng;

use super::{FlipMode, random::random_layer};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape, OfSamples, Resampling, memory::collected},
    error::Error,
    layer,
    layer::{Layer, trains},
    memory::elements_of,
    signal::Images,
};

/// Turns each image around or not, by chance, in the training pass only.
///
/// The seed is that of the [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). With
/// [`FlipMode::HorizontalAndVertical`], which is the default, an image is flipped in each direction by a chance of its own (Keras 3.15
/// has one for both). Keras: [`RandomFlip`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_flip/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output the same
///
/// ```
/// use kerata::{Batch, Conv2d, Cpu, Error, FlipMode, RandomFlip, model, prelude::*};
///
/// #[model(input = (Batch, 8, 8, 3))]
/// struct Images {
///     #[with(mode = FlipMode::Horizontal)]
///     flip: RandomFlip,
///     conv: Conv2d<_, 4, 3>,
/// }
///
/// let mut images = Images::build(&Cpu::seed_from_u64(1))?;
/// assert_eq!(images.flip.mode, FlipMode::Horizontal);
/// let x = Cpu::seed_from_u64(1).tensor([[[[1.0_f32], [2.0]]]; 20]);
/// assert_eq!(images.flip.forward(x.clone())?.array(), x.array());
/// let y = images.flip.forward_mut(x)?.array();
/// assert!(y.contains(&[[[1.0], [2.0]]]) && y.contains(&[[[2.0], [1.0]]]));
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomFlip",
    input = (Batch, Height, Width, Channels),
    keys(seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RandomFlip {
    /// In which direction. Default each of both.
    #[option(default = FlipMode::HorizontalAndVertical)]
    pub mode: FlipMode,
}

impl RandomFlip {
    pub(crate) fn drawn<E: Element, D: Backend<E>, T: Tape<E, D>>(
        &self,
        x: Tensor<ImageShape, E, D, T>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        let (batch, rows, columns, _) = *x.shape();
        if elements_of(&x)? == 0 {
            return Ok(x);
        }
        let [upright, across] = match self.mode {
            FlipMode::Horizontal => [false, true],
            FlipMode::Vertical => [true, false],
            FlipMode::HorizontalAndVertical => [true, true],
        };
        let random = OfSamples::new(x.device(), batch)?;
        let all = [batch, rows, columns];
        let mut pixels = collected(&all, [])?;
        for image in 0..batch {
            let mut random = random.row(image);
            let [upright, across] = [upright, across].map(|may| may && random.gen_bool(0.5));
            let at = |i: usize, size: usize, turned: bool| if turned { size - 1 - i } else { i };
            for row in 0..rows {
                let row = at(row, rows, upright) * columns;
                pixels.extend((0..columns).map(|column| row + at(column, columns, across)));
            }
        }
        let weights = collected(&all, std::iter::repeat_n(1.0, pixels.len()))?;
        let added = collected(&all, std::iter::repeat_n(0.0, pixels.len()))?;
        D::resampled(x, &Resampling { size: [rows, columns], taps: 1, pixels, weights, added })
    }
}

random_layer!(RandomFlip);
