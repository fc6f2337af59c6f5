//! What safe code can do to sizes, memory and weights: each absurdity is an error, and nothing ends the process.

mod memory;
mod nothing;
mod orthogonal;
mod sizes;
mod weights;
