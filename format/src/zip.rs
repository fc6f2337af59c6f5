//! Zip archives, stored or deflated: the container of `.npz` and of Keras's `.keras`.

use std::io::{self, Read, Write};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive,
};

/// An archive in memory, whose entries do not overlap.
pub struct Archive<T: AsRef<[u8]>> {
    zip: ZipSliceArchive<T>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    method: CompressionMethod,
    place: ZipArchiveEntryWayfinder,
    encrypted: bool,
}

impl<T: AsRef<[u8]>> Archive<T> {
    /// Looks at the list of entries.
    ///
    /// # Errors
    /// What is wrong with the archive.
    pub fn open(bytes: T) -> Result<Self, String> {
        let broken = |e| format!("the archive is broken, perhaps cut short: {e}");
        let zip = ZipArchive::from_slice(bytes).map_err(broken)?;
        let mut entries = Vec::new();
        for entry in zip.entries() {
            let entry = entry.map_err(broken)?;
            let name = String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned();
            let (method, encrypted) = (entry.compression_method(), entry.flags().is_encrypted());
            entries.push(Entry { name, method, place: entry.wayfinder(), encrypted });
        }
        let (found, promised) = (entries.len(), zip.entries_hint());
        if found as u64 != promised {
            return Err(format!("{promised} files are promised, there are {found}"));
        }
        let archive = Self { zip, entries };
        archive.check_overlaps()?;
        Ok(archive)
    }

    /// The names of the entries.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// What is in an entry; its checksum is looked at where it ends.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn entry(&self, i: usize) -> Result<impl Read, String> {
        let &Entry { method, place, encrypted, .. } = &self.entries[i];
        if encrypted {
            return Err("it is encrypted".to_owned());
        }
        let entry = self.zip.get_entry(place).map_err(|e| e.to_string())?;
        let content: Box<dyn Read> = match method {
            CompressionMethod::STORE => Box::new(entry.data()),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.data())),
            other => return Err(format!("files compressed by {other} are not read")),
        };
        Ok(entry.verifying_reader(content))
    }

    /// The bytes of the archive that an entry is, if it is stored as it is. Its checksum is looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn stored(&self, i: usize) -> Result<Option<std::ops::Range<usize>>, String> {
        let Entry { method, place, encrypted, .. } = &self.entries[i];
        if *encrypted || *method != CompressionMethod::STORE {
            return Ok(None);
        }
        io::copy(&mut self.entry(i)?, &mut io::sink()).map_err(|e| e.to_string())?;
        let entry = self.zip.get_entry(*place).map_err(|e| e.to_string())?;
        let (start, end) = entry.compressed_data_range();
        let place = |at: u64| usize::try_from(at).map_err(|e| e.to_string());
        Ok(Some(place(start)?..place(end)?))
    }

    /// Entries that share their bytes would make much out of little.
    fn check_overlaps(&self) -> Result<(), String> {
        let ranges = self.entries.iter().map(|entry| {
            let entry = self.zip.get_entry(entry.place).map_err(|e| e.to_string())?;
            Ok(entry.compressed_data_range())
        });
        let mut ranges: Vec<(u64, u64)> = ranges.collect::<Result<_, String>>()?;
        ranges.sort_unstable();
        match ranges.windows(2).any(|pair| pair[0].1 > pair[1].0) {
            true => Err("files of the archive overlap".to_owned()),
            false => Ok(()),
        }
    }
}

/// An archive that is being written, its entries stored.
pub struct Writer(ZipArchiveWriter<Vec<u8>>);

impl Default for Writer {
    fn default() -> Self {
        Self(ZipArchiveWriter::new(Vec::new()))
    }
}

impl Writer {
    /// Adds an entry.
    ///
    /// # Errors
    /// Those of the content.
    pub fn add(
        &mut self,
        name: &str,
        content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), String> {
        let add = || {
            let (mut entry, config) = self.0.new_file(name).start()?;
            let mut data = config.wrap(&mut entry);
            content(&mut data)?;
            let (_, sums) = data.finish()?;
            entry.finish(sums)?;
            Ok::<_, rawzip::Error>(())
        };
        add().map_err(|e| e.to_string())
    }

    /// The bytes of the archive.
    ///
    /// # Errors
    /// That it is too large.
    pub fn finish(self) -> Result<Vec<u8>, String> {
        self.0.finish().map_err(|e| e.to_string())
    }
}
