//! Training: `fit`, `evaluate` and `predict`, as in Keras.
//!
//! A step happens as a whole or not at all. In a loop of your own,
//! [`State::attempt`](crate::optim::State::attempt) is the step.

mod data;
mod feed;
mod fit;
mod history;
mod measured;
mod names;
mod predict;
mod progress;
mod trainer;

pub use data::{TargetsOf, TrainingData};
pub use feed::{Feeds, FeedsAs, FitsShape};
pub use fit::Fit;
pub use history::History;
pub use measured::{AnyWeights, Measured};
pub use predict::{Asks, AsksOne, Predict};
pub use trainer::Trainer;
