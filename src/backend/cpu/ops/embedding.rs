use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, SplitTape, Tensor},
};

use crate::{
    backend::{
        WeightCache,
        memory::elements,
        tape::{Recorder, Weights, from_vec, read_followed, record, values_of},
        to_values,
    },
    error::Error,
};
use kerata_kernels::{
    buffer::{Part, Unwritten},
    occurrences::add_by_id,
    threads::parallel,
};

/// How many values are a job at least.
const JOB: usize = 64 << 10;

/// Whether a number of rows are so few of those of a table that what is done for the whole table takes longer.
pub(crate) fn few(ids: usize, rows: usize) -> bool {
    ids.saturating_mul(16) < rows
}

/// The values of a table: without a copy if that can be.
pub(super) fn with_table<R>(
    table: &Tensor<(usize, usize), f32, Cpu>,
    cache: &WeightCache,
    keep: bool,
    read: impl FnOnce(&[f32]) -> Result<R, Error>,
) -> Result<R, Error> {
    match values_of(table) {
        Some(values) => read(values),
        None => read(&Weights::kept(table, cache, keep)?),
    }
}

/// Rows of a table. Gradients of a row add up over its occurrences.
pub(crate) fn embedding(
    table: &Tensor<(usize, usize), f32, Cpu>,
    ids: Tensor<(usize,), usize, Cpu, Recorder>,
    cache: &WeightCache,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    use dfdx::tensor::PutTape;
    let (ids, mut tape) = ids.split_tape();
    let (dev, mut ids, width) = (table.device().clone(), to_values(&ids)?, table.shape().1);
    let (rows, read) = with_table(table, cache, !tape.is_on(), |values| {
        let Some((table, places)) = read_followed(table, &ids, values)? else {
            return Ok((rows_of(values, width, &ids)?, None));
        };
        ids = places;
        let rows = rows_of(table.borrow().values(), width, &ids)?;
        Ok((rows, Some(table)))
    })?;
    let rows = from_vec(&dev, (ids.len(), width), rows)?;
    if tape.is_on() {
        let (table, of_rows) = (table.clone(), rows.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_rows)?;
            let add = |sums: &mut [f32]| add_by_id(sums, width, &gradient, &ids);
            match read {
                Some(read) => add(read.borrow_mut().gradient())?,
                None => grads.with(&table, add)??,
            }
            grads.give(&of_rows, gradient)
        });
    }
    Ok(rows.put_tape(tape))
}

/// Copies rows of a table.
fn rows_of(table: &[f32], width: usize, ids: &[usize]) -> Result<Vec<f32>, Error> {
    let mut rows = Unwritten::new(elements(&[ids.len(), width])?)?;
    // At least so many rows that waking a thread pays.
    let job = JOB.div_ceil(width.max(1));
    let jobs = rows.parts(job * width).zip(ids.chunks(job)).collect();
    parallel(jobs, |(mut part, ids): (Part<'_, f32>, &[usize])| {
        ids.iter().for_each(|&id| part.copy(&table[id * width..][..width]));
    });
    Ok(rows.finish())
}
