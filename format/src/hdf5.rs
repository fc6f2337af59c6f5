//! An HDF5 file in memory, within bounds that depend on its length alone.
//!
//! What decodes it is `hdf5-pure`. It checks offsets and lengths, but a small file may refer to the same bytes any
//! number of times: a list of strings that all are one string takes thousands of times the file. So all bytes come
//! through `Bounded`, which ends an operation that asks for many times more than there are.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use hdf5_pure::{
    AttrValue, ChunkCacheConfig, Dataset, File, FileAccessProperties, FormatError, Group,
    MetadataCacheConfig, Source,
};

/// What a file may take is counted in this many times its length, and a mebibyte: the bytes that one operation looks
/// at, and the values of a dataset, which may be compressed.
pub const TIMES: u64 = 64;
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
pub struct Folder {
    group: Group,
    folders: BTreeMap<String, Folder>,
    arrays: BTreeMap<String, Dataset>,
}

/// An HDF5 file: its groups and datasets, by name.
pub struct Hdf5 {
    /// The group that all is in.
    pub root: Folder,
    left: Arc<AtomicU64>,
    length: u64,
}

/// A dataset whose values have not been read.
pub struct Stored {
    /// Its shape.
    pub sizes: Vec<usize>,
    /// The dataset itself.
    pub dataset: Dataset,
}

impl Hdf5 {
    /// Looks at all groups of a file that is a part of some bytes.
    pub fn open(bytes: Arc<Vec<u8>>, range: Range<usize>) -> Result<Self, String> {
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
    pub fn most_bytes(&self) -> u64 {
        allowed(self.length)
    }

    /// Allows another operation to look at some bytes.
    pub fn afresh(&self) {
        self.left.store(allowed(self.length), Relaxed);
    }

    /// Whether the last operation has seen all that it asked for.
    ///
    /// # Errors
    /// That it has not.
    pub fn check(&self) -> Result<(), String> {
        match self.left.load(Relaxed) {
            SPENT => Err(TOO_OFTEN.to_owned()),
            _ => Ok(()),
        }
    }

    /// The attribute of a group, if it has one, as a list of strings. Keras splits long lists into `names0`, `names1`, ..
    pub fn strings(&self, folder: &Folder, name: &str) -> Result<Option<Vec<String>>, String> {
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
    pub fn text(&self, folder: &Folder, name: &str) -> Result<Option<String>, String> {
        Ok(self.strings(folder, name)?.and_then(|mut list| list.pop()))
    }

    /// A dataset, by its path in a group.
    pub fn array(&self, folder: &Folder, path: &str) -> Result<Option<Stored>, String> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let found = folder.folder(parent).and_then(|parent| parent.arrays.get(name));
        let Some(dataset) = found else { return Ok(None) };
        self.afresh();
        let sizes = dataset.shape().map_err(|e| e.to_string())?;
        let sizes: Result<_, _> = sizes.into_iter().map(usize::try_from).collect();
        let sizes = sizes.map_err(|_| "its shape is too large".to_owned())?;
        Ok(Some(Stored { sizes, dataset: dataset.clone() }))
    }
}

/// How many bytes a file of this length may take.
pub fn allowed(length: u64) -> u64 {
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
    pub fn folder(&self, path: &str) -> Option<&Self> {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        parts.try_fold(self, |folder, part| folder.folders.get(part))
    }

    /// The names of the datasets.
    pub fn arrays(&self) -> impl Iterator<Item = &str> {
        self.arrays.keys().map(String::as_str)
    }

    /// The groups, by name.
    pub fn folders(&self) -> impl Iterator<Item = (&str, &Self)> {
        self.folders.iter().map(|(name, folder)| (name.as_str(), folder))
    }
}

/// The texts of an attribute.
pub fn strings(value: AttrValue) -> Result<Vec<String>, String> {
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
