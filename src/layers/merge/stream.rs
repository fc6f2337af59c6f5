use crate::{
    backend::Element,
    error::Error,
    memory::filled,
    stream::{copy_bounded, room},
};

/// What a merge makes of a row that one of two masks, or both, rule out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gaps {
    /// As of any other.
    Values,
    /// The row of the other; of two, zeros.
    OtherOrZero,
    /// The row of the other; of two, what is made of the first alone.
    OtherOrFirst,
}

/// A step of some rows, and which of them are real, if there is a mask.
pub(super) type Rows<'a, E> = (&'a [E], Option<&'a [bool]>);

/// Room for a step of two inputs, of what is made of them, and of its mask.
pub struct MergeStepper<E> {
    pub(super) values: Vec<E>,
    pub(super) keep: Vec<bool>,
    other: Vec<E>,
    width: usize,
}

impl<E: Element> MergeStepper<E> {
    pub(super) fn new(rows: usize, width: usize) -> Result<Self, Error> {
        let (values, other) = (room(rows, width)?, room(rows, width)?);
        Ok(Self { values, keep: filled(&[rows], true)?, other, width })
    }

    /// Merges value by value, and says whether there is a mask.
    pub(super) fn merge(
        &mut self,
        gaps: Gaps,
        each: fn(E, E) -> E,
        (a, of_a): Rows<'_, E>,
        (b, of_b): Rows<'_, E>,
    ) -> bool {
        copy_bounded(a, of_a, &mut self.values);
        copy_bounded(b, of_b, &mut self.other);
        let real = |keep: Option<&[bool]>, row: usize| keep.is_none_or(|keep| keep[row]);
        let width = self.width.max(1);
        let rows = self.values.chunks_exact_mut(width).zip(self.other.chunks_exact(width));
        for ((row, (a, b)), keep) in rows.enumerate().zip(&mut self.keep) {
            let (real_a, real_b) = (real(of_a, row), real(of_b, row));
            *keep = real_a || real_b;
            match (gaps, real_a, real_b) {
                (Gaps::Values, ..) | (_, true, true) => {
                    a.iter_mut().zip(b).for_each(|(a, &b)| *a = each(*a, b));
                }
                (_, true, false) => {}
                (_, false, true) => a.copy_from_slice(b),
                (Gaps::OtherOrZero, false, false) => a.fill(E::zero()),
                (Gaps::OtherOrFirst, false, false) => {
                    a.iter_mut().for_each(|a| *a = each(*a, *a));
                }
            }
        }
        of_a.is_some()
    }

    /// Puts the features of two inputs side by side, and says whether there is a mask.
    pub(super) fn beside(
        &mut self,
        [of_a, of_b]: [usize; 2],
        a: Rows<'_, E>,
        b: Rows<'_, E>,
    ) -> bool {
        let ((a, keep_a), (b, keep_b)) = (a, b);
        let (values, width) = (&mut self.values, of_a + of_b);
        for (x, keep, at, features) in [(a, keep_a, 0, of_a), (b, keep_b, of_a, of_b)] {
            let bounded = &mut self.other[..x.len()];
            copy_bounded(x, keep, bounded);
            let to = values.chunks_exact_mut(width.max(1));
            for (to, from) in to.zip(bounded.chunks_exact(features.max(1))) {
                to[at..at + features].copy_from_slice(from);
            }
        }
        if let (Some(a), Some(b)) = (keep_a, keep_b) {
            self.keep.iter_mut().zip(a.iter().zip(b)).for_each(|(keep, (a, b))| *keep = *a || *b);
        }
        keep_a.is_some()
    }
}
