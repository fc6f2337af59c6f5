use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use super::{
    WeightFile, atomic,
    checksum::{self, CHECKSUM},
    file::{Array, CHECKPOINT, PREPROCESSING, printable},
    npz,
    open::failed,
    safetensors,
    values::{self, Weight},
};
use crate::{
    backend::{Backend, Element},
    error::{Difference, Error},
    parameters::{Parameter, Parameters, Visitor},
};

/// Formats of other programs, whose names a file of ours must not have.
pub(crate) const OTHERS: [&str; 8] = ["h5", "hdf5", "keras", "npy", "pt", "pth", "pkl", "onnx"];

const KERAS: [&str; 3] = ["h5", "hdf5", "keras"];

/// Keras's `save_weights` and `load_weights`.
///
/// ```
/// use kerata::{Cpu, Dense, Error, prelude::*};
///
/// let path = std::env::temp_dir().join("kerata-doc-save.safetensors");
/// let dense = Dense::<3, 2>::build(&Cpu::seed_from_u64(1))?;
/// dense.save_weights(&path)?;
/// let mut other = Dense::<3, 2>::build(&Cpu::seed_from_u64(2))?;
/// other.load_weights(&path)?;
/// assert_eq!(other.kernel.array(), dense.kernel.array());
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), Error>(())
/// ```
pub trait SaveWeights<E: Element, D: Backend<E>>: Parameters<E, D> {
    /// Writes all parameters: as `.npz` if the path ends so, in whatever case, else as `.safetensors`.
    ///
    /// A file that is there keeps its mode, and a symbolic link stays one.
    ///
    /// # Errors
    /// [`Error::File`], also for a path that ends as a format does that is not written, such as `.h5`; [`Error::Invalid`] if
    /// two parameters have one name. Then the file is as it was before.
    fn save_weights(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write_weights(path.as_ref(), self, None)
    }

    /// Reads all parameters from a `.npz` or `.safetensors`.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read, [`Error::Differences`] with all that is missing, too
    /// much or of another shape. Then the model is as it was before.
    fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        WeightFile::open(path)?.load_into(self)
    }
}

impl<M: Parameters<E, D>, E: Element, D: Backend<E>> SaveWeights<E, D> for M {}

/// Writes the parameters of a model, as its path ends, with the configs of what makes its inputs.
///
/// # Errors
/// Those of [`SaveWeights::save_weights`].
pub(crate) fn write_weights<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    path: &Path,
    model: &M,
    texts: Option<&BTreeMap<String, String>>,
) -> Result<(), Error> {
    if let Some(other) = OTHERS.iter().find(|other| atomic::has_extension(path, other)) {
        let mut message = format!("weights are written as .safetensors or .npz, not as .{other}");
        if KERAS.contains(other) {
            message.push_str("; `save_keras` writes files of Keras, with the feature `keras`");
        }
        return Err(failed(path, message));
    }
    let weights = collect(model)?;
    let mut names: Vec<&str> = weights.iter().map(|weight| weight.name.as_str()).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
        let expected = "no two parameters of a model have the same name";
        return Err(Error::invalid("the name of a parameter", twice[0], expected));
    }
    let bytes = match atomic::has_extension(path, "npz") {
        true if texts.is_some() => {
            Err("preprocessing is saved with weights as .safetensors".to_owned())
        }
        true => npz::write(&weights),
        false => {
            let texts =
                texts.map(serde_json::to_string).transpose().map_err(|e| failed(path, e))?;
            safetensors::write(&weights, texts.map(|texts| (PREPROCESSING, texts)))
        }
    };
    atomic::write(path, &bytes.map_err(|e| failed(path, e))?)
}

/// Writes arrays with texts by name, for a training to go on from.
///
/// # Errors
/// [`Error::File`]. Then the file is as it was before.
pub(crate) fn write_checkpoint(
    path: &Path,
    arrays: &[Weight],
    texts: &BTreeMap<String, String>,
) -> Result<(), Error> {
    let sums = arrays.iter().map(|Weight { name, sizes, values }| {
        let bytes = values.to_le_bytes();
        let dtype = safetensors::dtype(values).to_string();
        (name.as_str(), checksum::of_array(name, sizes, &dtype, &bytes))
    });
    let sum = checksum::of_content(texts, sums);
    let mut texts = texts.clone();
    texts.insert(CHECKSUM.to_owned(), sum);
    let texts = serde_json::to_string(&texts).map_err(|e| failed(path, e))?;
    let bytes = safetensors::write(arrays, Some((CHECKPOINT, texts)));
    atomic::write(path, &bytes.map_err(|e| failed(path, e))?)
}

