use std::io::{Read, Write};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive,
};

use super::{
    dtype::Dtype,
    file::{Array, printable},
    kind::{Kind, Wanted},
    npy::{self, Header},
    values::{Values, Weight, too_large},
};
use crate::backend::Element;

/// A `.npz`: a zip of `.npy` files, stored or deflated.
pub(super) struct Archive {
    zip: ZipSliceArchive<Vec<u8>>,
    entries: Vec<Entry>,
}

struct Entry {
    method: CompressionMethod,
    place: ZipArchiveEntryWayfinder,
    encrypted: bool,
}

impl Archive {
    /// What is in an entry; its checksum is looked at where it ends.
    fn entry(&self, i: usize) -> Result<impl Read, String> {
        let &Entry { method, place, encrypted } = &self.entries[i];
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

pub(super) fn open(bytes: Vec<u8>) -> Result<(Archive, Vec<Array>), String> {
    let broken = |e| format!("the archive is broken, perhaps cut short: {e}");
    let zip = ZipArchive::from_slice(bytes).map_err(broken)?;
    let (mut names, mut entries) = (Vec::new(), Vec::new());
    for entry in zip.entries() {
        let entry = entry.map_err(broken)?;
        names.push(String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned());
        let (method, encrypted) = (entry.compression_method(), entry.flags().is_encrypted());
        entries.push(Entry { method, place: entry.wayfinder(), encrypted });
    }
    if entries.len() as u64 != zip.entries_hint() {
        return Err(format!(
            "{} files are promised, there are {}",
            zip.entries_hint(),
            entries.len()
        ));
    }
    let is_array = |name: &String| name.ends_with(".npy");
    if !names.is_empty() && !names.iter().any(is_array) {
        let kind = names.iter().find_map(|name| Kind::of_member(name.as_bytes()));
        return Err(kind.unwrap_or(Kind::Zip).refusal(Wanted::Weights));
    }
    let archive = Archive { zip, entries };
    archive.check_overlaps()?;
    let mut arrays = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let header = archive
            .entry(i)
            .and_then(|mut entry| Header::read(&mut entry).map_err(|e| e.to_string()));
        let header = header.map_err(|e| format!("{}: {e}", printable(name)))?;
        arrays.push(Array {
            name: name.to_owned(),
            sizes: header.sizes,
            dtype: header.descr,
            place: i..i + 1,
        });
    }
    Ok((archive, arrays))
}

pub(super) fn read<E: Element>(archive: &Archive, array: &Array) -> Result<Vec<E>, String> {
    let mut entry = archive.entry(array.place.start)?;
    let Header { descr, fortran_order, sizes } =
        Header::read(&mut entry).map_err(|e| e.to_string())?;
    let (dtype, big_endian) = Dtype::of_numpy(&descr)?;
    let count = sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let length = count.and_then(|n| n.checked_mul(dtype.width()));
    let length = length.filter(|&n| n < isize::MAX as usize).ok_or("the shape is too large")?;
    // The vector grows with what is there, not with what the header promises.
    let mut bytes = Vec::new();
    entry.take(length as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() != length {
        let more = if bytes.len() > length { "more" } else { &bytes.len().to_string() };
        return Err(format!("{length} bytes are promised, there are {more}"));
    }
    if big_endian {
        bytes.chunks_exact_mut(dtype.width()).for_each(<[u8]>::reverse);
    }
    let values = dtype.decode(&bytes).map_err(|e| too_large::<E>(e, &sizes, fortran_order))?;
    Ok(if fortran_order { npy::from_fortran_order(&values, &sizes) } else { values })
}

pub(super) fn write(weights: &[Weight]) -> Result<Vec<u8>, String> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for weight in weights {
        add(&mut zip, weight).map_err(|e| e.to_string())?;
    }
    zip.finish().map_err(|e| e.to_string())
}

fn add(zip: &mut ZipArchiveWriter<Vec<u8>>, weight: &Weight) -> Result<(), rawzip::Error> {
    let descr = if matches!(weight.values, Values::F32(_)) { "<f4" } else { "<f8" };
    let path = format!("{}.npy", weight.name);
    let (mut entry, config) = zip.new_file(path).start()?;
    let mut content = config.wrap(&mut entry);
    Header::write(descr, &weight.sizes, &mut content)?;
    content.write_all(&weight.values.to_le_bytes())?;
    let (_, sums) = content.finish()?;
    entry.finish(sums)?;
    Ok(())
}
