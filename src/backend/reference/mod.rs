//! The operations of [`Backend`](super::Backend) in plain dfdx operations: what the fast kernels are
//! held against.

mod dense;
mod embedding;
mod lstm;
mod pool;

pub(super) use dense::dense;
pub(super) use embedding::embedding;
pub(super) use lstm::{lstm, lstm_last};
pub(super) use pool::mean_over_steps;
