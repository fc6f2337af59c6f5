//! Layers that change each value at random in the training pass, and do nothing in inference.

use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};
use rand::{Rng, rngs::SmallRng};
use rand_distr::StandardNormal;

use super::training_only::{training_only, wrong_rate};
use crate::{
    backend::{
        Backend, Element, OfSamples, Scale,
        memory::{elements, filled},
    },
    error::Error,
    layer,
    layer::{Layer, trains},
    mask::Mask,
    shape::{Fault, Shape, Words},
    signal::MaskTransparent,
    stream::handed_on,
};

/// Adds normal noise of mean 0 to each value, in the training pass only. Padding is left as it is.
///
/// The seed is that of the [`Trainer`](crate::train::Trainer), as for [`Dropout`](crate::Dropout). Keras:
/// [`GaussianNoise`](https://keras.io/api/layers/regularization_layers/gaussian_noise/).
///
/// # Shapes
/// Any shape, masked or not; it stays.
///
/// # Errors
/// [`Error::Invalid`] for a standard deviation that is negative, or not finite.
///
/// ```
/// use kerata::{Batch, Cpu, Dense, Error, GaussianNoise, model, prelude::*};
///
/// #[model(input = (Batch, 8), output = (Batch, 8))]
/// struct Denoise {
///     #[with(stddev = 0.1)]
///     noise: GaussianNoise,
///     hidden: Dense<_, 3>,
///     head: Dense<_, 8>,
/// }
///
/// let mut model = Denoise::build(&Cpu::seed_from_u64(0))?;
/// let x = Cpu::default().tensor([[1.0_f32; 8]]);
/// assert_eq!(model.noise.forward(x.clone())?.array(), x.array());
/// let noisy = model.noise.forward_mut(x)?.as_vec();
/// assert!(noisy.iter().all(|&v| v != 1.0 && (0.4..1.6).contains(&v)), "{noisy:?}");
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "GaussianNoise", keys(seed()))]
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct GaussianNoise {
    /// The standard deviation of the noise. Default 0, which is none; Keras has no default.
    #[option(default = 0.0, range = 0.0..=f64::MAX)]
    pub stddev: f64,
}

/// Multiplies each value with normal noise of mean 1, in the training pass only. Padding is left as it is.
///
/// The variance is that of a [`Dropout`](crate::Dropout) of `PERCENT` percent: with its share `p`, the standard deviation is `sqrt(p / (1 - p))`. The paper is
/// [Srivastava et al. 2014](https://jmlr.org/papers/v15/srivastava14a.html); Keras:
/// [`GaussianDropout`](https://keras.io/api/layers/regularization_layers/gaussian_dropout/).
///
/// # Shapes
/// Any shape, masked or not; it stays.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let x = Cpu::default().tensor([[0.0_f32, 1.0, 2.0]]);
/// assert_eq!(GaussianDropout::<20>.forward(x.clone())?.array(), x.array());
/// let [[zero, one, two]] = GaussianDropout::<20>.forward_mut(x)?.array();
/// assert!(zero == 0.0 && one != 1.0 && two != 2.0);
/// # Ok::<(), Error>(())
/// ```
#[layer(class = "GaussianDropout", keys(rate: share(PERCENT as f64 / 100.0, None), seed()))]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GaussianDropout<const PERCENT: usize>;

/// Drops `PERCENT` percent of the values so that mean and variance stay behind a [`Selu`](crate::Selu): what drops gets the value that a selu has far
/// below 0, and then all are scaled and shifted. In the training pass only; padding is left as it is.
///
/// The paper is [Klambauer et al. 2017](https://arxiv.org/abs/1706.02515); Keras:
/// [`AlphaDropout`](https://keras.io/api/layers/regularization_layers/alpha_dropout/).
///
/// # Shapes
/// Any shape, masked or not; it stays.
///
/// ```
/// use kerata::{*, prelude::*};
///
/// let x = Cpu::default().tensor([[1.0_f32; 100]; 10]);
/// assert_eq!(AlphaDropout::<10>.forward(x.clone())?.array(), x.array());
/// let mut values = AlphaDropout::<10>.forward_mut(x)?.as_vec();
/// values.sort_by(f32::total_cmp);
/// values.dedup();
/// assert_eq!(values.len(), 2, "what drops, and what does not");
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "AlphaDropout",
    keys(rate: share(PERCENT as f64 / 100.0, None), seed(), none(&["noise_shape"])),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AlphaDropout<const PERCENT: usize>;

/// How values are changed: each by itself, unless something else is said.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Noise {
    /// Adds normal noise of this standard deviation.
    Added(f64),
    /// Multiplies with normal noise around 1, of the variance of a dropout of this rate.
    Multiplied(f64),
    /// Drops this share of the values as a selu has them, so that mean and variance stay.
    Alpha(f64),
    /// Drops this share of the samples, each as a whole.
    Samples(f64),
}

