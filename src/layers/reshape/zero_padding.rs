use dfdx::tensor::{Tape, Tensor};

use super::stretch::{Stretch, stretched};
use crate::{
    backend::{Backend, Element, IntoShape},
    error::Error,
    layer,
    layer::Layer,
    shape::{Along, Grow},
    signal::{Images, UnmaskedSteps},
};

/// Zeros around images: `ZeroPadding2d<1>` on all sides, `ZeroPadding2d<1, 2>` one row above and below and two
/// columns left and right, `ZeroPadding2d<0, 0, 1, 1>` one row below and one column on the right.
///
/// Keras: [`ZeroPadding2D`](https://keras.io/api/layers/reshaping_layers/zero_padding2d/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output `(Batch, ROWS + H + BELOW, COLUMNS + W + RIGHT, C)`
///
/// ```
/// use kerata::{Cpu, Error, ZeroPadding2d, prelude::*};
///
/// let y = ZeroPadding2d::<0, 1>.forward(Cpu::default().tensor([[[[5.0_f32]]]]))?;
/// assert_eq!(y.array(), [[[[0.0], [5.0], [0.0]]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "ZeroPadding2D",
    windows = [Along::Border(ROWS, BELOW), Along::Border(COLUMNS, RIGHT)],
    input = (Batch, Height, Width, Channels),
    keys(padding: pairs([[ROWS, BELOW], [COLUMNS, RIGHT]], 1), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZeroPadding2d<
    const ROWS: usize,
    const COLUMNS: usize = ROWS,
    const BELOW: usize = ROWS,
    const RIGHT: usize = COLUMNS,
>;

/// Zeros in front of sequences and behind them: `ZeroPadding1d<1>` at both ends, `ZeroPadding1d<2, 0>` two in front.
///
/// Keras: [`ZeroPadding1D`](https://keras.io/api/layers/reshaping_layers/zero_padding1d/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, without a mask
/// - output `(Batch, BEFORE + Length + AFTER, F)`
///
/// ```
/// use kerata::{Cpu, Error, ZeroPadding1d, prelude::*};
///
/// let y = ZeroPadding1d::<2, 0>.forward(Cpu::default().tensor([[[5.0_f32]]]))?;
/// assert_eq!(y.array(), [[[0.0], [0.0], [5.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "ZeroPadding1D",
    windows = [Along::Border(BEFORE, AFTER)],
    input = (Batch, Length, Features),
    keys(padding: pairs([[BEFORE, AFTER]], 1), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZeroPadding1d<const BEFORE: usize, const AFTER: usize = BEFORE>;

type Grown<N, const BEFORE: usize, const AFTER: usize> =
    <<N as Grow<BEFORE>>::Out as Grow<AFTER>>::Out;

impl<In, const ROWS: usize, const COLUMNS: usize, const BELOW: usize, const RIGHT: usize, E, D>
    Layer<In, E, D> for ZeroPadding2d<ROWS, COLUMNS, BELOW, RIGHT>
where
    In: Images<Height: Grow<ROWS, Out: Grow<BELOW>>, Width: Grow<COLUMNS, Out: Grow<RIGHT>>>,
    E: Element,
    D: Backend<E>,
{
    type Out =
        (In::Batch, Grown<In::Height, ROWS, BELOW>, Grown<In::Width, COLUMNS, RIGHT>, In::Channels);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, _, _, channels)) = In::images(x)?;
        let around = [[ROWS, BELOW], [COLUMNS, RIGHT]];
        let (y, height, width) = stretched(x, |axis, size| Stretch::padded(size, around[axis]))?;
        y.into_shape(&(batch, height, width, channels))
    }
}

impl<In, const BEFORE: usize, const AFTER: usize, E, D> Layer<In, E, D>
    for ZeroPadding1d<BEFORE, AFTER>
where
    In: UnmaskedSteps<Length: Grow<BEFORE, Out: Grow<AFTER>>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Grown<In::Length, BEFORE, AFTER>, In::Features);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, _, features)) = In::rows(x)?;
        let around = [[0, 0], [BEFORE, AFTER]];
        let (y, _, length) =
            stretched::<usize, _, E, D, T>(x, |axis, size| Stretch::padded(size, around[axis]))?;
        y.into_shape(&(batch, length, features))
    }
}
