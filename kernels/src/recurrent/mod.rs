//! Recurrent layers over whole sequences, forward and backward, on slices: one [walk](Walk) over time for every [cell](CellKind).
//!
//! What makes it fast: one product for all input projections and one for each weight gradient; recurrent weights packed
//! once for all steps; the gates in one pass of vector code; rows of the batch on threads for the whole sequence,
//! without a barrier at each step (of a small batch the units, see `small_batch`); blocks of time that stay in a cache
//! where nothing is saved (see `inference`); and steps that the mask rules out are not there.

mod backward;
mod cell;
mod forward;
mod functions;
mod gru;
mod gru_with;
mod inference;
mod kind;
mod lstm;
mod lstm_with;
mod simple;
mod simple_with;
mod small_batch;
mod steps;
mod walk;

pub use backward::{RowGradients, WeightGradients};
pub use cell::{Before, Step, StepWeights, Weights};
pub use forward::{RowOut, Saved};
pub use functions::{Function, Functions};
pub use kind::{CellKind, StepOrder};
pub use small_batch::Part;
pub use steps::Steps;
pub use walk::Walk;

use crate::{buffer::Buffer, memory::NoMemory};
use cell::RowStates;

/// The sizes of a layer and its sequences.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Input features.
    pub inputs: usize,
    /// Units.
    pub units: usize,
    /// Time steps, padding included.
    pub length: usize,
}

/// The state of all rows, `(batch, units)` each; `c` is empty where the cell has none.
#[derive(Debug, Clone, Copy)]
pub struct States<'a> {
    /// The outputs.
    pub h: &'a [f32],
    /// The cell states.
    pub c: &'a [f32],
}

impl States<'_> {
    /// The states in the order of the sorted rows.
    fn sorted(&self, steps: &Steps, units: usize) -> Result<RowStates, NoMemory> {
        let sorted = |states: &[f32]| {
            if states.is_empty() {
                return Ok(Buffer::default());
            }
            let mut sorted = Buffer::uncleared(steps.rows.len() * units)?;
            for (to, &row) in sorted.chunks_exact_mut(units.max(1)).zip(&steps.rows) {
                to.copy_from_slice(&states[row * units..(row + 1) * units]);
            }
            Ok(sorted)
        };
        Ok(RowStates { h: sorted(self.h)?, c: sorted(self.c)? })
    }
}
