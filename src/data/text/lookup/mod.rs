use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;
mod stored;

use super::{OutputMode, category::encoded};
use crate::{
    data::vocabulary::most_frequent,
    error::{Error, shortened},
};

/// Words as ids, or as vectors, by a vocabulary: Keras's
/// [`StringLookup`](https://keras.io/api/layers/preprocessing_layers/categorical/string_lookup/). The vocabulary is given, or learned
/// by [`adapt`](StringLookup::adapt): the most frequent words first, of equally frequent ones the higher one.
///
/// Ids are counted as in Keras: first the mask token, if there is one and the mode is [`OutputMode::Int`]; then the one for
/// unknown words, unless `num_oov_indices` is 0; then the words. More than one index for unknown words, which Keras chooses by
/// a hash of TensorFlow, is not had.
///
/// ```
/// use kerata::data::{OutputMode, StringLookup};
///
/// let mut lookup = StringLookup::default();
/// lookup.adapt([["a", "c", "d"], ["d", "z", "b"]])?;
/// assert_eq!(lookup.get_vocabulary(true), ["[UNK]", "d", "z", "c", "b", "a"]);
/// assert_eq!(lookup.ids(&["a", "c", "new"])?, [5, 3, 0]);
/// assert_eq!(lookup.words(&[5, 3, 0])?, ["a", "c", "[UNK]"]);
///
/// let mut counts = StringLookup { output_mode: OutputMode::Count, ..StringLookup::default() };
/// counts.set_vocabulary(["a", "b", "c", "d"])?;
/// assert_eq!(counts.vector(&["d", "z", "b", "z"])?, [2.0, 0.0, 1.0, 0.0, 1.0]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StringLookup {
    /// The most ids that there may be, those of special tokens included. Default as many as there are words.
    pub max_tokens: Option<usize>,
    /// How many ids unknown words have, 0 or 1; without one, such a word is an error. Default 1.
    pub num_oov_indices: usize,
    /// A word that stands for padding. Default none.
    pub mask_token: Option<String>,
    /// What an id of an unknown word is turned back into. Default `[UNK]`.
    pub oov_token: String,
    /// What is made of a sample. Default its ids.
    pub output_mode: OutputMode,
    /// Whether vectors have `max_tokens` values, however many words there are. Default no.
    pub pad_to_max_tokens: bool,
    /// What was given or learned.
    pub learned: Learned,
}

/// The words of a [`StringLookup`], and what they weigh.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Learned {
    /// The words, without special tokens.
    tokens: IndexSet<String>,
    /// The inverse document frequencies, those of special tokens first.
    idf_weights: Vec<f32>,
}

impl Default for StringLookup {
    fn default() -> Self {
        Self {
            max_tokens: None,
            num_oov_indices: 1,
            mask_token: None,
            oov_token: "[UNK]".to_owned(),
            output_mode: OutputMode::Int,
            pad_to_max_tokens: false,
            learned: Learned::default(),
        }
    }
}

impl StringLookup {
    /// Learns the vocabulary of samples, each a list of words. What was learned before is forgotten.
    ///
    /// In the mode [`OutputMode::TfIdf`] each sample is a document: a word that occurs in `n` of `all` documents has the
    /// weight `ln(1 + all / (1 + n))`, and unknown words the mean of all weights.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that make no sense; [`Error::Empty`] if there are no words. Then nothing is forgotten.
    pub fn adapt<S, T>(&mut self, samples: S) -> Result<(), Error>
    where
        S: IntoIterator<Item: IntoIterator<Item = T>>,
        T: AsRef<str>,
    {
        self.check()?;
        let (mut counts, mut documents) = (HashMap::<String, usize>::new(), HashMap::new());
        let mut all = 0_usize;
        for sample in samples {
            all += 1;
            let mut seen = HashSet::new();
            for token in sample {
                let token = token.as_ref();
                match counts.get_mut(token) {
                    Some(count) => *count += 1,
                    None => drop(counts.insert(token.to_owned(), 1)),
                }
                if self.output_mode == OutputMode::TfIdf && seen.insert(token.to_owned()) {
                    *documents.entry(token.to_owned()).or_insert(0_usize) += 1;
                }
            }
        }
        counts.remove(&self.oov_token);
        if let Some(mask) = &self.mask_token {
            counts.remove(mask);
        }
        if counts.is_empty() {
            return Err(Error::Empty("the data to adapt to"));
        }
        let room = self.max_tokens.map_or(usize::MAX, |most| most - self.special());
        self.learned.tokens =
            most_frequent(counts, room).into_iter().map(|(token, _)| token).collect();
        if self.output_mode == OutputMode::TfIdf {
            let of = |token: &String| documents.get(token).copied().unwrap_or(0);
            let weight = |token| (1.0 + all as f64 / (1.0 + of(token) as f64)).ln() as f32;
            let weights = self.learned.tokens.iter().map(weight).collect();
            self.learned.idf_weights = self.with_special(weights);
        }
        Ok(())
    }

