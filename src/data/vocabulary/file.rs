use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

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
        let (path, saved) = (path.as_ref(), self.saved()?);
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
        parsed(&bytes).map_err(|message| io::failed(path, message))
    }

    /// Reads what [`save`](Vocabulary::save) wrote from the bytes of a file, such as `include_bytes!` has them.
    ///
    /// # Errors
    /// [`Error::Json`] for what [`load`](Vocabulary::load) refuses.
    ///
    /// ```
    /// use kerata::data::Vocabulary;
    ///
    /// let vocabulary = Vocabulary::words().learn(["the cat"])?;
    /// let bytes = serde_json::to_vec(&vocabulary).unwrap();
    /// assert_eq!(Vocabulary::from_bytes(&bytes)?, vocabulary);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        parsed(bytes).map_err(Error::Json)
    }

    fn saved(&self) -> Result<Saved<&String>, Error> {
        let mut words = self.tokens.iter();
        let unknown = if self.unknown { words.next().cloned() } else { None };
        words.clone().try_for_each(|word| self.splitter.check_token(word))?;
        let (splitter, words) = (self.splitter, words.collect());
        Ok(Saved { kerata_vocabulary: VERSION, splitter, unknown, words })
    }

    /// A message says what is wrong.
    fn of_saved(saved: Saved<String>) -> Result<Self, String> {
        if saved.kerata_vocabulary != VERSION {
            return Err(format!("the form {} is not known", saved.kerata_vocabulary));
        }
        for (i, word) in saved.words.iter().enumerate() {
            let checked = saved.splitter.check_token(word);
            checked.map_err(|error| format!("word {}: {error}", i + 1))?;
        }
        let vocabulary = Self::of_words(saved.splitter, saved.unknown, saved.words);
        vocabulary.map_err(|error| error.to_string())
    }
}

fn parsed(bytes: &[u8]) -> Result<Vocabulary, String> {
    let json = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let saved = serde_json::from_slice(json);
    Vocabulary::of_saved(saved.map_err(|e| format!("this is not a vocabulary in JSON: {e}"))?)
}

/// In the form of the file that [`save`](Vocabulary::save) writes, so that a vocabulary can be a part of other data.
impl Serialize for Vocabulary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.saved().map_err(ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Vocabulary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of_saved(Saved::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}
