//! What is done to the rows of tensors, in dfdx's operations.

use dfdx::{
    prelude::ReshapeTo,
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::{Backend, Element};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// The values of some rows of a matrix, row by row.
pub(crate) fn rows_at<E: Copy>(
    matrix: &[E],
    width: usize,
    rows: impl IntoIterator<Item = usize>,
) -> impl Iterator<Item = E> {
    rows.into_iter().flat_map(move |row| &matrix[row * width..][..width]).copied()
}

/// Puts values, row by row, into some rows of a matrix.
pub(crate) fn put_rows_at<E: Copy>(
    matrix: &mut [E],
    width: usize,
    rows: impl IntoIterator<Item = usize>,
    values: &[E],
) {
    for (values, row) in values.chunks_exact(width).zip(rows) {
        matrix[row * width..][..width].copy_from_slice(values);
    }
}

/// The rows of a matrix in an order.
pub(crate) fn in_order<E: Copy>(matrix: Vec<E>, width: usize, order: &[usize]) -> Vec<E> {
    if order.is_sorted() {
        matrix
    } else {
        rows_at(&matrix, width, order.iter().copied()).collect()
    }
}

/// The values of the rows to keep, and `other` instead of the rest.
pub(crate) fn keep_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    keep: &[bool],
    other: E,
) -> Result<Tensor<S, E, D, T>, Error> {
    match keep.iter().all(|&keep| keep) {
        true => Ok(x),
        false => D::keep_rows(x, keep, other),
    }
}

/// The values of the rows to keep, and those of `others` instead of the rest.
pub(crate) fn choose_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    keep: &[bool],
    others: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    D::choose_rows([x, others], keep)
}

/// The mean of each row, `(R, N)` to `(R,)`.
pub(crate) fn row_means<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let (rows, size) = *x.shape();
    let x = x.try_reshape_like(&(rows, size, 1)).or_device()?;
    // Where each is its own mean, nothing is to be done.
    let means = match size {
        1 => x.try_reshape_like(&(rows, 1)).or_device()?,
        _ => D::mean_over_steps(x, None)?,
    };
    means.try_reshape_like(&(rows,)).or_device()
}
