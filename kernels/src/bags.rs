//! The means of rows of a table.

use crate::{
    memory::{NoMemory, listed, reserved, zeros},
    occurrences::add,
    simd::vectorized,
    sums::BLOCK,
};

/// The ids that count, one row of the batch after the other.
#[derive(Debug)]
pub struct Counted {
    /// All of them.
    pub ids: Vec<usize>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Counted {
    /// Of `length` ids for each row of the batch, all but those that are `padding`.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub fn of(
        mut ids: Vec<usize>,
        [batch, length]: [usize; 2],
        padding: Option<usize>,
    ) -> Result<Self, NoMemory> {
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
    pub fn rows(&self, first: usize) -> impl Iterator<Item = &[usize]> {
        let row = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.ids[start..self.ends[row]]
        };
        (first..self.ends.len()).map(row)
    }

    /// Each id with the row of the batch that it is of.
    pub fn ids_and_rows(&self) -> impl Iterator<Item = (usize, usize)> + Clone {
        let ends = std::iter::once(&0).chain(&self.ends).zip(&self.ends).enumerate();
        ends.flat_map(|(row, (&start, &end))| self.ids[start..end].iter().map(move |&id| (id, row)))
    }
}

/// The part that each row of a table has in a mean.
pub fn part(ids: &[usize]) -> f64 {
    1.0 / ids.len().max(1) as f64
}

vectorized! {
    /// The means of some rows of the batch.
    pub fn add_up<'a>(means: &'a mut [f32], width: usize, table: &'a [f32], counted: &'a Counted, first: usize) -> Result<(), NoMemory> {
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
