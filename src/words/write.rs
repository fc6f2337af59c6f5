use std::{
    io::{self, Write},
    path::Path,
};

use flate2::{Compression, write::GzEncoder};

use super::WordVectors;
use crate::{
    error::{Error, shortened},
    io::{has_extension, write_with},
};

impl WordVectors {
    /// Writes all words and vectors in word2vec's text form, which gensim, fastText and [`load`](WordVectors::load)
    /// read; compressed if the path ends in `.gz`. The values are as short as they can be while they are read back as
    /// the same. The file is whole or not there.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a word with white space in it, as a space in a vocabulary of characters: it could not
    /// be read back. [`Error::File`].
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("king 1 0.5\nqueen 1 -0.5\n".as_bytes())?;
    /// let path = std::env::temp_dir().join("kerata-doc-word2vec.txt");
    /// vectors.save_word2vec(&path)?;
    /// assert_eq!(std::fs::read_to_string(&path).unwrap(), "2 2\nking 1 0.5\nqueen 1 -0.5\n");
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn save_word2vec(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        if let Some((word, _)) = self.iter().find(|(word, _)| word.contains(is_space)) {
            let (name, value) = ("the word", format!("{:?}", shortened(word)));
            return Err(Error::Invalid { name, value, expected: "it must not hold white space" });
        }
        let path = path.as_ref();
        write_with(path, |file| match has_extension(path, "gz") {
            true => {
                let mut packed = GzEncoder::new(file, Compression::default());
                self.write_word2vec(&mut packed)?;
                packed.finish().map(|_| ())
            }
            false => self.write_word2vec(file),
        })
    }

    fn write_word2vec(&self, to: &mut impl Write) -> io::Result<()> {
        writeln!(to, "{} {}", self.iter().len(), self.width)?;
        self.iter().try_for_each(|(word, row)| {
            write!(to, "{word}")?;
            row.iter().try_for_each(|x| write!(to, " {x}"))?;
            writeln!(to)
        })
    }

    /// Writes `vectors.tsv` and `metadata.tsv` into a folder: what the
    /// [embedding projector](https://projector.tensorflow.org/) of TensorBoard loads.
    ///
    /// # Errors
    /// [`Error::File`], also if the folder is not there.
    ///
    /// ```
    /// use kerata::words::WordVectors;
    ///
    /// let vectors = WordVectors::read("king 1 0.5\nqueen 1 -0.5\n".as_bytes())?;
    /// let folder = std::env::temp_dir().join("kerata-doc-projector");
    /// std::fs::create_dir_all(&folder).unwrap();
    /// vectors.save_projector(&folder)?;
    /// let words = std::fs::read_to_string(folder.join("metadata.tsv")).unwrap();
    /// assert_eq!(words, "king\nqueen\n");
    /// # std::fs::remove_dir_all(folder).unwrap();
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn save_projector(&self, folder: impl AsRef<Path>) -> Result<(), Error> {
        let folder = folder.as_ref();
        write_with(&folder.join("vectors.tsv"), |file| {
            self.iter().try_for_each(|(_, row)| tab_separated(file, row))
        })?;
        write_with(&folder.join("metadata.tsv"), |file| {
            // A word that would end a line or a column is written as Rust writes it in a string.
            self.iter().try_for_each(|(word, _)| match word.contains(['\t', '\n', '\r']) {
                true => writeln!(file, "{}", word.escape_debug()),
                false => writeln!(file, "{word}"),
            })
        })
    }
}

/// What one of the readers takes for the end of a word.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

fn tab_separated(file: &mut impl Write, row: &[f32]) -> io::Result<()> {
    for (i, x) in row.iter().enumerate() {
        let tab = if i == 0 { "" } else { "\t" };
        write!(file, "{tab}{x}")?;
    }
    writeln!(file)
}
