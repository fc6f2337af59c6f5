use std::io::{Read, Write};

use flate2::bufread::DeflateDecoder;
use rawzip::{
    CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive,
};

use super::{
    file::{Array, Numbers},
    npy::{self, Header},
    weights::Weight,
};

/// A `.npz`: a zip of `.npy` files, stored or deflated.
pub(super) struct Archive {
    zip: ZipSliceArchive<Vec<u8>>,
    entries: Vec<(CompressionMethod, ZipArchiveEntryWayfinder)>,
}

impl Archive {
    /// What is in an entry; its checksum is looked at where it ends.
    fn entry(&self, i: usize) -> Result<impl Read, String> {
        let (method, place) = self.entries[i];
        let entry = self.zip.get_entry(place).map_err(|e| e.to_string())?;
        let content: Box<dyn Read> = match method {
            CompressionMethod::STORE => Box::new(entry.data()),
            CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(entry.data())),
            other => return Err(format!("files compressed by {other} are not read")),
        };
        Ok(entry.verifying_reader(content))
    }
}

pub(super) fn open(bytes: Vec<u8>) -> Result<(Archive, Vec<Array>), String> {
    let zip = ZipArchive::from_slice(bytes).map_err(|e| e.to_string())?;
    let (mut names, mut entries) = (Vec::new(), Vec::new());
    for entry in zip.entries() {
        let entry = entry.map_err(|e| e.to_string())?;
        names.push(String::from_utf8_lossy(entry.file_path().as_bytes()).into_owned());
        entries.push((entry.compression_method(), entry.wayfinder()));
    }
    if entries.len() as u64 != zip.entries_hint() {
        return Err(format!(
            "{} files are promised, there are {}",
            zip.entries_hint(),
            entries.len()
        ));
    }
    let archive = Archive { zip, entries };
    let mut arrays = Vec::new();
    for (i, name) in names.iter().enumerate() {
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let header = Header::read(&mut archive.entry(i)?).map_err(|e| format!("{name}: {e}"))?;
        arrays.push(Array {
            name: name.to_owned(),
            sizes: header.sizes,
            dtype: header.descr,
            place: i..i + 1,
        });
    }
    Ok((archive, arrays))
}

pub(super) fn read(archive: &Archive, array: &Array) -> Result<Numbers, String> {
    let mut entry = archive.entry(array.place.start)?;
    let header = Header::read(&mut entry).map_err(|e| e.to_string())?;
    let (width, big) = match header.descr.as_str() {
        "<f4" => (4, false),
        "<f8" => (8, false),
        ">f4" => (4, true),
        ">f8" => (8, true),
        other => return Err(format!("numbers of the type {other} are not read")),
    };
    let count = header.sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let length = count.and_then(|n| n.checked_mul(width)).ok_or("the shape is too large")?;
    // The vector grows with what is there, not with what the header promises.
    let mut bytes = Vec::new();
    entry.take(length as u64 + 1).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    if bytes.len() != length {
        return Err(format!("{length} bytes are promised, there are {}", bytes.len()));
    }
    if big {
        bytes.chunks_exact_mut(width).for_each(<[u8]>::reverse);
    }
    let numbers = Numbers::from_le_bytes(&bytes, width);
    Ok(match (header.fortran_order, numbers) {
        (false, numbers) => numbers,
        (true, Numbers::F32(v)) => Numbers::F32(npy::from_fortran_order(&v, &header.sizes)),
        (true, Numbers::F64(v)) => Numbers::F64(npy::from_fortran_order(&v, &header.sizes)),
    })
}

pub(super) fn write(weights: &[Weight]) -> Result<Vec<u8>, String> {
    let mut zip = ZipArchiveWriter::new(Vec::new());
    for weight in weights {
        add(&mut zip, weight).map_err(|e| e.to_string())?;
    }
    zip.finish().map_err(|e| e.to_string())
}

fn add(zip: &mut ZipArchiveWriter<Vec<u8>>, weight: &Weight) -> Result<(), rawzip::Error> {
    let descr = if matches!(weight.numbers, Numbers::F32(_)) { "<f4" } else { "<f8" };
    let path = format!("{}.npy", weight.name);
    let (mut entry, config) = zip.new_file(path).start()?;
    let mut content = config.wrap(&mut entry);
    Header::write(descr, &weight.sizes, &mut content)?;
    content.write_all(&weight.numbers.to_le_bytes())?;
    let (_, sums) = content.finish()?;
    entry.finish(sums)?;
    Ok(())
}
