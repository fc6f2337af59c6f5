use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};
use rand::Rng;

use super::training_only::{training_only, wrong_rate};
use crate::{
    backend::{
        Backend, Element, OfSamples,
        memory::{elements, reserved},
    },
    error::Error,
    layer,
    layer::{Layer, trains},
    mask::Mask,
    shape::{Fault, Shape, Words},
    signal::{Images, MaskTransparent, Steps},
    stream::handed_on,
};

/// Drops whole features of a sequence: `PERCENT` percent of them are 0 in all steps, and the others scaled up, in the training pass
/// only. Padding is left as it is.
///
/// Keras: [`SpatialDropout1D`](https://keras.io/api/layers/regularization_layers/spatial_dropout1d/).
///
/// # Shapes
/// - input and output `(Batch, Length, F)`, masked or not; the mask passes
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let x = Cpu::default().tensor([[[1.0_f32; 10]; 3]]);
/// let [[a, b, c]] = SpatialDropout1d::<50>.forward_mut(x)?.array();
/// assert!(a == b && b == c && a.iter().all(|&v| v == 0.0 || v == 2.0));
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "SpatialDropout1D",
    keys(rate: share(PERCENT as f64 / 100.0, None), seed(), ignored(&["noise_shape", "data_format"])),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpatialDropout1d<const PERCENT: usize>;

/// Drops whole channels of an image: `PERCENT` percent of them are 0 in all pixels, and the others scaled up, in the training pass
/// only.
///
/// Keras: [`SpatialDropout2D`](https://keras.io/api/layers/regularization_layers/spatial_dropout2d/).
///
/// # Shapes
/// - input and output `(Batch, Height, Width, Channels)`
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let x = Cpu::default().tensor([[[[1.0_f32; 10]; 2]; 1]]);
/// let [[[a, b]]] = SpatialDropout2d::<50>.forward_mut(x)?.array();
/// assert!(a == b && a.iter().all(|&v| v == 0.0 || v == 2.0));
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "SpatialDropout2D",
    keys(
        rate: share(PERCENT as f64 / 100.0, None),
        seed(),
        ignored(&["noise_shape"]),
        data_format(),
    ),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SpatialDropout2d<const PERCENT: usize>;

training_only! {
    [const PERCENT: usize] SpatialDropout1d<PERCENT>: Steps,
    wrong_rate(PERCENT, &[Words::Text("the rate of a dropout is 0 to 99 percent")]),
    |_layer| PERCENT as f64 / 100.0,
    |rate, x, mask| dropped(x, mask, rate)
}
training_only! {
    [const PERCENT: usize] SpatialDropout2d<PERCENT>: Images,
    wrong_rate(PERCENT, &[Words::Text("the rate of a dropout is 0 to 99 percent")]),
    |_layer| PERCENT as f64 / 100.0,
    |rate, x, mask| dropped(x, mask, rate)
}
handed_on!([In: Steps + MaskTransparent, const PERCENT: usize] SpatialDropout1d<PERCENT>, In, x => x);

/// Values of any shape with the channels last, of which some channels are dropped.
fn dropped<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    let factors: Vec<E> = channel_factors(&dev, shape.concrete().as_ref(), mask, rate)?;
    D::drop_by(x, &factors)
}

/// What values with their channels last are multiplied with: for each sample, 0 for the channels that drop, and for the others what makes
/// up for them. For padding it is 1.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn channel_factors<E: Element, D: Backend<E>>(
    dev: &D,
    sizes: &[usize],
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Vec<E>, Error> {
    let (rows, channels) = (sizes[0], sizes.last().copied().unwrap_or(1));
    let places = elements(&sizes[1..sizes.len() - 1])?;
    let random = OfSamples::new(dev, rows)?;
    let mut factors = reserved(elements(sizes)?)?;
    let scale = E::of(1.0 / (1.0 - rate));
    let keep = mask.map(Mask::as_slice);
    let steps = keep.map_or(0, |keep| keep.len().checked_div(rows).unwrap_or(0));
    let mut kept = reserved::<E>(channels)?;
    for row in 0..rows {
        let mut rng = random.row(row);
        kept.clear();
        kept.extend(
            (0..channels).map(|_| if rng.gen_bool(1.0 - rate) { scale } else { E::zero() }),
        );
        for place in 0..places {
            match keep.is_none_or(|keep| keep[row * steps + place * steps / places]) {
                true => factors.extend_from_slice(&kept),
                false => factors.extend(std::iter::repeat_n(E::one(), channels)),
            }
        }
    }
    Ok(factors)
}
