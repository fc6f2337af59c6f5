use dfdx::{
    prelude::GatherTo,
    shapes::{Const, Rank2},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
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
    let (ids, tape) = ids.split_tape();
    table.clone().put_tape(tape).try_gather(ids).or_device()
}
