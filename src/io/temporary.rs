//! A file beside its place, until it is complete.

use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// A new file, which is gone again if nothing comes of it. It is locked for as long as it is written to, so that no
/// other process takes it for one that was left behind.
pub(super) struct Temporary {
    path: PathBuf,
    in_place: bool,
}

impl Temporary {
    /// Opens a new file beside `target`; only the owner can read it if it is `private`.
    pub(super) fn create(target: &Path, private: bool) -> io::Result<(Self, File)> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (folder, prefix) = (folder(target), prefix(target)?);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if private {
            owner_only(&mut options);
        }
        loop {
            let count = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = folder.join(format!("{prefix}{}.{count}{SUFFIX}", std::process::id()));
            match options.open(&path) {
                // Left by a process of the same number that was ended: in a container all have the same.
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => remove_unlocked(&path),
                file => {
                    let (file, temporary) = (file?, Self { path, in_place: false });
                    // Another process that cleans up can have taken it just now.
                    let locked = file.try_lock();
                    if !matches!(locked, Err(fs::TryLockError::WouldBlock))
                        && temporary.path.exists()
                    {
                        return Ok((temporary, file));
                    }
                }
            }
        }
    }

    /// Replaces `target` by the file.
    pub(super) fn rename(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.in_place = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.in_place {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Removes what processes that ended too early have left beside `target`.
pub(super) fn remove_abandoned(target: &Path) {
    let (Ok(prefix), Ok(entries)) = (prefix(target), fs::read_dir(folder(target))) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| process(name, &prefix));
        if process.is_some_and(|id| !is_alive(id)) {
            // A process of another container is not seen from here, but its lock is.
            remove_unlocked(&entry.path());
        }
    }
}

/// Removes a file that nobody writes to.
fn remove_unlocked(path: &Path) {
    let is_file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    let unlocked = |file: File| {
        if file.try_lock().is_ok() {
            let _ = fs::remove_file(path);
        }
    };
    if is_file {
        let _ = File::open(path).map(unlocked);
    }
}

const SUFFIX: &str = ".tmp";
/// Names of files are at most 255 bytes long.
const NAME: usize = 200;

pub(super) fn folder(target: &Path) -> &Path {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// How the names of the files beside `target` begin.
fn prefix(target: &Path) -> io::Result<String> {
    let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_string_lossy();
    Ok(format!(".{}.", &name[..name.floor_char_boundary(NAME)]))
}

/// The number of the process that made a file of this name.
fn process(name: &str, prefix: &str) -> Option<u32> {
    let rest = name.strip_prefix(prefix)?.strip_suffix(SUFFIX)?;
    let (process, count) = rest.split_once('.')?;
    count.parse::<u64>().ok()?;
    process.parse().ok()
}

/// Whether a process is there, as far as that can be seen.
fn is_alive(process: u32) -> bool {
    if process == std::process::id() {
        return true;
    }
    let processes = Path::new("/proc");
    // Where they are not listed there, the lock alone decides.
    cfg!(target_os = "linux")
        && (processes.join(process.to_string()).exists() || !processes.join("self").exists())
}

#[cfg(unix)]
fn owner_only(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn owner_only(_: &mut OpenOptions) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_process() {
        let prefix = prefix(Path::new("folder/w.npz")).unwrap();
        assert_eq!(process(".w.npz.123.4.tmp", &prefix), Some(123));
        for other in ["w.npz", ".w.npz.123.tmp", ".w.npz.x.4.tmp", ".v.npz.1.4.tmp", ".w.npz.1.4"] {
            assert_eq!(process(other, &prefix), None, "{other}");
        }
    }

    #[test]
    fn only_what_nobody_writes_to_is_removed() {
        let folder = std::env::temp_dir().join(format!("kerata-abandoned-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join("w.npz");
        // No process has a number as high as this.
        let (dead, locked) = (folder.join(".w.npz.4000000000.0.tmp"), ".w.npz.4000000001.0.tmp");
        let (own, other) =
            (format!(".w.npz.{}.7.tmp", std::process::id()), ".v.npz.4000000000.0.tmp");
        let kept = [locked, own.as_str(), other].map(|name| folder.join(name));
        for path in kept.iter().chain([&dead]) {
            fs::write(path, "").unwrap();
        }
        let lock = File::open(&kept[0]).unwrap();
        lock.lock().unwrap();
        remove_abandoned(&target);
        assert!(kept.iter().all(|path| path.exists()) && !dead.exists());
        drop(lock);
        remove_abandoned(&target);
        assert!(!kept[0].exists());
        let (temporary, file) = Temporary::create(&target, true).unwrap();
        assert!(File::open(&temporary.path).unwrap().try_lock().is_err());
        drop((temporary, file));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn the_longest_name_is_possible() {
        let folder = std::env::temp_dir();
        let name = format!("{}{}", "é".repeat(120), std::process::id());
        let (temporary, _) = Temporary::create(&folder.join(&name), false).unwrap();
        temporary.rename(&folder.join(&name)).unwrap();
        fs::remove_file(folder.join(name)).unwrap();
    }
}
