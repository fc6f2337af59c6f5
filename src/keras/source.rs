//! The Rust source of a model, to paste.

use kerata_format::{
    self as format,
    source::{LostMasks, structs, text},
};

use crate::{error::Error, fields::Config};

/// The struct with `#[model]` that a config describes, as source to paste: its fields have the names of the layers.
///
/// `#[model(keras = "..")]` writes the same struct while the program is compiled. Where there is no type for a layer or an
/// option, the source says so in a comment instead of the field; where Keras drops a mask, there is an
/// [`Unmask`](crate::Unmask).
///
/// # Errors
/// [`Error::Json`] for what is no model, or does not say what reaches it.
///
/// ```
/// use kerata::{Error, config::Config, keras::rust_source};
///
/// let config: Config = r#"{"class_name": "Sequential", "config": {"build_input_shape": [null, 12], "layers": [
///     {"class_name": "Embedding", "config": {"name": "letters", "input_dim": 27, "output_dim": 4, "mask_zero": true}},
///     {"class_name": "GRU", "config": {"name": "reader", "units": 8, "return_sequences": true}},
///     {"class_name": "Dense", "config": {"name": "score", "units": 2, "activation": "softmax"}}]}}"#.parse()?;
/// assert_eq!(rust_source(&config, "Reader")?, "\
/// use kerata::{Batch, Dense, Embedding, Gru, Ids, MaskZero, Sequences, Softmax, TimeDistributed, model, prelude::*};
///
/// #[model(input = Ids<(Batch, 12)>)]
/// pub struct Reader {
///     pub letters: Embedding<27, 4, MaskZero>,
///     pub reader: Gru<_, 8, Sequences>,
///     pub score: TimeDistributed<Dense<_, 2, Softmax>>,
/// }
/// ");
/// # Ok::<(), Error>(())
/// ```
pub fn rust_source(config: &Config, name: &str) -> Result<String, Error> {
    let config = format::Config::from(config.clone()).modern();
    let all = config.and_then(|config| structs(&config, name, LostMasks::Dropped));
    all.map(|all| text(&all)).map_err(Error::Json)
}
