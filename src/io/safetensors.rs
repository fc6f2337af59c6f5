use std::{collections::HashSet, fmt};

use safetensors::{
    SafeTensorError, SafeTensors,
    tensor::{TensorInfo, TensorView},
};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::{
    dtype::Dtype,
    file::{Array, printable},
    values::{Values, Weight, too_large},
};
use crate::backend::Element;

pub(super) fn open(bytes: &[u8]) -> Result<Vec<Array>, String> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| message(&e, bytes))?;
    let start = header + size_of::<u64>();
    let _: DistinctKeys = serde_json::from_slice(&bytes[size_of::<u64>()..start])
        .map_err(|e| format!("the header is broken: {e}"))?;
    let array = |(name, info): (String, &TensorInfo)| Array {
        name,
        sizes: info.shape.clone(),
        dtype: info.dtype.to_string(),
        place: start + info.data_offsets.0..start + info.data_offsets.1,
    };
    let mut arrays: Vec<Array> = metadata.tensors().into_iter().map(array).collect();
    // As they stand in the file, each time it is opened.
    arrays.sort_by(|a, b| (a.place.start, &a.name).cmp(&(b.place.start, &b.name)));
    Ok(arrays)
}

fn message(error: &SafeTensorError, bytes: &[u8]) -> String {
    let length = bytes.len();
    match error {
        SafeTensorError::InvalidHeaderLength => {
            format!("the file is cut short: it ends after {length} bytes, inside its header")
        }
        SafeTensorError::MetadataIncompleteBuffer => format!(
            "the file is cut short or has something behind its end: the header does not describe {length} bytes"
        ),
        SafeTensorError::InvalidOffset(name) => {
            format!("{}: its bytes overlap with others, or leave a gap", printable(name))
        }
        SafeTensorError::TensorInvalidInfo => {
            "the bytes of an array are not as many as its shape and type need".to_owned()
        }
        other => other.to_string(),
    }
}

/// An object whose keys differ: of two arrays of one name, the library keeps one in silence.
struct DistinctKeys;

impl<'de> Deserialize<'de> for DistinctKeys {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(DistinctKeys)
    }
}

impl<'de> Visitor<'de> for DistinctKeys {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some((key, IgnoredAny)) = map.next_entry::<String, _>()? {
            if let Some(key) = keys.replace(key) {
                let key = printable(&key);
                return Err(A::Error::custom(format_args!("there are two arrays `{key}`")));
            }
        }
        Ok(self)
    }
}

pub(super) fn read<E: Element>(bytes: &[u8], array: &Array) -> Result<Vec<E>, String> {
    let bytes = bytes.get(array.place.clone()).ok_or("the file ends too early")?;
    let values = Dtype::of_safetensors(&array.dtype)?.decode(bytes);
    values.map_err(|e| too_large::<E>(e, &array.sizes, false))
}

/// A text of the metadata.
pub(super) fn metadata(bytes: &[u8], key: &str) -> Option<String> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).ok()?;
    metadata.metadata().as_ref()?.get(key).cloned()
}

pub(super) fn write(
    weights: &[Weight],
    metadata: Option<(&str, String)>,
) -> Result<Vec<u8>, String> {
    let bytes: Vec<Vec<u8>> = weights.iter().map(|weight| weight.values.to_le_bytes()).collect();
    let mut views = Vec::with_capacity(weights.len());
    for (weight, bytes) in weights.iter().zip(&bytes) {
        let view = TensorView::new(dtype(&weight.values), weight.sizes.clone(), bytes);
        views.push((weight.name.as_str(), view.map_err(|e| e.to_string())?));
    }
    let metadata = metadata.map(|(key, text)| [(key.to_owned(), text)].into());
    safetensors::serialize(views, metadata).map_err(|e| e.to_string())
}

/// The type of what is written.
pub(super) fn dtype(values: &Values) -> safetensors::Dtype {
    match values {
        Values::F32(_) => safetensors::Dtype::F32,
        Values::F64(_) => safetensors::Dtype::F64,
    }
}
