//! A reference case: numbers that Keras computed, with what they belong to.

use std::{collections::HashMap, io::Write, path::PathBuf};

use dfdx::tensor::Gradients;
use kerata::{
    Cpu, Error,
    parameters::{Parameter, Parameters, Visitor, Weight},
};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// The release of Keras that computed the cases.
pub(crate) const KERAS: &str = "keras-3.15.1";

/// Says loudly that something is not tested: past the capture of the test runner.
pub(crate) fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}");
}

/// Where cases may be: in this repository, and where all of them are.
fn folders() -> [PathBuf; 2] {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let all = std::env::var_os("KERATA_CASES")
        .map_or_else(|| root.join("../shared/keras-cases"), PathBuf::from);
    [root.join("tests/cases").join(KERAS), all]
}

fn places(name: &str) -> [PathBuf; 2] {
    folders().map(|folder| folder.join(name))
}

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) json: Value,
    tensors: HashMap<String, (Vec<usize>, Numbers)>,
    folder: PathBuf,
}

enum Numbers {
    Floats(Vec<f32>),
    Ids(Vec<usize>),
    Flags(Vec<bool>),
}

impl Case {
    /// The names of all cases that are here, in order.
    pub(crate) fn names() -> Vec<String> {
        let read = |folder: PathBuf| std::fs::read_dir(folder).into_iter().flatten();
        let cases = folders().into_iter().flat_map(read).map(|entry| entry.unwrap());
        let cases = cases.filter(|entry| entry.path().join("case.json").is_file());
        let names = cases.map(|entry| entry.file_name().into_string().unwrap());
        names.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
    }

    /// Reads a case, as [`find`](Self::find) does, and says loudly if it is not here.
    pub(crate) fn open(name: &str) -> Option<Case> {
        let case = Self::find(name);
        if case.is_none() {
            skipped(&format!("the reference case `{name}` is not here; set KERATA_CASES"));
        }
        case
    }

