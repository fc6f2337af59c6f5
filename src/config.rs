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
//! A [`DynamicLayer`] is a layer without a type, made by [`layer_from_config`], or a model: `Sequential`, or the `Functional` of
//! Keras 2 and 3 with several inputs and outputs, shared layers and models inside. It may be of more classes than there are types. It runs by the same operations as the
//! typed one, and is trained: as it is, or [`Typed`], as a model for a [`Trainer`](crate::train::Trainer). It becomes a
//! typed layer by [`try_into`](DynamicLayer::try_into), and is made of one by [`from_layer`](DynamicLayer::from_layer). All that is behind the
//! feature `dynamic`, which is on by default.
//!
//! # Hostile configs
//!
//! A JSON from elsewhere may ask for anything in a few bytes. It ends in an error, and not in a panic, before it
//! takes more than
//!
//! - a text of [`MAX_BYTES`], [`MAX_VALUES`] values, of which [`MAX_OBJECTS`] are objects, nested [`MAX_DEPTH`] deep;
//! - 10,000 layers, nested 32 deep in each other, and as many calls of layers in a model;
//! - 2^28 values (1 GiB) in all weights together, and 2^36 multiplications for orthogonal ones, which are those of two
//!   LSTMs of 2048 units: some seconds;
//! - 2^28 values in what leaves a layer when it is run, and 2^29 in all that a model holds at once. How long a model runs depends on its layers and its input.
//!
//! A message quotes the start of a long name or value. These bounds are those of layers without a type; of a typed
//! one, its type says all sizes.

pub use crate::backend::ActivationFunction;
#[cfg(feature = "dynamic")]
pub use crate::dynamic::{
    CustomObjects, Dynamic, DynamicLayer, DynamicValue, FromDynamic, LayerWeight, RunsOn, Typed,
    layer_from_config,
};
#[doc(hidden)]
pub use crate::fields::OptionValue;
pub use crate::fields::{
    AnySignal, Config, Configured, Fan, Fields, HasConfig, HasJson, Initializer, KerasJson,
    MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES, SignalKind, Spread,
};
pub use crate::model::{LayerVisitor, Layers, Shown};
