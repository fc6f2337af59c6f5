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

    /// The order of the dimensions of projected values, with those of heads and features at the end, in which the places that
    /// are attended to stand behind the others.
    pub(super) fn steps(&self) -> Vec<usize> {
        [&[0], &self.apart[..], &self.along, &[self.rank - 1, self.rank]].concat()
    }

    /// The sizes of the scores.
    pub(super) fn scores<S: Copy + From<usize>>(
        &self,
        query: &[S],
        value: &[S],
        heads: usize,
    ) -> Vec<S> {
        let mut sizes: Vec<S> = self
            .outer()
            .iter()
            .map(|&axis| if axis + 1 == self.rank { heads.into() } else { query[axis] })
            .collect();
        sizes.extend(self.along.iter().map(|&axis| query[axis]));
        sizes.extend(self.along.iter().map(|&axis| value[axis]));
        sizes
    }
}
