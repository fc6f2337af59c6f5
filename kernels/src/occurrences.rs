//! Gradients of the rows of a table.

use super::{
    simd::vectorized,
    sums::BLOCK,
    threads::{parallel, threads},
};
use crate::memory::{NoMemory, listed, zeros};

/// Where each row of a table occurs, for its gradient: the sum of the gradients of its occurrences.
#[derive(Debug)]
pub struct Occurrences {
    /// The rows of the gradient that belong to each row of the table: those of the first row first, each in order.
    sources: Vec<usize>,
    /// Where those of each row end.
    ends: Vec<usize>,
}

impl Occurrences {
    /// Of ids that are below `rows`, each with the row of the gradient that belongs to it.
    pub fn new(
        ids: impl Iterator<Item = (usize, usize)> + Clone,
        rows: usize,
    ) -> Result<Self, NoMemory> {
        let mut ends: Vec<usize> = zeros(rows)?;
        ids.clone().for_each(|(id, _)| ends[id] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut sources = zeros(sum)?;
        for (id, source) in ids {
            sources[ends[id]] = source;
            ends[id] += 1;
        }
        Ok(Self { sources, ends })
    }

    /// Adds to each row of the table, which are of `width`, its rows of the gradient.
    ///
    /// Each thread has rows of its own: nobody waits for another, and the sums are the same on any number of threads.
    pub fn add_up(
        &self,
        table: &mut [f32],
        width: usize,
        gradient: &[f32],
    ) -> Result<(), NoMemory> {
        if width == 0 || self.sources.is_empty() {
            return Ok(());
        }
        let parts = threads(self.sources.len() * width / ADDITIONS, self.ends.len());
        let (mut jobs, mut first, mut rest) = (Vec::new(), 0, table);
        for end in self.cut(parts) {
            let (part, more) = std::mem::take(&mut rest).split_at_mut((end - first) * width);
            jobs.push((first, part));
            (first, rest) = (end, more);
        }
        let done = parallel(jobs, |(first, part)| add_rows(part, width, gradient, self, first));
        done.into_iter().collect()
    }

    /// Where to cut the table into parts, so that about as many occurrences fall into each: in texts, some words are
    /// frequent, and often stand side by side.
    fn cut(&self, parts: usize) -> Vec<usize> {
        let (rows, count) = (self.ends.len(), self.sources.len());
        let cut = |part: usize| self.ends.partition_point(|&end| end * parts < part * count) + 1;
        let mut ends: Vec<usize> = (1..parts).map(|part| cut(part).min(rows)).collect();
        ends.push(rows);
        ends.dedup();
        ends
    }
}

/// Adds the rows of a gradient to those rows of a table that the ids say, one after the other.
///
/// What is larger is gone through in its order, and what is smaller out of it.
pub fn add_by_id(
    table: &mut [f32],
    width: usize,
    gradient: &[f32],
    ids: &[usize],
) -> Result<(), NoMemory> {
    if width == 0 {
        return Ok(());
    }
    let rows = table.len() / width;
    let places = || ids.iter().enumerate().map(|(place, &id)| (id, place));
    if gradient.len() <= table.len() {
        return Occurrences::new(places(), rows)?.add_up(table, width, gradient);
    }
    let mut counts: Vec<usize> = zeros(rows)?;
    ids.iter().for_each(|&id| counts[id] += 1);
    let seldom = listed(counts.into_iter().map(|count| count <= BLOCK))?;
    let often = places().filter(|&(id, _)| !seldom[id]);
    Occurrences::new(often, rows)?.add_up(table, width, gradient)?;
    let share = rows.div_ceil(threads(gradient.len() / ADDITIONS, rows)).max(1);
    let jobs = table.chunks_mut((share * width).max(1)).zip(seldom.chunks(share)).enumerate();
    let jobs = jobs.map(|(i, (part, seldom))| (i * share, part, seldom)).collect();
    parallel(jobs, |(first, part, seldom)| {
        add_in_order(part, width, gradient, ids, first, seldom);
    });
    Ok(())
}

/// How many additions of values in a cache are the work of one multiplication, as [`threads`] counts them: below some
/// millions, one thread is done before another is awake.
pub const ADDITIONS: usize = 4;

vectorized! {
    /// Adds to some rows of the table, from `first` on.
    fn add_rows<'a>(
        part: &'a mut [f32],
        width: usize,
        gradient: &'a [f32],
        of: &'a Occurrences,
        first: usize,
    ) -> Result<(), NoMemory> {
        let (mut block, mut totals) = (Vec::new(), Vec::new());
        let mut start = first.checked_sub(1).map_or(0, |before| of.ends[before]);
        for (row, &end) in part.chunks_exact_mut(width).zip(&of.ends[first..]) {
            let sources = &of.sources[start..end];
            start = end;
            if sources.len() <= BLOCK {
                sources.iter().for_each(|&at| add(row, &gradient[at * width..][..width]));
                continue;
            }
            if block.is_empty() {
                (block, totals) = (zeros(width)?, zeros::<f64>(width)?);
            }
            totals.iter_mut().zip(&*row).for_each(|(total, &sum)| *total = f64::from(sum));
            for sources in sources.chunks(BLOCK) {
                block.fill(0.0);
                sources.iter().for_each(|&at| add(&mut block, &gradient[at * width..][..width]));
                totals.iter_mut().zip(&block).for_each(|(total, &sum)| *total += f64::from(sum));
            }
            row.iter_mut().zip(&totals).for_each(|(sum, &total)| *sum = total as f32);
        }
        Ok(())
    }
}

