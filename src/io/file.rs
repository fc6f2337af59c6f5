use std::{fmt, fs, ops::Range, path::Path};

use super::{atomic::failed, npz, safetensors};
use crate::{backend::Element, error::Error};

/// An array in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// The sizes of its shape.
    pub sizes: Vec<usize>,
    /// The type of its numbers, as the file calls it.
    pub dtype: String,
    /// Where it is: its bytes in the file, or the number of its entry in a zip.
    pub(super) place: Range<usize>,
}

/// Numbers as they stand in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Numbers {
    pub(super) fn from_le_bytes(bytes: &[u8], width: usize) -> Self {
        if width == 4 {
            let (numbers, _) = bytes.as_chunks();
            Self::F32(numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
        } else {
            let (numbers, _) = bytes.as_chunks();
            Self::F64(numbers.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect())
        }
    }

    pub(super) fn to_le_bytes(&self) -> Vec<u8> {
        match self {
            Self::F32(numbers) => {
                numbers.iter().map(|v| v.to_le_bytes()).collect::<Vec<_>>().into_flattened()
            }
            Self::F64(numbers) => {
                numbers.iter().map(|v| v.to_le_bytes()).collect::<Vec<_>>().into_flattened()
            }
        }
    }

    pub(crate) fn into_elements<E: Element>(self) -> Vec<E> {
        match self {
            Self::F32(numbers) => numbers.into_iter().map(|v| E::of(f64::from(v))).collect(),
            Self::F64(numbers) => numbers.into_iter().map(E::of).collect(),
        }
    }
}

/// A file of named arrays, opened: `.safetensors` or `.npz`, told apart by their content.
///
/// Opening reads names and shapes; the numbers are looked at when they are asked for. Names can be changed
/// on the way, where those of the file are not those of the model.
///
/// ```no_run
/// use kerata::{*, io::WeightFile, prelude::*};
///
/// let mut model = <(Lstm<8, 16>, Dense<16, 2>)>::build(&Cpu::default())?;
/// // `0.lstm.kernel` in the file is `0.kernel` here.
/// let file = WeightFile::open("weights.safetensors")?;
/// file.rename(|name| {
///     let mut parts = name.split('.');
///     Some(format!("{}.{}", parts.next()?, parts.nth(1)?))
/// })
/// .load_into(&mut model)?;
/// # Ok::<(), Error>(())
/// ```
pub struct WeightFile {
    pub(super) path: String,
    arrays: Vec<Array>,
    source: Source,
}

enum Source {
    Memory(Vec<Vec<f32>>),
    Safetensors(Vec<u8>),
    Npz(npz::Archive),
}

impl WeightFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is broken.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = fs::read(path).map_err(|e| failed(path, e))?;
        Self::named(path, bytes)
    }

    /// A file that is in memory already.
    ///
    /// # Errors
    /// [`Error::File`] if it is broken.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, Error> {
        Self::named(Path::new("the weight file"), bytes)
    }

    /// Arrays that are there already.
    pub(crate) fn of(arrays: impl Iterator<Item = (String, Vec<usize>, Vec<f32>)>) -> Self {
        let (mut list, mut numbers) = (Vec::new(), Vec::new());
        for (i, (name, sizes, values)) in arrays.enumerate() {
            list.push(Array { name, sizes, dtype: "F32".to_owned(), place: i..i + 1 });
            numbers.push(values);
        }
        let path = "the weight file".to_owned();
        Self { path, arrays: list, source: Source::Memory(numbers) }
    }

    fn named(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let (source, arrays) = if bytes.starts_with(b"PK") {
            let (archive, arrays) = npz::open(bytes).map_err(|e| failed(path, e))?;
            (Source::Npz(archive), arrays)
        } else {
            let arrays = safetensors::open(&bytes).map_err(|e| failed(path, e))?;
            (Source::Safetensors(bytes), arrays)
        };
        Ok(Self { path: path.display().to_string(), arrays, source })
    }

    /// The arrays.
    pub fn arrays(&self) -> &[Array] {
        &self.arrays
    }

    /// Gives the arrays other names; those without a name are left out.
    pub fn rename(mut self, name: impl Fn(&str) -> Option<String>) -> Self {
        let arrays = std::mem::take(&mut self.arrays).into_iter();
        let renamed = arrays.filter_map(|array| Some(Array { name: name(&array.name)?, ..array }));
        self.arrays = renamed.collect();
        self
    }

    /// The numbers of an array, in the order of its indices.
    ///
    /// # Errors
    /// [`Error::File`] if there is no such array, or it is broken, or holds no `f32` or `f64`.
    pub fn read<E: Element>(&mut self, name: &str) -> Result<Vec<E>, Error> {
        self.numbers(name).map(Numbers::into_elements)
    }

    pub(super) fn numbers(&mut self, name: &str) -> Result<Numbers, Error> {
        let numbers = match self.arrays.iter().find(|array| array.name == name) {
            None => Err("there is no such array".to_owned()),
            Some(array) => match &mut self.source {
                Source::Memory(all) => Ok(Numbers::F32(all[array.place.start].clone())),
                Source::Safetensors(bytes) => safetensors::read(bytes, array),
                Source::Npz(archive) => npz::read(archive, array),
            },
        };
        let message = |e| format!("{name}: {e}");
        numbers.map_err(|e| Error::File { path: self.path.clone(), message: message(e) })
    }
}

impl fmt::Debug for WeightFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, arrays, .. } = self;
        f.debug_struct("WeightFile").field("path", path).field("arrays", arrays).finish()
    }
}
