use std::io::{Cursor, Read, Write};

use zip::{CompressionMethod, ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{
    file::{Array, Numbers},
    npy::{self, Header},
    weights::Weight,
};

/// A `.npz`: a zip of `.npy` files, stored or deflated.
pub(super) type Archive = ZipArchive<Cursor<Vec<u8>>>;

pub(super) fn open(bytes: Vec<u8>) -> Result<(Archive, Vec<Array>), String> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|e| e.to_string())?;
    let mut arrays = Vec::new();
    for i in 0..archive.len() {
        let mut entry = archive.by_index(i).map_err(|e| e.to_string())?;
        let name = entry.name().map_err(|e| e.to_string())?.into_owned();
        let Some(name) = name.strip_suffix(".npy") else { continue };
        let header = Header::read(&mut entry).map_err(|e| format!("{name}: {e}"))?;
        arrays.push(Array {
            name: name.to_owned(),
            sizes: header.sizes,
            dtype: header.descr,
            place: i..i + 1,
        });
    }
    Ok((archive, arrays))
}

pub(super) fn read(archive: &mut Archive, array: &Array) -> Result<Numbers, String> {
    let mut entry = archive.by_index(array.place.start).map_err(|e| e.to_string())?;
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
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for weight in weights {
        let bytes = weight.numbers.to_le_bytes();
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(bytes.len() >= u32::MAX as usize / 2);
        zip.start_file(format!("{}.npy", weight.name), options).map_err(|e| e.to_string())?;
        let descr = if matches!(weight.numbers, Numbers::F32(_)) { "<f4" } else { "<f8" };
        Header::write(descr, &weight.sizes, &mut zip).map_err(|e| e.to_string())?;
        zip.write_all(&bytes).map_err(|e| e.to_string())?;
    }
    Ok(zip.finish().map_err(|e| e.to_string())?.into_inner())
}
