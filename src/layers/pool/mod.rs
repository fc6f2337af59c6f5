//! Pooling.

mod global_average;
mod global_max;
mod windows;

pub use global_average::{GlobalAveragePooling1d, GlobalAveragePooling2d};
pub use global_max::{GlobalMaxPooling1d, GlobalMaxPooling2d};
pub use windows::{AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d};
