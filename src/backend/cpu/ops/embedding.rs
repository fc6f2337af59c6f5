use dfdx::{
    shapes::{Const, Rank2},
    tensor::{Cpu, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        Prepared,
        tape::{Weights, put, record, row},
    },
    error::Error,
};

/// Rows of a table. Gradients of a row add up over its occurrences.
pub(crate) fn embedding<const V: usize, const N: usize, T: Tape<f32, Cpu>>(
    table: &Tensor<Rank2<V, N>, f32, Cpu>,
    ids: Tensor<(usize,), usize, Cpu, T>,
    prepared: &Prepared,
) -> Result<Tensor<(usize, Const<N>), f32, Cpu, T>, Error> {
    use dfdx::tensor::PutTape;
    let (ids, mut tape) = ids.split_tape();
    let (dev, ids) = (table.device().clone(), ids.as_vec());
    let mut rows = Vec::with_capacity(ids.len() * N);
    // The numbers of a tensor can be had one by one or all at once. For a few rows of a large table one by one
    // is quicker.
    if ids.len() * 16 < V {
        ids.iter().for_each(|&id| rows.extend(row(table, id)));
    } else {
        let table = prepared.get(
            !T::OWNS_TAPE,
            |kept: &Weights<_>| kept.are_of(table),
            || Weights::read(table),
        )?;
        ids.iter().for_each(|&id| rows.extend_from_slice(&table[id * N..(id + 1) * N]));
    }
    let rows = put(&dev, (ids.len(), Const), rows)?;
    if T::OWNS_TAPE {
        let (table, of_rows) = (table.clone(), rows.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_rows)?;
            grads.with(&table, |sums| {
                for (&id, row) in ids.iter().zip(gradient.chunks_exact(N.max(1))) {
                    let sums = &mut sums[id * N..(id + 1) * N];
                    sums.iter_mut().zip(row).for_each(|(sum, &g)| *sum += g);
                }
            })?;
            grads.give(&of_rows, gradient)
        });
    }
    Ok(rows.put_tape(tape))
}
