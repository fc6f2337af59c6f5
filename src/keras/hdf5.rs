//! An HDF5 file in memory, within bounds that depend on its length alone.
//!
//! What decodes it is `hdf5-pure`. It checks offsets and lengths, but a small file may refer to the same bytes any
//! number of times: a list of strings that all are one string takes thousands of times the file. So all bytes come
//! through [`Bounded`], which ends an operation that asks for many times more than there are.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hdf5_pure::{
    AttrValue, ChunkCacheConfig, Dataset, Datatype, DatatypeByteOrder, File, FileAccessProperties,
    FloatingPointLayout, FormatError, Group, MetadataCacheConfig, Source,
};

use crate::{
    backend::Element,
    error::shortened,
    io::{Dtype, too_large},
};

/// What a file may take is counted in this many times its length, and a mebibyte: the bytes that one operation looks
/// at, and the values of a dataset, which may be compressed.
pub(super) const TIMES: u64 = 64;
const SLACK: u64 = 1 << 20;

/// What is left is not enough. No file is so long that this is its allowance.
const SPENT: u64 = u64::MAX;
const TOO_OFTEN: &str = "it refers to the same bytes too often";

/// Groups in groups.
const DEEPEST: usize = 32;
/// No object takes fewer bytes.
const SMALLEST: u64 = 32;

/// The part of some bytes that is an HDF5 file.
struct Bounded {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    left: Arc<AtomicU64>,
}

impl Source for Bounded {
    fn len(&self) -> u64 {
        self.range.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), FormatError> {
        let length = buffer.len() as u64;
        let enough = |left: u64| left.checked_sub(length).filter(|_| left != SPENT);
        if self.left.fetch_update(Relaxed, Relaxed, enough).is_err() {
            self.left.store(SPENT, Relaxed);
            return Err(FormatError::Source(TOO_OFTEN.into()));
        }
        let inside = self.bytes.get(self.range.clone()).unwrap_or_default();
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let bytes = inside.get(start..).and_then(|rest| rest.get(..buffer.len()));
        let missing = || FormatError::Source("it ends too early, it may be truncated".into());
        buffer.copy_from_slice(bytes.ok_or_else(missing)?);
        Ok(())
    }
}

/// A group of an HDF5 file.
pub(super) struct Folder {
    group: Group,
    folders: BTreeMap<String, Folder>,
    arrays: BTreeMap<String, Dataset>,
}

/// An HDF5 file: its groups and datasets, by name.
pub(super) struct Hdf5 {
    pub(super) root: Folder,
    left: Arc<AtomicU64>,
    length: u64,
}

/// A dataset whose values have not been read.
pub(super) struct Stored {
    pub(super) sizes: Vec<usize>,
    dataset: Dataset,
}

impl Hdf5 {
    /// Looks at all groups of a file that is a part of some bytes.
    pub(super) fn open(bytes: Arc<Vec<u8>>, range: Range<usize>) -> Result<Self, String> {
        let (left, length) = (Arc::new(AtomicU64::new(0)), range.len() as u64);
        let file = Bounded { bytes, range, left: Arc::clone(&left) };
        left.store(allowed(length), Relaxed);
        let uncached = FileAccessProperties::new()
            .with_metadata_cache(MetadataCacheConfig::disabled())
            .with_chunk_cache(ChunkCacheConfig::disabled());
        let file = File::from_source_with_options(file, uncached).map_err(|e| e.to_string())?;
        let promised = file.superblock().eof_address;
        if promised > length {
            return Err(format!(
                "the file is truncated: it ends after {length} bytes and should have {promised}"
            ));
        }
        let mut objects = length / SMALLEST + 1;
        let root = Folder::of(file.root(), DEEPEST, &mut objects)?;
        let file = Self { root, left, length };
        file.check()?;
        Ok(file)
    }

    /// How many bytes the weights may take that come out of this file.
    pub(super) fn most_bytes(&self) -> u64 {
        allowed(self.length)
    }

    /// Allows another operation to look at some bytes.
    fn afresh(&self) {
        self.left.store(allowed(self.length), Relaxed);
    }

    /// Whether the last operation has seen all that it asked for.
    fn check(&self) -> Result<(), String> {
        match self.left.load(Relaxed) {
            SPENT => Err(TOO_OFTEN.to_owned()),
            _ => Ok(()),
        }
    }

    /// The attribute of a group, if it has one, as a list of strings. Keras splits long lists into `names0`, `names1`, ..
    pub(super) fn strings(
        &self,
        folder: &Folder,
        name: &str,
    ) -> Result<Option<Vec<String>>, String> {
        self.afresh();
        let mut all = folder.group.attrs().map_err(|e| e.to_string())?;
        self.check()?;
        if let Some(whole) = all.remove(name) {
            return strings(whole).map(Some).map_err(|e| format!("the attribute `{name}` {e}"));
        }
        let mut found = None;
        for piece in (0..).map(|i| format!("{name}{i}")) {
            let Some(value) = all.remove(&piece) else { break };
            let list = strings(value).map_err(|e| format!("the attribute `{piece}` {e}"))?;
            found.get_or_insert_with(Vec::new).extend(list);
        }
        // What cannot be read is left out in silence.
        if found.is_none() {
            let there = folder.group.attr_datatypes().map_err(|e| e.to_string())?;
            self.check()?;
            if there.contains_key(name) || there.contains_key(&format!("{name}0")) {
                return Err(format!("the attribute `{name}` cannot be read"));
            }
        }
        Ok(found)
    }

