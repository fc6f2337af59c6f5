//! Files that Keras 3 reads.

use std::{collections::BTreeMap, path::Path};

use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder, GroupBuilder};

use kerata_format::MASKS_STAY;
use serde_json::Value;

use super::{
    optimizer::Written,
    places::{PartOfLayer, Place, in_order, places, visited},
    text::{TextLayer, idf_weights, with_text},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::Config,
    io::{Values, Weight, ZipWriter, collect, failed, has_extension, write},
    optim::{Optimizer, State},
    parameters::Parameters,
};

/// The version whose files these are.
const KERAS: &str = "3.15.1";

/// Writes a model: all of it as `.keras`, its weights as `.weights.h5`.
pub(super) fn save<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    path: &Path,
    config: Config,
    masks_stay: bool,
    model: &M,
) -> Result<(), Error> {
    let config = in_order(config);
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let whole = has_extension(path, "keras");
    if !whole && !name.ends_with(".weights.h5") {
        let message = "a model is written as `.keras`, or its weights as `.weights.h5`";
        return Err(failed(path, message));
    }
    let weights = tree(&config, model)?.file(None).map_err(|e| failed(path, e))?;
    let bytes = match whole {
        // A config that names an optimizer would promise a state.
        true => archive(config, None, &weights, masks_stay).map_err(|e| failed(path, e))?,
        false => weights,
    };
    write(path, &bytes)
}

/// Writes a model as `.keras`, with text layers in front.
pub(super) fn save_with_text<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    path: &Path,
    config: Config,
    masks_stay: bool,
    text: &[(String, usize, TextLayer)],
    model: &M,
) -> Result<(), Error> {
    if !has_extension(path, "keras") {
        return Err(failed(path, "a model with its text layers is written as `.keras`"));
    }
    let config = in_order(config);
    let mut written = tree(&config, model)?;
    let config = in_order(with_text(config, text)?);
    for (place, values) in idf_weights(&config, text) {
        let (name, sizes) = ("idf_weights".to_owned(), vec![values.len()]);
        written.at(&place).named = Some(Weight { name, sizes, values: Values::F32(values) });
    }
    let weights = written.file(None).map_err(|e| failed(path, e))?;
    let bytes = archive(config, None, &weights, masks_stay).map_err(|e| failed(path, e))?;
    write(path, &bytes)
}

/// Writes a model as `.keras`, with an optimiser and what that remembers.
pub(super) fn save_training<M, O, E, D>(
    path: &Path,
    config: Config,
    masks_stay: bool,
    model: &M,
    optimizer: &O,
    state: &State<E, D>,
) -> Result<(), Error>
where
    M: Parameters<E, D>,
    O: Optimizer,
    E: Element,
    D: Backend<E>,
{
    if !has_extension(path, "keras") {
        return Err(failed(path, "a model with its optimizer is written as `.keras`"));
    }
    let config = in_order(config);
    let written = Written::new(optimizer, state, &visited(model)?)?;
    // Keras wants to know of no loss that it is none.
    let compiled = serde_json::json!({ "optimizer": written.config, "loss": null });
    let weights = tree(&config, model)?.file(Some(written)).map_err(|e| failed(path, e))?;
    let bytes =
        archive(config, Some(compiled), &weights, masks_stay).map_err(|e| failed(path, e))?;
    write(path, &bytes)
}

fn archive(
    mut config: Config,
    compiled: Option<Value>,
    weights: &[u8],
    masks_stay: bool,
) -> Result<Vec<u8>, String> {
    config.compile_config = compiled;
    let mut zip = ZipWriter::default();
    // No date, so that the same model is the same file.
    let mut metadata = serde_json::json!({ "keras_version": KERAS });
    if masks_stay && super::into::masks(&config).is_some() {
        metadata[MASKS_STAY] = true.into();
    }
    let metadata = metadata.to_string();
    let members = [
        ("metadata.json", metadata.as_bytes()),
        ("config.json", config.to_string().as_bytes()),
        ("model.weights.h5", weights),
    ]
    .map(|(name, bytes)| zip.add(name, |content| content.write_all(bytes)));
    members.into_iter().collect::<Result<(), String>>()?;
    zip.finish()
}

/// The groups of an HDF5 file.
#[derive(Default)]
struct Tree {
    folders: BTreeMap<String, Tree>,
    /// The layer whose weights these are.
    name: Option<String>,
    arrays: Vec<Weight>,
    /// One that is not counted.
    named: Option<Weight>,
}

impl Tree {
    fn at(&mut self, path: &str) -> &mut Self {
        path.split('/').fold(self, |tree, step| tree.folders.entry(step.to_owned()).or_default())
    }

    fn write(self, group: &mut GroupBuilder) {
        if let Some(name) = self.name {
            group.set_attr("name", AttrValue::VarLenString(name));
        }
        for (i, array) in self.arrays.into_iter().enumerate() {
            dataset(group.create_dataset(&i.to_string()), array);
        }
        if let Some(array) = self.named {
            dataset(group.create_dataset(&array.name.clone()), array);
        }
        for (name, tree) in self.folders {
            let mut inner = group.create_group(&name);
            tree.write(&mut inner);
            group.add_group(inner.finish());
        }
    }

    /// The `.weights.h5` whose root this is.
    fn file(self, optimizer: Option<Written>) -> Result<Vec<u8>, String> {
        let mut file = FileBuilder::new();
        for (name, tree) in self.folders {
            let mut group = file.create_group(&name);
            tree.write(&mut group);
            file.add_group(group.finish());
        }
        if let Some(optimizer) = optimizer {
            optimizer.write(&mut file);
        }
        file.finish().map_err(|e| e.to_string())
    }
}

pub(super) fn dataset(to: &mut DatasetBuilder, Weight { sizes, values, .. }: Weight) {
    let sizes: Vec<u64> = sizes.into_iter().map(|size| size as u64).collect();
    match values {
        Values::F32(values) => to.with_f32_data(&values),
        Values::F64(values) => to.with_f64_data(&values),
    }
    .with_shape(&sizes);
}

/// The groups of the weights of a model.
fn tree<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    config: &Config,
    model: &M,
) -> Result<Tree, Error> {
    let visited = visited(model)?;
    let mut all: Vec<Option<Weight>> = collect(model)?.into_iter().map(Some).collect();
    let (mut root, mut written) = (Tree::default(), vec![false; all.len()]);
    // Keras has this group in a file without weights, too.
    root.at("layers");
    for Place { names, visited: prefix, groups, weights, .. } in places(config, &visited)? {
        for vars in &groups {
            let tree = root.at(&vars.path);
            tree.name = names.last().cloned();
            let mine = weights.iter().filter(|&&weight| {
                vars.holds(visited[weight].path.get(prefix.len()..).unwrap_or_default())
            });
            let mine = mine.enumerate().filter(|&(place, _)| vars.part.has(place));
            tree.arrays.extend(mine.filter_map(|(_, &weight)| {
                written[weight] = true;
                match vars.part {
                    PartOfLayer::All => all[weight].take(),
                    // A kernel is there twice.
                    _ => all[weight].clone(),
                }
            }));
        }
    }
    let lost = all.into_iter().zip(written).filter(|(_, written)| !written);
    match lost.filter_map(|(weight, _)| weight).next() {
        None => Ok(root),
        Some(lost) => {
            let expected = "each belongs to a layer of the config";
            Err(Error::invalid("the name of a parameter", lost.name, expected))
        }
    }
}
