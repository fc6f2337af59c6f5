use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::error::Error;

/// Writes a file whole or not at all: into a new file beside it, synced, then renamed.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes a file whole or not at all, piece by piece.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn write_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    try_write(path, content).map_err(|e| failed(path, e))
}

pub(crate) fn failed(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::File { path: path.display().to_string(), message: error.to_string() }
}

/// A file that is gone again if nothing comes of it.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn try_write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let (file, temporary) = loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = folder.join(format!(".{name}.{}.{count}.tmp", std::process::id()));
        match OpenOptions::new().write(true).create_new(true).open(&temporary) {
            // Left by a process of the same number that was ended: in a container all have the same.
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            file => break (file?, Temporary(temporary)),
        }
    };
    let mut file = BufWriter::new(file);
    content(&mut file)?;
    file.into_inner()?.sync_all()?;
    fs::rename(&temporary.0, path)?;
    // There is nothing left to remove.
    std::mem::forget(temporary);
    // The name itself is safe once the folder is, where a folder can be synced.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("kerata-atomic-{}", std::process::id()));
        fs::create_dir_all(folder.join("taken")).unwrap();
        let path = folder.join("weights");
        write(&path, b"old").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        // What an ended process of the same number has left is in nobody's way.
        for count in 0..20 {
            let left = format!(".left.{}.{count}.tmp", std::process::id());
            fs::write(folder.join(left), b"").unwrap();
        }
        write(&folder.join("left"), b"new").unwrap();
        for entry in fs::read_dir(&folder).unwrap() {
            let name = entry.unwrap().file_name();
            if name.to_string_lossy().contains("left") {
                fs::remove_file(folder.join(name)).unwrap();
            }
        }
        // A folder cannot be replaced by a file.
        assert!(write(&folder.join("taken"), b"new").is_err());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }
}
