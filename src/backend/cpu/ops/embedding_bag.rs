use dfdx::{
    shapes::{Const, Dim, Rank2},
    tensor::{Cpu, PutTape, Tape, Tensor},
};

use super::share;
use crate::{
    backend::{
        Bags, Prepared,
        cpu::{
            simd::vectorized,
            threads::{parallel, threads},
        },
        tape::{Weights, put, record, row},
    },
    error::Error,
};

/// How many numbers are added at a time.
const LANES: usize = 16;

/// The mean of rows of a table, which are added up where they lie.
pub(crate) fn embedding_bag<B: Dim, const V: usize, const N: usize, T: Tape<f32, Cpu>>(
    table: &Tensor<Rank2<V, N>, f32, Cpu>,
    bags: Bags<B>,
    mut tape: T,
    prepared: &Prepared,
) -> Result<Tensor<(B, Const<N>), f32, Cpu, T>, Error> {
    let (dev, batch, counted) = (table.device().clone(), bags.batch, Counted::of(bags));
    let mut means = vec![0.0; batch.size() * N];
    // The numbers of a tensor can be had one by one or all at once. For a few rows of a large table one by one
    // is quicker.
    if counted.ids.len() * 16 < V {
        for (mean, ids) in means.chunks_exact_mut(N.max(1)).zip(counted.rows(0)) {
            for &id in ids {
                mean.iter_mut().zip(row(table, id)).for_each(|(sum, x)| *sum += x);
            }
            mean.iter_mut().for_each(|sum| *sum *= part(ids));
        }
    } else {
        let table = prepared.get(
            !T::OWNS_TAPE,
            |kept: &Weights<_>| kept.are_of(table),
            || Weights::read(table),
        )?;
        let rows = share(counted.ids.len() * N, batch.size());
        let jobs = means.chunks_mut((rows * N).max(1)).enumerate().collect();
        parallel(jobs, |(i, means)| add_up(means, N, &table, &counted, i * rows));
    }
    let means = put(&dev, (batch, Const), means)?;
    if T::OWNS_TAPE {
        let (table, of_means) = (table.clone(), means.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_means)?;
            grads.with(&table, |sums| spread(sums, N, &gradient, &counted))?;
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
/// Each thread has columns of its own and goes over all ids: so nobody waits, whatever the ids are, and the sums are
/// the same on any number of threads.
fn spread(sums: &mut [f32], width: usize, gradient: &[f32], counted: &Counted) {
    let groups = width.div_ceil(LANES).max(1);
    let columns = groups.div_ceil(threads(counted.ids.len() * width, groups)) * LANES;
    let mut parts: Vec<Vec<&mut [f32]>> = Vec::new();
    parts.resize_with(width.div_ceil(columns), || Vec::with_capacity(sums.len() / width));
    for row in sums.chunks_exact_mut(width.max(1)) {
        parts.iter_mut().zip(row.chunks_mut(columns)).for_each(|(part, row)| part.push(row));
    }
    let jobs = parts.into_iter().enumerate().collect();
    parallel(jobs, |(i, part)| add_columns(part, i * columns, width, gradient, counted));
}

vectorized! {
    /// Adds some columns of the gradients, from `from` on.
    fn add_columns<'a>(
        sums: Vec<&'a mut [f32]>,
        from: usize,
        width: usize,
        gradient: &'a [f32],
        counted: &'a Counted,
    ) {
        let mut sums = sums;
        let columns = sums.first().map_or(0, |row| row.len());
        let mut shares = vec![0.0; columns];
        for (gradient, ids) in gradient.chunks_exact(width).zip(counted.rows(0)) {
            let part = part(ids);
            let gradient = &gradient[from..from + columns];
            shares.iter_mut().zip(gradient).for_each(|(share, &g)| *share = part * g);
            for &id in ids {
                add(sums[id], &shares);
            }
        }
    }
}
