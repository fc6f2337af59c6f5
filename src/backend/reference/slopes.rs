use dfdx::{
    prelude::{HasShape, TryAdd},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::row_sums;
use crate::{
    backend::{Backend, Element, is_on, near, to_values},
    error::{Error, OrDevice},
};

/// A value for each row, which changes with the row by its slopes.
pub(crate) fn with_slopes<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    y: Vec<E>,
    slopes: Vec<E>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let y = x.device().try_tensor_from_vec(y, (x.shape().0,)).or_device()?;
    let (x, mut tape) = x.split_tape();
    if !is_on(&mut tape) {
        return Ok(y.put_tape(tape));
    }
    let values = to_values(&x)?;
    row_sums(near(x.put_tape(tape), values, slopes)?)?.try_add(y).or_device()
}
