//! Which file is what, and what is in it.

use std::{io::Read, path::Path, sync::Arc};

use super::{hdf5::Hdf5, rewrite};
use crate::{
    error::{Error, shortened},
    fields::{Config, MAX_BYTES},
    io::{Archive, Kind, Wanted, failed, read, unknown},
};

/// A file of Keras, opened: what it says of the layers, and where their weights are.
pub(super) struct KerasFile {
    /// The file, for messages.
    pub(super) path: String,
    /// The architecture, if it is there.
    pub(super) config: Option<Config>,
    pub(super) weights: Hdf5,
    pub(super) layout: Layout,
}

/// How the datasets are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `layers/dense/vars/0`: groups named after the classes of the layers.
    Groups,
    /// Attributes list the layers, and the weights of each: at the root, or in `model_weights`.
    Lists(&'static str),
}

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";

impl KerasFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() && path.join("saved_model.pb").exists() {
            return Err(failed(path, SAVED_MODEL));
        }
        let bytes = read(path, u64::MAX - 1, |start| format(start).err())?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// A file that is in memory.
    pub(super) fn from_bytes(path: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        let parts = match format(&bytes) {
            Ok(Format::Archive) => archive(bytes),
            Ok(Format::Hdf5) => {
                let all = 0..bytes.len();
                Hdf5::open(Arc::new(bytes), all).and_then(|weights| {
                    let text = weights.text(&weights.root, "model_config")?;
                    Ok((text, weights))
                })
            }
            Err(message) => Err(message),
        };
        let wrong = |message: String| Error::File { path: path.to_owned(), message };
        let (text, weights) = parts.map_err(wrong)?;
        let config = text.map(|text| {
            let config: Config =
                text.parse().map_err(|e: Error| wrong(format!("its config is {e}")))?;
            rewrite::old_classes(config).map_err(|e| wrong(e.to_string()))
        });
        let layout = layout(&weights).map_err(wrong)?;
        Ok(Self { path: path.to_owned(), config: config.transpose()?, weights, layout })
    }
}

const SAVED_MODEL: &str = "this is a SavedModel of TensorFlow, which holds a program and not layers: load it in Keras, \
     and save it as `.keras`";

enum Format {
    Archive,
    Hdf5,
}

fn format(start: &[u8]) -> Result<Format, String> {
    match Kind::of(start) {
        Some(Kind::Keras | Kind::Zip) => Ok(Format::Archive),
        Some(Kind::Hdf5) => Ok(Format::Hdf5),
        Some(kind) => Err(kind.refusal(Wanted::Keras)),
        None => Err(unknown(start, Wanted::Keras)),
    }
}

/// The config and the weights in a `.keras`.
fn archive(bytes: Vec<u8>) -> Result<(Option<String>, Hdf5), String> {
    let zip = Archive::open(bytes.as_slice())?;
    let names: Vec<String> = zip.names().map(str::to_owned).collect();
    let find = |wanted: &str| {
        let mut found = names.iter().enumerate().filter(|(_, name)| name.as_str() == wanted);
        match (found.next(), found.next()) {
            (Some((i, _)), None) => Ok(i),
            (Some(_), Some(_)) => Err(format!("the archive holds `{wanted}` twice")),
            (None, _) => Err(match names.iter().any(|name| name.ends_with("saved_model.pb")) {
                true => SAVED_MODEL.to_owned(),
                false => format!("the archive has no `{wanted}`, so it is no `.keras` file"),
            }),
        }
    };
    let unpack = |i: usize, most: u64| {
        // It grows with what is there, not with what is promised.
        let mut content = Vec::new();
        let read = zip.entry(i)?.take(most + 1).read_to_end(&mut content);
        read.map_err(|e| e.to_string())?;
        match content.len() as u64 > most {
            true => Err(format!("its size is more than the {most} bytes that are read")),
            false => Ok(content),
        }
    };
    let of = |name: &'static str| move |e: String| format!("`{name}`: {e}");
    let config = find(CONFIG).and_then(|i| unpack(i, MAX_BYTES as u64).map_err(of(CONFIG)))?;
    let config = String::from_utf8(config).map_err(|e| of(CONFIG)(e.to_string()))?;
    let i = find(WEIGHTS)?;
    let weights = match zip.stored(i).map_err(of(WEIGHTS))? {
        Some(range) => {
            drop(zip);
            Hdf5::open(Arc::new(bytes), range)
        }
        None => {
            let content =
                unpack(i, super::hdf5::allowed(bytes.len() as u64)).map_err(of(WEIGHTS))?;
            let all = 0..content.len();
            Hdf5::open(Arc::new(content), all)
        }
    };
    Ok((Some(config), weights.map_err(of(WEIGHTS))?))
}

fn layout(weights: &Hdf5) -> Result<Layout, String> {
    let root = &weights.root;
    for place in ["model_weights", ""] {
        let Some(folder) = root.folder(place) else { continue };
        if weights.strings(folder, "layer_names")?.is_some() {
            return Ok(Layout::Lists(place));
        }
    }
    if root.folder("layers").is_some() || root.folder("vars").is_some() {
        return Ok(Layout::Groups);
    }
    let names: Vec<String> =
        root.folders().map(|(name, _)| name).chain(root.arrays()).map(shortened).take(5).collect();
    Err(format!(
        "this HDF5 file is none of Keras's: it has neither `layers` nor `layer_names`, but {names:?}"
    ))
}
