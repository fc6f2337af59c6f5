//! Sums that keep their digits, in dfdx's operations, whose own sums are running sums: of blocks of terms, then of the
//! sums of these, and so on. What is used many times has a gradient that is a sum, so it is copied in the same way.

use std::collections::HashMap;

use dfdx::{
    prelude::{
        BroadcastTo, GatherTo, HasShape, PermuteTo, ReshapeTo, SumTo, TryConcatAlong, TryMatMul,
    },
    shapes::{Axes2, Axes3, Axis},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, IntoShape,
        memory::{
            NoMemory, collected, elements, filled, listed, look_for_values, one_more, reserved,
        },
        zeros_after,
    },
    error::{Error, OrDevice},
    shape::Shape,
};

type Vector<E, D, T> = Tensor<(usize,), E, D, T>;
type Matrix<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// How many terms are added one after the other.
const BLOCK: usize = 16;

/// From which size on the sums in a matrix product are cut into blocks, and of how many terms at least.
const LONG: usize = 4096;
const TERMS: usize = 64;

/// The sums over the middle axis, `(R, N, F)` to `(R, F)`. There are some values.
pub(super) fn middle_sums<E: Element, D: Backend<E>, T: Tape<E, D>>(
    mut x: Tensor<(usize, usize, usize), E, D, T>,
) -> Result<Matrix<E, D, T>, Error> {
    let (rows, mut count, features) = *x.shape();
    while count > BLOCK {
        let blocks = count.div_ceil(BLOCK);
        let missing = blocks * BLOCK - count;
        if missing > 0 {
            let zeros = x.device().try_zeros_like(&(rows, missing, features)).or_device()?;
            x = (x, zeros.retaped::<T>()).try_concat_along(Axis::<1>).or_device()?;
        }
        let parts = x.into_shape(&(rows, blocks, BLOCK, features))?;
        x = parts.try_sum::<_, Axis<2>>().or_device()?;
        count = blocks;
    }
    x.try_sum::<_, Axis<1>>().or_device()
}

/// The sum of each row, `(R, N)` to `(R,)`.
pub(crate) fn row_sums<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
) -> Result<Vector<E, D, T>, Error> {
    let (rows, count) = *x.shape();
    if rows * count == 0 {
        return crate::backend::zeros_after(x, &(rows,));
    }
    let sums = middle_sums(x.into_shape(&(rows, count, 1))?)?;
    sums.into_shape(&(rows,))
}

/// The sum of each column, `(R, N)` to `(N,)`.
pub(super) fn column_sums<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
) -> Result<Vector<E, D, T>, Error> {
    let (rows, count) = *x.shape();
    let sums = middle_sums(x.into_shape(&(1, rows, count))?)?;
    sums.into_shape(&(count,))
}

/// Some rows of a matrix, each as often as it is named.
pub(crate) fn rows_of<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
    rows: Vec<usize>,
) -> Result<Matrix<E, D, T>, Error> {
    // Each block of copies of a row is made of one row, of which there may be copies in turn.
    let mut counts: HashMap<usize, usize> = HashMap::new();
    let mut blocks: HashMap<(usize, usize), usize> = HashMap::new();
    let (mut of_blocks, mut of_rows) = (Vec::new(), reserved(rows.len())?);
    for &row in &rows {
        let no_memory = |_| NoMemory::of(rows.len());
        counts.try_reserve(1).map_err(no_memory)?;
        blocks.try_reserve(1).map_err(no_memory)?;
        one_more(&mut of_blocks)?;
        let count = counts.entry(row).or_default();
        let block = *blocks.entry((row, *count / BLOCK)).or_insert_with(|| {
            of_blocks.push(row);
            of_blocks.len() - 1
        });
        *count += 1;
        of_rows.push(block);
    }
    let (x, rows) = match counts.values().all(|&count| count <= BLOCK) {
        true => (x, rows),
        false => (rows_of(x, of_blocks)?, of_rows),
    };
    let (dev, count) = (x.device().clone(), rows.len());
    let rows = dev.try_tensor_from_vec(rows, (count,)).or_device()?;
    x.try_gather(rows).or_device()
}

/// A vector as each of some rows.
pub(crate) fn every_row<V: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    vector: Tensor<V, E, D, T>,
    rows: usize,
) -> Result<Matrix<E, D, T>, Error> {
    let size = vector.shape().num_elements();
    rows_of(vector.into_shape(&(1, size))?, filled(&[rows], 0)?)
}

