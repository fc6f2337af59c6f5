//! The older layout: attributes list the layers, and the weights of each.

use kerata_format::hdf5::{Hdf5, Stored};

/// A layer of a file, and its weights in order.
pub(super) struct Listed {
    pub(super) name: String,
    /// Where each weight is, with its dataset if that is there.
    pub(super) arrays: Vec<(String, Option<Stored>)>,
}

/// The layers of a file, in order.
pub(super) fn layers(file: &Hdf5, place: &str) -> Result<Vec<Listed>, String> {
    let folder = file.root.folder(place).ok_or("its weights are missing")?;
    let names = file.strings(folder, "layer_names")?.unwrap_or_default();
    let layer = |name: String| {
        let group = folder.folder(&name).ok_or_else(|| format!("the group `{name}` is missing"))?;
        let weights = file.strings(group, "weight_names")?.unwrap_or_default();
        let array = |weight: String| Ok((format!("{name}/{weight}"), file.array(group, &weight)?));
        let arrays: Result<_, String> = weights.into_iter().map(array).collect();
        Ok(Listed { arrays: arrays?, name })
    };
    names.into_iter().map(layer).collect()
}
