//! Models step by step.

mod errors;
mod inputs;
mod state;
mod whole;
