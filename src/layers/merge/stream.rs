use crate::{
    backend::Element,
    error::Error,
    memory::filled,
    stream::{copy_bounded, room},
};

/// What becomes of the values behind the last input, and of a row that only some of the masks keep, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// They stay, and a mask changes nothing.
    Values,
    /// Their sum becomes a mean, and a mask changes nothing.
    Mean,
    /// A row is that of the others; of none, the first.
    Others,
    /// A row is that of the others; of none, zeros.
    OthersOrZero,
}

/// A step of some rows, and which of them are real, if there is a mask.
pub(crate) type Rows<'a, E> = (&'a [E], Option<&'a [bool]>);

/// Room for a step of an input, of what is made of all, and of its mask.
pub struct MergeStepper<E> {
    pub(super) values: Vec<E>,
    keep: Vec<bool>,
    other: Vec<E>,
    width: usize,
    end: End,
    /// How many inputs have been seen in this step, and whether they are masked.
    seen: usize,
    masked: bool,
}

impl<E: Element> MergeStepper<E> {
    pub(super) fn new(rows: usize, width: usize) -> Result<Self, Error> {
        let (values, other, keep) =
            (room(rows, width)?, room(rows, width)?, filled(&[rows], true)?);
        Ok(Self { values, keep, other, width, end: End::Values, seen: 0, masked: false })
    }

    /// Begins a step.
    pub(super) fn begin(&mut self, end: End) {
        (self.end, self.seen, self.masked) = (end, 0, false);
    }

    /// The mask, if there is one.
    pub(super) fn kept(&self) -> Option<&[bool]> {
        self.masked.then_some(&self.keep)
    }

    /// Merges the values of one more input with those before it.
    pub(super) fn merge(&mut self, each: fn(E, E) -> E, (x, real): Rows<'_, E>) {
        let is_real = |row: usize| real.is_none_or(|real| real[row]);
        self.masked = real.is_some();
        if self.seen == 0 {
            copy_bounded(x, real, &mut self.values);
            self.keep.iter_mut().enumerate().for_each(|(row, keep)| *keep = is_real(row));
        } else {
            copy_bounded(x, real, &mut self.other);
            let width = self.width.max(1);
            let rows = self.values.chunks_exact_mut(width).zip(self.other.chunks_exact(width));
            for ((row, (a, b)), keep) in rows.enumerate().zip(&mut self.keep) {
                let mixed = matches!(self.end, End::Values | End::Mean);
                match (*keep, is_real(row)) {
                    _ if mixed => a.iter_mut().zip(b).for_each(|(a, &b)| *a = each(*a, b)),
                    (true, true) => a.iter_mut().zip(b).for_each(|(a, &b)| *a = each(*a, b)),
                    (false, true) => a.copy_from_slice(b),
                    (_, false) => {}
                }
                *keep |= is_real(row);
            }
        }
        self.seen += 1;
    }

    /// What is to be done behind the last input.
    pub(super) fn end(&mut self, count: usize) {
        match self.end {
            End::Mean => {
                let share = E::of(1.0 / count as f64);
                self.values.iter_mut().for_each(|value| *value *= share);
            }
            End::OthersOrZero => {
                let rows = self.values.chunks_exact_mut(self.width.max(1));
                let gaps = rows.zip(&self.keep).filter(|(_, keep)| !**keep);
                gaps.for_each(|(row, _)| row.fill(E::zero()));
            }
            End::Values | End::Others => {}
        }
    }

    /// Puts the features of one more input beside those before it.
    pub(super) fn beside(
        &mut self,
        at: usize,
        features: usize,
        of_all: usize,
        (x, real): Rows<'_, E>,
    ) {
        let bounded = &mut self.other[..x.len()];
        copy_bounded(x, real, bounded);
        let to = self.values.chunks_exact_mut(of_all.max(1));
        for (to, from) in to.zip(bounded.chunks_exact(features.max(1))) {
            to[at..at + features].copy_from_slice(from);
        }
        self.masked = real.is_some();
        if let Some(real) = real {
            let first = self.seen == 0;
            let rows = self.keep.iter_mut().zip(real);
            rows.for_each(|(keep, &real)| *keep = real || (*keep && !first));
        }
        self.seen += 1;
    }
}
