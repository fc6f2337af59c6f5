//! Word vectors: the rows of an embedding, by their words.
//!
//! [`WordVectors`] are made of an [`Embedding`] and its [`Vocabulary`], or read from a file. They give the vector
//! of a word, what is similar, and what is nearest; they are written for other programs, and drawn by
//! the module `plot`, a feature. [`load_vectors`] goes the other way, from a file into an embedding.

mod coverage;
mod lines;
mod pca;
mod read;
mod search;
mod source;
mod width;
mod write;

pub use coverage::{Coverage, Oddity};
pub use pca::Projection;
pub use read::{load_vectors, read_vectors};
pub use search::Nearest;

use std::sync::Arc;

use crate::{
    backend::{Backend, Element, memory::collected, to_values},
    data::Vocabulary,
    error::Error,
    layers::{Embedding, MaskIds},
};

/// The vectors of the words of a vocabulary, to look up, to compare and to search.
///
/// It is what Keras users make of `get_weights()` and a dict. The table is copied once, when it is made; then a
/// vector is a slice of it. Similarity is that of the cosine: 1 for the same direction, 0 at right angles, and
/// 0 where a vector is all zeros.
///
/// ```
/// use kerata::{Cpu, Embedding, data::Vocabulary, prelude::*, words::WordVectors};
///
/// let vocabulary = Vocabulary::words().list(["king", "queen", "man", "woman"])?;
/// let table = [[0.0, 0.0], [2.0, 1.0], [2.0, -1.0], [0.5, 1.0], [0.5, -1.0]];
/// let embedding: Embedding<5, 2> = Embedding::from_embeddings(Cpu::default().tensor(table));
///
/// let vectors = WordVectors::new(&embedding, &vocabulary)?;
/// assert_eq!(vectors.get("queen"), Some([2.0, -1.0].as_slice()));
/// assert_eq!(vectors.iter().count(), 4);
/// assert!((vectors.similarity("king", "queen")? - 0.6).abs() < 1e-6);
/// assert_eq!(vectors.nearest("king", 1)?[0].0, "man");
/// assert_eq!(vectors.analogy("man", "king", "woman", 1)?[0].0, "queen");
///
/// let wrong: Embedding<6, 2> = Embedding::build(&Cpu::seed_from_u64(0))?;
/// let error = WordVectors::new(&wrong, &vocabulary).unwrap_err().to_string();
/// assert_eq!(error, "the rows of an embedding for this vocabulary: expected 5, found 6");
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct WordVectors {
    vocabulary: Vocabulary,
    width: usize,
    /// `(V, N)`, row-major.
    table: Vec<f32>,
    /// The length of each row.
    lengths: Vec<f32>,
    /// How they were read, if from a file.
    coverage: Option<Arc<Coverage>>,
}

/// Wherever they come from.
impl PartialEq for WordVectors {
    fn eq(&self, other: &Self) -> bool {
        (&self.vocabulary, self.width, &self.table)
            == (&other.vocabulary, other.width, &other.table)
    }
}

/// The Euclidean length of a vector.
fn length(row: &[f32]) -> f32 {
    row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt() as f32
}

impl WordVectors {
    /// The vectors of an embedding. Those of `f64` are rounded to `f32`.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the embedding has another size than the vocabulary, [`Error::NonFinite`] for a vector
    /// that is not finite, or so long that its length is not.
    pub fn new<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>(
        embedding: &Embedding<V, N, M, E, D>,
        vocabulary: &Vocabulary,
    ) -> Result<Self, Error> {
        vocabulary.check_size(V)?;
        let table = to_values(&embedding.embeddings)?.into_iter().map(|x| x.as_f64() as f32);
        Self::from_table(vocabulary.clone(), N, collected(&[V, N], table)?)
    }

    /// The vectors of a table that has a row for each id.
    pub(crate) fn from_table(
        vocabulary: Vocabulary,
        width: usize,
        table: Vec<f32>,
    ) -> Result<Self, Error> {
        let checked = |id: usize| match length(&table[id * width..(id + 1) * width]) {
            length if length.is_finite() => Ok(length),
            length => {
                let what = "the length of the vector with the id";
                Err(Error::NonFinite { what, index: id, value: length.into() })
            }
        };
        let lengths = (0..vocabulary.size()).map(checked).collect::<Result<_, _>>()?;
        Ok(Self { vocabulary, width, table, lengths, coverage: None })
    }

    /// The words.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// How many values a vector has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The vector of a word. Nothing is copied.
    pub fn get(&self, word: &str) -> Option<&[f32]> {
        self.vocabulary.id(word).map(|id| self.row(id))
    }

    /// The vector of an id, that of padding among them; `None` for an id that there is not.
    pub fn by_id(&self, id: usize) -> Option<&[f32]> {
        (id < self.vocabulary.size()).then(|| self.row(id))
    }

    /// All words with their vectors, in the order of their ids; padding is no word.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f32])> {
        self.vocabulary.iter().map(|(id, word)| (word, self.row(id)))
    }

    fn row(&self, id: usize) -> &[f32] {
        &self.table[id * self.width..(id + 1) * self.width]
    }

    /// The id of a word that has to be there.
    fn id(&self, word: &str) -> Result<usize, Error> {
        self.vocabulary.id(word).ok_or_else(|| self.vocabulary.unknown_word(word))
    }

    /// A vector of length 1 in the direction of that of an id; zeros stay zeros.
    fn unit(&self, id: usize) -> impl Iterator<Item = f32> {
        let length = self.lengths[id];
        self.row(id).iter().map(move |&x| if length > 0.0 { x / length } else { 0.0 })
    }
}
