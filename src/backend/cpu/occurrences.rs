use super::{
    buffer::Buffer,
    sums::BLOCK,
    threads::{parallel, threads},
};

/// Where each row of a table occurs in a list of ids, for its gradient: the sum over its occurrences.
#[derive(Debug)]
pub(super) struct Occurrences {
    /// The places in the list, those of the first row first, each in the order of the list.
    places: Vec<usize>,
    /// Where those of each row end.
    ends: Vec<usize>,
}

impl Occurrences {
    /// Of ids that are below `rows`.
    pub(super) fn new(ids: &[usize], rows: usize) -> Self {
        let mut ends = vec![0; rows];
        ids.iter().for_each(|&id| ends[id] += 1);
        let mut sum = 0;
        for end in &mut ends {
            sum += std::mem::replace(end, sum);
        }
        let mut places = vec![0; ids.len()];
        for (place, &id) in ids.iter().enumerate() {
            places[ends[id]] = place;
            ends[id] += 1;
        }
        Self { places, ends }
    }

    /// The places of a row.
    fn of(&self, row: usize) -> &[usize] {
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.places[start..self.ends[row]]
    }

    /// Adds to each row of the table, which are of `width`, what `add` adds for some of its places.
    ///
    /// Each thread has rows of its own: nobody waits for another, and the sums are the same on any number of threads.
    pub(super) fn add_up(
        &self,
        table: &mut [f32],
        width: usize,
        add: impl Fn(&mut [f32], &[usize]) + Send + Sync,
    ) {
        if width == 0 || self.places.is_empty() {
            return;
        }
        let parts = threads(self.places.len() * width / ADDITIONS, self.ends.len());
        let (mut jobs, mut first, mut rest) = (Vec::new(), 0, table);
        for end in self.cut(parts) {
            let (part, more) = std::mem::take(&mut rest).split_at_mut((end - first) * width);
            jobs.push((first, part));
            (first, rest) = (end, more);
        }
        parallel(jobs, |(first, part)| {
            let (mut block, mut totals) = (Buffer::default(), Vec::new());
            for (i, row) in part.chunks_exact_mut(width).enumerate() {
                let places = self.of(first + i);
                if places.len() <= BLOCK {
                    if !places.is_empty() {
                        add(row, places);
                    }
                    continue;
                }
                if totals.is_empty() {
                    block = Buffer::uncleared(width);
                }
                totals.clear();
                totals.extend(row.iter().map(|&sum| f64::from(sum)));
                for places in places.chunks(BLOCK) {
                    block.fill(0.0);
                    add(&mut block, places);
                    totals
                        .iter_mut()
                        .zip(&*block)
                        .for_each(|(total, &sum)| *total += f64::from(sum));
                }
                row.iter_mut().zip(&totals).for_each(|(sum, &total)| *sum = total as f32);
            }
        });
    }

    /// Where to cut the table into parts, so that about as many places fall into each: in texts, some words are
    /// frequent, and often stand side by side.
    fn cut(&self, parts: usize) -> Vec<usize> {
        let (rows, count) = (self.ends.len(), self.places.len());
        let cut = |part: usize| self.ends.partition_point(|&end| end * parts < part * count) + 1;
        let mut ends: Vec<usize> = (1..parts).map(|part| cut(part).min(rows)).collect();
        ends.push(rows);
        ends.dedup();
        ends
    }
}

/// How many additions of numbers in a cache are the work of one multiplication, as [`threads`] counts them: below some
/// millions, one thread is done before another is awake.
pub(super) const ADDITIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_added_to_its_row() {
        // Many of one row, some of those next to it, none of others.
        let ids: Vec<usize> = (0..600).map(|i| (i * 7 % 40) * (i % 3) / 2).collect();
        let found = Occurrences::new(&ids, 40);
        for parts in 1..9 {
            let ends = found.cut(parts);
            assert!(ends.len() <= parts && ends.is_sorted() && ends.last() == Some(&40));
        }
        let mut table = vec![0.5; 80];
        found.add_up(&mut table, 2, |row, places| {
            row[0] += places.len() as f32;
            row[1] += places.iter().sum::<usize>() as f32;
        });
        for (row, sums) in table.chunks_exact(2).enumerate() {
            let places: Vec<usize> = (0..600).filter(|&place| ids[place] == row).collect();
            assert_eq!(found.of(row), places);
            let sum: usize = places.iter().sum();
            assert_eq!(sums, [places.len() as f32 + 0.5, sum as f32 + 0.5]);
        }
    }

    #[test]
    fn a_million_times_one_row() {
        let ids = vec![1; 1_000_000];
        let mut table = vec![0.0; 3];
        Occurrences::new(&ids, 3).add_up(&mut table, 1, |row, places| {
            places.iter().for_each(|_| row[0] += 0.1);
        });
        assert_eq!([table[0], table[2]], [0.0; 2]);
        let expected = f64::from(0.1_f32) * 1e6;
        assert!((f64::from(table[1]) / expected - 1.0).abs() < 1e-6, "{}", table[1]);
    }
}
