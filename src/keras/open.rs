//! Which file is what, and what is in it.

use std::path::Path;

use kerata_format::{self as format, SAVED_MODEL, hdf5::Hdf5};

use super::hdf5::values;
use crate::{
    error::{Error, shortened},
    fields::Config,
    io::{failed, read},
};

/// A file of Keras, opened: what it says of the layers, and where their weights are.
pub(super) struct KerasFile {
    /// The file, for messages.
    pub(super) path: String,
    /// The architecture, if it is there.
    pub(super) config: Option<Config>,
    /// Whether masks stay behind the attentions of its model.
    pub(super) masks_stay: bool,
    pub(super) weights: Hdf5,
    pub(super) layout: Layout,
    /// The tables in the archive, by their paths.
    pub(super) assets: Vec<(String, String)>,
    /// Groups whose datasets are no weights of the model.
    pub(super) passed_over: Vec<String>,
}

/// How the datasets are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// `layers/dense/vars/0`: groups named after the classes of the layers.
    Groups,
    /// Attributes list the layers, and the weights of each: at the root, or in `model_weights`.
    Lists(&'static str),
}

impl KerasFile {
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        if path.is_dir() && path.join("saved_model.pb").exists() {
            return Err(failed(path, SAVED_MODEL));
        }
        let bytes = read(path, u64::MAX - 1, |start| format::format(start).err())?;
        Self::from_bytes(&path.display().to_string(), bytes)
    }

    /// A file that is in memory.
    pub(super) fn from_bytes(path: &str, bytes: Vec<u8>) -> Result<Self, Error> {
        let wrong = |message: String| Error::File { path: path.to_owned(), message };
        let format::Parts { config, is_keras_2, masks_stay, weights, assets } =
            format::parts(bytes).map_err(wrong)?;
        let config = config.map(|text| {
            let config = format::Config::parse(&text).and_then(format::Config::modern);
            let config = config.map(|config| if is_keras_2 { config.of_keras_2() } else { config });
            config.map(Config::from).map_err(|e| wrong(format!("its config is {}", Error::Json(e))))
        });
        let layout = layout(&weights).map_err(wrong)?;
        let (path, config) = (path.to_owned(), config.transpose()?);
        Ok(Self { path, config, masks_stay, weights, layout, assets, passed_over: Vec::new() })
    }

    /// The inverse document frequencies of a text layer, if there are some.
    pub(super) fn idf_weights(&self, group: &str) -> Result<Vec<f32>, String> {
        let found = self.weights.array(&self.weights.root, &format!("{group}/vars/idf_weights"))?;
        found.map_or(Ok(Vec::new()), |stored| values(&self.weights, &stored))
    }
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
