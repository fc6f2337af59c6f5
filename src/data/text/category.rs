use serde_json::json;

use super::{
    OutputMode,
    config::{Keys, written},
};
use crate::{config::Config, error::Error, memory::filled};

/// Categories, given as ids, as vectors: Keras's
/// [`CategoryEncoding`](https://keras.io/api/layers/preprocessing_layers/categorical/category_encoding/).
///
/// ```
/// use kerata::data::{CategoryEncoding, OutputMode};
///
/// let multi_hot = CategoryEncoding::new(4, OutputMode::MultiHot)?;
/// assert_eq!(multi_hot.encode(&[0, 1, 1])?, [1.0, 1.0, 0.0, 0.0]);
/// let count = CategoryEncoding::new(4, OutputMode::Count)?;
/// assert_eq!(count.encode(&[0, 1, 1])?, [1.0, 2.0, 0.0, 0.0]);
/// assert_eq!(count.encode_weighted(&[0, 1, 1], &[0.5, 1.0, 2.0])?, [0.5, 3.0, 0.0, 0.0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CategoryEncoding {
    num_tokens: usize,
    output_mode: OutputMode,
}

impl CategoryEncoding {
    /// Vectors of so many values, one for each id.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no ids, and for a mode that Keras has not here: `Int` and `TfIdf`.
    pub fn new(num_tokens: usize, output_mode: OutputMode) -> Result<Self, Error> {
        if num_tokens == 0 {
            return Err(Error::invalid("num_tokens", 0, "it must be at least 1"));
        }
        if matches!(output_mode, OutputMode::Int | OutputMode::TfIdf) {
            let expected = "it must be `OneHot`, `MultiHot` or `Count`";
            return Err(Error::invalid("output_mode", format!("{output_mode:?}"), expected));
        }
        Ok(Self { num_tokens, output_mode })
    }

    /// The vector of a sample.
    ///
    /// # Errors
    /// [`Error::IdOutsideVocabulary`]; [`Error::Mismatch`] if `OneHot` is asked of a sample that is not one id.
    pub fn encode(&self, ids: &[usize]) -> Result<Vec<f32>, Error> {
        encoded(ids.iter().map(|&id| (id, 1.0)), self.num_tokens, self.output_mode)
    }

    /// The vector of a sample whose ids count as much as their weights say: Keras's `count_weights`.
    ///
    /// # Errors
    /// Those of [`encode`](Self::encode); [`Error::Mismatch`] if there are more or fewer weights than ids;
    /// [`Error::Invalid`] in another mode than `Count`.
    pub fn encode_weighted(&self, ids: &[usize], weights: &[f32]) -> Result<Vec<f32>, Error> {
        if self.output_mode != OutputMode::Count {
            let expected = "weights are for the mode `Count`";
            return Err(Error::invalid("output_mode", format!("{:?}", self.output_mode), expected));
        }
        if ids.len() != weights.len() {
            return Err(Error::mismatch("the number of count weights", ids.len(), weights.len()));
        }
        let weighted = ids.iter().copied().zip(weights.iter().copied());
        encoded(weighted, self.num_tokens, self.output_mode)
    }

    /// The config as Keras writes it.
    pub fn config(&self) -> Config {
        let mode = OutputMode::name(self.output_mode);
        written("CategoryEncoding", [("num_tokens", json!(self.num_tokens)), ("output_mode", mode)])
    }

    /// Reads a config of Keras.
    ///
    /// # Errors
    /// [`Error::Differences`] for what is no such config.
    pub fn from_config(config: &Config) -> Result<Self, Error> {
        let mut keys = Keys::of(config, "CategoryEncoding")?;
        let num_tokens = keys.read("num_tokens", "a whole number above 0", Keys::size);
        let mode = keys.read("output_mode", "`one_hot`, `multi_hot` or `count`", |value| {
            OutputMode::named(value, OutputMode::MultiHot)
        });
        keys.done()?;
        Self::new(num_tokens.flatten().unwrap_or_default(), mode.unwrap_or_default())
    }
}

/// The vector of ids and their weights.
pub(super) fn encoded(
    ids: impl ExactSizeIterator<Item = (usize, f32)>,
    depth: usize,
    mode: OutputMode,
) -> Result<Vec<f32>, Error> {
    if mode == OutputMode::OneHot && ids.len() != 1 {
        return Err(Error::mismatch("the ids of a one-hot vector", 1, ids.len()));
    }
    let mut vector = filled(&[depth], 0.0)?;
    for (step, (id, weight)) in ids.enumerate() {
        let outside = Error::IdOutsideVocabulary { id, vocabulary: depth, row: 0, step };
        let value = vector.get_mut(id).ok_or(outside)?;
        match mode {
            OutputMode::OneHot | OutputMode::MultiHot => *value = 1.0,
            OutputMode::Int | OutputMode::Count | OutputMode::TfIdf => *value += weight,
        }
    }
    Ok(vector)
}
