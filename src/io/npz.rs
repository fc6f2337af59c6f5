use std::io::Read;

use kerata_format::{Kind, Wanted, Writer};

use super::{
    dtype::Dtype,
    file::{Array, printable},
    npy::{self, Header},
    values::{Values, Weight, too_large},
};
use crate::backend::Element;

/// A `.npz`: a zip of `.npy` files.
pub(super) type Archive = kerata_format::Archive<Vec<u8>>;

pub(super) fn open(bytes: Vec<u8>) -> Result<(Archive, Vec<Array>), String> {
    let archive = Archive::open(bytes)?;
    let names: Vec<String> = archive.names().map(str::to_owned).collect();
    let is_array = |name: &String| name.ends_with(".npy");
    if !names.is_empty() && !names.iter().any(is_array) {
        let kind = names.iter().find_map(|name| Kind::of_member(name.as_bytes()));
        return Err(kind.unwrap_or(Kind::Zip).refusal(Wanted::Weights));
    }
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
    let mut zip = Writer::default();
    for weight in weights {
        let descr = if matches!(weight.values, Values::F32(_)) { "<f4" } else { "<f8" };
        zip.add(&format!("{}.npy", weight.name), |mut content| {
            Header::write(descr, &weight.sizes, &mut content)?;
            content.write_all(&weight.values.to_le_bytes())
        })?;
    }
    zip.finish()
}
