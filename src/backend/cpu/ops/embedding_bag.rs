use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, Tape, Tensor},
};

use super::{embedding::with_table, share};
use crate::{
    backend::{
        Bags, WeightCache,
        cpu::{
            occurrences::{ADDITIONS, Occurrences, add},
            simd::vectorized,
            sums::BLOCK,
            threads::parallel,
        },
        memory::{NoMemory, copied, elements, listed, reserved, zeros, zeros_of},
        tape::{from_vec, read_followed, record},
    },
    error::Error,
};

/// The mean of rows of a table, which are added up without a copy.
pub(crate) fn embedding_bag<T: Tape<f32, Cpu>>(
    table: &Tensor<(usize, usize), f32, Cpu>,
    bags: Bags,
    mut tape: T,
    cache: &WeightCache,
) -> Result<Tensor<(usize, usize), f32, Cpu, T>, Error> {
    elements(&[bags.batch, bags.length])?;
    let (rows_of_table, width) = *table.shape();
    let (dev, batch, mut counted) = (table.device().clone(), bags.batch, Counted::of(bags)?);
    let mut means = zeros_of(&[batch, width])?;
    let rows = share(counted.ids.len() * width / ADDITIONS, batch);
    let mut means_of = |table: &[f32], counted: &Counted| {
        let jobs = means.chunks_mut((rows * width).max(1)).enumerate().collect();
        let done = parallel(jobs, |(i, means)| add_up(means, width, table, counted, i * rows));
        done.into_iter().collect::<Result<(), NoMemory>>()
    };
    let read = with_table(table, cache, !T::OWNS_TAPE, |values| {
        let Some((table, places)) = read_followed(table, &counted.ids, values)? else {
            means_of(values, &counted)?;
            return Ok(None);
        };
        counted.ids = places;
        means_of(table.borrow().values(), &counted)?;
        Ok(Some(table))
    })?;
    let means = from_vec(&dev, (batch, width), means)?;
    if T::OWNS_TAPE {
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

/// The ids that count, one row of the batch after the other.
struct Counted {
    ids: Vec<usize>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Counted {
    fn of(bags: Bags) -> Result<Self, NoMemory> {
        let Bags { mut ids, batch, length, padding } = bags;
        let Some(padding) = padding else {
            return Ok(Self { ids, ends: listed((1..=batch).map(|row| row * length))? });
        };
        let (mut ends, mut count) = (reserved(batch)?, 0);
        for row in 0..batch {
            for at in row * length..(row + 1) * length {
                ids[count] = ids[at];
                count += usize::from(ids[at] != padding);
            }
            ends.push(count);
        }
        ids.truncate(count);
        Ok(Self { ids, ends })
    }

    /// The ids of each row, from one on.
    fn rows(&self, first: usize) -> impl Iterator<Item = &[usize]> {
        let row = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.ids[start..self.ends[row]]
        };
        (first..self.ends.len()).map(row)
    }

    /// Each id with the row of the batch that it is of.
    fn ids_and_rows(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let ends = std::iter::once(&0).chain(&self.ends).zip(&self.ends).enumerate();
        ends.flat_map(|(row, (&start, &end))| self.ids[start..end].iter().map(move |&id| (id, row)))
    }
}

/// The part that each row of a table has in a mean.
fn part(ids: &[usize]) -> f64 {
    1.0 / ids.len().max(1) as f64
}

vectorized! {
    /// The means of some rows of the batch.
    fn add_up<'a>(means: &'a mut [f32], width: usize, table: &'a [f32], counted: &'a Counted, first: usize) -> Result<(), NoMemory> {
        let mut totals: Vec<f64> = zeros(width)?;
        for (mean, ids) in means.chunks_exact_mut(width.max(1)).zip(counted.rows(first)) {
            let part = part(ids);
            if ids.len() <= BLOCK {
                ids.iter().for_each(|id| add(mean, &table[id * width..(id + 1) * width]));
                mean.iter_mut().for_each(|sum| *sum *= part as f32);
                continue;
            }
            totals.fill(0.0);
            for ids in ids.chunks(BLOCK) {
                mean.fill(0.0);
                ids.iter().for_each(|id| add(mean, &table[id * width..(id + 1) * width]));
                totals.iter_mut().zip(&*mean).for_each(|(total, &sum)| *total += f64::from(sum));
            }
            mean.iter_mut().zip(&totals).for_each(|(mean, total)| *mean = (total * part) as f32);
        }
        Ok(())
    }
}
