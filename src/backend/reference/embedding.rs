use dfdx::{
    prelude::HasShape,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{mean_over_steps, sums::rows_of};
use crate::{
    backend::{
        Backend, Bags, Element, IntoShape,
        memory::{collected, elements},
        to_values, zeros_after,
    },
    error::{Error, OrDevice},
    mask::Mask,
};

pub(crate) fn embedding<E: Element, D: Backend<E>, T: Tape<E, D>>(
    table: &Tensor<(usize, usize), E, D>,
    ids: Tensor<(usize,), usize, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let width = table.shape().1;
    elements(&[ids.shape().0, width])?;
    let (ids, tape) = ids.split_tape();
    let (table, ids) = (table.clone().put_tape(tape), to_values(&ids)?);
    if ids.is_empty() || width == 0 {
        return zeros_after(table, &(ids.len(), width));
    }
    rows_of(table, ids)
}

pub(crate) fn embedding_bag<E: Element, D: Backend<E>, T: Tape<E, D>>(
    table: &Tensor<(usize, usize), E, D>,
    bags: Bags,
    tape: T,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let Bags { ids, batch, length, padding } = bags;
    let (dev, width) = (table.device(), table.shape().1);
    elements(&[batch, length, width])?;
    if ids.is_empty() {
        return Ok(dev.try_zeros_like(&(batch, width)).or_device()?.put_tape(tape));
    }
    let counts = |&id: &usize| Some(id) != padding;
    let keep = collected(&[ids.len()], ids.iter().map(counts))?;
    let mask = Mask::from_bools(keep, batch, length)?;
    let flat = dev.try_tensor_from_vec(ids, (batch * length,)).or_device()?;
    let rows = embedding(table, flat.put_tape(tape))?;
    mean_over_steps(rows.into_shape(&(batch, length, width))?, Some(&mask))
}
