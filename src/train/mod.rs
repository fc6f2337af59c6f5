//! Training: `fit`, `evaluate` and `predict`, as in Keras.

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
