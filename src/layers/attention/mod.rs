//! Layers in which each step of a sequence looks at steps of the same, or of another one.

mod heads;
mod inputs;
mod single;
mod stream;

pub use heads::MultiHeadAttention;
pub use inputs::{Attended, Attends, AttendsTo, Compared};
pub use single::{AdditiveAttention, Attention};
pub use stream::StepsAttend;
