use dfdx::{
    shapes::{Const, Rank2},
    tensor::{Cpu, SplitTape, Tape, Tensor},
};
use rayon::prelude::*;

use crate::{
    backend::{
        Prepared,
        cpu::{occurrences::Occurrences, simd::vectorized},
        lend::put,
        tape::{Weights, record, row},
    },
    error::Error,
};

/// How many numbers are a job at least.
const JOB: usize = 64 << 10;

/// Whether a number of rows are so few of those of a table that they are read one number at a time: the numbers of a
/// tensor can be had so, or all at once.
pub(super) fn few(ids: usize, rows: usize) -> bool {
    ids * 16 < rows
}

vectorized! {
    /// Adds some rows of a matrix.
    fn add_rows<'a>(sums: &'a mut [f32], matrix: &'a [f32], rows: &'a [usize]) {
        for row in rows {
            let row = &matrix[row * sums.len()..][..sums.len()];
            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
        }
    }
}

/// Rows of a table. Gradients of a row add up over its occurrences.
pub(crate) fn embedding<const V: usize, const N: usize, T: Tape<f32, Cpu>>(
    table: &Tensor<Rank2<V, N>, f32, Cpu>,
    ids: Tensor<(usize,), usize, Cpu, T>,
    prepared: &Prepared,
) -> Result<Tensor<(usize, Const<N>), f32, Cpu, T>, Error> {
    use dfdx::tensor::PutTape;
    let (ids, mut tape) = ids.split_tape();
    let (dev, ids) = (table.device().clone(), ids.as_vec());
    let rows = if few(ids.len(), V) {
        ids.iter().flat_map(|&id| row(table, id)).collect()
    } else {
        let table = Weights::kept(table, prepared, !T::OWNS_TAPE)?;
        let row = |&id: &usize| {
            let mut row = [0.0; N];
            row.copy_from_slice(&table[id * N..(id + 1) * N]);
            row
        };
        // At least so many rows that waking a thread pays.
        let job = JOB.div_ceil(N.max(1));
        if ids.len() <= job {
            ids.iter().flat_map(row).collect()
        } else {
            let rows: Vec<[f32; N]> = ids.par_iter().with_min_len(job).map(row).collect();
            rows.into_flattened()
        }
    };
    let rows = put(&dev, (ids.len(), Const), rows)?;
    if T::OWNS_TAPE {
        let (table, of_rows) = (table.clone(), rows.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_rows)?;
            grads.with(&table, |sums| {
                Occurrences::new(&ids, V)
                    .add_up(sums, N, |sums, places| add_rows(sums, &gradient, places));
            })?;
            grads.give(&of_rows, gradient)
        });
    }
    Ok(rows.put_tape(tape))
}
