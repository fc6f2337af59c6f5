//! Layers whose shapes are known at run time only.

mod adaptive;
mod applications;
mod attention;
mod augmentation;
mod axes;
mod bidirectional;
mod buckets;
mod budget;
mod categories;
mod cells;
mod chain;
mod channels_first;
mod conv;
mod conv_lstm;
mod custom;
mod dense;
mod depthwise;
mod dot;
mod dropout;
mod einsum;
mod einsum_dense;
mod flow;
mod foreign;
mod fourier;
mod functions;
mod graph;
mod groups;
mod heads;
mod input;
mod inspect;
mod keys;
mod layer;
mod mel;
mod merge;
mod noise;
mod norm;
mod op;
mod options;
mod own;
mod places;
mod prelu;
mod projection;
mod random_images;
mod recurrent;
mod registry;
mod resizing;
mod reversible;
mod roles;
mod rules;
mod runs;
mod said;
mod scaling;
mod scores;
mod shapes;
mod show;
mod softmax;
mod space;
mod spectral;
mod spectrogram;
mod transposed;
mod typed;
mod unit;
mod value;
mod volumes;
mod weights;
mod words;
mod wrap;

use crate::{
    error::Error,
    fields::{AnySignal, Config, SignalKind},
};

pub use custom::CustomObjects;
pub use foreign::Dynamic;
pub use layer::DynamicLayer;
pub use runs::RunsOn;
pub use typed::Typed;
pub use value::{DynamicValue, FromDynamic};
pub use weights::LayerWeight;

/// The layer that a config describes, where no type says which: Keras's `layer_from_config`.
///
/// It is built if the config says for what, or when it is first run; its weights are drawn from the seed 0.
/// It calculates in `f32`. Regularizers and constraints of weights count in training, as in a typed model; one that is none of
/// Keras's is an error there.
///
/// # Errors
/// [`Error::Unknown`] for a class or activation that is neither Keras's nor in `custom_objects`, with the
/// nearest known name; [`Error::Differences`] for keys that the class has not or that make no sense;
/// [`Error::Wiring`] if it was built for what it cannot take.
///
/// ```
/// use kerata::{Cpu, Dense, Error, Relu, config::{Config, CustomObjects, layer_from_config}, prelude::*};
///
/// let config: Config =
///     r#"{"class_name": "Dense", "config": {"units": 4, "activation": "relu"}}"#.parse()?;
/// let mut layer = layer_from_config(&config, &CustomObjects::new())?;
/// let y = layer.run(Cpu::default().tensor([[1.0_f32, 2.0, 3.0]]))?;
/// assert_eq!(y.sizes(), [1, 4]);
/// assert_eq!(layer.weights().map(|weight| weight.sizes.len()).collect::<Vec<_>>(), [2, 1]);
///
/// let refused = layer.run(Cpu::default().tensor([[[1.0_f32, 2.0, 3.0]]])).unwrap_err();
/// assert!(refused.to_string().starts_with(
///     "`dense`: one vector per sample is needed here, `(Batch, Features)`, but `(Batch, 1, 3)` arrives"
/// ));
///
/// let typed: Dense<3, 4, Relu> = layer.try_into()?;
/// # Ok::<(), Error>(())
/// ```
pub fn layer_from_config(
    config: &Config,
    custom_objects: &CustomObjects,
) -> Result<DynamicLayer, Error> {
    let mut layer = DynamicLayer::make(config.clone(), &custom_objects.afresh())?;
    if let Some(arrive) = layer.op.own_inputs() {
        layer.build_each(&arrive)?;
    } else if let Some(sizes) = config.input_sizes() {
        let ids = layer.op.takes_ids();
        let kind = if ids { SignalKind::Tokens } else { SignalKind::Numbers };
        // Keras applies a `Dense` to each step by itself.
        layer.op.allow_steps(sizes.len() > 2);
        layer.build(&AnySignal { kind, sizes })?;
    }
    Ok(layer)
}

/// The layer that a config describes, for weights that are read afterwards: they are zeros, and at most so many.
#[cfg(feature = "keras")]
pub(crate) fn blank_layer(
    config: &Config,
    custom_objects: &CustomObjects,
    most: usize,
) -> Result<DynamicLayer, Error> {
    budget::blank(most, || layer_from_config(config, custom_objects))
}

/// Shows the weights of a layer that has a list of them.
macro_rules! visit {
    () => {
        fn visit(
            &mut self,
            visitor: &mut dyn $crate::parameters::Visitor<f32, dfdx::tensor::Cpu>,
        ) -> Result<(), Error> {
            self.weights.visit(visitor)
        }
    };
}
use visit;

fn is_padded(signal: &AnySignal) -> bool {
    signal.kind == SignalKind::Padded
}

/// A result of more values than this (1 GiB) is refused: a short hostile config may ask for any number.
const MAX_NUMBERS: usize = budget::MOST.values;
