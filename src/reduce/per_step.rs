use std::iter;

use super::{SampleWeights, repeat};
use crate::{error::Error, memory::collected};

/// One weight a time step, row by row; of rows of any length, as those of a [`Ragged`](crate::data::Ragged), from a `Vec<Vec<f32>>`.
/// What stands in the padding need not be a number: of a model whose output is masked, a batch is checked when its mask is known, and of
/// any other model all weights when the training begins.
#[derive(Debug, Clone, PartialEq)]
pub struct PerStep {
    pub(super) weights: Vec<f32>,
    rows: Rows,
}

#[derive(Debug, Clone, PartialEq)]
enum Rows {
    /// All of so many steps.
    Of(usize),
    /// Where each of them ends.
    Ends(Vec<usize>),
}

impl<const L: usize> From<Vec<[f32; L]>> for PerStep {
    fn from(rows: Vec<[f32; L]>) -> Self {
        Self { weights: rows.into_flattened(), rows: Rows::Of(L) }
    }
}

/// Rows of any length, as those of a [`Ragged`](crate::data::Ragged).
impl From<Vec<Vec<f32>>> for PerStep {
    fn from(rows: Vec<Vec<f32>>) -> Self {
        let ends = ends(rows.iter().map(Vec::len)).collect();
        Self { weights: rows.into_iter().flatten().collect(), rows: Rows::Ends(ends) }
    }
}

/// Where rows of these lengths end.
fn ends(lengths: impl Iterator<Item = usize>) -> impl Iterator<Item = usize> {
    lengths.scan(0, |end, length| {
        *end += length;
        Some(*end)
    })
}

impl PerStep {
    /// Weights for rows of `length` steps.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the last row is not full.
    pub fn new(weights: Vec<f32>, length: usize) -> Result<Self, Error> {
        if weights.len().checked_rem(length).unwrap_or(weights.len()) != 0 {
            return Err(Error::mismatch("the steps of a row of weights", length, weights.len()));
        }
        Ok(Self { weights, rows: Rows::Of(length) })
    }

    /// The first of the weights of each row, so many.
    ///
    /// # Errors
    /// [`Error::Device`] if there is no memory for them.
    pub(crate) fn cut(&self, lengths: &[usize]) -> Result<Self, Error> {
        let first = |(row, &length): (usize, &usize)| {
            let weights = self.row(row);
            &weights[..length.min(weights.len())]
        };
        Self::of(lengths.iter().enumerate().map(first))
    }

    fn of<'a>(rows: impl ExactSizeIterator<Item = &'a [f32]> + Clone) -> Result<Self, Error> {
        let count = rows.clone().map(<[f32]>::len).sum();
        let ends = collected(&[rows.len()], ends(rows.clone().map(<[f32]>::len)))?;
        Ok(Self { weights: collected(&[count], rows.flatten().copied())?, rows: Rows::Ends(ends) })
    }

    /// The weights of a row.
    fn row(&self, row: usize) -> &[f32] {
        match &self.rows {
            Rows::Of(length) => &self.weights[row * length..][..*length],
            Rows::Ends(ends) => {
                &self.weights[row.checked_sub(1).map_or(0, |before| ends[before])..ends[row]]
            }
        }
    }

    fn count(&self) -> usize {
        match &self.rows {
            Rows::Of(length) => self.weights.len() / (*length).max(1),
            Rows::Ends(ends) => ends.len(),
        }
    }
}

#[diagnostic::do_not_recommend]
impl SampleWeights for PerStep {
    fn samples(&self) -> Option<usize> {
        Some(self.count())
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        let selected = rows.iter().map(|&row| self.row(row));
        match self.rows {
            Rows::Of(length) => {
                let weights = collected(&[rows.len(), length], selected.flatten().copied())?;
                Ok(Self { weights, rows: Rows::Of(length) })
            }
            Rows::Ends(_) => Self::of(selected),
        }
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        let (what, count) = ("the steps of a row of weights", "the number of step weights");
        let longest = || (0..self.count()).map(|row| self.row(row).len()).max().unwrap_or(0);
        let Some((outer, inner)) = sizes.split_at_checked(2) else {
            return Err(Error::mismatch(what, 0, longest()));
        };
        let steps = outer[1];
        match &self.rows {
            Rows::Of(length) if *length == steps => repeat(count, &self.weights, outer, inner),
            Rows::Ends(_) if longest() <= steps => {
                // In the padding there is no weight. If a step is real there, that is told as what it is.
                let padded =
                    |row| self.row(row).iter().copied().chain(iter::repeat(f32::NAN)).take(steps);
                let padded = (0..self.count()).flat_map(padded);
                repeat(count, &collected(&[self.count(), steps], padded)?, outer, inner)
            }
            _ => Err(Error::mismatch(what, steps, longest())),
        }
    }
}
