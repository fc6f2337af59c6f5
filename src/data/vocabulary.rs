use std::{collections::HashMap, fs, path::Path, sync::Arc};

use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::{Side, Splitter, pad_sequences};
use crate::{
    backend::{Backend, Element},
    error::{Error, shortened},
    io,
    layers::{Embedding, MaskIds},
    parameters::Build,
};

/// The words, or characters, that have an id, and how a text becomes such ids.
///
/// Id 0 is padding and no word. If there is a token for unknown words, it has id 1. Words follow: learned
/// from texts, they are sorted by how often they occur, words that occur equally often from high to low, as in
/// Keras's [`TextVectorization`](https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/).
///
/// The vocabulary owns the [`size`](Vocabulary::size) of an [`Embedding<V, ..>`](Embedding): where the two
/// meet, another `V` is an error with both numbers. A clone copies no words.
///
/// ```
/// use kerata::{Cpu, Embedding, MaskZero, data::Vocabulary};
///
/// let texts = ["The cat sat.", "The dog sat: the END"];
/// let vocabulary = Vocabulary::words().unknown("[UNK]").max_size(5).learn(texts)?;
/// let words: Vec<&str> = vocabulary.iter().map(|(_, word)| word).collect();
/// assert_eq!(words, ["[UNK]", "the", "sat", "end"]);
/// assert_eq!(vocabulary.size(), 5);
/// assert_eq!(vocabulary.encode("The bird sat")?, [2, 1, 3]);
/// assert_eq!(vocabulary.encode_padded::<4>(["the end"])?, [[2, 4, 0, 0]]);
/// assert_eq!(vocabulary.decode(&[2, 4, 0, 0])?, "the end");
///
/// let embedding: Embedding<5, 16, MaskZero> = vocabulary.embedding(&Cpu::seed_from_u64(0))?;
/// let error = vocabulary.embedding::<4, 16, MaskZero, f32, _>(&Cpu::default()).unwrap_err();
/// assert_eq!(error.to_string(), "the rows of an embedding for this vocabulary: expected 5, found 4");
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    splitter: Splitter,
    unknown: bool,
    /// The token of id 1 first.
    tokens: Arc<IndexSet<String>>,
}

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
    pub fn learn<T: AsRef<str>>(
        self,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Vocabulary, Error> {
        let special = 1 + usize::from(self.unknown.is_some());
        if self.max_size <= special {
            let (name, value) = ("max_size", self.max_size.to_string());
            return Err(Error::Invalid { name, value, expected: "it must leave room for a word" });
        }
        let mut counts: HashMap<String, usize> = HashMap::new();
        for text in texts {
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
        let mut words: Vec<(String, usize)> =
            counts.into_iter().filter(|(_, count)| *count >= self.min_count).collect();
        words.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| b.0.cmp(&a.0)));
        words.truncate(self.max_size - special);
        Vocabulary::new(self.splitter, self.unknown, words.into_iter().map(|(word, _)| word))
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
        if let Some(word) = words.iter().find(|word| self.splitter.split(word) != [word.as_str()]) {
            let (name, value) = ("the word", format!("`{}`", shortened(word)));
            let expected = "it must be what a text is split into: mind letter case and punctuation";
            return Err(Error::Invalid { name, value, expected });
        }
        let vocabulary = Vocabulary::new(self.splitter, self.unknown, words)?;
        if vocabulary.size() > self.max_size {
            let (expected, found) = (self.max_size, vocabulary.size());
            return Err(Error::mismatch("the size of the vocabulary (at most)", expected, found));
        }
        Ok(vocabulary)
    }
}

/// What a saved vocabulary looks like.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<W> {
    kerata_vocabulary: u32,
    splitter: Splitter,
    unknown: Option<String>,
    words: Vec<W>,
}

/// The form that is written.
const VERSION: u32 = 1;

impl Vocabulary {
    /// A vocabulary of words, lower-cased and without punctuation.
    pub fn words() -> VocabularyBuilder {
        Self::split_by(Splitter::WORDS)
    }

    /// A vocabulary of characters, as they are.
    pub fn characters() -> VocabularyBuilder {
        Self::split_by(Splitter::CHARACTERS)
    }

    /// A vocabulary of what a splitter gives.
    pub fn split_by(splitter: Splitter) -> VocabularyBuilder {
        VocabularyBuilder { splitter, unknown: None, max_size: usize::MAX, min_count: 1 }
    }

    pub(crate) fn new(
        splitter: Splitter,
        unknown: Option<String>,
        words: impl IntoIterator<Item = String>,
    ) -> Result<Self, Error> {
        let (has_unknown, mut tokens) = (unknown.is_some(), IndexSet::new());
        for word in unknown.into_iter().chain(words) {
            let invalid = |expected| {
                let value = format!("`{}`", shortened(&word));
                Err(Error::Invalid { name: "a word of the vocabulary", value, expected })
            };
            if word.is_empty() {
                return invalid("it must have letters");
            }
            if tokens.contains(&word) {
                return invalid("it must be there once");
            }
            tokens.insert(word);
        }
        Ok(Self { splitter, unknown: has_unknown, tokens: Arc::new(tokens) })
    }

