use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    path::PathBuf,
};

use crate::{error::Error, io};

/// A file to which a line is added at the end of each epoch.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) path: PathBuf,
    /// Whether what is there stays.
    pub(super) append: bool,
    file: Option<File>,
}

/// No file of lines is longer.
const LIMIT: u64 = 1 << 30;

impl Lines {
    pub(super) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), append: false, file: None }
    }

    fn failed<T>(&self, result: std::io::Result<T>) -> Result<T, Error> {
        result.map_err(|e| io::failed(&self.path, e))
    }

    /// Opens the file. A training that is resumed goes on behind the lines of the epochs before: those of `resumed`
    /// and later ones, which come again, are taken out. Gives the first line that is there.
    pub(super) fn open(
        &mut self,
        resumed: Option<usize>,
        epoch_of: impl Fn(&str) -> Option<usize>,
    ) -> Result<Option<String>, Error> {
        io::check_no_pipe(&self.path)?;
        let there = self.path.exists();
        if let Some(epoch) = resumed.filter(|_| there) {
            let bytes = io::read(&self.path, LIMIT, |_| None)?;
            let text = String::from_utf8_lossy(&bytes);
            let stays = |line: &&str| epoch_of(line).is_none_or(|own| own < epoch);
            let lines: String =
                text.lines().filter(stays).map(|line| format!("{line}\n")).collect();
            io::write_with(&self.path, |file| file.write_all(lines.as_bytes()))?;
        }
        let append = self.append || resumed.is_some();
        let mut options = OpenOptions::new();
        options.create(true).append(append).write(true).truncate(!append);
        self.file = Some(self.failed(options.open(&self.path))?);
        // A terminal waits for what is typed, and some devices give without end.
        if !self.failed(std::fs::metadata(&self.path))?.is_file() {
            return Ok(None);
        }
        let mut first = String::new();
        let file = self.failed(File::open(&self.path))?;
        self.failed(BufReader::new(file.take(LIMIT)).read_line(&mut first))?;
        Ok(Some(first).filter(|first| !first.is_empty()))
    }

    pub(super) fn add(&mut self, line: &str) -> Result<(), Error> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = writeln!(file, "{line}").and_then(|()| file.flush());
        self.failed(written)
    }

    pub(super) fn close(&mut self) {
        self.file = None;
    }
}
