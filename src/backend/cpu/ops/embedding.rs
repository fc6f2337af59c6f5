use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        WeightCache,
        cpu::{
            buffer::{Part, Unwritten},
            occurrences::add_by_id,
            threads::parallel,
        },
        memory::{collected, elements},
        tape::{Weights, from_vec, record, row},
        to_values,
    },
    error::Error,
};

/// How many values are a job at least.
const JOB: usize = 64 << 10;

/// Whether a number of rows are so few of those of a table that they are read one number at a time: the values of a
/// tensor can be had so, or all at once.
pub(super) fn few(ids: usize, rows: usize) -> bool {
    ids * 16 < rows
}

/// Rows of a table. Gradients of a row add up over its occurrences.
pub(crate) fn embedding<T: Tape<f32, Cpu>>(
    table: &Tensor<(usize, usize), f32, Cpu>,
    ids: Tensor<(usize,), usize, Cpu, T>,
    cache: &WeightCache,
) -> Result<Tensor<(usize, usize), f32, Cpu, T>, Error> {
    use dfdx::tensor::PutTape;
    let (ids, mut tape) = ids.split_tape();
    let (dev, ids) = (table.device().clone(), to_values(&ids)?);
    let (rows_of_table, width) = *table.shape();
    let rows = if few(ids.len(), rows_of_table) {
        collected(&[ids.len(), width], ids.iter().flat_map(|&id| row(table, id)))?
    } else {
        let table = Weights::kept(table, cache, !T::OWNS_TAPE)?;
        let mut rows = Unwritten::new(elements(&[ids.len(), width])?)?;
        // At least so many rows that waking a thread pays.
        let job = JOB.div_ceil(width.max(1));
        let jobs = rows.parts(job * width).zip(ids.chunks(job)).collect();
        parallel(jobs, |(mut part, ids): (Part<'_, f32>, &[usize])| {
            ids.iter().for_each(|&id| part.copy(&table[id * width..][..width]));
        });
        rows.finish()
    };
    let rows = from_vec(&dev, (ids.len(), width), rows)?;
    if T::OWNS_TAPE {
        let (table, of_rows) = (table.clone(), rows.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_rows)?;
            grads.with(&table, |sums| add_by_id(sums, width, &gradient, &ids))?;
            grads.give(&of_rows, gradient)
        });
    }
    Ok(rows.put_tape(tape))
}