impl WeightFile {
    /// Loads all parameters of a model from the arrays of their names.
    ///
    /// # Errors
    /// [`Error::Differences`] with all that is missing, too much or of another shape; [`Error::File`] for
    /// values that cannot be read. Then the model is as it was before.
    pub fn load_into<M: Parameters<E, D>, E: Element, D: Backend<E>>(
        mut self,
        model: &mut M,
    ) -> Result<(), Error> {
        // Tensors are shared, and copied when they are written to.
        let mut loaded = model.clone();
        self.check(&shapes(&mut loaded)?)?;
        loaded.visit(&mut Load { walk: Walk::default(), file: &mut self })?;
        *model = loaded;
        Ok(())
    }

    /// Compares names and shapes with those that are wanted.
    pub(crate) fn check(&self, wanted: &[(String, Vec<usize>)]) -> Result<(), Error> {
        check(&self.path, wanted, self.arrays())
    }
}

/// The parameters of a model.
pub(crate) fn collect<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<Weight>, Error> {
    let mut collected = Collect(Walk::default());
    model.clone().visit(&mut collected)?;
    Ok(collected.0.weights)
}

/// The names and shapes of the parameters of a model.
pub(crate) fn shapes<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &mut M,
) -> Result<Vec<(String, Vec<usize>)>, Error> {
    let mut shapes = Shapes(Walk::default());
    model.visit(&mut shapes)?;
    Ok(shapes.0.weights)
}

/// A shape for a message; `None` where there is no array.
fn shape(sizes: Option<&[usize]>) -> String {
    sizes.map_or_else(|| "nothing".to_owned(), values::shape)
}

/// Compares what a model wants with what is there.
fn check(what: &str, wanted: &[(String, Vec<usize>)], found: &[Array]) -> Result<(), Error> {
    let mut differences = Vec::new();
    let differ = |place: &str, wanted: Option<&[usize]>, found: Option<&[usize]>| Difference {
        place: printable(place),
        expected: format!("the model has {}", shape(wanted)),
        found: format!("the file has {}", shape(found)),
    };
    let mut rest: HashMap<&str, Vec<&Array>> = HashMap::new();
    for array in found {
        rest.entry(&array.name).or_default().push(array);
    }
    for (name, sizes) in wanted {
        match rest.remove(name.as_str()).as_deref() {
            None => differences.push(differ(name, Some(sizes), None)),
            Some([array]) if array.sizes == *sizes => {}
            Some([array]) => differences.push(differ(name, Some(sizes), Some(&array.sizes))),
            Some(several) => differences.push(Difference {
                place: name.clone(),
                expected: format!("the model has {}", shape(Some(sizes))),
                found: format!("the file has {} of this name", several.len()),
            }),
        }
    }
    for array in found.iter().filter(|array| rest.contains_key(array.name.as_str())) {
        differences.push(differ(&array.name, None, Some(&array.sizes)));
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Differences { what: what.to_owned(), differences })
}

/// Where a visit is, and what it has collected.
pub(crate) struct Walk<T> {
    pub(crate) path: Vec<String>,
    pub(crate) weights: Vec<T>,
}

impl<T> Default for Walk<T> {
    fn default() -> Self {
        Self { path: Vec::new(), weights: Vec::new() }
    }
}

impl<T> Walk<T> {
    pub(crate) fn name(&self, parameter: &str) -> String {
        let path: String = self.path.iter().map(|name| format!("{name}.")).collect();
        format!("{path}{parameter}")
    }
}

macro_rules! walks {
    ($($walk:tt)*) => {
        fn enter(&mut self, name: &str) {
            self.$($walk)*.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.$($walk)*.path.pop();
        }
    };
}

struct Collect(Walk<Weight>);

impl<E: Element, D: Backend<E>> Visitor<E, D> for Collect {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let values = parameter.tensor.to_vec()?.into_iter();
        let name = self.0.name(parameter.name);
        self.0.weights.push(Weight::new(name, parameter.sizes(), values)?);
        Ok(())
    }

    walks!(0);
}

struct Shapes(Walk<(String, Vec<usize>)>);

impl<E: Element, D: Backend<E>> Visitor<E, D> for Shapes {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let name = self.0.name(parameter.name);
        self.0.weights.push((name, parameter.sizes()));
        Ok(())
    }

    walks!(0);
}

struct Load<'a> {
    walk: Walk<()>,
    file: &'a mut WeightFile,
}

impl<E: Element, D: Backend<E>> Visitor<E, D> for Load<'_> {
    #[inline(never)]
    fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
        let values = self.file.read::<E>(&self.walk.name(parameter.name))?;
        parameter.tensor.assign(&values)
    }

    walks!(walk);
}
