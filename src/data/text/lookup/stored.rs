//! Vocabularies in files, and configs.

use std::{io::Write, path::Path};

use serde_json::{Value, json};

use super::StringLookup;
use crate::{
    config::Config,
    data::text::{
        OutputMode,
        config::{Keys, written},
    },
    error::{Error, shortened},
    io::{self, Kind, Wanted},
};

/// The longest vocabulary that is read from a file, in bytes.
const LIMIT: u64 = 1 << 30;

impl StringLookup {
    /// Writes the vocabulary as Keras's `vocabulary.txt`, a word per line, the special tokens first. A `.keras` has such a file among its
    /// assets.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Invalid`] for a word with a line break in it, which would be read as two, and for an empty last word, which
    /// would not be read.
    pub fn save_vocabulary(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let all = self.get_vocabulary(true);
        if all.len() > 1 && all.last().is_some_and(String::is_empty) {
            let expected = "the last word of a file has a letter";
            return Err(Error::invalid("a word of the vocabulary", "``", expected));
        }
        if let Some(word) = all.iter().find(|word| word.contains(['\n', '\r'])) {
            let expected = "a word of a file has no line breaks";
            return Err(Error::invalid(
                "a word of the vocabulary",
                format!("`{}`", shortened(word)),
                expected,
            ));
        }
        io::write_with(path.as_ref(), |file| file.write_all(all.join("\n").as_bytes()))
    }

    /// Reads what [`save_vocabulary`](Self::save_vocabulary) or Keras wrote, or a list of words.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read; those of [`set_vocabulary`](Self::set_vocabulary).
    pub fn load_vocabulary(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        // A word may be what other files begin with, such as `{"`.
        let words = [Kind::Empty, Kind::Json, Kind::Xml];
        let bytes = io::read(path, LIMIT, io::refuse_all_but(&words, Wanted::Words))?;
        let text = String::from_utf8(bytes).map_err(|error| io::failed(path, error))?;
        self.set_vocabulary(text.trim_end_matches(['\n', '\r']).lines())
    }

    /// The config as Keras writes it, with the vocabulary.
    pub fn config(&self) -> Config {
        let given = !self.learned.tokens.is_empty();
        let all = &self.learned.idf_weights;
        let weights = all.get(self.special()..).unwrap_or_default();
        // The weights of special tokens that are not the mean of the others are given with them, as Keras takes them.
        let with_special = *all != self.with_special(weights.to_vec());
        let of_words = given && self.output_mode == OutputMode::TfIdf;
        let with_special = of_words && with_special;
        let words = self.get_vocabulary(with_special);
        let weights = if with_special { &all[..] } else { weights };
        let keys = [
            ("invert", json!(false)),
            ("max_tokens", json!(self.max_tokens)),
            ("num_oov_indices", json!(self.num_oov_indices)),
            ("oov_token", json!(self.oov_token)),
            ("mask_token", json!(self.mask_token)),
            ("output_mode", self.output_mode.name()),
            ("sparse", json!(false)),
            ("pad_to_max_tokens", json!(self.pad_to_max_tokens)),
            ("idf_weights", if of_words { json!(weights) } else { Value::Null }),
            ("vocabulary", if given { json!(words) } else { Value::Null }),
            ("vocabulary_size", json!(self.vocabulary_size())),
            ("encoding", json!("utf-8")),
        ];
        written("StringLookup", keys)
    }

    /// Reads a config of Keras. If the layer was adapted there, the vocabulary is not in it but in a file:
    /// [`load_vocabulary`](Self::load_vocabulary).
    ///
    /// # Errors
    /// [`Error::Differences`] for what is no such config, or not had here: `invert`, for which there is [`words`](Self::words),
    /// and more than one id for unknown words. Those of [`set_vocabulary`](Self::set_vocabulary).
    pub fn from_config(config: &Config) -> Result<Self, Error> {
        let mut keys = Keys::of(config, "StringLookup")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = |value: &Value| value.as_f64().map(|number| number as f32);
        let max_tokens = keys.read("max_tokens", "a whole number above 0, or null,", Keys::size);
        let unknown = keys.read("num_oov_indices", "0 or 1", |value| match value {
            Value::Null => Some(1),
            value => value.as_u64().filter(|&indices| indices <= 1),
        });
        let mask = keys.read("mask_token", "a word or null", Keys::text);
        let oov = keys.read("oov_token", "a word", Keys::text);
        let mode = keys.read("output_mode", "a mode such as `int` or `multi_hot`", |value| {
            OutputMode::named(value, OutputMode::Int)
        });
        let pad = keys.read("pad_to_max_tokens", "true or false", Keys::flag);
        let words = keys.read("vocabulary", "a list of words", |value| Keys::list(value, text));
        let weights =
            keys.read("idf_weights", "a list of numbers", |value| Keys::list(value, number));
        keys.only(&[("invert", json!(false)), ("salt", Value::Null)]);
        keys.ignored(&[
            "vocabulary_size",
            "vocabulary_dtype",
            "oov_method",
            "has_input_vocabulary",
        ]);
        keys.done()?;
        let mut lookup = Self {
            max_tokens: max_tokens.flatten(),
            num_oov_indices: unknown.map_or(1, |indices| indices as usize),
            mask_token: mask.flatten(),
            output_mode: mode.unwrap_or_default(),
            pad_to_max_tokens: pad.unwrap_or_default(),
            ..Self::default()
        };
        if let Some(token) = oov.flatten() {
            lookup.oov_token = token;
        }
        lookup.check()?;
        if let Some(words) = words.flatten() {
            lookup.set(words, weights.flatten().as_deref())?;
        }
        Ok(lookup)
    }
}
