//! Rows of tensors, taken out and put together.

use std::ops::Range;

use dfdx::{
    dtypes::Unit,
    shapes::HasShape,
    tensor::{Tensor, TensorFromVec},
};

use super::{Mask, Masked};
use crate::{
    backend::{
        Backend, Element,
        memory::{collected, elements, elements_of},
        to_values,
    },
    error::{Error, OrDevice},
    shape::{Sequence, Shape},
};

/// A sequence with padding behind it, up to a length.
pub(super) fn lengthened<S: Sequence, E: Element, D: Backend<E>>(
    part: &Masked<Tensor<S, E, D>>,
    length: usize,
) -> Result<Masked<Tensor<S, E, D>>, Error> {
    let (values, mask) = (part.values(), part.mask());
    let mut sizes = values.shape().concrete();
    if mask.length() == length {
        return Ok(part.clone());
    }
    // Not by the number of values, which is 0 where all rows are empty.
    let mut row = sizes;
    row[0] = 1;
    let mut row = |steps: usize| {
        row[1] = steps;
        elements(row.as_ref())
    };
    let (short, long) = (row(mask.length())?, row(length)?);
    let (from, mut to) = (to_values(values)?, Vec::new());
    let mut keep = Vec::new();
    for i in 0..mask.batch() {
        to.extend_from_slice(&from[i * short..(i + 1) * short]);
        to.resize((i + 1) * long, E::zero());
        keep.extend_from_slice(mask.row(i));
        keep.resize((i + 1) * length, false);
    }
    let mask = Mask::from_bools(keep, mask.batch(), length)?;
    sizes[1] = length;
    let shape = S::from_concrete(&sizes)
        .ok_or_else(|| Error::mismatch("the length of a mask", values.shape(), length))?;
    Masked::new(values.device().try_tensor_from_vec(to, shape).or_device()?, mask)
}

pub(super) fn without_padding<S: Shape, E: Unit, D: TensorFromVec<E>>(
    data: &Tensor<S, E, D>,
    keep: &[bool],
) -> Result<Tensor<S, E, D>, Error> {
    let shape = *data.shape();
    let each = shape.num_elements().checked_div(keep.len()).unwrap_or(0);
    if each * keep.len() != shape.num_elements() || each == 0 || keep.iter().all(|&keep| keep) {
        return Ok(data.clone());
    }
    let mut values = to_values(data)?;
    let padding = values.chunks_exact_mut(each).zip(keep).filter(|(_, keep)| !**keep);
    padding.for_each(|(position, _)| position.fill(E::default()));
    data.device().try_tensor_from_vec(values, shape).or_device()
}

pub(super) fn rows_of<S: Shape, E: Unit, D: TensorFromVec<E>>(
    data: &Tensor<S, E, D>,
    rows: Range<usize>,
) -> Result<Tensor<S, E, D>, Error> {
    let mut sizes = data.shape().concrete();
    let batch = sizes.as_ref().first().copied().unwrap_or(0);
    if rows.end > batch {
        return Err(Error::mismatch("the rows of a batch", batch, rows));
    }
    if rows == (0..batch) {
        return Ok(data.clone());
    }
    let each = elements_of(data)? / batch;
    let values = to_values(data)?[rows.start * each..rows.end * each].to_vec();
    sizes[0] = rows.len();
    let shape = S::from_concrete(&sizes)
        .ok_or_else(|| Error::mismatch("the rows of a share", data.shape(), rows.len()))?;
    data.device().try_tensor_from_vec(values, shape).or_device()
}

pub(super) fn concat<S: Shape, E: Unit, D: TensorFromVec<E>>(
    parts: &[Tensor<S, E, D>],
) -> Result<Tensor<S, E, D>, Error> {
    let first = parts.first().ok_or(Error::Empty("the list of batches"))?;
    let mut sizes = first.shape().concrete();
    let counts = parts.iter().map(elements_of).collect::<Result<Vec<usize>, Error>>()?;
    let mut data = collected(&[counts.into_iter().fold(0, usize::saturating_add)], [])?;
    let mut rows = 0;
    for part in parts {
        let other = part.shape().concrete();
        if other.as_ref()[1..] != sizes.as_ref()[1..] {
            let is_length = S::NUM_DIMS > 2 && other.as_ref()[2..] == sizes.as_ref()[2..];
            let what = match is_length {
                true => {
                    "the shape of a batch (of other lengths, they are joined if the output is `Masked<..>`)"
                }
                false => "the shape of a batch",
            };
            return Err(Error::mismatch(what, sizes, other));
        }
        rows = usize::saturating_add(rows, other[0]);
        data.extend(to_values(part)?);
    }
    sizes[0] = rows;
    elements(sizes.as_ref())?;
    let shape = S::from_concrete(&sizes)
        .ok_or_else(|| Error::mismatch("the rows of the joined batches", first.shape(), rows))?;
    first.device().try_tensor_from_vec(data, shape).or_device()
}
