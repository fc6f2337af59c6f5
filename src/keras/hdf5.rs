//! The values of a dataset.

use std::collections::HashMap;

use hdf5_pure::{AttrValue, Datatype, DatatypeByteOrder, FloatingPointLayout};
use kerata_format::hdf5::{Hdf5, Stored, strings};

use crate::{
    backend::Element,
    error::shortened,
    io::{Dtype, TooLarge, too_large},
};

/// How many bytes of a dataset are decoded at a time.
const PIECE: usize = 1 << 20;

/// The values of a dataset. Beside them there is one piece of it in memory.
pub(super) fn values<E: Element>(file: &Hdf5, stored: &Stored) -> Result<Vec<E>, String> {
    file.afresh();
    let attributes = stored.dataset.attrs().map_err(|e| e.to_string())?;
    file.check()?;
    let datatype = stored.dataset.datatype().map_err(|e| e.to_string())?;
    let (dtype, big_endian) = dtype(&datatype, &attributes)?;
    let count = stored.sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
    let length = count.and_then(|n| n.checked_mul(dtype.width()));
    let fits = |bytes: u64| bytes <= file.most_bytes();
    let chunk = stored.dataset.chunk_shape().map_err(|e| e.to_string())?;
    let is_chunked = chunk.is_some();
    let mut sizes = chunk.unwrap_or_default().into_iter().chain([dtype.width() as u64]);
    if !sizes.try_fold(1, u64::checked_mul).is_some_and(fits) {
        return Err("its chunks are larger than its file allows".to_owned());
    }
    let length = length.filter(|&n| fits(n as u64)).ok_or_else(|| {
        let (sizes, most) = (&stored.sizes, file.most_bytes());
        format!(
            "values of the shape {sizes:?} are more than the {most} bytes that this file may take"
        )
    })?;
    // Each chunk is unpacked as a whole, so those of a chunked dataset are read at once.
    let rows = match stored.sizes.first() {
        Some(&rows) if rows > 0 && !is_chunked => rows,
        _ => 1,
    };
    let each = (PIECE / (length / rows).max(1)).clamp(1, rows);
    let (mut values, mut found) = (Vec::new(), 0);
    let count = length / dtype.width();
    values.try_reserve_exact(count).map_err(|e| e.to_string())?;
    for first in (0..rows).step_by(each) {
        file.afresh();
        let mut bytes = match rows {
            1 => stored.dataset.read_raw(),
            _ => stored.dataset.read_raw_rows(first as u64, each.min(rows - first) as u64),
        }
        .map_err(|e| e.to_string())?;
        file.check()?;
        found += bytes.len();
        if found > length {
            break;
        }
        if big_endian {
            bytes.chunks_exact_mut(dtype.width()).for_each(<[u8]>::reverse);
        }
        let piece = dtype.decode::<E>(&bytes).map_err(|e| {
            let index = e.index + values.len();
            too_large::<E>(TooLarge { index, ..e }, &stored.sizes, false)
        })?;
        values.extend(piece);
    }
    if found != length {
        return Err(format!("{length} bytes are promised, there are {found}"));
    }
    Ok(values)
}

/// The type of the values, and whether the first byte is the highest.
fn dtype(
    datatype: &Datatype,
    attributes: &HashMap<String, AttrValue>,
) -> Result<(Dtype, bool), String> {
    let said = match attributes.get("dtype").cloned().map(strings) {
        Some(Ok(list)) => list.into_iter().next(),
        _ => None,
    };
    let order = |order: &DatatypeByteOrder| *order == DatatypeByteOrder::BigEndian;
    match (datatype, said.as_deref()) {
        // NumPy has no such type: what Keras writes is two bytes, whatever they are called.
        (Datatype::Opaque { size: 2, .. }, Some("bfloat16")) => Ok((Dtype::Bf16, false)),
        (Datatype::FixedPoint { size: 2, byte_order, .. }, Some("bfloat16")) => {
            Ok((Dtype::Bf16, order(byte_order)))
        }
        (Datatype::Enumeration { base_type, .. }, _) => dtype(base_type, &HashMap::new()),
        (Datatype::FixedPoint { size, byte_order, layout }, _)
            if layout.bit_offset == 0 && u32::from(layout.bit_precision) == 8 * size =>
        {
            let dtype = match (layout.signed, size) {
                (true, 1) => Dtype::I8,
                (true, 2) => Dtype::I16,
                (true, 4) => Dtype::I32,
                (true, 8) => Dtype::I64,
                (false, 1) => Dtype::U8,
                (false, 2) => Dtype::U16,
                (false, 4) => Dtype::U32,
                (false, 8) => Dtype::U64,
                _ => return Err(not_read(datatype)),
            };
            Ok((dtype, order(byte_order)))
        }
        (Datatype::FloatingPoint { size, byte_order, layout }, _)
            if *byte_order != DatatypeByteOrder::Vax =>
        {
            let half = |exponent: u8, bias: u32| FloatingPointLayout {
                bit_precision: 16,
                exponent_location: 15 - exponent,
                exponent_size: exponent,
                mantissa_size: 15 - exponent,
                exponent_bias: bias,
                ..FloatingPointLayout::IEEE754_BINARY32
            };
            let dtype = match size {
                2 if *layout == half(5, 15) => Dtype::F16,
                2 if *layout == half(8, 127) => Dtype::Bf16,
                4 if *layout == FloatingPointLayout::IEEE754_BINARY32 => Dtype::F32,
                8 if *layout == FloatingPointLayout::IEEE754_BINARY64 => Dtype::F64,
                _ => return Err(not_read(datatype)),
            };
            Ok((dtype, order(byte_order)))
        }
        _ => Err(not_read(datatype)),
    }
}

fn not_read(datatype: &Datatype) -> String {
    format!("values of the type {} are not read", shortened(&format!("{datatype:?}")))
}
