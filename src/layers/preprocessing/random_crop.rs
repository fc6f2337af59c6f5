use dfdx::{
    shapes::{Const, HasShape},
    tensor::{Tape, Tensor},
};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use super::{
    FillMode, Interpolation,
    geometry::{Affine, Filling, transformed},
};
use crate::{
    backend::{Backend, Element, ImageShape, IntoShape, random_u64},
    error::Error,
    layer,
    layer::{Layer, trains},
    shape::{Fault, missing},
    signal::Images,
};

/// Cuts a window of `H` rows and `W` columns out of images: at a place that is drawn for each batch in the training pass, and
/// else the largest window of these proportions in the middle, brought to this size.
///
/// From images that are not larger than the window in both directions, training cuts what there is of a window of `H` x `W` from
/// the corner of that largest one on, and brings it to this size: the numbers of Keras 3.15.1, whose documentation promises the largest
/// window there too. In inference Keras returns images as they are, of whatever size. The seed is that of the
/// [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`RandomCrop`](https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_crop/).
///
/// # Shapes
/// - input `(Batch, .., .., C)`, images of any size
/// - output `(Batch, H, W, C)`
///
/// ```
/// use kerata::{Cpu, Error, RandomCrop, prelude::*};
///
/// let x = Cpu::seed_from_u64(0).tensor([[[[1.0_f32], [2.0], [3.0], [4.0]]; 4]]);
/// let mut crop = RandomCrop::<2, 2>;
/// let [row, _] = crop.forward_mut(x.clone())?.array()[0];
/// assert_eq!(row[1][0] - row[0][0], 1.0);
/// // The whole image, at half its size.
/// assert_eq!(crop.forward(x)?.array()[0][0], [[1.5], [3.5]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "RandomCrop",
    check = wrong_crop(H, W).tell(),
    keys(height: size(H), width: size(W), seed(), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RandomCrop<const H: usize, const W: usize>;

/// What is wrong with a window of nothing.
const fn wrong_crop(height: usize, width: usize) -> Fault {
    missing(height, "the height of a `RandomCrop` is at least 1")
        .or(missing(width, "the width of a `RandomCrop` is at least 1"))
}

impl<const H: usize, const W: usize> RandomCrop<H, W> {
    fn cut<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<ImageShape, E, D, T>,
        seed: Option<u64>,
    ) -> Result<Tensor<ImageShape, E, D, T>, Error> {
        const { wrong_crop(H, W).tell() };
        cropped(x, [H, W], seed)
    }
}

/// Images cut to a size: in training, with a seed, all at one place that follows from it if they are larger; else in the middle.
pub(crate) fn cropped<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    size: [usize; 2],
    seed: Option<u64>,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let (batch, rows, columns, _) = *x.shape();
    let [height, width] = size;
    if batch > 0 && (rows == 0 || columns == 0) {
        return Err(Error::Empty("an image to be cropped"));
    }
    let (start, window) = match seed.filter(|_| rows > height && columns > width) {
        Some(seed) => {
            let mut random = SmallRng::seed_from_u64(seed);
            let start = [rows - height, columns - width];
            (start.map(|most| random.gen_range(0..=most)), [height, width])
        }
        None => {
            let most = |size: usize, other: usize, of: usize, per: usize| {
                let fitting = (other as f64 * of as f64 / per.max(1) as f64) as usize;
                fitting.min(size).max(1)
            };
            let window = [most(rows, columns, height, width), most(columns, rows, width, height)];
            let start = [rows.saturating_sub(window[0]) / 2, columns.saturating_sub(window[1]) / 2];
            match seed {
                // As Keras: from there on what there is of the window itself.
                Some(_) => {
                    let left = |of: usize, start: usize, most: usize| most.min(of - start).max(1);
                    (start, [left(rows, start[0], height), left(columns, start[1], width)])
                }
                None => (start, window),
            }
        }
    };
    let [start, window] = [start, window].map(|pair| pair.map(|n| n as f64));
    let map = Affine::window(start, window, size);
    // What is seen ends within the image, so that there is nothing to fill.
    let filling =
        Filling { mode: FillMode::Nearest, value: 0.0, interpolation: Interpolation::Bilinear };
    D::resampled(x, &transformed(&vec![map; batch], [rows, columns], size, filling)?)
}

impl<In: Images, const H: usize, const W: usize, E, D> Layer<In, E, D> for RandomCrop<H, W>
where
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Const<H>, Const<W>, In::Channels);

    const FAULT: Fault = wrong_crop(H, W);

    // A layer around this one may hand on the pass of training by `call`: it implements no `call_mut`.
    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        if trains() {
            return <Self as Layer<In, E, D>>::call_mut(&mut self.clone(), x);
        }
        let (x, (batch, _, _, channels)) = In::images(x)?;
        Self::cut(x, None)?.into_shape(&(batch, Const, Const, channels))
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, _, _, channels)) = In::images(x)?;
        let seed = random_u64(x.device());
        Self::cut(x, Some(seed))?.into_shape(&(batch, Const, Const, channels))
    }
}
