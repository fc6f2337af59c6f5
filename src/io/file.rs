use std::{collections::BTreeMap, fmt, ops::Range, path::Path, sync::Arc};

use kerata_format::{Kind, Wanted};

use super::{
    npz,
    open::{failed, read},
    safetensors,
};
use crate::{backend::Element, error::Error};

/// The key of a checkpoint in the metadata of a safetensors file.
pub(crate) const CHECKPOINT: &str = "kerata.checkpoint";
/// The key of the configs of what makes the inputs of a model, which are saved with its weights.
pub(crate) const PREPROCESSING: &str = "kerata.preprocessing";
/// What the names of the weights of its model begin with.
pub(crate) const MODEL: &str = "model.";

/// An array in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Array {
    /// Its name.
    pub name: String,
    /// The sizes of its shape.
    pub sizes: Vec<usize>,
    /// The type of its values, as the file calls it.
    pub dtype: String,
    /// Where it is: its bytes in the file, or the number of its entry in a zip.
    pub(super) place: Range<usize>,
}

/// A file of named arrays, opened: `.safetensors` or `.npz`, told apart by their content.
///
/// Opening reads names and shapes; the values are looked at when they are asked for. Floats of 16, 32 and 64
/// bits, bfloat16, integers and booleans are read, and converted to the type of the model: exactly where that
/// is possible, to the nearest value else. An `f64` too large for an `f32` is an error. Names can be changed on
/// the way, where those of the file are not those of the model.
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

#[derive(Clone)]
enum Source {
    Memory(Arc<Vec<Vec<f32>>>),
    Safetensors(Arc<Vec<u8>>),
    Npz(Arc<npz::Archive>),
}

impl WeightFile {
    /// Opens a file, a regular one: no pipe and no device. Of a checkpoint of a training, it is the weights of the
    /// model.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is broken, or is something else; then the error says what it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = Self::open_whole(path)?;
        let Some(texts) = file.metadata(CHECKPOINT)? else { return Ok(file) };
        file.check_content(&texts, false)?;
        Ok(file.under(MODEL))
    }

    /// Opens a file with all that is in it.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub(crate) fn open_whole(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        // What is no weight file is known after a few bytes, however many there are.
        let bytes = read(path, u64::MAX - 1, |start| format(start).err())?;
        Self::named(path, bytes)
    }

    /// A file that is in memory already.
    ///
    /// # Errors
    /// [`Error::File`] if it is broken, or something else.
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
        Self { path, arrays: list, source: Source::Memory(Arc::new(numbers)) }
    }

    fn named(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let opened = format(&bytes).and_then(|format| match format {
            Format::Npz => {
                let (archive, arrays) = npz::open(bytes)?;
                Ok((Source::Npz(Arc::new(archive)), arrays))
            }
            Format::Safetensors => {
                let arrays = safetensors::open(&bytes)?;
                Ok((Source::Safetensors(Arc::new(bytes)), arrays))
            }
        });
        let (source, arrays) = opened.map_err(|e| failed(path, e))?;
        Ok(Self { path: path.display().to_string(), arrays, source })
    }

    /// The texts of the metadata under a key, by name; none in a file without them.
    pub(crate) fn metadata(&self, key: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let text = match &self.source {
            Source::Safetensors(bytes) => safetensors::metadata(bytes, key),
            Source::Memory(_) | Source::Npz(_) => None,
        };
        let read = |text: String| serde_json::from_str(&text);
        text.map(read).transpose().map_err(|e| failed(Path::new(&self.path), e))
    }

    /// The arrays with their bytes, as a `.safetensors` has them.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (&Array, &[u8])> {
        let bytes = match &self.source {
            Source::Safetensors(bytes) => bytes.as_slice(),
            Source::Memory(_) | Source::Npz(_) => &[],
        };
        self.arrays.iter().map(|array| (array, bytes.get(array.place.clone()).unwrap_or_default()))
    }

    /// The arrays whose names begin so, without that beginning.
    pub(crate) fn under(&self, prefix: &str) -> Self {
        let arrays = self.arrays.iter().filter_map(|array| {
            let name = array.name.strip_prefix(prefix)?.to_owned();
            Some(Array { name, ..array.clone() })
        });
        let (path, source) = (self.path.clone(), self.source.clone());
        Self { path, arrays: arrays.collect(), source }
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

    /// The values of an array, in the order of its indices.
    ///
    /// # Errors
    /// [`Error::File`] if there is no such array, or it is broken, or holds values of a type that is not read, or
    /// an `f64` that is too large for `E`.
    pub fn read<E: Element>(&mut self, name: &str) -> Result<Vec<E>, Error> {
        let mut named = self.arrays.iter().filter(|array| array.name == name);
        let values = match (named.next(), named.next()) {
            (None, _) => Err("there is no such array".to_owned()),
            (Some(_), Some(_)) => Err("there are several arrays of this name".to_owned()),
            (Some(array), None) => match &self.source {
                Source::Memory(all) => {
                    Ok(all[array.place.start].iter().map(|&v| E::of(f64::from(v))).collect())
                }
                Source::Safetensors(bytes) => safetensors::read(bytes, array),
                Source::Npz(archive) => npz::read(archive, array),
            },
        };
        let message = |e| format!("{}: {e}", printable(name));
        values.map_err(|e| Error::File { path: self.path.clone(), message: message(e) })
    }
}

/// The forms of a weight file.
enum Format {
    Npz,
    Safetensors,
}

fn format(start: &[u8]) -> Result<Format, String> {
    match Kind::of(start) {
        Some(Kind::Safetensors) => Ok(Format::Safetensors),
        // What else is in an archive is known when it is open.
        Some(Kind::Npz | Kind::Zip) => Ok(Format::Npz),
        Some(kind) => Err(kind.refusal(Wanted::Weights)),
        None => Err(kerata_format::unknown(start, Wanted::Weights)),
    }
}

/// The name of an array for a message, without whatever a terminal would obey.
pub(super) fn printable(name: &str) -> String {
    const LETTERS: usize = 200;
    let mut shown: String = name.chars().take(LETTERS).flat_map(escaped).collect();
    if name.chars().nth(LETTERS).is_some() {
        shown.push('…');
    }
    shown
}

fn escaped(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}

impl fmt::Debug for WeightFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, arrays, .. } = self;
        f.debug_struct("WeightFile").field("path", path).field("arrays", arrays).finish()
    }
}
