use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, Tensor},
};

use super::{embedding::with_table, share};
use crate::{
    backend::{
        Bags, WeightCache,
        memory::{NoMemory, copied, elements, zeros_of},
        tape::{Recorder, from_vec, read_followed, record},
    },
    error::Error,
};
use kerata_kernels::{
    bags::{Counted, add_up, part},
    occurrences::{ADDITIONS, Occurrences},
    threads::parallel,
};

/// The mean of rows of a table, which are added up without a copy.
pub(crate) fn embedding_bag(
    table: &Tensor<(usize, usize), f32, Cpu>,
    bags: Bags,
    mut tape: Recorder,
    cache: &WeightCache,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    elements(&[bags.batch, bags.length])?;
    let (rows_of_table, width) = *table.shape();
    let Bags { ids, batch, length, padding } = bags;
    let (dev, mut counted) = (table.device().clone(), Counted::of(ids, [batch, length], padding)?);
    let mut means = zeros_of(&[batch, width])?;
    let rows = share(counted.ids.len() * width / ADDITIONS, batch);
    let mut means_of = |table: &[f32], counted: &Counted| {
        let jobs = means.chunks_mut((rows * width).max(1)).enumerate().collect();
        let done = parallel(jobs, |(i, means)| add_up(means, width, table, counted, i * rows));
        done.into_iter().collect::<Result<(), NoMemory>>()
    };
    let read = with_table(table, cache, !tape.is_on(), |values| {
        let Some((table, places)) = read_followed(table, &counted.ids, values)? else {
            means_of(values, &counted)?;
            return Ok(None);
        };
        counted.ids = places;
        means_of(table.borrow().values(), &counted)?;
        Ok(Some(table))
    })?;
    let means = from_vec(&dev, (batch, width), means)?;
    if tape.is_on() {
        let (table, of_means) = (table.clone(), means.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_means)?;
            let mut parts = copied(&gradient)?;
            for (parts, ids) in parts.chunks_exact_mut(width.max(1)).zip(counted.rows(0)) {
                let part = part(ids) as f32;
                parts.iter_mut().for_each(|x| *x *= part);
            }
            let add = |sums: &mut [f32], rows| {
                Occurrences::new(counted.ids_and_rows(), rows)?.add_up(sums, width, &parts)
            };
            match read {
                Some(read) => {
                    let mut read = read.borrow_mut();
                    let sums = read.gradient();
                    let rows = sums.len().checked_div(width).unwrap_or(0);
                    add(sums, rows)?;
                }
                None => grads.with(&table, |sums| add(sums, rows_of_table))??,
            }
            grads.give(&of_means, gradient)
        });
    }
    Ok(means.put_tape(tape))
}
