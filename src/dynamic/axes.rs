//! The axes that an attention of several heads goes along.

use super::words;
use crate::error::Error;

/// The axes of what arrives: along some, keys are seen; of the others, each place stands for itself.
pub(super) struct Axes {
    pub(super) along: Vec<usize>,
    pub(super) apart: Vec<usize>,
    pub(super) rank: usize,
}

impl Axes {
    /// Those to attend along, or all behind the batch and in front of the features.
    pub(super) fn new(given: Option<&[i64]>, rank: usize) -> Result<Self, Error> {
        let all = 1..rank.saturating_sub(1);
        let along = match given {
            Some(given) => words::axes(given, all.clone(), rank, "attend along")?,
            None => all.clone().collect(),
        };
        let apart = all.filter(|axis| !along.contains(axis)).collect();
        Ok(Self { along, apart, rank })
    }

    /// The axes of samples, of what is apart and of heads.
    fn outer(&self) -> Vec<usize> {
        [0].into_iter().chain(self.apart.iter().copied()).chain([self.rank - 1]).collect()
    }

    /// The order of the dimensions of projected values in which the features of each position are a row.
    pub(super) fn rows(&self) -> Vec<usize> {
        [&self.outer()[..], &self.along, &[self.rank]].concat()
    }

    /// The same, where each feature has a row.
    pub(super) fn columns(&self) -> Vec<usize> {
        [&self.outer()[..], &[self.rank], &self.along].concat()
    }

    /// From the order of [`rows`](Self::rows) back to that of what arrived.
    pub(super) fn back(&self) -> Vec<usize> {
        let rows = self.rows();
        (0..=self.rank)
            .map(|axis| rows.iter().position(|&one| one == axis).unwrap_or(axis))
            .collect()
    }

    /// The sizes of the scores, and of the sums of values.
    pub(super) fn sizes<S: Copy + From<usize>>(
        &self,
        query: &[S],
        value: &[S],
        heads: usize,
        features: usize,
    ) -> (Vec<S>, Vec<S>) {
        let mut outer: Vec<S> = self
            .outer()
            .iter()
            .map(|&axis| if axis + 1 == self.rank { heads.into() } else { query[axis] })
            .collect();
        outer.extend(self.along.iter().map(|&axis| query[axis]));
        let mut sums = outer.clone();
        sums.push(features.into());
        outer.extend(self.along.iter().map(|&axis| value[axis]));
        (outer, sums)
    }
}
