use std::{
    io::{self, Cursor, Read, Seek},
    marker::PhantomData,
    path::{Path, PathBuf},
    sync::Arc,
};

use dfdx::tensor::NoneTape;

use super::{
    Entry, Nested, Samples,
    samples::{Dims, shape_of},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    io::{
        Dtype, Kind, NpyHeader, PlacedFile, Positioned, Wanted, failed, head, open, refuse_all_but,
    },
    memory::{collected, elements, filled},
    shape::Shape,
    signal::Signal,
};

/// Samples in a file of NumPy, `.npy`, of which only the rows of a batch are ever in memory: `numpy.load(.., mmap_mode="r")`.
///
/// `S` is what one row is, as in a `Vec<S>`: `NpyFile<[f32; 8]>` for an array of the shape `(N, 8)`, `NpyFile<usize>` for `N`
/// labels, `NpyFile<Vec<f32>>` for rows of a size that only the file knows. The type of the values in the file may be another: floats
/// are converted, and integers are ids if they are not negative.
///
/// [`open`](NpyFile::open) does not map the file into memory, which no safe code can do: another program that shortens it would end this
/// one, and one that writes to it would change values under a reference. Rows are read by their position, neighbours in one piece; the
/// system keeps in memory what was read. A map that the program answers for is given to [`from_bytes`](NpyFile::from_bytes). With an
/// [`InMemory`](super::InMemory) around it, all that can be done with data in memory can be done with the file: shuffling, splitting,
/// weights, and [`stream`](super::InMemory::stream) with `prefetch` for reading on a thread.
///
/// ```
/// use kerata::{Error, data::{InMemory, NpyFile}};
///
/// # let path = std::env::temp_dir().join(format!("kerata-doc-npy-{}.npy", std::process::id()));
/// # let mut bytes = b"\x93NUMPY\x01\x00\x47\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }           \n".to_vec();
/// # bytes.extend((0..8).flat_map(|i| (i as f32).to_le_bytes()));
/// # std::fs::write(&path, bytes).unwrap();
/// // numpy.save("inputs.npy", numpy.arange(8, dtype="float32").reshape(4, 2))
/// let inputs = NpyFile::<[f32; 2]>::open(&path)?;
/// assert_eq!(inputs.values(&[3, 0])?, [6.0, 7.0, 0.0, 1.0]);
/// let data = InMemory::new(inputs, vec![0, 1, 1, 0])?;
/// let (train, validation) = data.split(0.25)?;
/// assert_eq!((train.len(), validation.len()), (3, 1));
/// let data = train.stream().prefetch(2);
/// # std::fs::remove_file(path).unwrap();
/// # let _ = data;
/// # Ok::<(), Error>(())
/// ```
pub struct NpyFile<S> {
    file: Arc<Opened>,
    /// Which rows of the file are the samples; all if there is no list.
    rows: Option<Arc<[usize]>>,
    /// The bytes of these rows, if they were read before.
    loaded: Option<Arc<Vec<u8>>>,
    sample: PhantomData<fn() -> S>,
}

struct Opened {
    path: PathBuf,
    source: Positioned,
    layout: Layout,
}

/// Where the values are, and which.
struct Layout {
    /// Where the first value is.
    start: u64,
    dtype: Dtype,
    big_endian: bool,
    sizes: Vec<usize>,
    row_bytes: usize,
}

impl<S> Clone for NpyFile<S> {
    fn clone(&self) -> Self {
        let Self { file, rows, loaded, .. } = self;
        let (file, rows, loaded) = (file.clone(), rows.clone(), loaded.clone());
        Self { file, rows, loaded, sample: PhantomData }
    }
}

impl<S> std::fmt::Debug for NpyFile<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Opened { path, layout: Layout { sizes, .. }, .. } = &*self.file;
        f.debug_struct("NpyFile").field("path", path).field("sizes", sizes).finish()
    }
}

/// The shape of a batch.
type Batched<S> = <<S as Nested>::Alone as Dims>::Batched;

