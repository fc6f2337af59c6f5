//! What the files of Keras say, without a tensor: which file is what, the config in it in each of Keras's dialects, and
//! the Rust source of the model that it describes.
//!
//! [`kerata`](https://docs.rs/kerata) reads its files through this crate, and its attribute `#[model]` writes structs by it. It
//! is made for these two: names in here may change with each version.

mod config;
mod dialects;
#[cfg(feature = "hdf5")]
pub mod hdf5;
mod kind;
mod nodes;
#[cfg(feature = "hdf5")]
mod open;
mod rewrite;
pub mod source;
mod zip;

pub use config::{Config, MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES, is_place, sizes, whole};
pub use dialects::{
    FUNCTIONAL, activation_name, destroys_masks, dtype_name, given_shape, input_sizes, of_training,
    says_nothing,
};
pub use kind::{HEAD, Kind, Wanted, unknown};
pub use nodes::{CAUSAL, Called, Node, Tensor, attends, call_name, calls, ends, outputs, used};
#[cfg(feature = "hdf5")]
pub use open::{Format, Parts, SAVED_MODEL, config_of, format, parts};
pub use rewrite::OLD_HARD_SIGMOID;
pub use zip::{Archive, Writer};

/// How many letters of a word of a file a message shows.
const LETTERS: usize = 40;

/// A word for a message: its start, if it is long.
pub fn shortened(word: &str) -> String {
    match word.char_indices().nth(LETTERS) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}…", &word[..end]),
    }
}
