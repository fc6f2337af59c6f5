use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Vocabulary;
use crate::{
    data::Splitter,
    error::Error,
    io::{self, Kind, Wanted},
};

/// What a saved vocabulary looks like.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a saved vocabulary")]
struct Saved<W> {
    kerata_vocabulary: u32,
    splitter: Splitter,
    unknown: Option<String>,
    words: Vec<W>,
}

/// The form that is written.
const VERSION: u32 = 1;
/// The longest file that is read, in bytes: for a hundred million words.
const LIMIT: u64 = 1 << 30;

impl Vocabulary {
    /// Writes the vocabulary as JSON. The file is whole or not there.
    ///
    /// # Errors
    /// [`Error::File`]; [`Error::Invalid`] for a word that no text is split into, as files of word vectors have: it
    /// would not be read back.
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
        words.clone().try_for_each(|word| self.splitter.check_token(word))?;
        let (splitter, words) = (self.splitter, words.collect());
        let saved: Saved<&String> = Saved { kerata_vocabulary: VERSION, splitter, unknown, words };
        io::write_with(path, |file| Ok(serde_json::to_writer_pretty(file, &saved)?))
    }

    /// Reads what [`save`](Vocabulary::save) wrote, from a regular file.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read or is no such JSON, and for what
    /// [`list`](super::VocabularyBuilder::list) refuses: a word that is empty, that occurs twice, or that no text is
    /// split into.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refuse = io::refuse_all_but(&[Kind::Json], Wanted::Vocabulary);
        let bytes = io::read(path, LIMIT, refuse)?;
        let json = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
        let saved: Saved<String> = serde_json::from_slice(json)
            .map_err(|e| io::failed(path, format!("this is not a vocabulary in JSON: {e}")))?;
        if saved.kerata_vocabulary != VERSION {
            let message = format!("the form {} is not known", saved.kerata_vocabulary);
            return Err(io::failed(path, message));
        }
        let words = saved.words.iter();
        let checked = words.enumerate().try_for_each(|(i, word)| {
            let checked = saved.splitter.check_token(word);
            checked.map_err(|e| io::failed(path, format!("word {}: {e}", i + 1)))
        });
        checked?;
        let vocabulary = Self::new(saved.splitter, saved.unknown, saved.words);
        vocabulary.map_err(|e| io::failed(path, e))
    }
}
