use std::{
    borrow::Cow,
    io::{BufRead, Read},
};

use crate::{
    backend::Element,
    error::{Error, shortened},
};

/// The first line may be this long, in bytes; it says how long the others may be.
const FIRST_LINE: usize = 1 << 20;
/// A number in a line takes at most this many bytes, with the space before it.
const NUMBER: usize = 64;
/// A word takes at most this many bytes.
const WORD: usize = 4096;
/// More numbers than these in a vector say nothing good.
const MAX_WIDTH: usize = 1 << 20;

/// The lines of a file of word vectors: a word, then its numbers, as word2vec, GloVe and fastText write them.
///
/// Files are split at line feeds and spaces (or tabs) only: their words hold other characters that Unicode takes
/// for spaces, and even spaces, so that the numbers are counted from the end of a line.
pub(super) struct Lines<R> {
    reader: R,
    /// The path, for errors.
    path: String,
    buffer: Vec<u8>,
    number: usize,
    limit: usize,
    /// Whether the buffer holds the first vector, read to find out how long vectors are.
    pending: bool,
    /// How many numbers a vector has.
    pub(super) width: usize,
    /// How many vectors the first line promises.
    promised: Option<usize>,
    /// How many there were so far.
    pub(super) vectors: usize,
}

/// A word and its numbers, not yet looked at.
pub(super) struct Line<'a> {
    path: &'a str,
    number: usize,
    /// Owned if it was not UTF-8.
    pub(super) word: Cow<'a, str>,
    numbers: &'a [u8],
}

fn is_separator(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(is_separator).filter(|field| !field.is_empty())
}

fn shown(bytes: &[u8]) -> String {
    shortened(&String::from_utf8_lossy(bytes))
}

fn parse<T: std::str::FromStr>(field: &[u8]) -> Option<T> {
    std::str::from_utf8(field).ok()?.parse().ok()
}

impl<R: BufRead> Lines<R> {
    /// Reads the first line: the two numbers of word2vec, or a vector.
    pub(super) fn open(reader: R, path: String) -> Result<Self, Error> {
        let mut lines = Self {
            reader,
            path,
            buffer: Vec::new(),
            number: 0,
            limit: FIRST_LINE,
            pending: false,
            width: 0,
            promised: None,
            vectors: 0,
        };
        if !lines.read_line()? {
            return Err(Error::Empty("the file of word vectors"));
        }
        if lines.buffer.starts_with("\u{feff}".as_bytes()) {
            lines.buffer.drain(..3);
        }
        let first: Vec<&[u8]> = fields(&lines.buffer).collect();
        let header = |first: &[&[u8]]| match first {
            [count, width] => Some((parse::<usize>(count)?, parse::<usize>(width)?)),
            _ => None,
        };
        (lines.promised, lines.width, lines.pending) = match header(&first) {
            Some((count, width)) => (Some(count), width, false),
            None => (None, first.len().saturating_sub(1), true),
        };
        if lines.width == 0 || lines.width > MAX_WIDTH {
            return Err(lines.failed(format!("a vector of {} numbers", lines.width)));
        }
        lines.limit = WORD + lines.width * NUMBER;
        Ok(lines)
    }

    /// The next line, or `None` behind the last.
    pub(super) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        if !std::mem::take(&mut self.pending) && !self.read_line()? {
            return match self.promised {
                Some(promised) if promised != self.vectors => {
                    let found = self.vectors;
                    let message = format!("the end, after {found} vectors; line 1 says {promised}");
                    Err(self.failed(message))
                }
                _ => Ok(None),
            };
        }
        self.vectors += 1;
        let (word, numbers) = split(&self.buffer, self.width).map_err(|e| self.failed(e))?;
        let (path, number) = (self.path.as_str(), self.number);
        Ok(Some(Line { path, number, word: String::from_utf8_lossy(word), numbers }))
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

/// A word, and behind it `width` numbers.
fn split(line: &[u8], width: usize) -> Result<(&[u8], &[u8]), String> {
    let mut start = line.len();
    let trimmed = |end: usize| line[..end].iter().rposition(|b| !is_separator(b)).map(|at| at + 1);
    for found in 0..width {
        let end = trimmed(start).ok_or(format!("{found} numbers, not {width}"))?;
        start = line[..end].iter().rposition(is_separator).map_or(0, |at| at + 1);
    }
    let word = &line[..trimmed(start).unwrap_or(0)];
    if word.is_empty() {
        return Err(format!("it must be a word and {width} numbers"));
    }
    // Of a word with spaces, such as `. . .`, the last part is no number.
    if word.iter().any(is_separator)
        && fields(word).last().is_some_and(|f| parse::<f64>(f).is_some())
    {
        return Err(format!("{} numbers, not {width}", fields(line).count() - 1));
    }
    Ok((word, &line[start..]))
}

impl Line<'_> {
    /// Adds the numbers to a list.
    pub(super) fn parse<E: Element>(&self, to: &mut Vec<E>) -> Result<(), Error> {
        for field in fields(self.numbers) {
            let number: Option<f64> = parse(field);
            let number = number.ok_or_else(|| format!("`{}` is no number", shown(field)));
            let finite = number.and_then(|x| match E::of(x) {
                x if x.is_finite() => Ok(x),
                _ => Err(format!("`{}` is not finite", shown(field))),
            });
            to.push(finite.map_err(|message| self.failed(message))?);
        }
        Ok(())
    }

    fn failed(&self, message: String) -> Error {
        Error::Line { path: self.path.to_owned(), line: self.number, message }
    }
}
