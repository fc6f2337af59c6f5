use std::fmt;

/// How a file of vectors was read: how many words of a vocabulary it knew, and what in it was odd.
///
/// Nothing odd in a single line ends the reading; it is counted here, and its line is named.
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
    /// How many have a word that is no UTF-8: an embedding is not asked for it, and in
    /// [`WordVectors`](super::WordVectors) it is written with `\u{fffd}`.
    pub not_utf8: usize,
    /// How many of these were passed over, because they are written as another word is.
    pub collided: usize,
    /// How many were passed over, because they have no word but spaces.
    pub blank: usize,
    /// How many have words like `area 51`, whose last part could be a value as well.
    pub numeric_ends: usize,
    /// The lines of the first ten of each kind, counted from 1.
    pub odd_lines: Vec<(usize, Oddity)>,
}

/// What is odd about a line of a file of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// Its word was there before.
    Repeated,
    /// Its word is no UTF-8.
    NotUtf8,
    /// Its word is no UTF-8, and written as another word is.
    Collided,
    /// It has no word but spaces.
    Blank,
    /// Its word ends in a number, behind a space.
    NumericEnd,
}

/// So many lines of each kind are named.
const LINES: usize = 10;

impl Coverage {
    /// The share of words that were found, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.words.max(1) as f64
    }

    pub(super) fn note(&mut self, line: usize, oddity: Oddity) {
        let count = match oddity {
            Oddity::Repeated => &mut self.repeated,
            Oddity::NotUtf8 => &mut self.not_utf8,
            Oddity::Collided => &mut self.collided,
            Oddity::Blank => &mut self.blank,
            Oddity::NumericEnd => &mut self.numeric_ends,
        };
        *count += 1;
        if *count <= LINES {
            self.odd_lines.push((line, oddity));
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.share() * 100.0;
        write!(f, "{} of {} words found ({percent:.1} %)", self.found, self.words)?;
        write!(f, " among {} vectors", self.vectors)?;
        for (count, oddity, what) in [
            (self.repeated, Oddity::Repeated, "for words that had one"),
            (self.not_utf8, Oddity::NotUtf8, "without a readable word"),
            (self.collided, Oddity::Collided, "for words that cannot be told from others"),
            (self.blank, Oddity::Blank, "without a word"),
            (self.numeric_ends, Oddity::NumericEnd, "for words that end in a number"),
        ] {
            let lines = self.odd_lines.iter().filter(|(_, found)| *found == oddity);
            let lines: Vec<String> = lines.take(3).map(|(line, _)| line.to_string()).collect();
            if count > 0 {
                let more = if count > lines.len() { ", .." } else { "" };
                let plural = if count == 1 { "line" } else { "lines" };
                write!(f, ", {count} of them {what} ({plural} {}{more})", lines.join(", "))?;
            }
        }
        Ok(())
    }
}
