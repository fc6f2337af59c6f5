use std::io::{self, BufRead, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::{
    error::Error,
    io::{Kind, Wanted},
};

/// So much of a file is read before its first line is understood, and at least that line.
const HEAD: usize = 1 << 16;
/// The first line may be this long, in bytes; it says how long the others may be.
pub(super) const FIRST_LINE: usize = 1 << 20;
/// A compressed file may hold this many bytes: a small file can be made to hold a thousand times its size.
const UNPACKED: u64 = 16 << 30;

/// The text of a file of word vectors, and its beginning.
pub(super) struct Source<'a> {
    /// From the start on, behind the byte-order mark.
    pub(super) reader: Box<dyn BufRead + 'a>,
    /// The first bytes, with at least one whole line unless that is longer than [`FIRST_LINE`].
    pub(super) head: Vec<u8>,
    /// Whether the head is all there is.
    pub(super) whole: bool,
}

/// Looks at what a file is, and unpacks it if it is compressed by gzip.
///
/// # Errors
/// [`Error::File`] for what is no text, and says what it is.
pub(super) fn source<'a>(from: impl BufRead + 'a, path: &str) -> Result<Source<'a>, Error> {
    let failed = |message: String| Error::File { path: path.to_owned(), message };
    let start = |from| start(from).map_err(|e| failed(e.to_string()));
    let mut source = start(Box::new(from))?;
    if Kind::of(&source.head) == Some(Kind::Gzip) {
        let unpacked = Limited { from: MultiGzDecoder::new(source.reader), left: UNPACKED + 1 };
        source = start(Box::new(BufReader::with_capacity(HEAD, unpacked)))?;
    }
    match Kind::of(&source.head) {
        None => Ok(source),
        Some(kind) => Err(failed(kind.refusal(Wanted::Vectors))),
    }
}

fn start(mut from: Box<dyn BufRead + '_>) -> io::Result<Source<'_>> {
    let mut head = Vec::new();
    let whole = loop {
        let more = match from.fill_buf() {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            more => more?,
        };
        let long = head.len() > FIRST_LINE || head.len() >= HEAD && head.contains(&b'\n');
        if more.is_empty() || long {
            break more.is_empty();
        }
        let read = more.len().min(HEAD);
        head.extend_from_slice(&more[..read]);
        from.consume(read);
    };
    if head.starts_with("\u{feff}".as_bytes()) {
        head.drain(..3);
    }
    Ok(Source { reader: Box::new(Cursor::new(head.clone()).chain(from)), head, whole })
}

/// A reader that fails, and does not just end, where there is too much.
struct Limited<R> {
    from: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        match self.left.checked_sub(read as u64) {
            Some(left @ 1..) => self.left = left,
            _ => return Err(io::Error::other(format!("more than {UNPACKED} bytes are unpacked"))),
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_an_error() {
        let read = |left| {
            let mut bytes = Vec::new();
            Limited { from: &[7; 10][..], left }.read_to_end(&mut bytes).map(|_| bytes.len())
        };
        assert_eq!(read(11).unwrap(), 10);
        assert!(read(10).is_err());
    }

    #[test]
    fn a_file_is_read_from_its_start() {
        let line = "king 1 2 3\n".repeat(10_000);
        for text in ["a 1 2\n", "", "a", &line, &"x".repeat(3 << 20)] {
            let with_mark = format!("\u{feff}{text}");
            // In pieces, as a pipe hands them on.
            let from = BufReader::with_capacity(7, with_mark.as_bytes());
            let mut source = start(Box::new(from)).unwrap();
            let mut all = String::new();
            source.reader.read_to_string(&mut all).unwrap();
            assert!(all == text && text.as_bytes().starts_with(&source.head));
            assert_eq!(source.whole, source.head.len() == text.len());
        }
    }
}
