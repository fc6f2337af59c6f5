use dfdx::tensor::{Tape, Tensor};

use super::stretch::{ResizeInterpolation, Stretch, stretched};
use crate::{
    backend::{Backend, Element, IntoShape},
    error::Error,
    layer,
    layer::Layer,
    shape::{Along, Fault, Times, missing},
    signal::{Images, UnmaskedSteps},
};

const fn wrong_times(times: usize) -> Fault {
    missing(times, "values are repeated at least 1 time, not 0")
}

/// Images of more pixels: each pixel `H` times down and `W` times along, or with an `interpolation` what stands between them.
///
/// Keras: [`UpSampling2D`](https://keras.io/api/layers/reshaping_layers/up_sampling2d/).
///
/// # Shapes
/// - input `(Batch, Height, Width, C)`
/// - output `(Batch, H * Height, W * Width, C)`
///
/// ```
/// use kerata::{Cpu, Error, ResizeInterpolation, UpSampling2d, prelude::*};
///
/// let x = Cpu::default().tensor([[[[1.0_f32], [3.0]]]]);
/// let y = UpSampling2d::<1, 2>::default().forward(x.clone())?;
/// assert_eq!(y.array(), [[[[1.0], [1.0], [3.0], [3.0]]]]);
/// let between = UpSampling2d::<1, 2> { interpolation: ResizeInterpolation::Bilinear };
/// assert_eq!(between.forward(x)?.array(), [[[[1.0], [1.5], [2.5], [3.0]]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "UpSampling2D",
    windows = [Along::Times(H, 0), Along::Times(W, 0)],
    input = (Batch, Height, Width, Channels),
    check = wrong_times(H).or(wrong_times(W)).tell(),
    keys(size: sizes(&[H, W], Some(&[2, 2])), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpSampling2d<const H: usize, const W: usize = H> {
    /// How what stands between the pixels is made of them. Default each pixel several times.
    #[option(default = ResizeInterpolation::Nearest)]
    pub interpolation: ResizeInterpolation,
}

/// Sequences of more steps: each step `TIMES` times.
///
/// Keras: [`UpSampling1D`](https://keras.io/api/layers/reshaping_layers/up_sampling1d/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, without a mask
/// - output `(Batch, TIMES * Length, F)`
///
/// ```
/// use kerata::{Cpu, Error, UpSampling1d, prelude::*};
///
/// let x = Cpu::default().tensor([[[1.0_f32], [2.0]]]);
/// assert_eq!(UpSampling1d::<2>.forward(x)?.array(), [[[1.0], [1.0], [2.0], [2.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "UpSampling1D",
    windows = [Along::Times(TIMES, 0)],
    input = (Batch, Length, Features),
    check = wrong_times(TIMES).tell(),
    keys(size: size_or(TIMES, 2)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UpSampling1d<const TIMES: usize>;

impl<In, const H: usize, const W: usize, E, D> Layer<In, E, D> for UpSampling2d<H, W>
where
    In: Images<Height: Times<H>, Width: Times<W>>,
    E: Element,
    D: Backend<E>,
{
    type Out =
        (In::Batch, <In::Height as Times<H>>::Out, <In::Width as Times<W>>::Out, In::Channels);

    const FAULT: Fault = wrong_times(H).or(wrong_times(W));

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, _, _, channels)) = In::images(x)?;
        let (y, height, width) =
            stretched(x, |axis, size| Stretch::times(size, [H, W][axis], self.interpolation))?;
        y.into_shape(&(batch, height, width, channels))
    }
}

impl<In, const TIMES: usize, E, D> Layer<In, E, D> for UpSampling1d<TIMES>
where
    In: UnmaskedSteps<Length: Times<TIMES>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Times<TIMES>>::Out, In::Features);

    const FAULT: Fault = wrong_times(TIMES);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        const { <Self as Layer<In, E, D>>::FAULT.tell() };
        let (x, (batch, _, features)) = In::rows(x)?;
        let (y, _, length) = stretched::<usize, _, E, D, T>(x, |axis, size| {
            Stretch::times(size, [1, TIMES][axis], ResizeInterpolation::Nearest)
        })?;
        y.into_shape(&(batch, length, features))
    }
}
