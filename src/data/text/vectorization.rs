use std::path::Path;

use serde_json::{Value, json};

use super::{
    OutputMode, StringLookup,
    config::{Keys, written},
};
use crate::{
    config::Config,
    data::{Side, Split, Splitter, Texts, try_pad_sequences},
    error::Error,
    memory::lengthened,
};

/// How a text is made alike before it is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standardize {
    /// ASCII letters become small ones, and the punctuation of ASCII is taken out.
    #[default]
    LowerAndStripPunctuation,
    /// ASCII letters become small ones.
    Lower,
    /// The punctuation of ASCII is taken out.
    StripPunctuation,
    /// It stays as it is.
    None,
}

/// Where a text is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TextSplit {
    /// At the white space of ASCII.
    #[default]
    Whitespace,
    /// Into characters.
    Character,
    /// Nowhere: a text is one token.
    None,
}

/// Texts as ids, or as vectors: Keras's
/// [`TextVectorization`](https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/). A text is standardized, split, made to
/// n-grams if asked, and looked up.
///
/// Its ids and words are those of Keras, which knows letter case and white space of ASCII only; a
/// [`Vocabulary`](crate::data::Vocabulary) splits texts of any script. Id 0 is padding, which an
/// [`Embedding`](crate::Embedding) with [`MaskZero`](crate::MaskZero) masks, and id 1 an unknown word.
///
/// ```
/// use kerata::data::TextVectorization;
///
/// let mut layer = TextVectorization { output_sequence_length: Some(4), ..TextVectorization::default() };
/// layer.adapt(["foo bar", "bar baz", "baz bada boom"])?;
/// assert_eq!(layer.ids(&["foo qux bar", "qux baz"])?, [[4, 1, 3, 0], [1, 2, 0, 0]]);
/// // As an array, for a model whose input is `Ids<(Batch, 4)>`.
/// assert_eq!(layer.ids_padded::<4>(&["Foo!"])?, [[4, 0, 0, 0]]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TextVectorization {
    /// The most ids that there may be, those of padding and unknown words included. Default as many as there are words.
    pub max_tokens: Option<usize>,
    /// How texts are made alike. Default lower case without punctuation.
    pub standardize: Standardize,
    /// Where texts are split. Default at white space.
    pub split: TextSplit,
    /// How many tokens in a row are one, each number for itself: `vec![1, 2]` are Keras's `ngrams=2`. Default none said: 1.
    pub ngrams: Vec<usize>,
    /// What is made of a text. Default its ids.
    pub output_mode: OutputMode,
    /// How many ids a text has: more are cut off, fewer padded. Default as many as the longest text of a batch.
    pub output_sequence_length: Option<usize>,
    /// Whether vectors have `max_tokens` values, however many words there are. Default no.
    pub pad_to_max_tokens: bool,
    /// What was given or learned.
    pub vocabulary: StringLookup,
}

impl TextVectorization {
    /// Learns the vocabulary of texts. What was learned before is forgotten.
    ///
    /// # Errors
    /// Those of [`StringLookup::adapt`].
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    pub fn adapt(&mut self, texts: impl Texts) -> Result<(), Error> {
        let mut lookup = self.settings()?;
        lookup.adapt(texts.texts().map(|text| self.tokens(text.as_ref())))?;
        self.vocabulary = lookup;
        Ok(())
    }

    /// Takes a vocabulary as it is, with padding and the unknown token in front, or without them.
    ///
    /// # Errors
    /// Those of [`StringLookup::set_vocabulary`].
    pub fn set_vocabulary<T: Into<String>>(
        &mut self,
        words: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let mut lookup = self.settings()?;
        lookup.set_vocabulary(words)?;
        self.vocabulary = lookup;
        Ok(())
    }

    /// Takes a vocabulary with the inverse document frequency of each word.
    ///
    /// # Errors
    /// Those of [`StringLookup::set_vocabulary_with_idf`].
    pub fn set_vocabulary_with_idf<T: Into<String>>(
        &mut self,
        words: impl IntoIterator<Item = T>,
        idf_weights: &[f32],
    ) -> Result<(), Error> {
        let mut lookup = self.settings()?;
        lookup.set_vocabulary_with_idf(words, idf_weights)?;
        self.vocabulary = lookup;
        Ok(())
    }

    /// The settings of the lookup, without a vocabulary.
    fn settings(&self) -> Result<StringLookup, Error> {
        if self.output_mode != OutputMode::Int && self.output_sequence_length.is_some() {
            let expected = "it is for the mode `Int` only";
            let length = self.output_sequence_length.unwrap_or_default();
            return Err(Error::invalid("output_sequence_length", length, expected));
        }
        if self.ngrams.contains(&0) {
            return Err(Error::invalid("ngrams", 0, "each must be at least 1"));
        }
        Ok(StringLookup {
            max_tokens: self.max_tokens,
            mask_token: Some(String::new()),
            output_mode: self.output_mode,
            pad_to_max_tokens: self.pad_to_max_tokens,
            ..StringLookup::default()
        })
    }

