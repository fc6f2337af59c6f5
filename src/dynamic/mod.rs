//! Layers whose shapes are known at run time only.

mod budget;
mod conv;
mod custom;
mod dense;
mod norm;
mod own;
mod recurrent;
mod registry;
mod shapes;
mod value;
mod words;
mod wrap;

use std::{fmt, path::Path};

use dfdx::tensor::Cpu;

use crate::{
    backend::numbers,
    error::{Error, shortened},
    fields::{AnySignal, Config, Configured, Initializer, SignalKind, has_build_config},
    io::{self, WeightFile},
    parameters::{Build, Parameters},
};

pub use custom::CustomObjects;
pub use value::{DynamicValue, FromDynamic};

/// The layer that a config describes, where no type says which: Keras's `layer_from_config`.
///
/// It is built if the config says for what, or when it is first run; its weights are drawn from the seed 0.
/// It calculates in `f32`, and as at inference: what matters in training only, such as a regularizer, stays in
/// its config and does nothing.
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
///     "`dense`: one vector a sample is needed here, `(Batch, Features)`, but `(Batch, 1, 3)` arrives"
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
    if let Some(sizes) = config.input_sizes() {
        let ids = layer.op.takes_ids();
        let kind = if ids { SignalKind::Tokens } else { SignalKind::Numbers };
        // Keras applies a `Dense` to each step by itself.
        layer.op.allow_steps(sizes.len() > 2);
        layer.build(&AnySignal { kind, sizes })?;
    }
    Ok(layer)
}

/// A parameter of a [`DynamicLayer`].
#[derive(Debug, Clone, PartialEq)]
pub struct LayerWeight {
    /// Its name, as in a weight file: `kernel`, or `0.kernel` inside of a model.
    pub name: String,
    /// The sizes of its shape.
    pub sizes: Vec<usize>,
    /// Its numbers, in the order of their indices.
    pub values: Vec<f32>,
}

/// A result of more values than this (1 GiB) is refused: a short hostile config may ask for any number.
const MAX_NUMBERS: usize = budget::MOST.values;

impl LayerWeight {
    /// A parameter filled by an initialiser.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it holds no value, if this or all weights of the layer that is being built hold more
    /// than 2^28 values, or if they take too long to draw; [`Error::Mismatch`] for more than four dimensions.
    pub fn new(
        dev: &Cpu,
        name: String,
        sizes: Vec<usize>,
        how: Initializer,
    ) -> Result<Self, Error> {
        budget::spend(&sizes, how)?;
        Self::draw(dev, name, sizes, how)
    }

    /// Parameters of a layer, whose names begin with `prefix`. If one is too large, none is drawn.
    fn several(
        dev: &Cpu,
        prefix: &str,
        weights: &[(&str, &[usize], Initializer)],
    ) -> Result<Vec<Self>, Error> {
        weights.iter().try_for_each(|&(_, sizes, how)| budget::spend(sizes, how))?;
        let draw = |&(name, sizes, how): &(&str, &[usize], _)| {
            Self::draw(dev, format!("{prefix}{name}"), sizes.to_vec(), how)
        };
        weights.iter().map(draw).collect()
    }

    fn draw(dev: &Cpu, name: String, sizes: Vec<usize>, how: Initializer) -> Result<Self, Error> {
        if sizes.contains(&0) {
            let expected = "each size of a weight is at least 1";
            let value = format!("{sizes:?}");
            return Err(Error::Invalid { name: "the shape of a weight", value, expected });
        }
        let values = match *sizes {
            [a] => numbers(&how.fill::<_, f32, _>(dev, (a,))?)?,
            [a, b] => numbers(&how.fill::<_, f32, _>(dev, (a, b))?)?,
            [a, b, c] => numbers(&how.fill::<_, f32, _>(dev, (a, b, c))?)?,
            [a, b, c, d] => numbers(&how.fill::<_, f32, _>(dev, (a, b, c, d))?)?,
            _ => return Err(Error::mismatch("the dimensions of a weight", "1 to 4", sizes.len())),
        };
        Ok(Self { name, sizes, values })
    }
}