    /// Reads a case, from this repository or else from where all of them are; `None` where it is absent.
    pub(crate) fn find(name: &str) -> Option<Case> {
        let folder = places(name).into_iter().find(|place| place.join("case.json").is_file())?;
        let json = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap());
        Some(Self::within(name, folder, json.unwrap()))
    }

    /// A case of `tests/cases/keras-3.15.1-graphs`.
    pub(crate) fn graph(name: &str) -> Case {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
        Self::within(name, root.join(format!("{KERAS}-graphs")).join(name), Value::Null)
    }

    /// A case that is a folder of its own.
    pub(crate) fn of_folder(folder: &std::path::Path) -> Case {
        Self::within(&folder.display().to_string(), folder.to_owned(), Value::Null)
    }

    fn within(name: &str, folder: PathBuf, json: Value) -> Case {
        let read = |file: &str| std::fs::read(folder.join(file)).unwrap();
        // A case of words and scalars only has no tensors.
        let bytes = match folder.join("tensors.safetensors").is_file() {
            true => read("tensors.safetensors"),
            false => {
                return Case { name: name.to_owned(), folder, json, tensors: HashMap::new() };
            }
        };
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let tensors = tensors.iter().map(|(name, view)| {
            let words = view.data().chunks_exact(4).map(|b| <[u8; 4]>::try_from(b).unwrap());
            let numbers = match view.dtype() {
                Dtype::F32 => Numbers::Floats(words.map(f32::from_le_bytes).collect()),
                Dtype::I32 => Numbers::Ids(words.map(|b| i32::from_le_bytes(b) as usize).collect()),
                Dtype::BOOL => Numbers::Flags(view.data().iter().map(|&b| b != 0).collect()),
                other => panic!("{name}: {other:?}"),
            };
            (name.to_owned(), (view.shape().to_vec(), numbers))
        });
        let (name, folder) = (name.to_owned(), folder.clone());
        Case { name, json, tensors: tensors.collect(), folder }
    }

    /// What Keras's `to_json()` gives for the model of the case, if it has one.
    pub(crate) fn model_json(&self) -> Option<Value> {
        match std::fs::read(self.folder.join("model.json")) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
            Err(_) => self.json.get("model").filter(|model| model.is_object()).cloned(),
        }
    }

    /// A file of the case.
    pub(crate) fn read(&self, file: &str) -> Vec<u8> {
        std::fs::read(self.folder.join(file)).unwrap()
    }

    pub(crate) fn has(&self, tensor: &str) -> bool {
        self.tensors.contains_key(tensor)
    }

    /// Whether there is a tensor of the group: `grad.0.dense.kernel` for `grad`.
    pub(crate) fn has_group(&self, group: &str) -> bool {
        self.tensors.keys().any(|name| name.split('.').next() == Some(group))
    }

    /// The tensors of a group, without its name.
    pub(crate) fn group(&self, group: &str) -> Vec<&str> {
        let names = self.tensors.keys();
        names.filter_map(|name| name.strip_prefix(group)?.strip_prefix('.')).collect()
    }

    fn numbers(&self, tensor: &str) -> &Numbers {
        let found = self.tensors.get(tensor);
        &found.unwrap_or_else(|| panic!("{}: no tensor `{tensor}`", self.name)).1
    }

    pub(crate) fn shape(&self, tensor: &str) -> &[usize] {
        self.numbers(tensor);
        &self.tensors[tensor].0
    }

    pub(crate) fn floats(&self, tensor: &str) -> Vec<f32> {
        match self.numbers(tensor) {
            Numbers::Floats(values) => values.clone(),
            Numbers::Ids(values) => values.iter().map(|&id| id as f32).collect(),
            Numbers::Flags(values) => values.iter().map(|&b| f32::from(u8::from(b))).collect(),
        }
    }

    /// Whether a tensor holds ids.
    pub(crate) fn is_ids(&self, tensor: &str) -> bool {
        matches!(self.numbers(tensor), Numbers::Ids(_))
    }

    pub(crate) fn ids(&self, tensor: &str) -> Vec<usize> {
        match self.numbers(tensor) {
            Numbers::Ids(values) => values.clone(),
            _ => panic!("{}: `{tensor}` holds no ids", self.name),
        }
    }

    pub(crate) fn flags(&self, tensor: &str) -> Vec<bool> {
        match self.numbers(tensor) {
            Numbers::Flags(values) => values.clone(),
            _ => panic!("{}: `{tensor}` holds no flags", self.name),
        }
    }

    /// The allowed difference, absolute and relative, of a group: forward, loss, grad, train or metric.
    pub(crate) fn tolerance(&self, group: &str) -> (f64, f64) {
        let tolerance = &self.json["tolerance"][group];
        (tolerance["atol"].as_f64().unwrap(), tolerance["rtol"].as_f64().unwrap())
    }

    /// Fails unless all numbers agree: `|a - b| <= atol + rtol * |b|`.
    pub(crate) fn assert_close(&self, group: &str, what: &str, found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len(), "{}: the size of {what}", self.name);
        let (atol, rtol) = self.tolerance(group);
        for (i, (&a, &b)) in found.iter().zip(expected).enumerate() {
            let (a, b) = (f64::from(a), f64::from(b));
            let close = approx::relative_eq!(a, b, epsilon = atol, max_relative = rtol);
            assert!(close, "{}: {what}[{i}] is {a}, Keras has {b}", self.name);
        }
    }

    /// Fails unless the numbers agree with those of a tensor of the case.
    pub(crate) fn assert_tensor(&self, group: &str, tensor: &str, found: &[f32]) {
        self.assert_close(group, tensor, found, &self.floats(tensor));
    }

    /// Shows each parameter of a tuple of layers with its name in the case, if it has one there.
    fn all<M: Parameters>(
        &self,
        model: &mut M,
        f: impl FnMut(Option<&str>, &mut dyn Weight<f32, Cpu>),
    ) {
        model.visit(&mut Weights { case: self, layer: 0, path: Vec::new(), f }).unwrap();
    }

    /// Shows each parameter that has a name in the case.
    fn each<M: Parameters>(
        &self,
        model: &mut M,
        mut f: impl FnMut(&str, &mut dyn Weight<f32, Cpu>),
    ) {
        self.all(model, |name, tensor| {
            if let Some(name) = name {
                f(name, tensor);
            }
        });
    }

    /// Gives a tuple of layers the weights of the case; a bias that the case has not is 0.
    pub(crate) fn load<M: Parameters>(&self, model: &mut M) {
        self.all(model, |name, tensor| match name {
            Some(name) => tensor.assign(&self.floats(name)).unwrap(),
            None => tensor.assign(&vec![0.0; tensor.len()]).unwrap(),
        });
    }

    /// The name of a tensor of a layer: `out.1.lstm` for `out` and 1.
    pub(crate) fn of_layer(&self, group: &str, layer: usize) -> Option<&str> {
        let start = format!("{group}.{layer}.");
        self.tensors.keys().map(String::as_str).find(|name| name.starts_with(&start))
    }

    /// The weights of a tuple of layers, with their names in the case.
    pub(crate) fn weights<M: Parameters>(&self, model: &M) -> Vec<(String, Vec<f32>)> {
        let mut weights = Vec::new();
        self.each(&mut model.clone(), |name, tensor| {
            weights.push((name.to_owned(), tensor.to_vec().unwrap()))
        });
        weights
    }

    /// The gradients of the weights, with their names in the case.
    pub(crate) fn gradients<M: Parameters>(
        &self,
        model: &M,
        gradients: &mut Gradients<f32, Cpu>,
    ) -> Vec<(String, Vec<f32>)> {
        let mut found = Vec::new();
        self.each(&mut model.clone(), |name, tensor| {
            found.push((name.to_owned(), tensor.gradient(gradients).unwrap()));
        });
        found
    }

    /// The name that Keras has for a weight of the layer with the number `layer`, if it has that weight.
    fn keras_name(&self, layer: usize, weight: &str) -> Option<String> {
        let (start, end) = (format!("{layer}."), format!(".{weight}"));
        let fits = |name: &&String| name.starts_with(&start) && name.ends_with(&end);
        let name = self.tensors.keys().find(fits);
        // Only a bias may be missing: it is 0 then.
        assert!(name.is_some() || weight.ends_with("bias"), "{}: no {layer}.*.{weight}", self.name);
        name.cloned()
    }
}

struct Weights<'a, F> {
    case: &'a Case,
    layer: usize,
    /// The names of what was entered.
    path: Vec<String>,
    f: F,
}

impl<F: FnMut(Option<&str>, &mut dyn Weight<f32, Cpu>)> Visitor<f32, Cpu> for Weights<'_, F> {
    /// Layers are counted on the outside: a tuple within the tuple is one layer to Keras.
    fn enter(&mut self, name: &str) {
        if self.path.is_empty() {
            self.layer = name.parse().unwrap();
        }
        self.path.push(name.to_owned());
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        // The two directions of a Bidirectional have names to Keras.
        let within = self.path.iter().skip(1).filter(|name| name.parse::<usize>().is_err());
        let name: Vec<&str> = within.map(String::as_str).chain([parameter.name]).collect();
        let name = self.case.keras_name(self.layer, &name.join("."));
        if let Some(name) = &name {
            assert_eq!(
                parameter.sizes(),
                self.case.shape(name),
                "{}: the shape of {name}",
                self.case.name
            );
        }
        (self.f)(name.as_deref(), parameter.tensor);
        Ok(())
    }
}