    /// The attribute of a group that is a text.
    pub(super) fn text(&self, folder: &Folder, name: &str) -> Result<Option<String>, String> {
        Ok(self.strings(folder, name)?.and_then(|mut list| list.pop()))
    }

    /// A dataset, by its path in a group.
    pub(super) fn array(&self, folder: &Folder, path: &str) -> Result<Option<Stored>, String> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let found = folder.folder(parent).and_then(|parent| parent.arrays.get(name));
        let Some(dataset) = found else { return Ok(None) };
        self.afresh();
        let sizes = dataset.shape().map_err(|e| e.to_string())?;
        let sizes: Result<_, _> = sizes.into_iter().map(usize::try_from).collect();
        let sizes = sizes.map_err(|_| "its shape is too large".to_owned())?;
        Ok(Some(Stored { sizes, dataset: dataset.clone() }))
    }

    /// The values of a dataset.
    pub(super) fn values<E: Element>(&self, stored: &Stored) -> Result<Vec<E>, String> {
        self.afresh();
        let attributes = stored.dataset.attrs().map_err(|e| e.to_string())?;
        self.check()?;
        let datatype = stored.dataset.datatype().map_err(|e| e.to_string())?;
        let (dtype, big_endian) = dtype(&datatype, &attributes)?;
        let count = stored.sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size));
        let length = count.and_then(|n| n.checked_mul(dtype.width()));
        let fits = |bytes: u64| bytes <= self.most_bytes();
        let chunk = stored.dataset.chunk_shape().map_err(|e| e.to_string())?.unwrap_or_default();
        let mut sizes = chunk.into_iter().chain([dtype.width() as u64]);
        if !sizes.try_fold(1, u64::checked_mul).is_some_and(fits) {
            return Err("its chunks are larger than its file allows".to_owned());
        }
        let length = length.filter(|&n| fits(n as u64)).ok_or_else(|| {
            let (sizes, most) = (&stored.sizes, self.most_bytes());
            format!("values of the shape {sizes:?} are more than the {most} bytes that this file may take")
        })?;
        self.afresh();
        let mut bytes = stored.dataset.read_raw().map_err(|e| e.to_string())?;
        self.check()?;
        if bytes.len() != length {
            return Err(format!("{length} bytes are promised, there are {}", bytes.len()));
        }
        if big_endian {
            bytes.chunks_exact_mut(dtype.width()).for_each(<[u8]>::reverse);
        }
        dtype.decode(&bytes).map_err(|e| too_large::<E>(e, &stored.sizes, false))
    }
}

pub(super) fn allowed(length: u64) -> u64 {
    length.saturating_mul(TIMES).saturating_add(SLACK).min(SPENT - 1)
}

impl Folder {
    fn of(group: Group, deep: usize, objects: &mut u64) -> Result<Self, String> {
        let deeper = deep.checked_sub(1).ok_or("its groups are nested too deeply")?;
        let mut one_more = || {
            *objects = objects.checked_sub(1).ok_or("it has more groups than its length allows")?;
            Ok::<_, String>(())
        };
        let mut arrays = BTreeMap::new();
        for (name, dataset) in group.iter_datasets().map_err(|e| e.to_string())? {
            one_more()?;
            arrays.insert(name, dataset);
        }
        let mut folders = BTreeMap::new();
        for (name, inner) in group.iter_groups().map_err(|e| e.to_string())? {
            one_more()?;
            folders.insert(name, inner);
        }
        let inner = |(name, group)| Ok((name, Self::of(group, deeper, objects)?));
        let folders: Result<_, String> = folders.into_iter().map(inner).collect();
        Ok(Self { group, folders: folders?, arrays })
    }

    /// A group, by its path.
    pub(super) fn folder(&self, path: &str) -> Option<&Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        parts.try_fold(self, |folder, part| folder.folders.get(part))
    }

    /// The names of the datasets.
    pub(super) fn arrays(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The groups, by name.
    pub(super) fn folders(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.folders.iter().map(|(name, folder)| (name.as_str(), folder))
    }
}

/// The texts of an attribute.
fn strings(value: AttrValue) -> Result<Vec<String>, String> {
    use AttrValue as A;
    Ok(match value {
        A::String(one)
        | A::AsciiString(one)
        | A::VarLenString(one)
        | A::VarLenAsciiString(one)
        | A::StringSized { value: one, .. }
        | A::AsciiStringSized { value: one, .. } => vec![one],
        A::StringArray(list)
        | A::AsciiStringArray(list)
        | A::VarLenStringArray(list)
        | A::VarLenAsciiStringArray(list)
        | A::VarLenAsciiCharArray(list)
        | A::StringArraySized { values: list, .. }
        | A::AsciiStringArraySized { values: list, .. } => list,
        // An empty list is one of numbers, to NumPy.
        A::F64Array(empty) if empty.is_empty() => Vec::new(),
        _ => return Err("holds no text".to_owned()),
    })
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
