//! Files that are written whole or not at all.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::{
    open::{check_regular, failed},
    temporary::{Temporary, folder, remove_abandoned},
};
use crate::error::Error;

/// Writes a file whole or not at all: into a new file beside it, synced, then renamed. See [`write_with`].
///
/// # Errors
/// [`Error::File`].
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes a file whole or not at all, piece by piece.
///
/// A file that is there already keeps its mode, and its owner where that is allowed. A symbolic link stays, and
/// what it points to is written. Only regular files are replaced, and only those that may be written to.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn write_with(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Error> {
    try_write(path, content).map_err(|e| failed(path, e))
}

/// Whether a path ends in this extension, in whatever case.
pub(crate) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn try_write(
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let path = &follow(path)?;
    let old = match fs::symlink_metadata(path) {
        Ok(old) => {
            check_regular(&old)?;
            // What nobody may write to is not to be replaced either.
            OpenOptions::new().write(true).open(path)?;
            Some(old)
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => None,
        Err(e) => return Err(e),
    };
    remove_abandoned(path);
    let (temporary, file) = Temporary::create(path, old.is_some())?;
    let mut file = BufWriter::new(file);
    content(&mut file)?;
    let file = file.into_inner()?;
    if let Some(old) = old {
        keep_owner(&file, &old);
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    temporary.rename(path)?;
    sync_folder(folder(path))
}

/// What a symbolic link points to in the end, also if it is not there yet.
fn follow(path: &Path) -> io::Result<PathBuf> {
    /// As many as Linux follows.
    const LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        match fs::read_link(&path) {
            Ok(to) => path = folder(&path).join(to),
            // No link, or nothing there.
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links, one behind the other"))
}

#[cfg(unix)]
fn keep_owner(file: &File, old: &Metadata) {
    use std::os::unix::fs::{MetadataExt, fchown};
    let same = |new: &Metadata| (new.uid(), new.gid()) == (old.uid(), old.gid());
    if !file.metadata().is_ok_and(|new| same(&new)) {
        // Only a privileged process may.
        let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    }
}

#[cfg(not(unix))]
fn keep_owner(_: &File, _: &Metadata) {}

/// The name of a file is safe once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    // Not every system opens folders, not every folder may be read, and not every file system syncs them.
    let Ok(folder) = File::open(folder) else { return Ok(()) };
    match folder.sync_all() {
        Err(e) if !matches!(e.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
            Err(e)
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_for(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("kerata-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = folder_for("atomic");
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
        let error = write(&folder.join("taken"), b"new").unwrap_err().to_string();
        assert!(error.ends_with("taken: this is a folder, not a regular file"), "{error}");
        // The disk is full; the content panics.
        let full = |file: &mut BufWriter<File>| {
            file.write_all(&[1; 100_000])?;
            Err(io::ErrorKind::StorageFull.into())
        };
        assert!(write_with(&path, full).unwrap_err().to_string().contains("weights: "));
        let panics = std::panic::AssertUnwindSafe(|| write_with(&path, |_| panic!("content")));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = folder_for("modes");
        let path = folder.join("weights");
        write(&path, b"1").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        for wanted in [0o600, 0o640, 0o666, 0o755] {
            fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
            write(&path, b"2").unwrap();
            assert_eq!((mode(&path), fs::read(&path).unwrap()), (wanted, b"2".to_vec()));
        }
        // One link behind another, relative to where they are; and one to a file that is not there yet.
        fs::create_dir(folder.join("links")).unwrap();
        symlink("../weights", folder.join("links/inner")).unwrap();
        symlink("links/inner", folder.join("outer")).unwrap();
        symlink("new", folder.join("dangling")).unwrap();
        for (link, to) in [("outer", "weights"), ("dangling", "new")] {
            write(&folder.join(link), b"3").unwrap();
            assert!(fs::symlink_metadata(folder.join(link)).unwrap().is_symlink());
            assert_eq!(fs::read(folder.join(to)).unwrap(), b"3");
        }
        assert_eq!(mode(&path), 0o755);
        symlink("round", folder.join("round")).unwrap();
        let error = write(&folder.join("round"), b"4").unwrap_err().to_string();
        assert!(error.contains("too many symbolic links"), "{error}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_are_not_replaced() {
        let error = write(Path::new("/dev/null"), b"").unwrap_err().to_string();
        assert_eq!(error, "/dev/null: this is a device, not a regular file");
    }

    #[test]
    fn extensions_of_any_case() {
        assert!(
            has_extension(Path::new("x.NPZ"), "npz") && has_extension(Path::new("x.Npz"), "npz")
        );
        assert!(!has_extension(Path::new("npz"), "npz") && !has_extension(Path::new("x.n"), "npz"));
    }
}
