use std::fmt;

/// How many words of a vocabulary a file of vectors knew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// How many words the vocabulary holds, the unknown token included.
    pub words: usize,
    /// How many of them the file had a vector for.
    pub found: usize,
    /// The others, in the order of their ids. Their rows are as they were.
    pub missing: Vec<String>,
    /// How many vectors the file holds.
    pub vectors: usize,
    /// How many of these were passed over, because their word was there before.
    pub repeated: usize,
    /// How many have a word that is no UTF-8, and so cannot be asked for.
    pub not_utf8: usize,
}

impl Coverage {
    /// The share of words that were found, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.words.max(1) as f64
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share() * 100.0;
        write!(f, "{} of {} words found ({percent:.1} %)", self.found, self.words)?;
        write!(f, " among {} vectors", self.vectors)?;
        if self.repeated > 0 {
            write!(f, ", {} of them for words that had one", self.repeated)?;
        }
        if self.not_utf8 > 0 {
            write!(f, ", {} of them without a readable word", self.not_utf8)?;
        }
        Ok(())
    }
}
