//! Keras's files, with weights: read into typed and dynamic models, and written. Behind the feature `keras`.
//!
//! - [`load`] makes a dynamic model of a whole one: a `.keras`, or a `.h5` of Keras 2 or 3.
//! - [`KerasFiles::load_keras`] reads a file into a model that is there already, and checks architecture and weights
//!   first. It takes whole models, and files of weights only: `.weights.h5`, and the older `.h5`.
//! - [`rust_source`] is the source of a typed model, to paste, for a config.
//! - [`KerasFiles::save_keras`] writes `.keras` and `.weights.h5`, as Keras 3 reads them; [`save_training`] adds the optimiser,
//!   [`save_with_text`] the text layers in front.
//!
//! ```
//! use kerata::{*, config::{CustomObjects, DynamicValue}, keras, prelude::*};
//!
//! #[model(input = (Batch, 3), output = (Batch, 2))]
//! struct Net {
//!     hidden: Dense<_, 4, Relu>,
//!     head: Dense<_, 2>,
//! }
//!
//! let path = std::env::temp_dir().join("kerata-doc.keras");
//! let model = Net::build(&Cpu::seed_from_u64(1))?;
//! model.save_keras(&path)?;
//!
//! let mut typed = Net::build(&Cpu::seed_from_u64(2))?;
//! typed.load_keras(&path)?;
//! let mut dynamic = keras::load(&path, &CustomObjects::new())?;
//!
//! let x = vec![[1.0_f32, -2.0, 3.0]];
//! let y = model.predict(&x, 1)?.as_vec();
//! assert_eq!(typed.predict(&x, 1)?.as_vec(), y);
//! assert_eq!(dynamic.run(DynamicValue::numbers([1, 3], x.concat())?)?.values(), y);
//! # std::fs::remove_file(path).unwrap();
//! # Ok::<(), Error>(())
//! ```
//!
//! # Hostile files
//!
//! Any file ends in a model or in an error that names the place, before it takes more than its own length, 64 times
//! that and a mebibyte for its weights, and what is stated in [`config`](crate::config) for a JSON. So weights that
//! are compressed to less than a 64th are refused. A file is compared as a whole before a value of it is read, and
//! an error leaves a model as it was.

mod assign;
mod compare;
mod cudnn;
mod hdf5;
mod into;
mod lists;
mod open;
mod optimizer;
mod places;
mod source;
mod text;
mod write;

use std::path::Path;

use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, Element},
    dynamic::{CustomObjects, DynamicLayer, FromDynamic, Typed, blank_layer},
    error::{Difference, Error, shortened},
    fields::{Config, Configured},
    optim::{Optimizer, State},
    parameters::Parameters,
};
pub use source::rust_source;
pub use text::{TextLayer, TextModel};

use assign::Plan;
use into::{load_dynamic, load_typed};
use open::KerasFile;
use places::{places, visited};

/// A whole model from a `.keras`, or from a `.h5` as Keras 2 and 3 write it: a dynamic one, which runs, is trained, and
/// becomes a typed one by [`try_into`](DynamicLayer::try_into).
///
/// The options of its training are not read. Classes that are not Keras's are looked for in `custom_objects`.
///
/// # Errors
/// [`Error::File`] for a file that cannot be read, is broken, or holds no architecture; those of
/// [`layer_from_config`](crate::config::layer_from_config); [`Error::Differences`], with all weights that do not fit.
///
/// ```no_run
/// use kerata::{Error, config::{CustomObjects, DynamicValue}, keras};
///
/// let mut model = keras::load("model.keras", &CustomObjects::new())?;
/// let y = model.run(DynamicValue::numbers(vec![1, 3], vec![1.0, -2.0, 3.0])?)?;
/// # Ok::<(), Error>(())
/// ```
pub fn load(path: impl AsRef<Path>, custom_objects: &CustomObjects) -> Result<DynamicLayer, Error> {
    from_file(&KerasFile::open(path.as_ref())?, custom_objects)
}

/// The same for a file that is in memory, as by `include_bytes!`.
///
/// # Errors
/// Those of [`load`].
pub fn load_bytes(bytes: Vec<u8>, custom_objects: &CustomObjects) -> Result<DynamicLayer, Error> {
    from_file(&KerasFile::from_bytes(IN_MEMORY, bytes)?, custom_objects)
}

/// A whole model whose file has text layers in front, `TextVectorization`, `StringLookup` or `IntegerLookup`: these with their
/// tables, and the model behind them.
///
/// # Errors
/// Those of [`load`]; [`Error::File`] for text layers that are elsewhere than in front, for a table that is not in the file, and for what
/// of a text layer is not had: functions of Python, several ids for unknown words, `invert`.
///
/// ```no_run
/// use kerata::{Error, config::CustomObjects, keras};
///
/// let mut reviews = keras::load_with_text("reviews.keras", &CustomObjects::new())?;
/// let y = reviews.run(&["An old film, but a good one.", "Never again"])?;
/// # Ok::<(), Error>(())
/// ```
pub fn load_with_text(
    path: impl AsRef<Path>,
    custom_objects: &CustomObjects,
) -> Result<TextModel, Error> {
    text::load(KerasFile::open(path.as_ref())?, custom_objects)
}