    /// The vocabulary, if it is one for the settings, which are public fields.
    fn lookup(&self) -> Result<&StringLookup, Error> {
        self.settings()?;
        if self.vocabulary.output_mode == self.output_mode {
            return Ok(&self.vocabulary);
        }
        if self.vocabulary.get_vocabulary(false).is_empty() {
            return Err(Error::Empty("the vocabulary"));
        }
        let expected = "it was another one when the vocabulary was learned: adapt again";
        Err(Error::invalid("output_mode", format!("{:?}", self.output_mode), expected))
    }

    /// The tokens of a text.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        use Standardize::{Lower, LowerAndStripPunctuation, StripPunctuation};
        let lower = matches!(self.standardize, Lower | LowerAndStripPunctuation);
        let text = if lower { text.to_ascii_lowercase() } else { text.to_owned() };
        let split = match self.split {
            TextSplit::Whitespace => Split::Whitespace,
            TextSplit::Character => Split::Characters,
            TextSplit::None => Split::Whole,
        };
        let strip_punctuation =
            matches!(self.standardize, StripPunctuation | LowerAndStripPunctuation);
        let tokens = Splitter { split, lower: false, strip_punctuation }.split(&text);
        if self.ngrams.is_empty() {
            return tokens;
        }
        let of_width = |&width: &usize| tokens.windows(width.max(1)).map(|window| window.join(" "));
        self.ngrams.iter().flat_map(of_width).collect()
    }

    /// The ids of texts, all of one length: that which is set, or that of the longest.
    ///
    /// # Errors
    /// Those of [`StringLookup::ids`]; [`Error::Device`] if there is no memory for them.
    pub fn ids<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Vec<usize>>, Error> {
        let mut rows = self.ids_ragged(texts)?;
        let longest = rows.iter().map(Vec::len).max().unwrap_or(0);
        let length = self.output_sequence_length.unwrap_or(longest);
        rows.iter_mut().try_for_each(|row| lengthened(row, length, 0))?;
        Ok(rows)
    }

    /// The ids of texts, as many as each text has: samples for [`Ragged`](crate::data::Ragged).
    ///
    /// # Errors
    /// Those of [`StringLookup::ids`].
    pub fn ids_ragged<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Vec<usize>>, Error> {
        let lookup = self.lookup()?;
        let most = self.output_sequence_length.unwrap_or(usize::MAX);
        let row = |text: &T| {
            let mut ids = lookup.ids(&self.tokens(text.as_ref()))?;
            ids.truncate(most);
            Ok(ids)
        };
        texts.iter().map(row).collect()
    }

    /// The ids of texts as rows of `L`, padded behind with 0 or cut off there.
    ///
    /// # Errors
    /// Those of [`StringLookup::ids`].
    pub fn ids_padded<const L: usize>(
        &self,
        texts: &[impl AsRef<str>],
    ) -> Result<Vec<[usize; L]>, Error> {
        try_pad_sequences(&self.ids_ragged(texts)?, 0, Side::Post, Side::Post)
    }

    /// A vector for each text.
    ///
    /// # Errors
    /// Those of [`StringLookup::vector`].
    pub fn vectors<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Vec<f32>>, Error> {
        let lookup = self.lookup()?;
        texts.iter().map(|text| lookup.vector(&self.tokens(text.as_ref()))).collect()
    }

    /// The words in the order of their ids, with padding and the unknown token in front or without them.
    pub fn get_vocabulary(&self, include_special_tokens: bool) -> Vec<String> {
        self.vocabulary.get_vocabulary(include_special_tokens)
    }

    /// How many ids there are: the `V` of an [`Embedding`](crate::Embedding).
    pub fn vocabulary_size(&self) -> usize {
        self.vocabulary.vocabulary_size()
    }

    /// How many values its vectors have.
    #[cfg(feature = "keras")]
    pub(crate) fn vector_size(&self) -> usize {
        super::lookup::vector_size(self.max_tokens, self.pad_to_max_tokens, self.vocabulary_size())
    }

    /// Writes the vocabulary: [`StringLookup::save_vocabulary`].
    ///
    /// # Errors
    /// Those of [`StringLookup::save_vocabulary`].
    pub fn save_vocabulary(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.vocabulary.save_vocabulary(path)
    }

    /// Reads a vocabulary: [`StringLookup::load_vocabulary`].
    ///
    /// # Errors
    /// Those of [`StringLookup::load_vocabulary`].
    pub fn load_vocabulary(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let mut lookup = self.settings()?;
        lookup.load_vocabulary(path)?;
        self.vocabulary = lookup;
        Ok(())
    }

    /// The config as Keras writes it, with the vocabulary.
    pub fn config(&self) -> Config {
        let lookup = self.vocabulary.config().config;
        let of_lookup = |key: &str| lookup.get(key).cloned().unwrap_or(Value::Null);
        let ngrams = if self.ngrams.is_empty() { Value::Null } else { json!(self.ngrams) };
        let keys = [
            ("max_tokens", json!(self.max_tokens)),
            ("standardize", named(&STANDARDIZE, self.standardize)),
            ("split", named(&SPLIT, self.split)),
            ("ngrams", ngrams),
            ("output_mode", self.output_mode.name()),
            ("output_sequence_length", json!(self.output_sequence_length)),
            ("pad_to_max_tokens", json!(self.pad_to_max_tokens)),
            ("sparse", json!(false)),
            ("ragged", json!(false)),
            ("vocabulary", of_lookup("vocabulary")),
            ("idf_weights", of_lookup("idf_weights")),
            ("encoding", json!("utf-8")),
            ("vocabulary_size", json!(self.vocabulary_size())),
        ];
        written("TextVectorization", keys)
    }

    /// Reads a config of Keras. If the layer was adapted there, the vocabulary is not in it but in a file:
    /// [`load_vocabulary`](Self::load_vocabulary).
    ///
    /// # Errors
    /// [`Error::Differences`] for what is no such config, or not had here: functions of Python. Those of
    /// [`set_vocabulary`](Self::set_vocabulary).
    pub fn from_config(config: &Config) -> Result<Self, Error> {
        let mut keys = Keys::of(config, "TextVectorization")?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let number = |value: &Value| value.as_f64().map(|number| number as f32);
        let whole = |value: &Value| Keys::size(value).flatten();
        let max_tokens = keys.read("max_tokens", "a whole number above 0, or null,", Keys::size);
        let standardize = keys
            .read("standardize", "a word such as `lower`", |value| of_name(&STANDARDIZE, value));
        let split =
            keys.read("split", "`whitespace`, `character` or null", |value| of_name(&SPLIT, value));
        let expected = "a whole number up to 1000, or a list of whole numbers,";
        let ngrams = keys.read("ngrams", expected, |value| match value {
            Value::Number(_) => Some((1..=whole(value).filter(|&most| most <= 1000)?).collect()),
            value => Some(Keys::list(value, whole)?.unwrap_or_default()),
        });
        let mode = keys.read("output_mode", "a mode such as `int` or `multi_hot`", |value| {
            OutputMode::named(value, OutputMode::Int)
        });
        let length =
            keys.read("output_sequence_length", "a whole number above 0, or null,", Keys::size);
        let pad = keys.read("pad_to_max_tokens", "true or false", Keys::flag);
        let words = keys.read("vocabulary", "a list of words", |value| Keys::list(value, text));
        let weights =
            keys.read("idf_weights", "a list of numbers", |value| Keys::list(value, number));
        keys.ignored(&["vocabulary_size", "has_input_vocabulary"]);
        keys.done()?;
        let mut layer = Self {
            max_tokens: max_tokens.flatten(),
            standardize: standardize.unwrap_or_default(),
            split: split.unwrap_or_default(),
            ngrams: ngrams.unwrap_or_default(),
            output_mode: mode.unwrap_or_default(),
            output_sequence_length: length.flatten(),
            pad_to_max_tokens: pad.unwrap_or_default(),
            vocabulary: StringLookup::default(),
        };
        match (words.flatten(), weights.flatten()) {
            (Some(words), Some(weights)) => layer.set_vocabulary_with_idf(words, &weights)?,
            (Some(words), None) => layer.set_vocabulary(words)?,
            (None, _) => drop(layer.settings()?),
        }
        Ok(layer)
    }
}

const STANDARDIZE: [(Standardize, Option<&str>); 4] = [
    (Standardize::LowerAndStripPunctuation, Some("lower_and_strip_punctuation")),
    (Standardize::Lower, Some("lower")),
    (Standardize::StripPunctuation, Some("strip_punctuation")),
    (Standardize::None, None),
];
const SPLIT: [(TextSplit, Option<&str>); 3] = [
    (TextSplit::Whitespace, Some("whitespace")),
    (TextSplit::Character, Some("character")),
    (TextSplit::None, None),
];

fn named<T: PartialEq>(names: &[(T, Option<&str>)], value: T) -> Value {
    names.iter().find(|(own, _)| *own == value).map_or(Value::Null, |(_, name)| json!(name))
}

fn of_name<T: Copy>(names: &[(T, Option<&str>)], value: &Value) -> Option<T> {
    names.iter().find(|(_, name)| json!(name) == *value).map(|(own, _)| *own)
}
