//! The keys of a layer's config, each said once: written, read, compared and completed by the same list.

mod any_signal;
mod classes;
mod configured;
mod described;
mod groups;
mod initializer;
mod json;
mod keys;
mod list;

pub use any_signal::{AnySignal, SignalKind};
pub(crate) use classes::{FUNCTIONAL, has_build_config};
pub use configured::Configured;
pub(crate) use described::Described;
pub(crate) use groups::Convolution;
pub use initializer::{Fan, Initializer, Spread};
pub(crate) use json::snake_case;
pub use json::{Config, KerasJson, MAX_BYTES, MAX_DEPTH};
pub use list::Fields;
pub(crate) use list::{Mode, activation_name, dtype_of, says};