fn from_file(file: &KerasFile, custom_objects: &CustomObjects) -> Result<DynamicLayer, Error> {
    let texts = file.config.as_ref().map(text::names).unwrap_or_default();
    if let Some(name) = texts.first() {
        let name = shortened(name);
        let message =
            format!("the layer `{name}` takes words, in front of the model: use `load_with_text`");
        return Err(Error::File { path: file.path.clone(), message });
    }
    from_parts(file, custom_objects)
}

fn from_parts(file: &KerasFile, custom_objects: &CustomObjects) -> Result<DynamicLayer, Error> {
    let wrong = |message: &str| Error::File { path: file.path.clone(), message: message.into() };
    let config = file.config.as_ref().ok_or_else(|| {
        wrong("this file holds weights without an architecture: read it into a model, `load_keras`")
    })?;
    let most = usize::try_from(file.weights.most_bytes() / size_of::<f32>() as u64);
    let custom_objects = custom_objects.clone().masks_as_keras();
    let mut layer = blank_layer(config, &custom_objects, most.unwrap_or(usize::MAX))?;
    if !layer.is_built() {
        return Err(wrong("this file does not say for what input its model was built"));
    }
    let visited = visited(&layer)?;
    let here = places(config, &visited)?;
    let plan = Plan::new(file, &here, &here, &visited, None).map_err(|e| wrong(&e))?;
    nothing_differs(file, Vec::new(), &plan)?;
    // It is new, so there is no need of a second one.
    plan.load_new(file, &mut layer)?;
    Ok(layer)
}

/// # Errors
/// [`Error::Differences`], of the architectures and of the weights.
fn nothing_differs(
    file: &KerasFile,
    mut differences: Vec<Difference>,
    plan: &Plan,
) -> Result<(), Error> {
    differences.extend_from_slice(&plan.differences);
    match differences.is_empty() {
        true => Ok(()),
        false => Err(Error::Differences { what: file.path.clone(), differences }),
    }
}

/// Models to and from Keras's files. Typed ones are [`Configured`]; a [`DynamicLayer`] that is a model has it, too.
///
/// See [`keras`](self).
pub trait KerasFiles {
    /// Reads all weights from a file of Keras: `.keras`, a `.h5` of a whole model, `.weights.h5`, or a `.h5` of weights.
    ///
    /// If the file holds an architecture, that is compared with the model, too. Layers are told by what reaches them and
    /// by their class; in a file of weights only, by their names or, as in Keras, by their order. Weights in the layout
    /// of cuDNN are converted.
    ///
    /// # Errors
    /// [`Error::File`] for a file that cannot be read; [`Error::Differences`] with all that differs, in the architecture
    /// and in the weights. Then the model is as it was before.
    fn load_keras(&mut self, path: impl AsRef<Path>) -> Result<(), Error>;

    /// The same for a file that is in memory.
    ///
    /// # Errors
    /// Those of [`load_keras`](Self::load_keras).
    fn load_keras_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Error>;

    /// Writes the model as `.keras`, or its weights as `.weights.h5`, as the path ends.
    ///
    /// # Errors
    /// [`Error::File`], also for another ending; [`Error::Json`] for what is no model but a single layer. Then a file that
    /// was there is as it was before.
    fn save_keras(&self, path: impl AsRef<Path>) -> Result<(), Error>;
}

