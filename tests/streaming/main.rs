//! Models step by step.

mod errors;
mod state;
mod whole;