/// The weights of a layer that keeps them in a list.
macro_rules! weights {
    () => {
        fn weights(&self) -> Vec<&LayerWeight> {
            self.weights.iter().collect()
        }

        fn set_weights(&mut self, values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
            self.weights.iter_mut().zip(values).for_each(|(weight, values)| weight.values = values);
            Ok(())
        }
    };
}
use weights;

/// What a [`DynamicLayer`] does. Implement it for a layer of your own that no type describes; a typed one
/// is registered by [`CustomObjects::layer`].
pub trait Dynamic: fmt::Debug + Send + Sync {
    /// What leaves the layer, if it takes what arrives.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not; its `layer` may be empty.
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error>;

    /// Runs the layer. What it gets is what [`gives`](Self::gives) has taken.
    ///
    /// # Errors
    /// Those of the layer.
    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error>;

    /// Makes the weights for what arrives; their names begin with `prefix`.
    ///
    /// # Errors
    /// [`Error::Invalid`] if they are too large.
    fn build(&mut self, _dev: &Cpu, _prefix: &str, _arrives: &AnySignal) -> Result<(), Error> {
        Ok(())
    }

    /// The weights, once it is built.
    fn weights(&self) -> Vec<&LayerWeight> {
        Vec::new()
    }

    /// Takes numbers for all weights, in their order.
    ///
    /// # Errors
    /// Those of the layer.
    fn set_weights(&mut self, _values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
        Ok(())
    }

    /// Puts the configs of the layers inside into the config of this one.
    fn write(&self, _config: &mut Config) {}

    /// Whether the layer takes token ids.
    fn takes_ids(&self) -> bool {
        false
    }

    /// Says that a layer which takes one vector a sample may take sequences: Keras's `Dense`.
    fn allow_steps(&mut self, _allowed: bool) {}
}

/// A layer whose shapes are known at run time only. It can be looked at, run, and turned into a typed
/// layer; it is not trained.
///
/// What the types would have refused is an [`Error::Wiring`] here, in the same words.
#[derive(Debug)]
pub struct DynamicLayer {
    config: Config,
    op: Box<dyn Dynamic>,
    dev: Cpu,
    built: Option<AnySignal>,
}

impl DynamicLayer {
    pub(super) fn make(config: Config, custom: &CustomObjects) -> Result<Self, Error> {
        let (config, op) = custom.make(config)?;
        Ok(Self { config, op, dev: Cpu::default(), built: None })
    }

    /// The class in Keras.
    pub fn class(&self) -> &str {
        &self.config.class_name
    }

    /// The name of this layer.
    pub fn name(&self) -> &str {
        self.config.config.get("name").and_then(|name| name.as_str()).unwrap_or_default()
    }

    /// The config, with all defaults filled in.
    pub fn config(&self) -> Config {
        let mut config = self.config.clone();
        if let Some(built) = self.built.as_ref().filter(|_| has_build_config(self.class())) {
            config.build_config = Some(serde_json::json!({ "input_shape": built.sizes }));
        }
        self.op.write(&mut config);
        config
    }

