//! The LSTM over whole sequences, forward and backward, on slices.
//!
//! What makes it fast: one product for all input projections and one for each weight gradient; recurrent
//! weights packed once for all steps; the gates in one pass of vector code; rows of the batch on threads for
//! the whole sequence, without a barrier at each step (of a few rows the units, see [`few_rows`]); blocks of time
//! that stay in a cache where nothing is kept (see [`inference`]); and steps that the mask rules out are not there.

mod backward;
mod few_rows;
mod forward;
mod gates;
mod inference;
mod steps;

pub(crate) use backward::{RowGradients, backward};
pub(crate) use few_rows::{Part, forward_few};
pub(crate) use forward::{Kept, RowOut, forward};
pub(crate) use inference::infer;
pub(crate) use steps::Steps;

use super::buffer::Buffer;
use crate::backend::memory::NoMemory;

/// The sizes of the weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Input features.
    pub(crate) inputs: usize,
    /// Units.
    pub(crate) units: usize,
    /// Time steps, padding included.
    pub(crate) length: usize,
}

/// The weights beside the recurrent ones, row-major: `(inputs, 4 * units)` and `(4 * units,)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) kernel: &'a [f32],
    pub(crate) bias: &'a [f32],
}

/// The state of all rows, `(batch, units)` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct States<'a> {
    pub(crate) h: &'a [f32],
    pub(crate) c: &'a [f32],
}

impl States<'_> {
    /// `h` and `c` in the order of the sorted rows.
    fn sorted(&self, steps: &Steps, units: usize) -> Result<(Buffer, Buffer), NoMemory> {
        let sorted = |states: &[f32]| {
            let mut sorted = Buffer::try_uncleared(steps.rows.len() * units)?;
            for (to, &row) in sorted.chunks_exact_mut(units.max(1)).zip(&steps.rows) {
                to.copy_from_slice(&states[row * units..(row + 1) * units]);
            }
            Ok(sorted)
        };
        Ok((sorted(self.h)?, sorted(self.c)?))
    }
}
