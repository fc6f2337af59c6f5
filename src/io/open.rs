//! Regular files only: a pipe would block for ever, and a device such as `/dev/zero` never ends.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read, Seek},
    path::Path,
};

use kerata_format::{HEAD, Kind, Wanted};

use crate::error::Error;

pub(crate) fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    let empty = path.as_os_str().is_empty();
    let path = if empty { "an empty path".to_owned() } else { path.display().to_string() };
    Error::File { path, message: error.to_string() }
}

/// Opens a regular file, for reading.
///
/// # Errors
/// [`Error::File`] for a folder, a pipe or a device, and for what cannot be opened.
pub(crate) fn open(path: &Path) -> Result<File, Error> {
    let open = || {
        // Before it is opened, because opening a pipe waits for its other end.
        check_regular(&fs::metadata(path)?)?;
        let file = File::open(path)?;
        check_regular(&file.metadata()?)?;
        Ok(file)
    };
    open().map_err(|e: io::Error| failed(path, e))
}

/// Reads a regular file of at most `limit` bytes, unless `refuse` has something against what it begins with.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn read(
    path: &Path,
    limit: u64,
    refuse: impl FnOnce(&[u8]) -> Option<String>,
) -> Result<Vec<u8>, Error> {
    let mut file = open(path)?;
    let read = || {
        let length = file.metadata()?.len();
        let too_long = || io::Error::other(format!("more than {limit} bytes are not read"));
        if length > limit {
            return Err(too_long());
        }
        let mut bytes = Vec::new();
        file.by_ref().take(HEAD as u64).read_to_end(&mut bytes)?;
        if let Some(message) = refuse(&bytes) {
            return Err(io::Error::other(message));
        }
        // A file that is being written to can be longer by now.
        bytes.try_reserve_exact(usize::try_from(length).unwrap_or(usize::MAX))?;
        file.take(limit - bytes.len() as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit { Err(too_long()) } else { Ok(bytes) }
    };
    read().map_err(|e: io::Error| failed(path, e))
}

/// What a file begins with, which is then read from its beginning again.
///
/// # Errors
/// Those of reading.
pub(crate) fn head(file: &mut (impl Read + Seek)) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut start)?;
    file.rewind()?;
    Ok(start)
}

/// # Errors
/// [`Error::File`] for a named pipe, which is not to be written to: opening it waits for its other end.
pub(crate) fn check_no_pipe(path: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    if let Ok(metadata) = fs::metadata(path)
        && std::os::unix::fs::FileTypeExt::is_fifo(&metadata.file_type())
    {
        check_regular(&metadata).map_err(|e| failed(path, e))?;
    }
    Ok(())
}

/// What is to be said against a start, if only some kinds are wanted. What is of no known kind passes.
pub(crate) fn refuse_all_but(
    kinds: &[Kind],
    wanted: Wanted,
) -> impl FnOnce(&[u8]) -> Option<String> {
    move |start| {
        Kind::of(start).filter(|kind| !kinds.contains(kind)).map(|kind| kind.refusal(wanted))
    }
}

/// # Errors
/// That it is no regular file, and what it is.
pub(super) fn check_regular(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let name = if kind.is_dir() { "a folder" } else { special(&kind) };
    Err(io::Error::other(format!("this is {name}, not a regular file")))
}

#[cfg(unix)]
fn special(kind: &fs::FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    if kind.is_fifo() {
        "a named pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(not(unix))]
fn special(_: &fs::FileType) -> &'static str {
    "something special"
}
