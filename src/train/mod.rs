//! Training: `fit`, `evaluate` and `predict`, as in Keras.
//!
//! A step happens as a whole or not at all. In a loop of your own,
//! [`State::attempt`](crate::optim::State::attempt) is the step.

mod callback;
pub mod callbacks;
mod checkpoint;
mod feed;
mod history;
mod logs;
mod names;
mod predict;
mod run;
mod saved;
mod snapshot;
mod totals;
mod trainer;
mod training;

pub use callback::{Callback, Recovery};
use callbacks::Progress;
pub use feed::Feeds;
pub use history::History;
pub use logs::Logs;
pub use predict::Predict;
pub use saved::Saved;
pub use snapshot::Snapshot;
pub use trainer::{Fit, Trainer};
pub use training::Training;
