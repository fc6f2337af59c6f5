use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use super::Vocabulary;
use crate::{data::Splitter, error::Error, io};

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
    /// Writes the vocabulary as JSON. The file is whole or not there.
    ///
    /// # Errors
    /// [`Error::File`].
    ///
    /// ```
    /// use kerata::data::Vocabulary;
    ///
    /// let vocabulary = Vocabulary::words().unknown("[UNK]").learn(["the cat"])?;
    /// let path = std::env::temp_dir().join("kerata-doc-vocabulary.json");
    /// vocabulary.save(&path)?;
    /// assert_eq!(Vocabulary::load(&path)?, vocabulary);
    /// # std::fs::remove_file(path).unwrap();
    /// # Ok::<(), kerata::Error>(())
    /// ```
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
}
