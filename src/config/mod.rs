//! Keras's JSON: layers to and from `{"class_name": .., "config": {..}}`.
//!
//! - [`Configured`] is what a layer implements: it lists its keys, and can then be written, read and
//!   compared. A model is a layer whose class is `Sequential`, or `Functional` if it has branches.
//! - [`KerasJson`] does so with texts: `to_json`, `from_json`, `check_json`.
//!
//! ```
//! use kerata::{*, prelude::*};
//!
//! type Model = model::Sequential<(Batch, Const<3>), (Dense<3, 4, Relu>, Dense<4, 2>)>;
//! let model = Model::build(&Cpu::seed_from_u64(0))?;
//! let json = model.to_json();
//! model.check_json(&json)?;
//!
//! let wrong = json.replace("\"units\":2", "\"units\":3").replace("relu", "tanh");
//! assert_eq!(
//!     model.check_json(&wrong).unwrap_err().to_string(),
//!     "the config of `Sequential` does not fit:\n  \
//!      layer 0 `dense`, activation: the type says \"relu\", the JSON says \"tanh\"\n  \
//!      layer 1 `dense_1`, units: the type says 2, the JSON says 3"
//! );
//! # Ok::<(), Error>(())
//! ```

//!
//! # Hostile configs
//!
//! A JSON from elsewhere may ask for anything in a few bytes. It ends in an error, and not in a panic, before it
//! takes more than
//!
//! - a text of [`MAX_BYTES`], [`MAX_VALUES`] values, of which [`MAX_OBJECTS`] are objects, nested [`MAX_DEPTH`] deep;
//! - 10,000 layers, nested 32 deep in each other;
//! - 2^28 values (1 GiB) in all weights together, and 2^36 multiplications for orthogonal ones, which are those of two
//!   LSTMs of 2048 units: some seconds;
//! - 2^28 values in what leaves a layer when it is run. How long a model runs depends on its layers and its input.
//!
//! A message quotes the start of a long name or value. These bounds are those of layers without a type; of a typed
//! one, its type says all sizes.

mod activation;
mod custom;
mod dynamic;
mod fields;
mod file;
mod graph;
mod initializer;
mod json;
mod layers;
mod nodes;
mod registry;
mod signal;

pub use custom::CustomObjects;
pub use dynamic::{
    Dynamic, DynamicLayer, DynamicValue, FromDynamic, LayerWeight, layer_from_config,
};
pub(crate) use fields::Convolution;
pub use fields::Fields;
pub use initializer::{Fan, Initializer, Spread};
pub use json::{Config, KerasJson, MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES};
pub use layers::{LayerVisitor, Layers, Shown};
pub use signal::{AnySignal, SignalKind};

use crate::{
    backend::{Backend, Element},
    error::Error,
    parameters::{Build, Parameters},
};
use fields::Mode;

/// A layer that Keras's JSON can describe.
///
/// A layer lists its keys once, in [`describe`](Self::describe); all else follows.
///
/// ```
/// use kerata::{*, config::{Configured, Fields}, prelude::*, signal::MaskTransparent};
/// use dfdx::tensor::Tape;
///
/// /// `factor * x`.
/// #[derive(Debug, Clone, Default)]
/// struct Scale {
///     factor: f64,
/// }
///
/// impl Configured for Scale {
///     const CLASS: &'static str = "ScaleLayer";
///     type Element = f32;
///     type Device = Cpu;
///
///     fn describe(&mut self, fields: &mut Fields) {
///         fields.number("factor", &mut self.factor, None);
///     }
/// }
/// # impl<E: Element, D: Backend<E>> Build<E, D> for Scale {
/// #     fn build(_: &D) -> Result<Self, Error> { Ok(Self::default()) }
/// # }
/// # impl<E: Element, D: Backend<E>> Parameters<E, D> for Scale {}
///
/// let scale = Scale::from_config(&r#"{"class_name": "ScaleLayer", "config": {"factor": 2.5}}"#.parse()?)?;
/// assert_eq!(scale.factor, 2.5);
/// assert_eq!(Scale { factor: 3.0 }.config().config["factor"], 3.0);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no Keras config",
    label = "implement `Configured` for this layer",
    note = "a layer of your own lists its keys in `Configured::describe`; a `Shared` layer has no config"
)]
pub trait Configured: Sized {
    /// The class in Keras.
    const CLASS: &'static str;
    /// The number type of the parameters; `f32` if there are none.
    type Element: Element;
    /// The device of the parameters; `Cpu` if there are none.
    type Device: Backend<Self::Element>;

    /// Shows each key of the config, with what this layer says of it.
    ///
    /// `name`, `trainable` and `dtype` are every layer's, and not shown.
    fn describe(&mut self, fields: &mut Fields);

    /// Whether a config of this class may describe the layer.
    fn accepts(class: &str) -> bool {
        class == Self::CLASS
    }

    /// Whether Keras may do without this layer, in front of a layer of the class `next`.
    fn may_be_missing(_next: Option<&str>) -> bool {
        false
    }

    /// The config of this layer, as Keras 3 writes it.
    fn config(&self) -> Config
    where
        Self: Clone,
    {
        Fields::write(&mut self.clone())
    }

    /// A new layer, as the config says, on a device with the seed 0.
    ///
    /// Whatever the type says already must be in the config just so. A key that is absent has Keras's
    /// default.
    ///
    /// # Errors
    /// [`Error::Differences`], with all differences between the type and the config; [`Error::Device`].
    fn from_config(config: &Config) -> Result<Self, Error>
    where
        Self: Build<Self::Element, Self::Device> + Parameters<Self::Element, Self::Device>,
    {
        Self::from_config_on(config, &Self::Device::default())
    }

    /// A new layer, as the config says, from the random numbers of a device.
    ///
    /// # Errors
    /// As [`from_config`](Self::from_config).
    fn from_config_on(config: &Config, dev: &Self::Device) -> Result<Self, Error>
    where
        Self: Build<Self::Element, Self::Device> + Parameters<Self::Element, Self::Device>,
    {
        let mut layer = Self::build(dev)?;
        let fields = Fields::read(&mut layer, config, Mode::Read);
        differences::<Self>(fields.differences)?;
        initializer::fill(&mut layer, &fields.initial)?;
        Ok(layer)
    }

    /// Compares this layer with a config.
    ///
    /// # Errors
    /// [`Error::Differences`], with all differences.
    fn check_config(&self, config: &Config) -> Result<(), Error>
    where
        Self: Clone,
    {
        differences::<Self>(Fields::read(&mut self.clone(), config, Mode::Check).differences)
    }
}

fn differences<L: Configured>(differences: Vec<crate::error::Difference>) -> Result<(), Error> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(Error::Differences { what: format!("the config of `{}`", L::CLASS), differences })
}