impl<S: Nested> NpyFile<S> {
    /// Opens a file, and reads its header.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read, is no such file (then the error says what it is), ends before its last value, or has rows or values of another
    /// kind than `S`; if it is in the order of Fortran, whose rows are not in one piece.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let mut file = open(path)?;
        let length = file.metadata().map_err(|e| failed(path, e))?.len();
        let layout = Layout::read::<S>(path, &mut file, length)?;
        Ok(Self::of(path, layout, Positioned::File(PlacedFile::new(file))))
    }

    /// The same of bytes that are in memory, or mapped into it: whatever owns a `[u8]`, such as a `Vec<u8>`, `include_bytes!`, or the
    /// `Mmap` of the crate [`memmap2`](https://docs.rs/memmap2). To map a file is `unsafe`, as nobody may change it meanwhile, and so it
    /// is the program that says so. Small rows in a random order are read several times as fast from a map, see
    /// [the guide](crate::guide::data_from_disk).
    ///
    /// ```
    /// use kerata::{Error, data::NpyFile};
    ///
    /// # let mut bytes = b"\x93NUMPY\x01\x00\x47\x00{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }           \n".to_vec();
    /// # bytes.extend((0..8).flat_map(|i| (i as f32).to_le_bytes()));
    /// let inputs = NpyFile::<[f32; 2]>::from_bytes(bytes)?;
    /// assert_eq!(inputs.values(&[3, 0])?, [6.0, 7.0, 0.0, 1.0]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`open`](NpyFile::open).
    pub fn from_bytes(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, Error> {
        let (path, all) = (Path::new("the `.npy` file"), bytes.as_ref());
        let layout = Layout::read::<S>(path, &mut Cursor::new(all), all.len() as u64)?;
        Ok(Self::of(path, layout, Positioned::Bytes(Box::new(bytes))))
    }

    fn of(path: &Path, layout: Layout, source: Positioned) -> Self {
        let file = Arc::new(Opened { path: path.to_owned(), source, layout });
        Self { file, rows: None, loaded: None, sample: PhantomData }
    }

    /// The sizes of the array in the file.
    pub fn sizes(&self) -> &[usize] {
        &self.file.layout.sizes
    }

    /// The values of some samples, one after another: `f32`, or `usize` for ids.
    ///
    /// # Errors
    /// [`Error::File`] if they cannot be read, [`Error::Mismatch`] if there is no such sample, [`Error::NotAnId`] for a
    /// negative id, [`Error::Overflow`] for a finite `f64` that no `f32` can hold.
    pub fn values(&self, rows: &[usize]) -> Result<Vec<<S::Entry as Entry>::Stored<f32>>, Error> {
        if let Some(&row) = rows.iter().find(|&&row| row >= self.count()) {
            return Err(Error::mismatch("a sample of the file (below)", self.count(), row));
        }
        self.stored::<f32>(rows)
    }

    fn stored<E: Element>(
        &self,
        rows: &[usize],
    ) -> Result<Vec<<S::Entry as Entry>::Stored<E>>, Error> {
        let (bytes, row) = (self.bytes(rows)?, elements(&self.file.layout.sizes[1..])?);
        let mut stored = collected(&[rows.len(), row], [])?;
        // Row by row, so that an error names it.
        for (bytes, &row) in bytes.chunks(self.file.layout.row_bytes.max(1)).zip(rows) {
            S::Entry::decode::<E>(self.file.layout.dtype, bytes, &mut stored, row)?;
        }
        Ok(stored)
    }

    /// The bytes of some samples, the lowest byte of a value first.
    fn bytes(&self, rows: &[usize]) -> Result<Vec<u8>, Error> {
        let row_bytes = self.file.layout.row_bytes;
        if let Some(loaded) = &self.loaded {
            let row = |&row: &usize| loaded[row * row_bytes..][..row_bytes].iter().copied();
            return collected(&[rows.len(), row_bytes], rows.iter().flat_map(row));
        }
        match &self.rows {
            None => self.file.read(rows),
            Some(all) => self.file.read(&rows.iter().map(|&row| all[row]).collect::<Vec<_>>()),
        }
    }
}

