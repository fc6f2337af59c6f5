use safetensors::{
    Dtype, SafeTensors,
    tensor::{TensorInfo, TensorView},
};

use super::{
    file::{Array, Numbers},
    weights::Weight,
};

pub(super) fn open(bytes: &[u8]) -> Result<Vec<Array>, String> {
    let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
    let start = header + size_of::<u64>();
    let array = |(name, info): (String, &TensorInfo)| Array {
        name,
        sizes: info.shape.clone(),
        dtype: info.dtype.to_string(),
        place: start + info.data_offsets.0..start + info.data_offsets.1,
    };
    Ok(metadata.tensors().into_iter().map(array).collect())
}

pub(super) fn read(bytes: &[u8], array: &Array) -> Result<Numbers, String> {
    let bytes = bytes.get(array.place.clone()).ok_or("the file ends too early")?;
    match array.dtype.as_str() {
        "F32" => Ok(Numbers::from_le_bytes(bytes, 4)),
        "F64" => Ok(Numbers::from_le_bytes(bytes, 8)),
        other => Err(format!("numbers of the type {other} are not read")),
    }
}

pub(super) fn write(weights: &[Weight]) -> Result<Vec<u8>, String> {
    let bytes: Vec<Vec<u8>> = weights.iter().map(|weight| weight.numbers.to_le_bytes()).collect();
    let mut views = Vec::with_capacity(weights.len());
    for (weight, bytes) in weights.iter().zip(&bytes) {
        let dtype = if matches!(weight.numbers, Numbers::F32(_)) { Dtype::F32 } else { Dtype::F64 };
        let view = TensorView::new(dtype, weight.sizes.clone(), bytes);
        views.push((weight.name.as_str(), view.map_err(|e| e.to_string())?));
    }
    safetensors::serialize(views, None).map_err(|e| e.to_string())
}
