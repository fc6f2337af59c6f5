mod builder;
mod file;

pub use builder::VocabularyBuilder;
pub(super) use builder::most_frequent;

use std::sync::Arc;

use indexmap::IndexSet;

use super::{Side, Splitter, Texts, try_pad_sequences};
use crate::{
    backend::{Backend, Element},
    error::{Error, shortened},
    just_the_type::no_new,
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

no_new!(Vocabulary: "a vocabulary is learned or listed: `Vocabulary::words().learn(texts)?`, `Vocabulary::words().list(words)?`");

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
        VocabularyBuilder::new(splitter)
    }

    fn of_words(
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
    #[doc(alias = "len")]
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
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    pub fn encode_padded<const L: usize>(&self, texts: impl Texts) -> Result<Vec<[usize; L]>, Error> {
        let rows: Result<Vec<_>, _> =
            texts.texts().map(|text| self.encode(text.as_ref())).collect();
        try_pad_sequences(&rows?, 0, Side::Post, Side::Post)
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

    pub(crate) fn unknown_word(&self, word: &str) -> Error {
        let words = self.tokens.len() - usize::from(self.unknown);
        Error::UnknownWord { word: word.to_owned(), words }
    }
}