    /// A vocabulary of words that are known to be there once, and to have letters.
    pub(crate) fn from_set(splitter: Splitter, tokens: IndexSet<String>) -> Self {
        Self { splitter, unknown: false, tokens: Arc::new(tokens) }
    }

    /// How many ids there are, padding and the unknown token included: the `V` of its [`Embedding`].
    pub fn size(&self) -> usize {
        1 + self.tokens.len()
    }

    /// How texts are split.
    pub fn splitter(&self) -> Splitter {
        self.splitter
    }

    /// The id of a word, letter by letter as it stands in the vocabulary.
    pub fn id(&self, word: &str) -> Option<usize> {
        self.tokens.get_index_of(word).map(|i| i + 1)
    }

    /// The word of an id; padding and ids that there are not have none.
    pub fn word(&self, id: usize) -> Option<&str> {
        self.tokens.get_index(id.checked_sub(1)?).map(String::as_str)
    }

    /// The id of the token for unknown words, if there is one.
    pub fn unknown(&self) -> Option<usize> {
        self.unknown.then_some(1)
    }

    /// All ids with their words, from id 1 on.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (usize, &str)> {
        self.tokens.iter().enumerate().map(|(i, word)| (i + 1, word.as_str()))
    }

    /// A text as ids.
    ///
    /// # Errors
    /// [`Error::UnknownWord`], unless there is a token for unknown words.
    pub fn encode(&self, text: &str) -> Result<Vec<usize>, Error> {
        let (mut ids, mut missing) = (Vec::new(), None);
        self.splitter.each(text, |token| match self.id(token).or(self.unknown()) {
            Some(id) => ids.push(id),
            None => {
                missing.get_or_insert_with(|| token.to_owned());
            }
        });
        match missing {
            None => Ok(ids),
            Some(word) => Err(self.unknown_word(&word)),
        }
    }

    /// Texts as rows of `L` ids: padded behind with 0, or cut there.
    ///
    /// # Errors
    /// [`Error::UnknownWord`], unless there is a token for unknown words.
    pub fn encode_padded<const L: usize>(
        &self,
        texts: impl IntoIterator<Item: AsRef<str>>,
    ) -> Result<Vec<[usize; L]>, Error> {
        let rows: Result<Vec<_>, _> =
            texts.into_iter().map(|text| self.encode(text.as_ref())).collect();
        Ok(pad_sequences(&rows?, 0, Side::Post, Side::Post))
    }

    /// Ids as a text: words with spaces in between, characters without. Padding is left out.
    ///
    /// # Errors
    /// [`Error::IdOutsideVocabulary`].
    pub fn decode(&self, ids: &[usize]) -> Result<String, Error> {
        let mut words = Vec::with_capacity(ids.len());
        for (step, &id) in ids.iter().enumerate().filter(|(_, id)| **id != 0) {
            let vocabulary = self.size();
            let outside = Error::IdOutsideVocabulary { id, vocabulary, row: 0, step };
            words.push(self.word(id).ok_or(outside)?);
        }
        Ok(words.join(self.splitter.separator()))
    }

    /// An embedding for this vocabulary, with Keras's initial values.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if `V` is not the [`size`](Vocabulary::size), [`Error::Device`].
    pub fn embedding<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>(
        &self,
        dev: &D,
    ) -> Result<Embedding<V, N, M, E, D>, Error> {
        self.check_size(V)?;
        Embedding::build(dev)
    }

    /// Checks that an embedding of `rows` rows is one for this vocabulary.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with both numbers.
    pub fn check_size(&self, rows: usize) -> Result<(), Error> {
        if rows == self.size() {
            return Ok(());
        }
        Err(Error::mismatch("the rows of an embedding for this vocabulary", self.size(), rows))
    }

    /// Writes the vocabulary as JSON. The file is whole or not there.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let mut words = self.tokens.iter();
        let unknown = if self.unknown { words.next().cloned() } else { None };
        let (splitter, words) = (self.splitter, words.collect());
        let saved: Saved<&String> = Saved { kerata_vocabulary: VERSION, splitter, unknown, words };
        io::write_with(path, |file| Ok(serde_json::to_writer_pretty(file, &saved)?))
    }

    /// Reads what [`save`](Vocabulary::save) wrote.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read or is no such JSON, [`Error::Invalid`] for a word that
    /// occurs twice.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| io::failed(path, e))?;
        let saved: Saved<String> =
            serde_json::from_slice(&bytes).map_err(|e| io::failed(path, e))?;
        if saved.kerata_vocabulary != VERSION {
            let message = format!("the form {} is not known", saved.kerata_vocabulary);
            return Err(io::failed(path, message));
        }
        Self::new(saved.splitter, saved.unknown, saved.words)
    }

    pub(crate) fn unknown_word(&self, word: &str) -> Error {
        let words = self.tokens.len() - usize::from(self.unknown);
        Error::UnknownWord { word: word.to_owned(), words }
    }
}