/// Each row several times, `(R, F)` to `(R, N, F)`.
pub(crate) fn repeated<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
    times: usize,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (rows, size) = *x.shape();
    let shape = (rows, times, size);
    if elements(&[rows, times, size])? == 0 {
        return zeros_after(x, &shape);
    }
    if times <= BLOCK {
        let all = x.try_broadcast_like::<_, Axis<1>>(&shape).or_device()?;
        return all.try_contiguous().or_device();
    }
    // Blocks of copies are made of one copy each, of which there may be blocks in turn.
    let (blocks, rest) = (times / BLOCK, times % BLOCK);
    let more = (rest > 0).then(|| repeated(x.retaped::<T>(), rest)).transpose()?;
    let one_each = repeated(x, blocks)?.into_shape(&(rows * blocks, size))?;
    let whole = repeated(one_each, BLOCK)?.into_shape(&(rows, blocks * BLOCK, size))?;
    match more {
        Some(more) => (whole, more).try_concat_along(Axis::<1>).or_device(),
        None => Ok(whole),
    }
}

/// One number for each row as all of its elements, `(R,)` to `(R, N)`.
pub(crate) fn along_rows<E: Element, D: Backend<E>, T: Tape<E, D>>(
    vector: Vector<E, D, T>,
    size: usize,
) -> Result<Matrix<E, D, T>, Error> {
    let (rows,) = *vector.shape();
    let places = (0..rows).flat_map(|row| std::iter::repeat_n(row, size));
    let places = collected(&[rows, size], places)?;
    let elements = rows_of(vector.into_shape(&(rows, 1))?, places)?;
    elements.into_shape(&(rows, size))
}

/// A matrix product. Its own sums and those of both gradients are cut into blocks where they are long.
pub(super) fn product<E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Matrix<E, D, T>,
    b: Matrix<E, D, T>,
) -> Result<Matrix<E, D, T>, Error> {
    let ((rows, inner), columns) = (*a.shape(), b.shape().1);
    // The work is not begun if there is no room for its result.
    look_for_values::<E>(elements(&[rows, columns])?)?;
    if rows >= LONG {
        // The copies of `b` take no more than the rest.
        let size = TERMS.max(inner.min(columns));
        let blocks = rows.div_ceil(size);
        let a = padded(a, blocks * size)?;
        let a = a.into_shape(&(blocks, size, inner))?;
        let b = every_row(b, blocks)?.into_shape(&(blocks, inner, columns))?;
        let c = a.try_matmul(b).or_device()?;
        let c = c.into_shape(&(blocks * size, columns))?;
        return rows_of(c, listed(0..rows)?);
    }
    if columns >= LONG {
        return transposed(product(transposed(b)?, transposed(a)?)?);
    }
    if inner >= LONG {
        let blocks = inner.div_ceil(TERMS);
        let a = padded(transposed(a)?, blocks * TERMS)?;
        let a = a.into_shape(&(blocks, TERMS, rows))?;
        let a = a.try_permute::<(usize, usize, usize), Axes3<0, 2, 1>>().or_device()?;
        let b = padded(b, blocks * TERMS)?;
        let b = b.into_shape(&(blocks, TERMS, columns))?;
        let c = a.try_matmul(b).or_device()?;
        let c = c.into_shape(&(blocks, rows * columns))?;
        return column_sums(c)?.into_shape(&(rows, columns));
    }
    a.try_matmul(b).or_device()
}

/// The matrix with rows of zeros behind its own.
fn padded<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
    rows: usize,
) -> Result<Matrix<E, D, T>, Error> {
    let (count, columns) = *x.shape();
    if count == rows {
        return Ok(x);
    }
    let zeros = x.device().try_zeros_like(&(rows - count, columns)).or_device()?;
    (x, zeros.retaped::<T>()).try_concat_along(Axis::<0>).or_device()
}

fn transposed<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Matrix<E, D, T>,
) -> Result<Matrix<E, D, T>, Error> {
    x.try_permute::<(usize, usize), Axes2<1, 0>>().or_device()?.try_contiguous().or_device()
}

#[cfg(test)]
mod tests {
    use dfdx::tensor::{Cpu, TensorFromVec, Trace};

    use super::*;

    #[test]
    fn rows_are_repeated_any_number_of_times() {
        let dev = Cpu::default();
        for times in [1, 16, 17, 37, 256, 300] {
            let x = dev.tensor_from_vec(vec![1.0_f32, 2.0, 3.0, 4.0], (2, 2));
            let y = repeated(x.leaky_trace(), times).unwrap();
            let expected: Vec<f32> = [[1.0, 2.0].repeat(times), [3.0, 4.0].repeat(times)].concat();
            assert_eq!(y.as_vec(), expected);
            let gradients = dfdx::prelude::Backward::backward(y.sum::<(), _>());
            assert_eq!(gradients.get(&x).as_vec(), [times as f32; 4]);
        }
    }
}
