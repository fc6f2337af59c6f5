use dfdx::{
    prelude::{HasShape, PermuteTo, ReshapeTo, TryAdd, TryMatMul, TryMul},
    shapes::Axes3,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    Backend, Element, IntoShape, along_rows, apart,
    memory::{elements, elements_of},
    near, row_sums, to_values, zeros_after,
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
    let b = b.try_permute::<(usize, usize, usize), Axes3<0, 2, 1>>().or_device()?;
    a.try_matmul(b).or_device()
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
    of_length_one(x.into_shape(&rows)?, E::of(1e7))?.into_shape(&shape)
}

/// Rows of length 1. None is multiplied by more than `most`: a row of zeros stays.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn of_length_one<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    most: E,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (rows, width) = *x.shape();
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let (x, tape) = x.split_tape();
    let squares = row_sums(x.clone().put_tape(tape).try_square().or_device()?)?;
    let values = to_values(&squares)?;
    let inverse: Vec<E> = values.iter().map(|square| square.sqrt().recip().min(most)).collect();
    let slope = |(&square, &inverse): (&E, &E)| {
        if inverse < most { E::of(-0.5) * inverse / square } else { E::zero() }
    };
    let slopes = values.iter().zip(&inverse).map(slope).collect();
    let factors = x.device().try_tensor_from_vec(inverse, (rows,)).or_device()?;
    let factors = near(squares, values, slopes)?.try_add(factors).or_device()?;
    along_rows(factors, width)?.try_mul(x).or_device()
}