/// Writes a model as `.keras`, with its optimiser and what that remembers: Keras goes on with the training.
///
/// The file names no loss: in Keras, `model.compile(model.optimizer, loss)` says it, and keeps the optimizer. Keras does not write
/// which parameters are excluded from weight decay.
///
/// ```
/// use kerata::{*, data::InMemory, keras, loss::MeanSquaredError, optim::Adam, prelude::*, train::{Fit, Trainer}};
///
/// #[model(input = (Batch, 1))]
/// struct Line {
///     head: Dense<_, 1>,
/// }
///
/// let mut trainer = Trainer::new(Line::build(&Cpu::default())?, MeanSquaredError, Adam::new(0.1))?;
/// trainer.fit(&InMemory::new(vec![[1.0]], vec![[2.0]])?, &Fit { progress: false, ..Fit::epochs(3) })?;
/// let path = std::env::temp_dir().join("kerata-doc-training.keras");
/// keras::save_training(&path, &trainer.model, &trainer.optimizer, &trainer.state)?;
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::File`], also for another ending than `.keras`; [`Error::Json`] for what is no model but a single layer;
/// [`Error::Invalid`] for an optimiser that Keras does not know, and for a schedule of the learning rate that it does not know. Then
/// a file that was there is as it was before.
pub fn save_training<M, O>(
    path: impl AsRef<Path>,
    model: &M,
    optimizer: &O,
    state: &State<M::Number, M::On>,
) -> Result<(), Error>
where
    M: KerasModel,
    O: Optimizer,
{
    write::save_training(
        path.as_ref(),
        model.keras_config(),
        M::MASKS_STAY,
        model,
        optimizer,
        state,
    )
}

/// Writes a model as `.keras` with text layers in front, so that in Keras, on TensorFlow, it takes texts. Each has its name, and the number
/// of the input of the model that it is for, as in a [`TextModel`]; their tables are written with them.
///
/// ```
/// use kerata::{*, data::TextVectorization, keras::{self, TextLayer}, prelude::*};
///
/// #[model(input = Ids<(Batch, 6)>, output = (Batch, 1))]
/// struct Reviews {
///     embed: Embedding<8, 4, MaskZero>,
///     mean: GlobalAveragePooling1d,
///     good: Dense<_, 1, Sigmoid>,
/// }
///
/// let mut words = TextVectorization { output_sequence_length: Some(6), ..TextVectorization::default() };
/// words.adapt(["a good film", "a bad film"])?;
/// let model = Reviews::build(&Cpu::default())?;
///
/// let path = std::env::temp_dir().join("kerata-doc-reviews.keras");
/// let layer = TextLayer::TextVectorization(words);
/// keras::save_with_text(&path, &[("words".to_owned(), 0, layer)], &model)?;
/// let mut again = keras::load_with_text(&path, &config::CustomObjects::new())?;
/// assert_eq!(again.run(&["A good film!"])?.sizes(), [1, 1]);
/// # std::fs::remove_file(path).unwrap();
/// # Ok::<(), Error>(())
/// ```
///
/// # Errors
/// [`Error::File`], also for another ending than `.keras`; [`Error::Json`] for what is no model but a single layer, and for a layer whose
/// vectors no model takes; [`Error::Invalid`] for a text layer without a table, for an input that is not there, and for a name that
/// another layer has; [`Error::Mismatch`] for an input of other sizes than the text layer gives. Then a file that was there is as it
/// was before.
pub fn save_with_text<M: KerasModel>(
    path: impl AsRef<Path>,
    text: &[(String, usize, TextLayer)],
    model: &M,
) -> Result<(), Error> {
    write::save_with_text(path.as_ref(), model.keras_config(), M::MASKS_STAY, text, model)
}

/// A model that Keras's files have a form for: a typed one that is [`Configured`], a [`DynamicLayer`], and one that is
/// [`typed`](DynamicLayer::typed).
pub trait KerasModel: Parameters<Self::Number, Self::On> {
    /// The number type.
    type Number: Element;
    /// The device.
    type On: Backend<Self::Number>;

    /// Whether masks stay behind its attentions.
    #[doc(hidden)]
    const MASKS_STAY: bool;

    /// Its config in Keras's form.
    fn keras_config(&self) -> Config;
}

impl<M: Configured + Parameters<M::Element, M::Device>> KerasModel for M {
    type Number = M::Element;
    type On = M::Device;

    const MASKS_STAY: bool = true;

    fn keras_config(&self) -> Config {
        self.config()
    }
}

impl KerasModel for DynamicLayer {
    type Number = f32;
    type On = Cpu;

    const MASKS_STAY: bool = false;

    fn keras_config(&self) -> Config {
        self.config()
    }
}

impl<In: FromDynamic, Out: FromDynamic> KerasModel for Typed<In, Out> {
    type Number = f32;
    type On = Cpu;

    const MASKS_STAY: bool = false;

    fn keras_config(&self) -> Config {
        self.layer.config()
    }
}

/// That of the layer in it.
impl<In: FromDynamic, Out: FromDynamic> KerasFiles for Typed<In, Out> {
    fn load_keras(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.layer.load_keras(path)
    }

    fn load_keras_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        self.layer.load_keras_bytes(bytes)
    }

    fn save_keras(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.layer.save_keras(path)
    }
}

/// What stands for a file in memory in messages.
const IN_MEMORY: &str = "the Keras file";

impl<M: Configured + Parameters<M::Element, M::Device>> KerasFiles for M {
    fn load_keras(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        load_typed(&KerasFile::open(path.as_ref())?, self)
    }

    fn load_keras_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        load_typed(&KerasFile::from_bytes(IN_MEMORY, bytes)?, self)
    }

    fn save_keras(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write::save(path.as_ref(), self.config(), <Self as KerasModel>::MASKS_STAY, self)
    }
}

/// Of a whole model, the classes of the layers are compared, in their order.
impl KerasFiles for DynamicLayer {
    fn load_keras(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        load_dynamic(&KerasFile::open(path.as_ref())?, self)
    }

    fn load_keras_bytes(&mut self, bytes: Vec<u8>) -> Result<(), Error> {
        load_dynamic(&KerasFile::from_bytes(IN_MEMORY, bytes)?, self)
    }

    fn save_keras(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        write::save(path.as_ref(), self.config(), <Self as KerasModel>::MASKS_STAY, self)
    }
}
