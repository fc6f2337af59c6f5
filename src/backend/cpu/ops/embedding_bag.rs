use dfdx::{
    shapes::{Const, Dim, Rank2},
    tensor::{Cpu, PutTape, Tape, Tensor},
};

use super::{embedding::few, share};
use crate::{
    backend::{
        Bags, Prepared,
        cpu::{
            simd::vectorized,
            threads::{parallel, threads},
        },
        lend::put,
        memory::{elements, zeros_of},
        tape::{Weights, record, row},
    },
    error::Error,
};

/// How many numbers are added at a time.
const LANES: usize = 16;

/// How many additions of numbers in a cache are the work of one multiplication, as [`threads`] counts them: below some
/// millions, one thread is done before another is awake.
const ADDITIONS: usize = 16;

/// The mean of rows of a table, which are added up where they lie.
pub(crate) fn embedding_bag<B: Dim, const V: usize, const N: usize, T: Tape<f32, Cpu>>(
    table: &Tensor<Rank2<V, N>, f32, Cpu>,
    bags: Bags<B>,
    mut tape: T,
    prepared: &Prepared,
) -> Result<Tensor<(B, Const<N>), f32, Cpu, T>, Error> {
    elements(&[bags.batch.size(), bags.length])?;
    let (dev, batch, counted) = (table.device().clone(), bags.batch, Counted::of(bags));
    let mut means = zeros_of(&[batch.size(), N])?;
    if few(counted.ids.len(), V) {
        for (mean, ids) in means.chunks_exact_mut(N.max(1)).zip(counted.rows(0)) {
            for &id in ids {
                mean.iter_mut().zip(row(table, id)).for_each(|(sum, x)| *sum += x);
            }
            mean.iter_mut().for_each(|sum| *sum *= part(ids));
        }
    } else {
        let table = Weights::kept(table, prepared, !T::OWNS_TAPE)?;
        let rows = share(counted.ids.len() * N / ADDITIONS, batch.size());
        let jobs = means.chunks_mut((rows * N).max(1)).enumerate().collect();
        parallel(jobs, |(i, means)| add_up(means, N, &table, &counted, i * rows));
    }
    let means = put(&dev, (batch, Const), means)?;
    if T::OWNS_TAPE {
        let (table, of_means) = (table.clone(), means.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_means)?;
            let parts = threads(counted.ids.len() * N / ADDITIONS, V);
            grads.with(&table, |sums| spread(sums, N, &gradient, &counted, parts))?;
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
    fn of<B: Dim>(bags: Bags<B>) -> Self {
        let Bags { mut ids, batch, length, padding } = bags;
        let Some(padding) = padding else {
            return Self { ids, ends: (1..=batch.size()).map(|row| row * length).collect() };
        };
        let (mut ends, mut count) = (Vec::with_capacity(batch.size()), 0);
        for row in 0..batch.size() {
            for at in row * length..(row + 1) * length {
                ids[count] = ids[at];
                count += usize::from(ids[at] != padding);
            }
            ends.push(count);
        }
        ids.truncate(count);
        Self { ids, ends }
    }

    /// The ids of each row, from one on.
    fn rows(&self, first: usize) -> impl Iterator<Item = &[usize]> {
        let row = |row: usize| {
            let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.ids[start..self.ends[row]]
        };
        (first..self.ends.len()).map(row)
    }

    /// Where to cut a table of so many rows into parts, so that about as many ids fall into each: in texts, some words
    /// are frequent, and often stand side by side.
    fn cut(&self, rows: usize, parts: usize) -> Vec<usize> {
        if parts == 1 {
            return vec![rows];
        }
        let mut counts = vec![0_usize; rows];
        self.ids.iter().for_each(|&id| counts[id] += 1);
        let (mut ends, mut sum) = (Vec::with_capacity(parts), 0);
        for (row, count) in counts.into_iter().enumerate() {
            sum += count;
            if sum * parts >= self.ids.len() * (ends.len() + 1) && ends.len() + 1 < parts {
                ends.push(row + 1);
            }
        }
        ends.push(rows);
        ends
    }
}

/// The part that each row of a table has in a mean.
fn part(ids: &[usize]) -> f32 {
    1.0 / ids.len().max(1) as f32
}

#[inline(always)]
fn add(sums: &mut [f32], numbers: &[f32]) {
    let (many, rest) = sums.as_chunks_mut::<LANES>();
    let (many_more, more) = numbers.as_chunks::<LANES>();
    for (sums, numbers) in many.iter_mut().zip(many_more) {
        // All are read before one is written, else the compiler takes them one by one.
        *sums = std::array::from_fn(|i| sums[i] + numbers[i]);
    }
    rest.iter_mut().zip(more).for_each(|(sum, &x)| *sum += x);
}

vectorized! {
    /// The means of some rows of the batch.
    fn add_up<'a>(means: &'a mut [f32], width: usize, table: &'a [f32], counted: &'a Counted, first: usize) {
        for (mean, ids) in means.chunks_exact_mut(width.max(1)).zip(counted.rows(first)) {
            for &id in ids {
                add(mean, &table[id * width..(id + 1) * width]);
            }
            let part = part(ids);
            mean.iter_mut().for_each(|sum| *sum *= part);
        }
    }
}

