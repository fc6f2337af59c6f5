//! The keys of a layer's config, each said once: written, read, compared and completed by the same list.

mod activation;
mod any_signal;
mod classes;
mod configured;
mod described;
mod draw;
mod dtype;
mod file;
mod groups;
mod initializer;
mod json;
mod keys;
mod list;
mod nested;
mod old;
mod option_value;
mod stack;
mod values;

pub(crate) use activation::{NamedActivation, activation_class, with_options};
pub use any_signal::{AnySignal, SignalKind};
pub(crate) use classes::{has_build_config, may_be_frozen, says_training, starts_from_states};
pub use configured::{Configured, HasConfig, HasJson};
pub(crate) use described::Described;
pub(crate) use dtype::dtype_of;
pub use initializer::{Fan, Initializer, Spread};
pub(crate) use json::snake_case;
pub use json::{Config, KerasJson, MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES};
pub(crate) use kerata_format::{
    FUNCTIONAL, given_shape, of_training,
    table::{destroys_masks, is_class as is_built_in},
    whole,
};
pub use list::Fields;
pub(crate) use list::Mode;
#[doc(hidden)]
pub use option_value::OptionValue;
pub(crate) use option_value::option_words;
pub(crate) use values::says;
