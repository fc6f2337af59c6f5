use dfdx::tensor::{NoneTape, Tensor};

use super::{Samples, samples::repeated};
use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    memory::filled,
    shape::{Batch, Length},
    signal::{Ids, Signal},
};

/// At which end of a sequence something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// In front: Keras's `"pre"`.
    Pre,
    /// Behind: Keras's `"post"`.
    Post,
}

/// Brings rows of any length to the length `L`: short ones are filled with `value`, long ones cut.
///
/// `padding` is the side where values are put in, `truncating` the side where they are cut off. (Keras's
/// default is [`Side::Pre`] for both.)
///
/// Keras: [`pad_sequences`](https://keras.io/api/data_loading/timeseries/#padsequences-function).
///
/// ```
/// use kerata::data::{Side, pad_sequences};
///
/// let rows = [vec![1, 2], vec![3, 4, 5, 6]];
/// assert_eq!(pad_sequences::<3, _>(&rows, 0, Side::Post, Side::Post), [[1, 2, 0], [3, 4, 5]]);
/// assert_eq!(pad_sequences::<3, _>(&rows, 0, Side::Pre, Side::Pre), [[0, 1, 2], [4, 5, 6]]);
/// ```
///
/// # Panics
/// If there is no memory for the rows; [`try_pad_sequences`] gives an error then.
pub fn pad_sequences<const L: usize, T: Copy>(
    rows: &[Vec<T>],
    value: T,
    padding: Side,
    truncating: Side,
) -> Vec<[T; L]> {
    let padded = try_pad_sequences(rows, value, padding, truncating);
    padded.unwrap_or_else(|error| panic!("{error}"))
}

/// The same as [`pad_sequences`], however much memory it takes.
///
/// # Errors
/// [`Error::Device`] if there is no memory for the rows.
pub fn try_pad_sequences<const L: usize, T: Copy>(
    rows: &[Vec<T>],
    value: T,
    padding: Side,
    truncating: Side,
) -> Result<Vec<[T; L]>, Error> {
    let mut all: Vec<[T; L]> = repeated(&filled(&[L], value)?, rows.len())?;
    for (padded, row) in all.iter_mut().zip(rows) {
        let kept = match truncating {
            Side::Pre => &row[row.len().saturating_sub(L)..],
            Side::Post => &row[..row.len().min(L)],
        };
        match padding {
            Side::Pre => padded[L - kept.len()..].copy_from_slice(kept),
            Side::Post => padded[..kept.len()].copy_from_slice(kept),
        }
    }
    Ok(all)
}

/// Rows of ids of any length. Each batch is padded behind, with id 0, to its own longest row, so that short
/// batches cost little.
///
/// ```
/// use kerata::{Cpu, data::{Ragged, Samples}, prelude::*};
///
/// let rows = Ragged(vec![vec![1, 2], vec![3], vec![4, 5, 6]]);
/// let batch = rows.batch::<f32, _>(&[0, 1], &Cpu::default())?;
/// assert_eq!(batch.as_vec(), [1, 2, 3, 0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ragged(pub Vec<Vec<usize>>);

impl Samples for Ragged {
    type Signal = Ids<(Batch, Length)>;

    fn count(&self) -> usize {
        self.0.len()
    }

    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        let length = rows.iter().map(|&row| self.0[row].len()).max().unwrap_or(0);
        let mut ids = filled(&[rows.len(), length], 0)?;
        for (padded, &row) in ids.chunks_mut(length.max(1)).zip(rows) {
            padded[..self.0[row].len()].copy_from_slice(&self.0[row]);
        }
        let ids: Result<Tensor<(Batch, Length), usize, D>, _> =
            dev.try_tensor_from_vec(ids, (rows.len(), length));
        ids.or_device()
    }

    fn select(&self, rows: &[usize]) -> Self {
        Self(rows.iter().map(|&row| self.0[row].clone()).collect())
    }
}
