use std::ops::Range;

use super::StepOrder;
use crate::{
    buffer::Buffer,
    memory::{NoMemory, listed, one_more, reserved},
};

/// The real steps of some rows of a batch, packed: what the mask rules out is not there.
///
/// The rows are sorted, the longest first. Packed time `t` holds the `t`-th real step of every row that has
/// one: `count(t)` of them, those of the first rows, from `offset(t)` on.
#[derive(Debug)]
pub struct Steps {
    /// The rows of the batch, the longest first.
    pub rows: Vec<usize>,
    /// For each packed step the time step that it was in its row.
    pub at: Vec<usize>,
    /// The real steps of each row, as they are sorted.
    pub lengths: Vec<usize>,
    offsets: Vec<usize>,
    order: StepOrder,
    length: usize,
}

impl Steps {
    /// Packs rows of a batch with `length` steps; `mask` says of all its steps, row by row, which are real.
    pub fn pack(
        rows: &[usize],
        length: usize,
        mask: Option<&[bool]>,
        order: StepOrder,
    ) -> Result<Self, NoMemory> {
        let real = |row: usize| {
            let steps = (0..length).map(|place| order.place(length, place));
            match mask {
                None => listed(steps),
                Some(mask) => listed(steps.filter(|&step| mask[row * length + step])),
            }
        };
        let mut steps: Vec<(usize, Vec<usize>)> = reserved(rows.len())?;
        for &row in rows {
            steps.push((row, real(row)?));
        }
        steps.sort_by_key(|(_, real)| std::cmp::Reverse(real.len()));
        let longest = steps.first().map_or(0, |(_, real)| real.len());
        let mut at = reserved(steps.iter().map(|(_, real)| real.len()).sum())?;
        let mut offsets = reserved(longest + 1)?;
        offsets.push(0);
        for t in 0..longest {
            at.extend(steps.iter().map_while(|(_, real)| real.get(t)));
            offsets.push(at.len());
        }
        Ok(Self {
            rows: listed(steps.iter().map(|(row, _)| *row))?,
            lengths: listed(steps.iter().map(|(_, real)| real.len()))?,
            at,
            offsets,
            order,
            length,
        })
    }

    /// The rows of features of the real steps of a batch at some packed times, packed.
    pub(super) fn gather(
        &self,
        x: &[f32],
        length: usize,
        features: usize,
        times: Range<usize>,
    ) -> Result<Buffer, NoMemory> {
        let count = self.offsets[times.end] - self.offsets[times.start];
        let mut packed = Buffer::uncleared(count * features)?;
        let mut rest = &mut packed[..];
        for t in times {
            for r in 0..self.count(t) {
                let at = (self.rows[r] * length + self.at[self.offset(t) + r]) * features;
                let (step, others) = rest.split_at_mut(features);
                step.copy_from_slice(&x[at..at + features]);
                rest = others;
            }
        }
        Ok(packed)
    }

    /// The places, in the order, at which a row has the output of packed time `t`: those of masked steps that repeat it
    /// included.
    pub(super) fn repeats(&self, row: usize, t: usize) -> Range<usize> {
        let place = |t: usize| self.order.place(self.length, self.at[self.offsets[t] + row]);
        let from = place(t);
        let until = match self.order.zero_masked {
            true => from + 1,
            false if t + 1 < self.lengths[row] => place(t + 1),
            false => self.length,
        };
        self.order.outputs(self.length, from..until)
    }

    /// All packed times, so many at a time that they have about `steps` steps.
    pub(super) fn blocks(&self, steps: usize) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let start = from;
            while from < self.times()
                && (from == start || self.offsets[from + 1] - self.offsets[start] <= steps)
            {
                from += 1;
            }
            (start < from).then_some(start..from)
        })
    }

    /// How many packed times there are: the real steps of the longest row.
    pub fn times(&self) -> usize {
        self.offsets.len() - 1
    }

    /// How many steps there are in all.
    pub fn total(&self) -> usize {
        self.at.len()
    }

    /// How many rows have a step at packed time `t`.
    pub fn count(&self, t: usize) -> usize {
        self.offsets[t + 1] - self.offsets[t]
    }

    /// Where the steps of packed time `t` begin.
    pub fn offset(&self, t: usize) -> usize {
        self.offsets[t]
    }

    /// The place of the last real step of a row, as rows are sorted.
    pub fn last(&self, row: usize) -> Option<usize> {
        Some(self.offsets[self.lengths[row].checked_sub(1)?] + row)
    }

    /// Cuts the rows of a batch, of which the numbers of real steps are known, into parts of about as many.
    pub fn share(lengths: &[usize], parts: usize) -> Result<Vec<Vec<usize>>, NoMemory> {
        let mut rows = listed(0..lengths.len())?;
        rows.sort_by_key(|&row| std::cmp::Reverse(lengths[row]));
        let mut shares = vec![(0, Vec::new()); parts.max(1)];
        for row in rows {
            if let Some((load, share)) = shares.iter_mut().min_by_key(|(load, _)| *load) {
                *load += lengths[row].max(1);
                one_more(share)?;
                share.push(row);
            }
        }
        Ok(shares.into_iter().map(|(_, rows)| rows).collect())
    }
}
