//! Models step by step.

mod attention;
mod errors;
mod inputs;
mod state;
mod whole;
