use std::collections::HashMap;

use super::Vocabulary;
use crate::{
    data::{Splitter, Texts},
    error::Error,
};

/// How a vocabulary is to be made.
///
/// ```
/// use kerata::data::{Split, Splitter, Vocabulary};
///
/// let cased = Splitter { split: Split::Whitespace, lower: false, strip_punctuation: false };
/// let vocabulary = Vocabulary::split_by(cased).min_count(2).learn(["A b, A", "b, C"])?;
/// assert_eq!(vocabulary.encode("b, A")?, [1, 2]);
///
/// let letters = Vocabulary::characters().list("abc".chars().map(String::from))?;
/// assert_eq!(letters.encode("cab")?, [3, 1, 2]);
/// let error = letters.encode("abd").unwrap_err().to_string();
/// assert_eq!(error, "`d` is not among the 3 words of the vocabulary");
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyBuilder {
    splitter: Splitter,
    unknown: Option<String>,
    max_size: usize,
    min_count: usize,
}

impl VocabularyBuilder {
    pub(super) fn new(splitter: Splitter) -> Self {
        Self { splitter, unknown: None, max_size: usize::MAX, min_count: 1 }
    }

    /// Gives words that the vocabulary does not hold a token of their own, with id 1. Without it, such a word is
    /// an error.
    pub fn unknown(mut self, token: impl Into<String>) -> Self {
        self.unknown = Some(token.into());
        self
    }

    /// The most ids that there may be, padding and the unknown token included: Keras's `max_tokens`.
    pub fn max_size(mut self, size: usize) -> Self {
        self.max_size = size;
        self
    }

    /// How often a word must occur, at least.
    pub fn min_count(mut self, count: usize) -> Self {
        self.min_count = count;
        self
    }

    /// Takes the most frequent words of texts.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a maximal size that leaves no word.
    pub fn learn(self, texts: impl Texts) -> Result<Vocabulary, Error> {
        let special = 1 + usize::from(self.unknown.is_some());
        if self.max_size <= special {
            let (name, value) = ("max_size", self.max_size.to_string());
            return Err(Error::Invalid { name, value, expected: "it must leave room for a word" });
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for text in texts.texts() {
            self.splitter.each(text.as_ref(), |token| match counts.get_mut(token) {
                Some(count) => *count += 1,
                None => {
                    counts.insert(token.to_owned(), 1);
                }
            });
        }
        if let Some(unknown) = &self.unknown {
            counts.remove(unknown);
        }
        counts.retain(|_, count| *count >= self.min_count);
        let words = most_frequent(counts, self.max_size - special);
        Vocabulary::of_words(self.splitter, self.unknown, words.into_iter().map(|(word, _)| word))
    }

    /// Takes the words of a list, in its order.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word that occurs twice, and for one that no text is split into, such as `Love`
    /// where texts are lower-cased; [`Error::Mismatch`] for more words than the maximal size.
    pub fn list<T: Into<String>>(
        self,
        words: impl IntoIterator<Item = T>,
    ) -> Result<Vocabulary, Error> {
        let words: Vec<String> = words.into_iter().map(Into::into).collect();
        words.iter().try_for_each(|word| self.splitter.check_token(word))?;
        let vocabulary = Vocabulary::of_words(self.splitter, self.unknown, words)?;
        if vocabulary.size() > self.max_size {
            let (expected, found) = (self.max_size, vocabulary.size());
            return Err(Error::mismatch("the size of the vocabulary (at most)", expected, found));
        }
        Ok(vocabulary)
    }
}

/// The most frequent words, of equally frequent ones the higher one first, as in Keras.
pub(in crate::data) fn most_frequent(
    counts: HashMap<String, usize>,
    room: usize,
) -> Vec<(String, usize)> {
    let mut words: Vec<(String, usize)> = counts.into_iter().collect();
    words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
    words.truncate(room);
    words
}
