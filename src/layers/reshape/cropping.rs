use dfdx::tensor::{Tape, Tensor};

use super::stretch::{Stretch, stretched};
use crate::{
    backend::{Backend, Element, IntoShape},
    error::Error,
    layer,
    layer::Layer,
    shape::{Along, Shrink},
    signal::{Images, UnmaskedSteps},
};

/// Images without some rows and columns: `Cropping2d<1>` on all sides, `Cropping2d<1, 2>` one row above and below and two columns left
/// and right, `Cropping2d<0, 0, 1, 1>` one row below and one column on the right.
///
/// Keras: [`Cropping2D`](https://keras.io/api/layers/reshaping_layers/cropping2d/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output `(Batch, H - ROWS - BELOW, W - COLUMNS - RIGHT, C)`
///
/// # Errors
/// [`Error::Mismatch`] if nothing is left of a size that is known at run time only.
///
/// ```
/// use kerata::{Cpu, Cropping2d, Error, prelude::*};
///
/// let x = Cpu::default().tensor([[[[1.0_f32], [2.0], [3.0]]]]);
/// assert_eq!(Cropping2d::<0, 1>.forward(x)?.array(), [[[[2.0]]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Cropping2D",
    windows = [Along::Cut(ROWS, BELOW), Along::Cut(COLUMNS, RIGHT)],
    input = (Batch, Height, Width, Channels),
    keys(cropping: pairs([[ROWS, BELOW], [COLUMNS, RIGHT]], 0), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cropping2d<
    const ROWS: usize,
    const COLUMNS: usize = ROWS,
    const BELOW: usize = ROWS,
    const RIGHT: usize = COLUMNS,
>;

/// Sequences without some steps in front and behind: `Cropping1d<1>` at both ends, `Cropping1d<2, 0>` two in front.
///
/// Keras: [`Cropping1D`](https://keras.io/api/layers/reshaping_layers/cropping1d/).
///
/// # Shapes
/// - input `(Batch, Length, F)`, without a mask
/// - output `(Batch, Length - BEFORE - AFTER, F)`
///
/// # Errors
/// [`Error::Mismatch`] if nothing is left of a length that is known at run time only.
///
/// ```
/// use kerata::{Cpu, Cropping1d, Error, prelude::*};
///
/// let x = Cpu::default().tensor([[[1.0_f32], [2.0], [3.0]]]);
/// assert_eq!(Cropping1d::<2, 0>.forward(x)?.array(), [[[3.0]]]);
/// # Ok::<(), Error>(())
/// ```
#[layer(
    class = "Cropping1D",
    windows = [Along::Cut(BEFORE, AFTER)],
    input = (Batch, Length, Features),
    keys(cropping: pairs([[BEFORE, AFTER]], 1)),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cropping1d<const BEFORE: usize, const AFTER: usize = BEFORE>;

impl<In, const ROWS: usize, const COLUMNS: usize, const BELOW: usize, const RIGHT: usize, E, D>
    Layer<In, E, D> for Cropping2d<ROWS, COLUMNS, BELOW, RIGHT>
where
    In: Images<Height: Shrink<ROWS, BELOW>, Width: Shrink<COLUMNS, RIGHT>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (
        In::Batch,
        <In::Height as Shrink<ROWS, BELOW>>::Out,
        <In::Width as Shrink<COLUMNS, RIGHT>>::Out,
        In::Channels,
    );

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, _, _, channels)) = In::images(x)?;
        let around = [[ROWS, BELOW], [COLUMNS, RIGHT]];
        let (y, height, width) = stretched(x, |axis, size| Stretch::cut(size, around[axis]))?;
        y.into_shape(&(batch, height, width, channels))
    }
}

impl<In, const BEFORE: usize, const AFTER: usize, E, D> Layer<In, E, D>
    for Cropping1d<BEFORE, AFTER>
where
    In: UnmaskedSteps<Length: Shrink<BEFORE, AFTER>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, <In::Length as Shrink<BEFORE, AFTER>>::Out, In::Features);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, _, features)) = In::rows(x)?;
        let around = [[0, 0], [BEFORE, AFTER]];
        let (y, _, length) =
            stretched::<usize, _, E, D, T>(x, |axis, size| Stretch::cut(size, around[axis]))?;
        y.into_shape(&(batch, length, features))
    }
}
