//! One number for many, by which a change is seen.

use std::collections::BTreeMap;

use super::file::{Array, WeightFile};
use crate::error::Error;

/// The name of the checksum among the texts of a checkpoint.
pub(super) const CHECKSUM: &str = "checksum";

/// One number for many, which tells others from them. No change of a single one of them leaves it as it is.
pub(crate) fn checksum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, |hash: u64, number| {
        (hash.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    })
}

/// The checksum of texts and of arrays by their names, in the order of the names.
pub(super) fn of_content<'a>(
    texts: &BTreeMap<String, String>,
    arrays: impl Iterator<Item = (&'a str, u64)>,
) -> String {
    let texts = texts.iter().filter(|(name, _)| *name != CHECKSUM);
    let texts = texts.flat_map(|(name, text)| [bytes(name.as_bytes()), bytes(text.as_bytes())]);
    let mut arrays: Vec<_> = arrays.collect();
    arrays.sort_unstable();
    let arrays = arrays.into_iter().map(|(_, sum)| sum);
    format!("{:016x}", checksum(texts.chain(arrays)))
}

/// The checksum of an array, as it stands in a `.safetensors`.
pub(super) fn of_array(name: &str, sizes: &[usize], dtype: &str, values: &[u8]) -> u64 {
    let sizes = checksum(sizes.iter().map(|&size| size as u64));
    let own = [bytes(name.as_bytes()), sizes, bytes(dtype.as_bytes()), bytes(values)];
    checksum(own.into_iter())
}

fn bytes(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let rest = rest.iter().map(|&byte| u64::from(byte));
    checksum(words.chain(rest).chain([bytes.len() as u64]))
}

impl WeightFile {
    /// Checks that the content of a checkpoint is what was written.
    ///
    /// # Errors
    /// [`Error::File`] if it is not; also without a checksum, if there must be one.
    pub(crate) fn check_content(
        &self,
        texts: &BTreeMap<String, String>,
        must_be: bool,
    ) -> Result<(), Error> {
        let broken = |message: &str| Error::File {
            path: self.path.clone(),
            message: format!("the checkpoint is broken: {message}"),
        };
        let Some(written) = texts.get(CHECKSUM) else {
            return if must_be { Err(broken("it has no checksum")) } else { Ok(()) };
        };
        let arrays = self.bytes().map(|(Array { name, sizes, dtype, .. }, values)| {
            (name.as_str(), of_array(name, sizes, dtype, values))
        });
        let found = of_content(texts, arrays);
        match found == *written {
            true => Ok(()),
            false => Err(broken("what is in it is not what was written, by its checksum")),
        }
    }
}
