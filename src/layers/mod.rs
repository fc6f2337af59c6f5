//! The layers, one a file.

mod activation;
mod dense;
mod dropout;
mod embedding;
mod lstm;
mod masking;
mod merge;
mod pooling;
mod time_distributed;
mod unmask;

pub use activation::{Activation, Linear, Relu, Sigmoid, Softmax, Tanh};
pub use dense::Dense;
pub use dropout::Dropout;
pub use embedding::{Embedding, MaskIds, MaskZero, NoMask};
pub use lstm::{LastState, Lstm, Returns, Sequences};
pub use masking::Masking;
pub use merge::{Add, Alike, Average, Concatenate, SideBySide, Subtract};
pub use pooling::GlobalAveragePooling1d;
pub use time_distributed::TimeDistributed;
pub use unmask::Unmask;
