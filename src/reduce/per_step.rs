use std::iter::repeat;

use super::{SampleWeights, repeated};
use crate::{error::Error, memory::collected};

/// One weight a time step, row by row; of rows of any length, as those of a [`Ragged`](crate::data::Ragged), from a `Vec<Vec<f32>>`. What stands in the padding need not be a number: of a model whose output is masked, a batch
/// is checked when its mask is known, and of any other model all weights when the training begins.
#[derive(Debug, Clone, PartialEq)]
pub struct PerStep {
    pub(super) weights: Vec<f32>,
    length: usize,
    /// How many weights each row has, where they are not equally many.
    lengths: Option<Vec<usize>>,
}

impl<const L: usize> From<Vec<[f32; L]>> for PerStep {
    fn from(rows: Vec<[f32; L]>) -> Self {
        Self { weights: rows.into_flattened(), length: L, lengths: None }
    }
}

/// Rows of any length, as those of a [`Ragged`](crate::data::Ragged).
impl From<Vec<Vec<f32>>> for PerStep {
    fn from(rows: Vec<Vec<f32>>) -> Self {
        let lengths: Vec<usize> = rows.iter().map(Vec::len).collect();
        let length = lengths.iter().copied().max().unwrap_or(0);
        let padded = |row: Vec<f32>| row.into_iter().chain(repeat(0.0)).take(length);
        let weights = rows.into_iter().flat_map(padded).collect();
        Self { weights, length, lengths: Some(lengths) }
    }
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
        Ok(Self { weights, length, lengths: None })
    }

    /// The same weights, of which each row has so many, and padding behind them.
    pub(crate) fn of_lengths(self, lengths: Vec<usize>) -> Self {
        Self { lengths: Some(lengths), ..self }
    }

    /// How many weights a row has.
    fn row_length(&self, row: usize) -> usize {
        self.lengths.as_ref().map_or(self.length, |lengths| lengths[row])
    }

    /// The weights of each row.
    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        let row = |row: usize| &self.weights[row * self.length..][..self.row_length(row)];
        (0..self.count()).map(row)
    }

    fn count(&self) -> usize {
        let of_one_length = || self.weights.len() / self.length.max(1);
        self.lengths.as_ref().map_or_else(of_one_length, Vec::len)
    }
}

#[diagnostic::do_not_recommend]
impl SampleWeights for PerStep {
    fn samples(&self) -> Option<usize> {
        Some(self.count())
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        let row = |&row: &usize| self.weights[row * self.length..][..self.length].iter().copied();
        let weights = collected(&[rows.len(), self.length], rows.iter().flat_map(row))?;
        let selected = |of: &Vec<usize>| collected(&[rows.len()], rows.iter().map(|&row| of[row]));
        let lengths = self.lengths.as_ref().map(selected).transpose()?;
        Ok(Self { weights, length: self.length, lengths })
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        let what = "the steps of a row of weights";
        let Some((outer, inner)) = sizes.split_at_checked(2) else {
            return Err(Error::mismatch(what, 0, self.length));
        };
        let count = "the number of step weights";
        let longest = (0..self.count()).map(|row| self.row_length(row)).max().unwrap_or(0);
        match &self.lengths {
            None if outer[1] != self.length => Err(Error::mismatch(what, outer[1], self.length)),
            None => repeated(count, &self.weights, outer, inner),
            Some(_) if longest > outer[1] => Err(Error::mismatch(what, outer[1], longest)),
            // In the padding there is no weight. Where it is none, that is told as what it is.
            Some(_) => {
                let steps = outer[1];
                let rows = self
                    .rows()
                    .flat_map(|row| row.iter().copied().chain(repeat(f32::NAN)).take(steps));
                repeated(count, &collected(&[self.count(), outer[1]], rows)?, outer, inner)
            }
        }
    }
}