impl Layout {
    /// Reads the header of what has so many bytes.
    fn read<S: Nested>(
        path: &Path,
        file: &mut (impl Read + Seek),
        length: u64,
    ) -> Result<Self, Error> {
        let fail = |message: String| failed(path, message);
        let start = head(file).map_err(|e| failed(path, e))?;
        if let Some(message) = refuse_all_but(&[Kind::Npy], Wanted::Array)(&start) {
            return Err(fail(message));
        }
        let header = NpyHeader::read(file).map_err(|e| failed(path, e))?;
        let (dtype, big_endian) = Dtype::of_numpy(&header.descr).map_err(fail)?;
        if header.fortran_order && header.sizes.len() > 1 {
            return Err(fail(
                "the array is in the order of Fortran: save `numpy.ascontiguousarray(array)`"
                    .into(),
            ));
        }
        let start = file.stream_position().map_err(|e| failed(path, e))?;
        let sizes = header.sizes;
        let Some((&rows, row)) = sizes.split_first() else {
            return Err(fail("the array is one value, without rows".into()));
        };
        // Whether the sizes fit does not depend on how many rows there are.
        let mut one = vec![1];
        one.extend(row);
        if one.len() > <Batched<S> as Shape>::SIZES.len()
            || shape_of::<Batched<S>>(one.clone()).is_err()
        {
            let wanted = crate::shape::display::<Batched<S>>();
            return Err(fail(format!("the array has the shape {sizes:?}, not {wanted}")));
        }
        S::Entry::check_dtype(dtype).map_err(fail)?;
        let values = elements(&sizes)?;
        let row_bytes = elements(row)?.checked_mul(dtype.width());
        let bytes = (values as u64).checked_mul(dtype.width() as u64);
        let (Some(row_bytes), Some(bytes)) = (row_bytes, bytes) else {
            return Err(fail(format!("a shape of {sizes:?} has more elements than fit")));
        };
        if length.saturating_sub(start) < bytes {
            let found = length.saturating_sub(start);
            return Err(fail(format!(
                "the file has {found} bytes of values, and {bytes} are needed"
            )));
        }
        debug_assert!(row_bytes as u64 * rows as u64 == bytes);
        Ok(Self { start, dtype, big_endian, sizes, row_bytes })
    }
}

impl Opened {
    /// The bytes of rows, the lowest byte of a value first.
    fn read(&self, rows: &[usize]) -> Result<Vec<u8>, Error> {
        let mut bytes = filled(&[rows.len(), self.layout.row_bytes], 0)?;
        let mut read = || {
            let (mut done, row_bytes) = (0, self.layout.row_bytes);
            for run in rows.chunk_by(|a, b| a + 1 == *b) {
                let end = done + run.len() * row_bytes;
                let at = self.layout.start + run[0] as u64 * row_bytes as u64;
                self.source.read_exact(&mut bytes[done..end], at)?;
                done = end;
            }
            Ok(())
        };
        read().map_err(|e: io::Error| failed(&self.path, e))?;
        if self.layout.big_endian {
            bytes.chunks_mut(self.layout.dtype.width()).for_each(<[u8]>::reverse);
        }
        Ok(bytes)
    }
}

#[diagnostic::do_not_recommend]
impl<S: Nested> Samples for NpyFile<S> {
    type Signal = <S::Entry as Entry>::Signal<Batched<S>>;
    type Selected = Self;

    fn count(&self) -> usize {
        self.rows.as_ref().map_or(self.file.layout.sizes[0], |rows| rows.len())
    }

    fn batch<E: Element, D: Backend<E>>(
        &self,
        rows: &[usize],
        dev: &D,
    ) -> Result<<Self::Signal as Signal>::Data<E, D, NoneTape>, Error> {
        let stored = self.stored::<E>(rows)?;
        let mut sizes = self.file.layout.sizes.clone();
        sizes[0] = rows.len();
        S::Entry::data::<Batched<S>, E, D>(stored, shape_of(sizes)?, dev)
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        let loaded = self.loaded.as_ref().map(|_| self.bytes(rows).map(Arc::new)).transpose()?;
        let of_file = |&row: &usize| self.rows.as_ref().map_or(row, |all| all[row]);
        let rows: Vec<usize> = collected(&[rows.len()], rows.iter().map(of_file))?;
        Ok(Self { rows: Some(rows.into()), loaded, ..self.clone() })
    }

    fn preload(&mut self) -> Result<(), Error> {
        if self.loaded.is_none() {
            let rows: Vec<usize> = (0..self.count()).collect();
            self.loaded = Some(Arc::new(self.bytes(&rows)?));
        }
        Ok(())
    }
}