impl Noise {
    fn change<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        self,
        x: Tensor<S, E, D, T>,
        mask: Option<&Mask>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        let shape = *x.shape();
        self.change_sized(x, shape.concrete().as_ref(), mask)
    }

    /// The values as the training pass changes them, of which these are the sizes.
    ///
    /// # Errors
    /// [`Error::Device`].
    pub(crate) fn change_sized<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        self,
        x: Tensor<S, E, D, T>,
        sizes: &[usize],
        mask: Option<&Mask>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        let (Self::Added(much) | Self::Multiplied(much) | Self::Alpha(much) | Self::Samples(much)) =
            self;
        // Then it is the same data, of which a loss knows the logits.
        if much == 0.0 || elements(sizes)? == 0 {
            return Ok(x);
        }
        let dev = x.device().clone();
        let (factors, summands) = self.draw::<E, D>(&dev, sizes, mask)?;
        D::scaled(x, Scale { factors: &factors, summands: &summands, sum_first: false })
    }

    /// What values of these sizes are multiplied with, and what is added then. Padding is left as it is, and has no part in what is
    /// drawn for the real steps.
    fn draw<E: Element, D: Backend<E>>(
        self,
        dev: &D,
        sizes: &[usize],
        mask: Option<&Mask>,
    ) -> Result<(Vec<E>, Vec<E>), Error> {
        let mut factors = filled(sizes, E::one())?;
        let mut summands = filled(sizes, E::zero())?;
        let rows = sizes[0];
        let random = OfSamples::new(dev, rows)?;
        let keep = mask.map(Mask::as_slice);
        let steps = keep.map_or(1, |keep| keep.len() / rows);
        let each = factors.len() / rows;
        let samples = factors.chunks_mut(each).zip(summands.chunks_mut(each));
        for (row, (factors, summands)) in samples.enumerate() {
            let mut random = random.row(row);
            if let Self::Samples(rate) = self {
                let kept = random.gen_bool(1.0 - rate);
                factors.fill(E::of(if kept { 1.0 / (1.0 - rate) } else { 0.0 }));
                continue;
            }
            let width = each / steps;
            let both = factors.chunks_mut(width).zip(summands.chunks_mut(width));
            for (step, (factors, summands)) in both.enumerate() {
                if keep.is_none_or(|keep| keep[row * steps + step]) {
                    self.draw_step(&mut random, factors, summands);
                }
            }
        }
        Ok((factors, summands))
    }

    /// The same for the values of a step.
    fn draw_step<E: Element>(self, random: &mut SmallRng, factors: &mut [E], summands: &mut [E]) {
        let mut normal = || random.sample::<f64, _>(StandardNormal);
        match self {
            Self::Added(deviation) => summands.fill_with(|| E::of(deviation * normal())),
            Self::Multiplied(rate) => {
                let deviation = (rate / (1.0 - rate)).sqrt();
                factors.fill_with(|| E::of(1.0 + deviation * normal()));
            }
            Self::Alpha(rate) => {
                let low = -1.673_263_242_354_377_2 * 1.050_700_987_355_480_5;
                let a = ((1.0 - rate) * (1.0 + rate * low * low)).powf(-0.5);
                let b = -a * low * rate;
                for (factor, summand) in factors.iter_mut().zip(summands) {
                    let kept = random.gen_bool(1.0 - rate);
                    *factor = E::of(if kept { a } else { 0.0 });
                    *summand = E::of(if kept { b } else { a * low + b });
                }
            }
            Self::Samples(_) => {}
        }
    }
}

training_only! {
    [] GaussianNoise: MaskTransparent, Fault::NONE,
    |layer| {
        layer.check_options()?;
        let expected = "it must be within the range of the model's elements";
        E::checked(layer.stddev).ok_or_else(|| Error::invalid("stddev", layer.stddev, expected))?;
        Noise::Added(layer.stddev)
    },
    |noise, x, mask| noise.change(x, mask)
}
training_only! {
    [const PERCENT: usize] GaussianDropout<PERCENT>: MaskTransparent,
    wrong_rate(PERCENT, &[Words::Text("the rate of a dropout is 0 to 99 percent")]),
    |_layer| Noise::Multiplied(PERCENT as f64 / 100.0),
    |noise, x, mask| noise.change(x, mask)
}
training_only! {
    [const PERCENT: usize] AlphaDropout<PERCENT>: MaskTransparent,
    wrong_rate(PERCENT, &[Words::Text("the rate of a dropout is 0 to 99 percent")]),
    |_layer| Noise::Alpha(PERCENT as f64 / 100.0),
    |noise, x, mask| noise.change(x, mask)
}
handed_on!([In: MaskTransparent] GaussianNoise, In, x => x);
handed_on!([In: MaskTransparent, const PERCENT: usize] GaussianDropout<PERCENT>, In, x => x);
handed_on!([In: MaskTransparent, const PERCENT: usize] AlphaDropout<PERCENT>, In, x => x);