    /// What leaves the layer for what arrives.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not take that.
    pub fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        self.op.gives(arrives).map_err(|e| self.blame(e))
    }

    fn blame(&self, error: Error) -> Error {
        match error {
            Error::Wiring { layer, message } if layer.is_empty() => {
                Error::Wiring { layer: shortened(self.name()), message }
            }
            error => error,
        }
    }

    /// Draws the weights from this device when they are made.
    #[must_use]
    pub fn on(mut self, dev: &Cpu) -> Self {
        self.dev = dev.clone();
        self
    }

    /// Makes the weights, for what will arrive.
    ///
    /// # Errors
    /// [`Error::Wiring`] if the layer does not take that; [`Error::Invalid`] if the weights are too large.
    pub fn build(&mut self, arrives: &AnySignal) -> Result<(), Error> {
        let dev = self.dev.clone();
        budget::building(|| self.build_inside(&dev, "", arrives))
    }

    pub(super) fn build_inside(
        &mut self,
        dev: &Cpu,
        prefix: &str,
        arrives: &AnySignal,
    ) -> Result<(), Error> {
        self.gives(arrives)?;
        self.op.build(dev, prefix, arrives).map_err(|e| self.blame(e))?;
        let mut arrives = arrives.clone();
        if let Some(batch) = arrives.sizes.first_mut() {
            *batch = None;
        }
        self.built = Some(arrives);
        Ok(())
    }

    /// The weights: none before the layer is built.
    pub fn weights(&self) -> impl Iterator<Item = &LayerWeight> {
        self.op.weights().into_iter()
    }

    /// How many numbers the weights hold.
    pub fn params(&self) -> usize {
        self.weights().map(|weight| weight.values.len()).sum()
    }

    /// Reads all weights from a `.npz` or `.safetensors`. The layer has to be built.
    ///
    /// # Errors
    /// Those of [`SaveWeights::load_weights`](crate::io::SaveWeights::load_weights).
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        self.load(WeightFile::open(path)?)
    }

    /// Reads all weights from a file that is open.
    ///
    /// # Errors
    /// Those of [`WeightFile::load_into`].
    pub fn load(&mut self, mut file: WeightFile) -> Result<(), Error> {
        let wanted: Vec<_> = self.weights().map(|w| (w.name.clone(), w.sizes.clone())).collect();
        file.check(&wanted)?;
        let read = wanted.iter().map(|(name, _)| file.read(name));
        let values: Vec<Vec<f32>> = read.collect::<Result<_, _>>()?;
        self.op.set_weights(&mut values.into_iter())
    }

    /// Runs the layer. If it is not built, it is built for what arrives.
    ///
    /// # Errors
    /// [`Error::Wiring`] for what it does not take, in the words of the compiler; those of the layer.
    pub fn run(&mut self, x: impl Into<DynamicValue>) -> Result<DynamicValue, Error> {
        let x = x.into();
        x.check()?;
        if self.built.is_none() {
            self.build(&x.signal())?;
        }
        self.run_built(x)
    }

    pub(super) fn run_built(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        x.check()?;
        let gives = self.gives(&x.signal())?;
        // An empty batch does not make long sequences short.
        let mut sizes = gives.sizes.iter().flatten().map(|&size| size.max(1));
        let count = sizes.try_fold(1_usize, |n, size| n.checked_mul(size));
        if count.is_none_or(|n| n > MAX_NUMBERS) {
            let message = format!("`{gives}` would leave it, more than 2^28 numbers");
            return Err(self.blame(words::refused(message)));
        }
        self.op.run(x).map_err(|e| self.blame(e))
    }

    /// The typed layer or model, with these weights, if the config is what its type says. (The weights are
    /// fresh ones if this layer has not been built.)
    ///
    /// # Errors
    /// [`Error::Differences`], with all differences between the type and the config, or between the weights.
    pub fn try_into<L>(self) -> Result<L, Error>
    where
        L: Configured + Build<L::Element, L::Device> + Parameters<L::Element, L::Device>,
    {
        let mut layer = L::from_config(&self.config())?;
        if self.built.is_some() {
            // A struct with `#[model]` names its layers, here they are counted; the order is the same.
            let own = |name: &str| name.rsplit('.').next().map(str::to_owned);
            let named = io::shapes(&mut layer)?.into_iter().map(|(name, _)| name);
            let same =
                named.clone().map(|name| own(&name)).eq(self.weights().map(|w| own(&w.name)));
            let counted = self.weights().map(|weight| weight.name.clone());
            let names: Vec<String> = if same { named.collect() } else { counted.collect() };
            let weights = self.weights().zip(names);
            let weights = weights.map(|(w, name)| (name, w.sizes.clone(), w.values.clone()));
            WeightFile::of(weights).load_into(&mut layer)?;
        }
        Ok(layer)
    }
}