vectorized! {
    /// Adds each row of the gradient to its row of the table, of those rows from `first` on that are wanted.
    fn add_in_order<'a>(
        part: &'a mut [f32],
        width: usize,
        gradient: &'a [f32],
        ids: &'a [usize],
        first: usize,
        wanted: &'a [bool],
    ) {
        for (&id, gradient) in ids.iter().zip(gradient.chunks_exact(width)) {
            let row = id.wrapping_sub(first);
            if wanted.get(row) == Some(&true) {
                add(&mut part[row * width..][..width], gradient);
            }
        }
    }
}

/// Adds a row to another.
#[inline(always)]
pub fn add(sums: &mut [f32], row: &[f32]) {
    /// How many values are added at a time.
    const LANES: usize = 16;
    let (many, rest) = sums.as_chunks_mut::<LANES>();
    let (many_more, more) = row.as_chunks::<LANES>();
    for (sums, values) in many.iter_mut().zip(many_more) {
        // All are read before one is written, else the compiler takes them one by one.
        *sums = std::array::from_fn(|i| sums[i] + values[i]);
    }
    rest.iter_mut().zip(more).for_each(|(sum, &x)| *sum += x);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[usize], rows: usize) -> Occurrences {
        Occurrences::new(ids.iter().enumerate().map(|(at, &id)| (id, at)), rows).unwrap()
    }

    #[test]
    fn each_occurrence_is_added_to_its_row() {
        // Many of one row, some of those next to it, none of others.
        let ids: Vec<usize> = (0..600).map(|i| (i * 7 % 40) * (i % 3) / 2).collect();
        let found = of(&ids, 40);
        for parts in 1..9 {
            let ends = found.cut(parts);
            assert!(ends.len() <= parts && ends.is_sorted() && ends.last() == Some(&40));
        }
        let gradient: Vec<f32> = (0..600).flat_map(|place| [1.0, place as f32]).collect();
        let mut table = vec![0.5; 80];
        found.add_up(&mut table, 2, &gradient).unwrap();
        for (row, sums) in table.chunks_exact(2).enumerate() {
            let places = (0..600).filter(|&place| ids[place] == row);
            let (count, sum) = places.fold((0, 0), |(count, sum), place| (count + 1, sum + place));
            assert_eq!(sums, [count as f32 + 0.5, sum as f32 + 0.5]);
        }
    }

    #[test]
    fn both_orders_add_the_same() {
        // Row 3 occurs often, row 5 not at all, and the others now and then.
        let ids: Vec<usize> = (0..90).map(|i| if i % 3 == 0 { 3 } else { i * 7 % 5 }).collect();
        let gradient: Vec<f32> = (0..180).map(|i| i as f32 / 8.0).collect();
        for rows in [6, 200] {
            let (mut table, mut expected) = (vec![0.5; rows * 2], vec![0.5; rows * 2]);
            add_by_id(&mut table, 2, &gradient, &ids).unwrap();
            for (place, id) in ids.iter().enumerate() {
                (0..2).for_each(|i| expected[id * 2 + i] += gradient[place * 2 + i]);
            }
            assert_eq!(table, expected);
        }
        add_by_id(&mut [], 0, &[], &[1, 2]).unwrap();
    }

    #[test]
    fn a_million_times_one_row() {
        let mut table = vec![0.0; 3];
        Occurrences::new((0..1_000_000).map(|_| (1, 0)), 3)
            .unwrap()
            .add_up(&mut table, 1, &[0.1])
            .unwrap();
        assert_eq!([table[0], table[2]], [0.0; 2]);
        let expected = f64::from(0.1_f32) * 1e6;
        assert!((f64::from(table[1]) / expected - 1.0).abs() < 1e-6, "{}", table[1]);
    }
}
