//! What the files of Keras say, without a tensor: which file is what, the config in it in each of Keras's dialects, and
//! the Rust source of the model that it describes. Without the feature `files`, nothing but the [table] of the layers.
//!
//! [`kerata`](https://docs.rs/kerata) reads its files through this crate, and its attribute `#[model]` writes structs by it. It
//! is made for these two: names in here may change with each version.

#[cfg(feature = "files")]
mod config;
#[cfg(feature = "files")]
mod dialects;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "files")]
mod kind;
#[cfg(feature = "files")]
mod masks;
#[cfg(feature = "files")]
mod nodes;
#[cfg(feature = "hdf5")]
mod open;
#[cfg(feature = "files")]
mod order;
#[cfg(feature = "files")]
mod rewrite;
#[cfg(feature = "source")]
pub mod source;
pub mod table;
#[cfg(feature = "files")]
mod zip;

#[cfg(feature = "files")]
pub use config::{Config, MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES, is_place, sizes, whole};
#[cfg(feature = "files")]
pub use dialects::{
    FUNCTIONAL, activation_name, dtype_name, given_shape, input_sizes, of_training, says_nothing,
};
#[cfg(feature = "files")]
pub use kind::{HEAD, Kind, Wanted, unknown};
#[cfg(feature = "files")]
pub use masks::{FUNCTION, Masks, Seen, masks, says_masks};
#[cfg(feature = "files")]
pub use nodes::{
    CAUSAL, Called, GROUPED, Node, Tensor, attends, call_name, calls, ends, outputs, used,
};
#[cfg(feature = "hdf5")]
pub use open::{Format, MASKS_STAY, Parts, SAVED_MODEL, config_of, format, parts};
#[cfg(feature = "files")]
pub use order::{Distances, distances, in_keras_order};
#[cfg(feature = "files")]
pub use rewrite::OLD_HARD_SIGMOID;
#[cfg(feature = "files")]
pub use zip::{Archive, Writer};

/// How many letters of a word of a file a message shows.
#[cfg(feature = "files")]
const LETTERS: usize = 40;

/// A word for a message: its start, if it is long.
#[cfg(feature = "files")]
pub fn shortened(word: &str) -> String {
    match word.char_indices().nth(LETTERS) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}…", &word[..end]),
    }
}
