//! What a stream asks of a backend: operations on the rows of one time step, as slices on the host. They hold their
//! weights and the room that they work in, so that a step allocates nothing.

use std::sync::Arc;

use crate::error::Error;

/// The states of some rows, `(R, H)` each; `c` is empty where the cell has none.
#[derive(Debug, Clone, Copy)]
pub struct StepStates<'a, E> {
    /// The outputs.
    pub h: &'a [E],
    /// The cell states.
    pub c: &'a [E],
}

/// The same, to be written.
#[derive(Debug)]
pub struct StepStatesMut<'a, E> {
    /// The outputs.
    pub h: &'a mut [E],
    /// The cell states.
    pub c: &'a mut [E],
}

/// A recurrent layer, step by step.
pub trait RecurrentStep<E>: Send {
    /// From the inputs `(R, I)` of a step and the states before it to the states behind it. There are no more rows than
    /// it was made for.
    ///
    /// # Errors
    /// Those of a cell that is a user's own.
    fn step(
        &mut self,
        x: &[E],
        before: StepStates<'_, E>,
        after: StepStatesMut<'_, E>,
    ) -> Result<(), Error>;
}

/// `x . kernel + bias` on the rows of a step, and a function of each value.
pub trait StepProduct<E>: Send {
    /// From `(R, I)` to `(R, O)`.
    fn product(&self, x: &[E], y: &mut [E]) -> Result<(), Error>;
}

/// The query of one row that attends to the steps of its past.
#[derive(Debug, Clone, Copy)]
pub struct StepQuery<'a, E> {
    /// In how many equal parts the features are cut, each of which attends by itself.
    pub heads: usize,
    /// What the products of the query and the keys are multiplied with before the softmax.
    pub scale: f64,
    /// The features of all heads.
    pub query: &'a [E],
    /// The steps that it sees: of each the key of all heads, and behind it the value of all heads.
    pub past: &'a [E],
}

/// The rows of a table, one after the other.
pub type StepTable<E> = Arc<dyn AsRef<[E]> + Send + Sync>;
