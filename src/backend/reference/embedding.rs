use dfdx::{
    prelude::HasShape,
    shapes::{Const, Dim, Rank2},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{mean_over_steps, sums::rows_of};
use crate::{
    backend::{
        Backend, Bags, Element, IntoShape,
        memory::{collected, elements},
        numbers, zeros_after,
    },
    error::{Error, OrDevice},
    mask::Mask,
};

pub(crate) fn embedding<
    const V: usize,
    const N: usize,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
>(
    table: &Tensor<Rank2<V, N>, E, D>,
    ids: Tensor<(usize,), usize, D, T>,
) -> Result<Tensor<(usize, Const<N>), E, D, T>, Error> {
    elements(&[ids.shape().0, N])?;
    let (ids, tape) = ids.split_tape();
    let (table, ids) = (table.clone().put_tape(tape), numbers(&ids)?);
    let shape = (ids.len(), Const);
    if ids.is_empty() || N == 0 {
        return zeros_after(table, &shape);
    }
    let rows = rows_of(table.into_shape(&(V, N))?, ids)?;
    rows.into_shape(&shape)
}

pub(crate) fn embedding_bag<
    B: Dim,
    const V: usize,
    const N: usize,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
>(
    table: &Tensor<Rank2<V, N>, E, D>,
    bags: Bags<B>,
    tape: T,
) -> Result<Tensor<(B, Const<N>), E, D, T>, Error> {
    let Bags { ids, batch, length, padding } = bags;
    let dev = table.device();
    elements(&[batch.size(), length, N])?;
    if ids.is_empty() {
        return Ok(dev.try_zeros_like(&(batch, Const)).or_device()?.put_tape(tape));
    }
    let counts = |&id: &usize| Some(id) != padding;
    let keep = collected(&[ids.len()], ids.iter().map(counts))?;
    let mask = Mask::from_bools(keep, batch.size(), length)?;
    let flat = dev.try_tensor_from_vec(ids, (batch.size() * length,)).or_device()?;
    let rows = embedding(table, flat.put_tape(tape))?;
    let steps = rows.into_shape(&(batch, length, Const::<N>))?;
    mean_over_steps(steps, Some(&mask))
}
