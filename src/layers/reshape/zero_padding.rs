use dfdx::{
    prelude::{GatherTo, TryConcatAlong},
    shapes::{Axis, Dim, HasShape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, ImageShape, IntoShape,
        memory::{collected, elements_of},
        zeros_after,
    },
    error::{Error, OrDevice},
    layer,
    layer::Layer,
    shape::{Along, Grow},
    signal::Images,
};

/// Zeros around images: `ZeroPadding2d<1>` on all sides, `ZeroPadding2d<1, 2>` one row above and below and two
/// columns left and right.
///
/// Keras: [`ZeroPadding2D`](https://keras.io/api/layers/reshaping_layers/zero_padding2d/).
///
/// # Shapes
/// - input `(Batch, H, W, C)`
/// - output `(Batch, H + 2 * ROWS, W + 2 * COLUMNS, C)`
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
    windows = [Along::Border(ROWS), Along::Border(COLUMNS)],
    input = (Batch, Height, Width, Channels),
    keys(padding: padding(ROWS, COLUMNS), data_format()),
)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ZeroPadding2d<const ROWS: usize, const COLUMNS: usize = ROWS>;

type Grown<N, const MORE: usize> = <N as Grow<MORE>>::Out;
type Twice<N, const MORE: usize> = Grown<Grown<N, MORE>, MORE>;

impl<In, const ROWS: usize, const COLUMNS: usize, E, D> Layer<In, E, D>
    for ZeroPadding2d<ROWS, COLUMNS>
where
    In: Images<Height: Grow<ROWS, Out: Grow<ROWS>>, Width: Grow<COLUMNS, Out: Grow<COLUMNS>>>,
    E: Element,
    D: Backend<E>,
{
    type Out = (In::Batch, Twice<In::Height, ROWS>, Twice<In::Width, COLUMNS>, In::Channels);

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<Self::Out, E, D, T>, Error> {
        let (x, (batch, rows, columns, channels)) = In::images(x)?;
        let grown = |size: usize, more: usize| size.saturating_add(more.saturating_mul(2));
        let (height, width) = (grown(rows.size(), ROWS), grown(columns.size(), COLUMNS));
        let misfit = || Error::mismatch("the size of padded images", rows, height);
        let out = (
            batch,
            <Twice<In::Height, ROWS>>::from_size(height).ok_or_else(misfit)?,
            <Twice<In::Width, COLUMNS>>::from_size(width).ok_or_else(misfit)?,
            channels,
        );
        padded(x, [ROWS, COLUMNS], [height, width])?.into_shape(&out)
    }
}

/// Images with zeros around them, so that they have another size.
fn padded<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    before: [usize; 2],
    [height, width]: [usize; 2],
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let (batch, rows, columns, channels) = *x.shape();
    let out = (batch, height, width, channels);
    if elements_of(&out)? == 0 {
        return zeros_after(x, &out);
    }
    let dev = x.device().clone();
    let pixels = rows * columns;
    let x = x.into_shape(&(batch, pixels, channels))?;
    // One pixel more, of zeros, to gather the border from.
    let more = dev.try_zeros_like(&(batch, 1, channels)).or_device()?.retaped::<T>();
    let x: Tensor<(usize, usize, usize), E, D, T> =
        (x, more).try_concat_along(Axis::<1>).or_device()?;
    let pixel = |at: usize| {
        let row = (at / width).checked_sub(before[0]).filter(|&row| row < rows)?;
        let column = (at % width).checked_sub(before[1]).filter(|&column| column < columns)?;
        Some(row * columns + column)
    };
    let of_one = (0..height * width).map(|at| pixel(at).unwrap_or(pixels));
    let of_one = collected(&[height, width], of_one)?;
    let all = (0..batch).flat_map(|_| of_one.iter().copied());
    let all = collected(&[batch, height, width], all)?;
    let all = dev.try_tensor_from_vec(all, (batch, height * width)).or_device()?;
    let y: Tensor<(usize, usize, usize), E, D, T> = x.try_gather(all).or_device()?;
    y.into_shape(&out)
}
