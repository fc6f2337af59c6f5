use std::{
    fs::File,
    io::{self, ErrorKind},
};

/// Bytes that are read by their position: those of a file, or what is in memory or mapped into it already.
pub(crate) enum Positioned {
    File(PlacedFile),
    Bytes(Box<dyn AsRef<[u8]> + Send + Sync>),
}

impl Positioned {
    /// Fills a buffer from a position on.
    ///
    /// # Errors
    /// [`ErrorKind::UnexpectedEof`] if there are not as many bytes; those of the file.
    pub(crate) fn read_exact(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let bytes = match self {
            Self::File(file) => return file.read_exact(buffer, at),
            Self::Bytes(bytes) => (**bytes).as_ref(),
        };
        let rest = usize::try_from(at).ok().and_then(|at| bytes.get(at..));
        let found = rest.and_then(|rest| rest.get(..buffer.len()));
        buffer.copy_from_slice(found.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// A file that several threads read, each at its position: in one call of the system, without a lock.
#[cfg(unix)]
pub(crate) struct PlacedFile(File);

#[cfg(unix)]
impl PlacedFile {
    pub(crate) fn new(file: File) -> Self {
        Self(file)
    }

    fn read_exact(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, at)
    }
}

/// A file that one thread reads at a time.
#[cfg(not(unix))]
pub(crate) struct PlacedFile(std::sync::Mutex<File>);

#[cfg(not(unix))]
impl PlacedFile {
    pub(crate) fn new(file: File) -> Self {
        Self(std::sync::Mutex::new(file))
    }

    fn read_exact(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        // A reader that panicked has moved the place at most, which each one sets.
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(buffer)
    }
}
