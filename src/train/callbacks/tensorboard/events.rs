//! A file of events: each message with its length, and checksums of both.

use std::{
    fs::{self, File},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use super::messages::event;
use crate::{error::Error, io};

/// Counts the files of this process, so that no two have one name.
static FILES: AtomicU64 = AtomicU64::new(0);

#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: BufWriter<File>,
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |passed| passed.as_secs_f64())
}

impl EventFile {
    /// A new file in a folder, which is made.
    pub(super) fn create(folder: &Path) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(|e| io::failed(folder, e))?;
        let (seconds, process) = (now() as u64, std::process::id());
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let path =
            folder.join(format!("events.out.tfevents.{seconds:010}.kerata.{process}.{number}.v2"));
        let file = File::create_new(&path).map_err(|e| io::failed(&path, e))?;
        let mut file = Self { path, file: BufWriter::new(file) };
        file.write(&event(now(), None, &[]))?;
        Ok(file)
    }

    /// Adds a value to those of a step.
    pub(super) fn add(&mut self, step: u64, value: &[u8]) -> Result<(), Error> {
        self.write(&event(now(), Some(step), value))
    }

    fn write(&mut self, message: &[u8]) -> Result<(), Error> {
        let record = record(message);
        self.file.write_all(&record).map_err(|e| io::failed(&self.path, e))
    }

    pub(super) fn flush(&mut self) -> Result<(), Error> {
        self.file.flush().map_err(|e| io::failed(&self.path, e))
    }
}

/// A message as it stands in a file.
fn record(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let sums = [&length[..], message].map(|bytes| masked(crc32c(bytes)).to_le_bytes());
    [&length[..], &sums[0], message, &sums[1]].concat()
}

/// Castagnoli's checksum.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    !bytes.iter().fold(!0, |sum, &byte| TABLE[usize::from(sum as u8 ^ byte)] ^ (sum >> 8))
}

const fn table() -> [u32; 256] {
    let (mut table, mut i) = ([0; 256], 0);
    while i < 256 {
        let (mut sum, mut bit) = (i as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { (sum >> 1) ^ 0x82F6_3B78 } else { sum >> 1 };
            bit += 1;
        }
        table[i] = sum;
        i += 1;
    }
    table
}

/// A checksum as it stands in a file, where there may be checksums of checksums.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::{crc32c, masked, record};

    /// The check value of CRC-32C, and a test vector of RFC 3720.
    #[test]
    fn checksums_are_those_of_castagnoli() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(masked(0), 0xA282_EAD8);
    }

    /// The first record of a file that TensorFlow wrote, but for its time.
    #[test]
    fn a_record_has_two_checksums() {
        let record = record(b"abc");
        assert_eq!(record.len(), 8 + 4 + 3 + 4);
        assert_eq!(record[..8], [3, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(record[12..15], *b"abc");
        assert_eq!(record[15..], masked(crc32c(b"abc")).to_le_bytes());
    }
}
