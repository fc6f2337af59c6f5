use std::{
    borrow::Cow,
    io::{BufRead, Read},
};

use super::{
    source::{FIRST_LINE, source},
    width::{Form, form},
};
use crate::{
    backend::Element,
    error::{Error, shortened},
};

/// A value in a line takes at most this many bytes, with the space before it.
const VALUE: usize = 64;
/// A word takes at most this many bytes.
const WORD: usize = 4096;
/// More values than these in a vector say nothing good.
const MAX_WIDTH: usize = 1 << 20;

/// The lines of a file of word vectors: a word, then its values, as word2vec, GloVe and fastText write them.
///
/// Files are split at line feeds and spaces (or tabs) only: their words hold other characters that Unicode takes
/// for spaces, and even spaces, so that the values are counted from the end of a line.
pub(super) struct Lines<'a> {
    reader: Box<dyn BufRead + 'a>,
    /// The path, for errors.
    path: String,
    buffer: Vec<u8>,
    number: usize,
    limit: usize,
    form: Form,
    /// How many values a vector has.
    pub(super) width: usize,
    /// How many vectors there were so far.
    pub(super) vectors: usize,
}

/// A word and its values, not yet looked at.
pub(super) struct Line<'a> {
    path: &'a str,
    pub(super) number: usize,
    /// Owned if it was not UTF-8; empty if there is none but spaces.
    pub(super) word: Cow<'a, str>,
    /// Whether the word ends in a number, behind a space.
    pub(super) numeric_end: bool,
    values: &'a [u8],
}

pub(super) fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

pub(super) fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(is_separator).filter(|field| !field.is_empty())
}

fn shown(bytes: &[u8]) -> String {
    shortened(&String::from_utf8_lossy(bytes))
}

pub(super) fn number(field: &[u8]) -> Option<f64> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

impl<'a> Lines<'a> {
    /// Looks at the start of a file: what it is, and how many values a vector has. `expected` decides where that
    /// is not clear.
    pub(super) fn open(
        from: impl BufRead + 'a,
        path: String,
        expected: Option<usize>,
    ) -> Result<Self, Error> {
        let source = source(from, &path)?;
        let found = form(&source, expected);
        let binary = source.head.contains(&0);
        let (form, wrong) = match found {
            Ok(form) => (form, None),
            Err(message) => (Form { header: None, promised: None, width: 1 }, Some(message)),
        };
        let width = form.width;
        let cut = !source.whole && !source.head.contains(&b'\n');
        let limit = if cut { FIRST_LINE } else { WORD + width.min(MAX_WIDTH) * VALUE };
        let (reader, buffer) = (source.reader, Vec::new());
        let mut lines = Self { reader, path, buffer, number: 0, limit, form, width, vectors: 0 };
        if form.header.is_some() || wrong.is_some() {
            lines.read_line()?;
        }
        if let Some(message) = wrong {
            return Err(lines.failed(message));
        }
        if width == 0 || width > MAX_WIDTH || cut {
            let first = lines.form.header.is_some() || lines.read_line()?;
            return Err(match (first, binary) {
                (false, _) => {
                    let message = "there are no word vectors in it".to_owned();
                    Error::File { path: lines.path, message }
                }
                (true, true) => lines.failed("this is binary data, not text".to_owned()),
                (true, false) => lines.failed(format!("a vector of {width} values")),
            });
        }
        Ok(lines)
    }

    /// Checks how many values a vector has.
    pub(super) fn check_width(&self, wanted: usize) -> Result<(), Error> {
        if self.width == wanted {
            return Ok(());
        }
        let message = format!("vectors of {} values; the embedding has {wanted}", self.width);
        let line = self.form.header.unwrap_or(1);
        Err(Error::Line { path: self.path.clone(), line, message })
    }

    /// The next line, or `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        if !self.read_line()? {
            return match self.form.promised {
                Some(promised) if promised != self.vectors => {
                    let (found, header) = (self.vectors, self.form.header.unwrap_or(1));
                    let vectors = if found == 1 { "vector" } else { "vectors" };
                    Err(self.failed(format!(
                        "the end, after {found} {vectors}; line {header} says {promised}"
                    )))
                }
                _ => Ok(None),
            };
        }
        self.vectors += 1;
        let (word, values) = split(&self.buffer, self.width).map_err(|e| self.failed(e))?;
        let (path, number) = (self.path.as_str(), self.number);
        let numeric_end = word.iter().any(is_separator)
            && fields(word).last().is_some_and(|field| self::number(field).is_some());
        Ok(Some(Line { path, number, word: String::from_utf8_lossy(word), numeric_end, values }))
    }

    /// Reads a line that is not blank, without its end. `false` if there is none.
    fn read_line(&mut self) -> Result<bool, Error> {
        loop {
            self.buffer.clear();
            self.number += 1;
            let mut limited = self.reader.by_ref().take(self.limit as u64 + 1);
            let read = limited.read_until(b'\n', &mut self.buffer);
            if read.map_err(|e| self.failed(e.to_string()))? == 0 {
                self.number -= 1;
                return Ok(false);
            }
            if self.buffer.len() > self.limit {
                return Err(self.failed(format!("it is longer than {} bytes", self.limit)));
            }
            let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            while self.buffer.last().is_some_and(blank) {
                self.buffer.pop();
            }
            if !self.buffer.is_empty() {
                return Ok(true);
            }
        }
    }

    fn failed(&self, message: String) -> Error {
        Error::Line { path: self.path.clone(), line: self.number, message }
    }
}

/// A word, and behind it `width` values.
fn split(line: &[u8], width: usize) -> Result<(&[u8], &[u8]), String> {
    let mut start = line.len();
    let trimmed = |end: usize| line[..end].iter().rposition(|b| !is_separator(b)).map(|at| at + 1);
    for found in 0..width {
        let end = trimmed(start).ok_or_else(|| format!("{found} values, not {width}"))?;
        start = line[..end].iter().rposition(is_separator).map_or(0, |at| at + 1);
    }
    let values = &line[start..];
    let word = &line[..trimmed(start).unwrap_or(0)];
    let word = &word[word.iter().position(|b| !is_separator(b)).unwrap_or(0)..];
    // A word of spaces, or none, is followed by a space; else the line is a word short, or a value.
    let first = || fields(values).next().and_then(number);
    if word.is_empty() && (start == 0 || first().is_none()) {
        return Err(format!("it must be a word and {width} values"));
    }
    Ok((word, values))
}

impl Line<'_> {
    /// Adds the values to a list.
    pub(super) fn parse<E: Element>(&self, to: &mut Vec<E>) -> Result<(), Error> {
        for field in fields(self.values) {
            let value = number(field).ok_or_else(|| format!("`{}` is no number", shown(field)));
            let finite = value.and_then(|x| match E::of(x) {
                x if x.is_finite() => Ok(x),
                _ => Err(format!("`{}` is not finite", shown(field))),
            });
            to.push(finite.map_err(|message| self.failed(message))?);
        }
        Ok(())
    }

    pub(super) fn failed(&self, message: String) -> Error {
        Error::Line { path: self.path.to_owned(), line: self.number, message }
    }
}
