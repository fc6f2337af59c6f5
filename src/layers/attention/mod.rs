//! Layers in which each step of a sequence looks at steps of the same, or of another one.

mod heads;
mod inputs;
mod stream;

pub use heads::MultiHeadAttention;
pub use inputs::{Attended, Attends, AttendsTo};
pub use stream::StepsAttend;
