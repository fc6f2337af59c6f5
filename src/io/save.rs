//! Named values as a file that is no weight file, such as the state of a stream.

use std::path::Path;

use super::{atomic, open::failed, safetensors, values::Weight};
use crate::error::Error;

pub(crate) fn write(path: &Path, values: &[Weight]) -> Result<(), Error> {
    atomic::write(path, &safetensors::write(values, None).map_err(|e| failed(path, e))?)
}

pub(crate) fn to_bytes(values: &[Weight]) -> Result<Vec<u8>, Error> {
    safetensors::write(values, None).map_err(Error::Device)
}
