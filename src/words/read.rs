use std::{
    borrow::Cow,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use dfdx::shapes::Const;
use indexmap::IndexSet;

use super::{Coverage, Oddity, WordVectors, length, lines::Lines};
use crate::{
    backend::{Backend, Element, to_values},
    data::{Split, Splitter, Vocabulary},
    error::{Error, OrDevice},
    io,
    layers::{Embedding, MaskIds},
};

/// Loads the vectors of a file into the rows of their words: word2vec's text form, GloVe's, or fastText's
/// `.vec`, each also compressed by gzip.
///
/// Words are compared letter by letter. A row whose word the file does not have stays as it is, and so does row 0,
/// padding. The report says which those are. Of a word that is there twice, as in some files of GloVe, the first
/// vector is taken. Lines without a word, and words that are no UTF-8, are passed over and counted. On an error
/// the embedding is as it was before.
///
/// # Errors
/// [`Error::Mismatch`] if the embedding has another size than the vocabulary, [`Error::File`] for a file that
/// cannot be opened or is something else, [`Error::Line`] with the line for what is wrong in it: vectors of another
/// length, a number that is none or not finite, an end too early. Only a regular file is opened; what comes from a
/// pipe is read by [`read_vectors`].
///
/// ```
/// use kerata::{Cpu, Embedding, data::Vocabulary, words::load_vectors};
///
/// let path = std::env::temp_dir().join("kerata-doc-vectors.txt");
/// std::fs::write(&path, "the 0.1 0.2\nking 0.5 -0.5\n").unwrap();
///
/// let vocabulary = Vocabulary::words().list(["king", "kerata"])?;
/// let mut embedding: Embedding<3, 2> = vocabulary.embedding(&Cpu::seed_from_u64(0))?;
/// let coverage = load_vectors(&mut embedding, &vocabulary, &path)?;
/// assert_eq!(coverage.to_string(), "1 of 2 words found (50.0 %) among 2 vectors");
/// assert_eq!(coverage.missing, ["kerata"]);
/// assert_eq!(embedding.embeddings[[1, 0]], 0.5);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), kerata::Error>(())
/// ```
pub fn load_vectors<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>(
    embedding: &mut Embedding<V, N, M, E, D>,
    vocabulary: &Vocabulary,
    path: impl AsRef<Path>,
) -> Result<Coverage, Error> {
    let (file, path) = open(path.as_ref())?;
    fill(embedding, vocabulary, file, path)
}

/// [`load_vectors`] from anything that can be read, such as a pipe.
///
/// # Errors
/// Those of [`load_vectors`].
pub fn read_vectors<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>(
    embedding: &mut Embedding<V, N, M, E, D>,
    vocabulary: &Vocabulary,
    from: impl BufRead,
) -> Result<Coverage, Error> {
    fill(embedding, vocabulary, from, UNNAMED.to_owned())
}

/// What errors show instead of a path.
const UNNAMED: &str = "the word vectors";

fn open(path: &Path) -> Result<(BufReader<File>, String), Error> {
    let file = io::open(path)?;
    Ok((BufReader::with_capacity(1 << 16, file), path.display().to_string()))
}

fn fill<const V: usize, const N: usize, M: MaskIds, E: Element, D: Backend<E>>(
    embedding: &mut Embedding<V, N, M, E, D>,
    vocabulary: &Vocabulary,
    from: impl BufRead,
    path: String,
) -> Result<Coverage, Error> {
    vocabulary.check_size(V)?;
    let mut lines = Lines::open(from, path, Some(N))?;
    lines.check_width(N)?;
    let mut table = to_values(&embedding.embeddings)?;
    let mut row = Vec::with_capacity(N);
    let mut found = vec![false; V];
    let mut coverage = Coverage { words: V - 1, ..Coverage::default() };
    while let Some(line) = lines.next()? {
        let word = match &line.word {
            Cow::Borrowed("") => {
                coverage.note(line.number, Oddity::Blank);
                continue;
            }
            Cow::Borrowed(word) => *word,
            Cow::Owned(_) => {
                coverage.note(line.number, Oddity::NotUtf8);
                continue;
            }
        };
        if line.numeric_end {
            coverage.note(line.number, Oddity::NumericEnd);
        }
        let Some(id) = vocabulary.id(word) else { continue };
        if std::mem::replace(&mut found[id], true) {
            coverage.note(line.number, Oddity::Repeated);
            continue;
        }
        row.clear();
        line.parse(&mut row)?;
        table[id * N..(id + 1) * N].copy_from_slice(&row);
    }
    let dev = embedding.embeddings.device();
    embedding.embeddings = dev.try_tensor_from_vec(table, (Const, Const)).or_device()?;
    coverage.missing =
        vocabulary.iter().filter(|(id, _)| !found[*id]).map(|(_, w)| w.to_owned()).collect();
    coverage.found = coverage.words - coverage.missing.len();
    coverage.vectors = lines.vectors;
    Ok(coverage)
}

/// So many values are kept in memory: 8 GiB, three times those of the largest files that are shared.
const MAX_VALUES: usize = 1 << 31;

impl WordVectors {
    /// Reads all vectors of a file, with the words of the file as the vocabulary: word2vec's text form, GloVe's,
    /// or fastText's `.vec`, each also compressed by gzip. The row of padding is zeros. Of a word that is there
    /// twice, the first vector is taken; bytes that are not UTF-8 become `\u{fffd}`; lines without a word are passed
    /// over. [`coverage`](WordVectors::coverage) has counted them.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be opened or is something else, [`Error::Line`] with the line for what
    /// is wrong in it, or where there are more than 2^31 values.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let (file, path) = open(path.as_ref())?;
        Self::from_lines(Lines::open(file, path, None)?)
    }

    /// [`load`](WordVectors::load) from anything that can be read.
    ///
    /// # Errors
    /// Those of [`load`](WordVectors::load).
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("2 3\nking 1 0 2\nqueen 1 0.5 2\n".as_bytes())?;
    /// assert_eq!(vectors.get("queen"), Some([1.0, 0.5, 2.0].as_slice()));
    /// let error = WordVectors::read("king 1 0 2\nqueen 1 NaN 2\n".as_bytes()).unwrap_err();
    /// assert_eq!(error.to_string(), "the word vectors, line 2: `NaN` is not finite");
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn read(from: impl BufRead) -> Result<Self, Error> {
        Self::from_lines(Lines::open(from, UNNAMED.to_owned(), None)?)
    }

    /// How the file was read, what in it was odd and where, if they come from a file.
    ///
    /// ```
    /// use kerata::words::{Oddity, WordVectors};
    ///
    /// let vectors = WordVectors::read("king 1 0\n 2 3\narea 51 1 1\nking 0 1\n".as_bytes())?;
    /// assert_eq!(vectors.get("area 51"), Some([1.0, 1.0].as_slice()));
    /// let coverage = vectors.coverage().unwrap();
    /// assert_eq!((coverage.vectors, coverage.found, coverage.blank), (4, 2, 1));
    /// let lines = [(2, Oddity::Blank), (3, Oddity::NumericEnd), (4, Oddity::Repeated)];
    /// assert_eq!(coverage.odd_lines, lines);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn coverage(&self) -> Option<&Coverage> {
        self.coverage.as_deref()
    }

    fn from_lines(mut lines: Lines<'_>) -> Result<Self, Error> {
        let width = lines.width;
        let (mut words, mut table) = (IndexSet::new(), vec![0.0_f32; width]);
        let mut coverage = Coverage::default();
        while let Some(line) = lines.next()? {
            let odd = matches!(line.word, Cow::Owned(_));
            if line.word.is_empty() {
                coverage.note(line.number, Oddity::Blank);
                continue;
            }
            if odd {
                coverage.note(line.number, Oddity::NotUtf8);
            }
            if line.numeric_end {
                coverage.note(line.number, Oddity::NumericEnd);
            }
            if !words.insert(line.word.to_string()) {
                coverage.note(line.number, if odd { Oddity::Collided } else { Oddity::Repeated });
                continue;
            }
            if table.len() > MAX_VALUES || table.try_reserve(width).is_err() {
                let values = table.len();
                return Err(line.failed(format!("no memory for more than {values} values")));
            }
            line.parse(&mut table)?;
            if !length(&table[table.len() - width..]).is_finite() {
                return Err(line.failed("the length of the vector is not finite".to_owned()));
            }
        }
        (coverage.words, coverage.found) = (words.len(), words.len());
        coverage.vectors = lines.vectors;
        let splitter =
            Splitter { split: Split::Whitespace, lower: false, strip_punctuation: false };
        let vectors = Self::from_table(Vocabulary::from_set(splitter, words), width, table)?;
        Ok(Self { coverage: Some(coverage.into()), ..vectors })
    }
}