/// Adds the gradient of each mean to those of the rows in it.
///
/// Each thread has rows of the table of its own and goes over all ids: nobody waits for another, and the sums are the
/// same on any number of threads.
fn spread(sums: &mut [f32], width: usize, gradient: &[f32], counted: &Counted, parts: usize) {
    if width == 0 {
        return;
    }
    let ends = counted.cut(sums.len() / width, parts);
    let (mut jobs, mut first, mut rest) = (Vec::new(), 0, sums);
    for end in ends {
        let (part, more) = std::mem::take(&mut rest).split_at_mut((end - first) * width);
        jobs.push((first, part));
        (first, rest) = (end, more);
    }
    parallel(jobs, |(first, part)| add_shares(part, first, width, gradient, counted));
}

vectorized! {
    /// Adds to the gradients of some rows of the table, from the row `first` on.
    fn add_shares<'a>(
        sums: &'a mut [f32],
        first: usize,
        width: usize,
        gradient: &'a [f32],
        counted: &'a Counted,
    ) {
        let (rows, mut shares) = (sums.len() / width, vec![0.0; width]);
        for (gradient, ids) in gradient.chunks_exact(width).zip(counted.rows(0)) {
            let part = part(ids);
            shares.iter_mut().zip(gradient).for_each(|(share, &g)| *share = part * g);
            for row in ids.iter().map(|id| id.wrapping_sub(first)).filter(|&row| row < rows) {
                add(&mut sums[row * width..(row + 1) * width], &shares);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_parts_gives_the_same() {
        const WIDTH: usize = 17;
        // Many of one word, some of those next to it, and padding.
        let ids = (0..600).map(|i| (i * 7 % 40) * (i % 3) / 2).collect();
        let counted = Counted::of(Bags { ids, batch: 60_usize, length: 10, padding: Some(0) });
        let numbers = |n: usize| (0..n * WIDTH).map(|i| (i * 37 % 23) as f32 - 11.0).collect();
        let (table, gradient): (Vec<f32>, Vec<f32>) = (numbers(40), numbers(60));

        let mut means = vec![0.0; gradient.len()];
        add_up(&mut means, WIDTH, &table, &counted, 0);
        assert!(means.iter().any(|&mean| mean != 0.0));
        let mut sums = vec![0.0; table.len()];
        spread(&mut sums, WIDTH, &gradient, &counted, 1);
        assert!(sums[WIDTH..].iter().any(|&sum| sum != 0.0));
        assert!(sums[..WIDTH].iter().all(|&sum| sum == 0.0));
        for parts in 2..9 {
            let mut again = vec![0.0; gradient.len()];
            for (i, means) in again.chunks_mut(parts * WIDTH).enumerate() {
                add_up(means, WIDTH, &table, &counted, i * parts);
            }
            assert_eq!(again, means);
            let ends = counted.cut(40, parts);
            assert!(
                ends.len() <= parts && ends.is_sorted() && ends.last() == Some(&40),
                "{ends:?}"
            );
            let mut again = vec![0.0; table.len()];
            spread(&mut again, WIDTH, &gradient, &counted, parts);
            assert_eq!(again, sums);
        }
    }
}
