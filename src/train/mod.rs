//! Training: `fit`, `evaluate` and `predict`, as in Keras.
//!
//! A step happens as a whole or not at all. In a loop of your own,
//! [`State::attempt`](crate::optim::State::attempt) is the step.

mod feed;
mod history;
mod names;
mod predict;
mod progress;
mod trainer;

pub use feed::Feeds;
pub use history::History;
pub use predict::Predict;
pub use trainer::{Fit, Trainer};
