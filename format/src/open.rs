//! The config and the weights in a file.

use std::{fs, io::Read, path::Path, sync::Arc};

use serde_json::Value;

use crate::{
    Archive, Config, Kind, MAX_BYTES, Wanted,
    config::is_old,
    hdf5::{self, Hdf5},
    unknown,
};

/// The config of a whole model in a `.keras`.
const CONFIG: &str = "config.json";
/// Which Keras has written a `.keras`, and when.
const METADATA: &str = "metadata.json";
/// What it says there of a model whose masks stay behind attentions. Keras reads nothing there.
pub const MASKS_STAY: &str = "masks_stay";
const MAX_METADATA: u64 = 1 << 16;
/// How much all vocabularies of a `.keras` may be.
const MAX_ASSETS: u64 = 1 << 26;
/// The weights of a model in a `.keras`.
const WEIGHTS: &str = "model.weights.h5";

/// What is in a file of a model.
pub struct Parts {
    /// The text of the config, if it is there.
    pub config: Option<String>,
    /// Whether an older Keras than 3 has written it.
    pub is_keras_2: bool,
    /// Whether masks stay behind the attentions of its model, as in the types of `kerata`, which then has written it.
    pub masks_stay: bool,
    /// The weights.
    pub weights: Hdf5,
    /// The tables of text layers, by their paths in the archive.
    pub assets: Vec<(String, String)>,
}

/// Opens a `.keras` or an HDF5 file.
///
/// # Errors
/// What is wrong with it, or what else it is.
pub fn parts(bytes: Vec<u8>) -> Result<Parts, String> {
    match format(&bytes)? {
        Format::Archive => archive(bytes),
        Format::Hdf5 => {
            let all = 0..bytes.len();
            let weights = Hdf5::open(Arc::new(bytes), all)?;
            let config = weights.text(&weights.root, "model_config")?;
            let version = weights.text(&weights.root, "keras_version")?;
            let is_keras_2 = version.as_deref().is_some_and(is_old);
            Ok(Parts { config, is_keras_2, masks_stay: false, weights, assets: Vec::new() })
        }
    }
}

/// The config in a file: a `.json`, or a whole model as `.keras` or `.h5`. A file is what its name says.
///
/// # Errors
/// That it cannot be read, is something else, or holds no config.
pub fn config_of(path: &Path) -> Result<Config, String> {
    if path.is_dir() && path.join("saved_model.pb").exists() {
        return Err(SAVED_MODEL.to_owned());
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let is_json = match extension.as_str() {
        "json" => true,
        "keras" | "h5" | "hdf5" => false,
        _ => return Err("a model is in a `.keras`, a `.h5` or a `.json`".to_owned()),
    };
    let wrong = |e: std::io::Error| e.to_string();
    if !fs::metadata(path).map_err(wrong)?.is_file() {
        return Err("this is not a regular file".to_owned());
    }
    let bytes = fs::read(path).map_err(wrong)?;
    let (text, is_keras_2) = if is_json {
        match Kind::of(&bytes) {
            None | Some(Kind::Json) => {}
            Some(kind) => return Err(kind.refusal(Wanted::Config)),
        }
        (String::from_utf8(bytes).map_err(|e| e.to_string())?, false)
    } else {
        let missing = "this file holds weights without an architecture";
        let Parts { config, is_keras_2, .. } = parts(bytes)?;
        (config.ok_or(missing)?, is_keras_2)
    };
    let config = Config::parse(&text).and_then(Config::modern);
    let config = config.map(|config| if is_keras_2 { config.of_keras_2() } else { config });
    config.map_err(|e| format!("its config is {e}"))
}

/// What is said of a SavedModel.
pub const SAVED_MODEL: &str = "this is a SavedModel of TensorFlow, which holds a program and not layers: load it in Keras, \
     and save it as `.keras`";

/// What a file of Keras is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A `.keras`.
    Archive,
    /// A `.h5`.
    Hdf5,
}

/// What a file is that begins so.
///
/// # Errors
/// What else it is.
pub fn format(start: &[u8]) -> Result<Format, String> {
    match Kind::of(start) {
        Some(Kind::Keras | Kind::Zip) => Ok(Format::Archive),
        Some(Kind::Hdf5) => Ok(Format::Hdf5),
        Some(kind) => Err(kind.refusal(Wanted::Keras)),
        None => Err(unknown(start, Wanted::Keras)),
    }
}

/// The config and the weights in a `.keras`.
fn archive(bytes: Vec<u8>) -> Result<Parts, String> {
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
    // An old file may have none.
    let metadata = find(METADATA).ok().map(|i| unpack(i, MAX_METADATA).map_err(of(METADATA)));
    let metadata = metadata.transpose()?.unwrap_or_default();
    let metadata: Value = serde_json::from_slice(&metadata).unwrap_or_default();
    let is_keras_2 = metadata["keras_version"].as_str().is_some_and(is_old);
    let masks_stay = metadata[MASKS_STAY] == Value::Bool(true);
    let (mut assets, mut left) = (Vec::new(), MAX_ASSETS.min(hdf5::allowed(bytes.len() as u64)));
    for (i, name) in names.iter().enumerate() {
        // A layer around a lookup has its table twice.
        let is_table = name.starts_with("assets/layers/") && name.ends_with("/vocabulary.txt");
        if is_table && !name.contains("/_lookup_layer/") {
            let of = |e: String| format!("`{name}`: {e}");
            let text = unpack(i, left).map_err(of)?;
            left -= text.len() as u64;
            assets.push((name.clone(), String::from_utf8(text).map_err(|e| of(e.to_string()))?));
        }
    }
    let i = find(WEIGHTS)?;
    let weights = match zip.stored(i).map_err(of(WEIGHTS))? {
        Some(range) => {
            drop(zip);
            Hdf5::open(Arc::new(bytes), range)
        }
        None => {
            let content = unpack(i, hdf5::allowed(bytes.len() as u64)).map_err(of(WEIGHTS))?;
            let all = 0..content.len();
            Hdf5::open(Arc::new(content), all)
        }
    };
    let (config, weights) = (Some(config), weights.map_err(of(WEIGHTS))?);
    Ok(Parts { config, is_keras_2, masks_stay, weights, assets })
}