    /// Takes a vocabulary as it is, with the special tokens in front or without them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word that is there twice, or the mask token among the words; [`Error::Mismatch`] for more than
    /// `max_tokens`; [`Error::Empty`] for none. In the mode [`OutputMode::TfIdf`], weights are needed:
    /// [`set_vocabulary_with_idf`](Self::set_vocabulary_with_idf).
    pub fn set_vocabulary<T: Into<String>>(
        &mut self,
        words: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.set(words.into_iter().map(Into::into).collect(), None)
    }

    /// Takes a vocabulary with the inverse document frequency of each word.
    ///
    /// # Errors
    /// Those of [`set_vocabulary`](Self::set_vocabulary); [`Error::Mismatch`] if there are not as many weights as words; [`Error::NonFinite`].
    pub fn set_vocabulary_with_idf<T: Into<String>>(
        &mut self,
        words: impl IntoIterator<Item = T>,
        idf_weights: &[f32],
    ) -> Result<(), Error> {
        self.set(words.into_iter().map(Into::into).collect(), Some(idf_weights))
    }

    fn set(&mut self, words: Vec<String>, idf_weights: Option<&[f32]>) -> Result<(), Error> {
        self.check()?;
        let mode = self.output_mode == OutputMode::TfIdf;
        if mode != idf_weights.is_some() {
            let expected =
                "inverse document frequencies are given in the mode `TfIdf`, and only then";
            return Err(Error::invalid("output_mode", format!("{:?}", self.output_mode), expected));
        }
        if let Some(weights) = idf_weights.filter(|weights| weights.len() != words.len()) {
            let what = "the number of inverse document frequencies";
            return Err(Error::mismatch(what, words.len(), weights.len()));
        }
        Error::check_finite("inverse document frequency", idf_weights.unwrap_or(&[]))?;
        let special = self.special_tokens();
        let with_special = words.starts_with(&special);
        let start = if with_special { special.len() } else { 0 };
        let mut tokens = IndexSet::new();
        for word in &words[start..] {
            let invalid = |expected| {
                Err(Error::invalid(
                    "a word of the vocabulary",
                    format!("`{}`", shortened(word)),
                    expected,
                ))
            };
            if self.mask_token.as_ref() == Some(word) {
                return invalid("the mask token stands in front, or not there");
            }
            if !tokens.insert(word.clone()) {
                return invalid("it must be there once");
            }
        }
        if tokens.is_empty() {
            return Err(Error::Empty("the vocabulary"));
        }
        let size = special.len() + tokens.len();
        if let Some(most) = self.max_tokens.filter(|most| size > *most) {
            return Err(Error::mismatch("the size of the vocabulary (at most)", most, size));
        }
        self.learned.tokens = tokens;
        let weights = idf_weights.unwrap_or_default().to_vec();
        self.learned.idf_weights =
            if with_special || !mode { weights } else { self.with_special(weights) };
        Ok(())
    }

    /// Weights of words, and in front of them the mean for each special token.
    fn with_special(&self, weights: Vec<f32>) -> Vec<f32> {
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / weights.len().max(1) as f64;
        let mut all = vec![mean as f32; self.special()];
        all.extend(weights);
        all
    }

    fn check(&self) -> Result<(), Error> {
        if self.num_oov_indices > 1 {
            let expected = "unknown words have one id, or none: which of several, a hash of TensorFlow would say";
            return Err(Error::invalid("num_oov_indices", self.num_oov_indices, expected));
        }
        if let Some(most) = self.max_tokens.filter(|most| *most <= self.special()) {
            return Err(Error::invalid("max_tokens", most, "it must leave room for a word"));
        }
        if self.pad_to_max_tokens && self.max_tokens.is_none() {
            let expected = "`max_tokens` must say how many values a vector has";
            return Err(Error::invalid("pad_to_max_tokens", true, expected));
        }
        Ok(())
    }

    /// What stands in front of the words.
    fn special_tokens(&self) -> Vec<String> {
        let mask = self.mask_token.iter().filter(|_| self.output_mode == OutputMode::Int);
        let unknown = std::iter::repeat_n(&self.oov_token, self.num_oov_indices);
        mask.chain(unknown).cloned().collect()
    }

    fn special(&self) -> usize {
        let mask = self.mask_token.is_some() && self.output_mode == OutputMode::Int;
        usize::from(mask) + self.num_oov_indices
    }

