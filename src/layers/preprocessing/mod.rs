//! Preprocessing that is a part of the model.

mod normalization;
mod rescaling;

pub use normalization::Normalization;
pub use rescaling::Rescaling;
