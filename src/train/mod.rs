//! Training: `fit`, `evaluate` and `predict`, as in Keras.
//!
//! A step happens as a whole or not at all. In a loop of your own,
//! [`State::attempt`](crate::optim::State::attempt) is the step.

mod augment;
mod callback;
pub mod callbacks;
mod carried;
mod checkpoint;
mod columns;
mod data;
mod elsewhere;
mod evaluate;
mod feed;
mod fit;
mod groups;
mod history;
mod judge;
mod logs;
mod measured;
mod moments;
mod names;
mod optimizing;
mod predict;
mod ranks;
mod resume;
mod resumed;
mod run;
mod saved;
mod setup;
mod shared;
mod snapshot;
mod start;
mod swap_back;
mod totals;
mod trained;
mod trainer;
mod training;

pub use callback::{Callback, Calls, Recovery};
use callbacks::{Progress, Recorder};
pub use data::{TargetsOf, TrainingData};
#[doc(hidden)]
pub use elsewhere::{
    MakesSteps, NotOfFits, NotOfTrainers, ReadsCheckpoints, SavesModels, SetsFields, Summarises,
    TakesCallbacks, TakesData, TakesLists,
};
pub use feed::{Feeds, FeedsAs, FitsShape};
pub use fit::{Fit, HowToFit, MadeBy};
pub use history::History;
pub use judge::{Judged, Judges, Matches, ValueOfLoss};
pub use logs::Logs;
pub use measured::{AnyWeights, Measured, Measures, MeasuresOutput, OfOne, OneOf};
#[doc(hidden)]
pub use optimizing::IsOptimizer;
pub use optimizing::Optimizes;
pub use predict::{Asks, AsksOne, Predict};
pub use saved::Saved;
#[doc(hidden)]
pub use shared::compiled;
pub use snapshot::Snapshot;
#[doc(hidden)]
pub use trained::IsModel;
pub use trained::Trained;
pub use trainer::Trainer;
pub use training::Training;