    /// The words in the order of their ids, with the special tokens in front or without them.
    pub fn get_vocabulary(&self, include_special_tokens: bool) -> Vec<String> {
        let mut all = if include_special_tokens { self.special_tokens() } else { Vec::new() };
        all.extend(self.learned.tokens.iter().cloned());
        all
    }

    /// How many ids there are, those of special tokens included: the `V` of an [`Embedding`](crate::Embedding).
    pub fn vocabulary_size(&self) -> usize {
        self.special() + self.learned.tokens.len()
    }

    /// How many values its vectors have.
    pub(crate) fn vector_size(&self) -> usize {
        vector_size(self.max_tokens, self.pad_to_max_tokens, self.vocabulary_size())
    }

    /// The ids of a sample.
    ///
    /// # Errors
    /// [`Error::UnknownWord`] if unknown words have no id; [`Error::Empty`] if there is no vocabulary yet; [`Error::Invalid`]
    /// in another mode than [`OutputMode::Int`].
    pub fn ids<T: AsRef<str>>(&self, tokens: &[T]) -> Result<Vec<usize>, Error> {
        if self.output_mode != OutputMode::Int {
            let expected = "ids are the output of the mode `Int`; the others have a `vector`";
            return Err(Error::invalid("output_mode", format!("{:?}", self.output_mode), expected));
        }
        self.look_up(tokens)
    }

    /// The ids of tokens; in modes of vectors those of the mask token are left out.
    fn look_up<T: AsRef<str>>(&self, tokens: &[T]) -> Result<Vec<usize>, Error> {
        self.check()?;
        if self.learned.tokens.is_empty() {
            return Err(Error::Empty("the vocabulary"));
        }
        let (int, special) = (self.output_mode == OutputMode::Int, self.special());
        let mut ids = Vec::with_capacity(tokens.len());
        for token in tokens.iter().map(AsRef::as_ref) {
            if self.mask_token.as_deref() == Some(token) {
                ids.extend(int.then_some(0));
                continue;
            }
            let id = self.learned.tokens.get_index_of(token).map(|i| i + special);
            let unknown = special.checked_sub(1).filter(|_| self.num_oov_indices == 1);
            let words = self.learned.tokens.len();
            ids.push(
                id.or(unknown)
                    .ok_or_else(|| Error::UnknownWord { word: token.to_owned(), words })?,
            );
        }
        Ok(ids)
    }

    /// The vector of a sample.
    ///
    /// # Errors
    /// Those of [`ids`](Self::ids); [`Error::Invalid`] in the mode [`OutputMode::Int`]; [`Error::Mismatch`] if
    /// [`OutputMode::OneHot`] is asked of a sample that is not one token.
    pub fn vector<T: AsRef<str>>(&self, tokens: &[T]) -> Result<Vec<f32>, Error> {
        if self.output_mode == OutputMode::Int {
            let expected = "this mode has `ids`";
            return Err(Error::invalid("output_mode", "Int", expected));
        }
        let ids = self.look_up(tokens)?;
        let size = self.vocabulary_size();
        let each = ids.into_iter().map(|id| (id, 1.0));
        let mut vector = encoded(each, self.vector_size(), self.output_mode)?;
        if self.output_mode == OutputMode::TfIdf {
            // The settings are public fields.
            if self.learned.idf_weights.len() != size {
                let expected = "it, or the special tokens, were others when the vocabulary was learned: adapt again";
                return Err(Error::invalid("output_mode", "TfIdf", expected));
            }
            // Behind the words, where a vector is longer, it is 0.
            vector
                .iter_mut()
                .zip(&self.learned.idf_weights)
                .for_each(|(value, weight)| *value *= weight);
        }
        Ok(vector)
    }

    /// The words of ids: Keras's `invert=True`.
    ///
    /// # Errors
    /// [`Error::IdOutsideVocabulary`].
    pub fn words(&self, ids: &[usize]) -> Result<Vec<String>, Error> {
        let (all, vocabulary) = (self.get_vocabulary(true), self.vocabulary_size());
        let word = |(step, &id): (usize, &usize)| {
            let outside = Error::IdOutsideVocabulary { id, vocabulary, row: 0, step };
            all.get(id).cloned().ok_or(outside)
        };
        ids.iter().enumerate().map(word).collect()
    }

    /// The inverse document frequencies of all ids, if that is what it gives.
    #[cfg(feature = "keras")]
    pub(crate) fn idf_weights(&self) -> Option<&[f32]> {
        (self.output_mode == OutputMode::TfIdf).then_some(&self.learned.idf_weights)
    }
}

/// How many values vectors have: one for each id, or as many as are said to be had.
pub(super) fn vector_size(max_tokens: Option<usize>, pad_to_max_tokens: bool, ids: usize) -> usize {
    max_tokens.filter(|_| pad_to_max_tokens).unwrap_or(ids)
}
