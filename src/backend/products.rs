use dfdx::{
    prelude::{HasShape, PermuteTo, ReshapeTo, TryConcatAlong, TryMatMul},
    shapes::{Axes3, Axis},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    Backend, Element, IntoShape, apart,
    memory::{elements, elements_of},
    reference::repeated,
    row_sums, rows_of, zeros_after,
};
use crate::error::{Error, OrDevice};

type Matrices<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

/// The products of each row of some matrices with each row of others: `(B, R, N)` and `(B, C, N)` give `(B, R, C)`. If
/// they are normalized, of rows of length 1; a row of zeros stays.
///
/// # Errors
/// [`Error::Mismatch`] if they are not as many, or their rows not of one size; [`Error::Device`].
pub(crate) fn products<E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Matrices<E, D, T>,
    b: Matrices<E, D, T>,
    normalize: bool,
) -> Result<Matrices<E, D, T>, Error> {
    let (&(batch, rows, along), &(other, columns, size)) = (a.shape(), b.shape());
    if (batch, along) != (other, size) {
        return Err(Error::mismatch("the sizes of two inputs", [batch, along], [other, size]));
    }
    let out = (batch, rows, columns);
    if elements_of(&a)? == 0 || elements_of(&b)? == 0 {
        let ((a, tape), (_, more)) = (a.split_tape(), b.split_tape());
        return zeros_after(a.put_tape(tape.merge(more)), &out);
    }
    elements_of(&out)?;
    let b = apart(&a, b)?;
    let (a, b) = if normalize { (normalized(a)?, normalized(b)?) } else { (a, b) };
    blocked(a, b)
}

/// From which size on sums are made of blocks, and of how many terms: a matrix product adds them one after the other.
const LONG: usize = 16_384;
const BLOCK: usize = 64;

/// Products whose sums keep their digits, and so do those of the gradients. There are some values.
fn blocked<E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Matrices<E, D, T>,
    b: Matrices<E, D, T>,
) -> Result<Matrices<E, D, T>, Error> {
    let ((batch, rows, along), columns) = (*a.shape(), b.shape().1);
    // The gradient of each row of `b` is a sum over the rows of `a`. So it is made of those of copies.
    if rows >= LONG {
        let size = BLOCK.max(along.min(columns)).min(LONG / 2);
        let blocks = rows.div_ceil(size);
        let a = with_zeros(a, blocks * size)?.into_shape(&(batch * blocks, size, along))?;
        let b = repeated(b.into_shape(&(batch, columns * along))?, blocks)?;
        let y = blocked(a, b.into_shape(&(batch * blocks, columns, along))?)?;
        let y = y.into_shape(&(batch * blocks * size, columns))?;
        if blocks * size == rows {
            return y.into_shape(&(batch, rows, columns));
        }
        let kept = (0..batch).flat_map(|of| (0..rows).map(move |row| of * blocks * size + row));
        return rows_of(y, kept.collect())?.into_shape(&(batch, rows, columns));
    }
    if columns >= LONG {
        return turned(blocked(b, a)?);
    }
    if along >= LONG {
        let blocks = along.div_ceil(BLOCK);
        let cut = |x: Matrices<E, D, T>| {
            let rows = x.shape().1;
            let x = with_zeros(turned(x)?, blocks * BLOCK)?;
            turned(x.into_shape(&(batch * blocks, BLOCK, rows))?)
        };
        let parts = blocked(cut(a)?, cut(b)?)?.into_shape(&(batch, blocks, rows * columns))?;
        return row_sums(turned(parts)?.into_shape(&(batch * rows * columns, blocks))?)?
            .into_shape(&(batch, rows, columns));
    }
    let b = b.try_permute::<(usize, usize, usize), Axes3<0, 2, 1>>().or_device()?;
    a.try_matmul(b).or_device()
}

/// Matrices with rows of zeros behind their own.
fn with_zeros<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrices<E, D, T>,
    rows: usize,
) -> Result<Matrices<E, D, T>, Error> {
    let (batch, count, columns) = *x.shape();
    if count == rows {
        return Ok(x);
    }
    let zeros = x.device().try_zeros_like(&(batch, rows - count, columns)).or_device()?;
    (x, zeros.retaped::<T>()).try_concat_along(Axis::<1>).or_device()
}

/// The last two of three axes exchanged.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn turned<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrices<E, D, T>,
) -> Result<Matrices<E, D, T>, Error> {
    let (batch, rows, columns) = *x.shape();
    if elements_of(&x)? == 0 {
        return x.into_shape(&(batch, columns, rows));
    }
    let x = x.try_permute::<(usize, usize, usize), Axes3<0, 2, 1>>().or_device()?;
    x.try_contiguous().or_device()
}

fn normalized<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrices<E, D, T>,
) -> Result<Matrices<E, D, T>, Error> {
    let shape = *x.shape();
    let rows = (elements(&[shape.0, shape.1])?, shape.2);
    // As in Keras, by not more than 1 / epsilon.
    D::of_length_one(x.into_shape(&rows)?, E::of(1e7))?.into_shape(&shape)
}
