//! Layers whose shapes are known at run time only.

mod bidirectional;
mod budget;
mod categories;
mod cells;
mod chain;
mod conv;
mod custom;
mod dense;
mod depthwise;
mod dot;
mod dropout;
mod flow;
mod foreign;
mod graph;
mod input;
mod inspect;
mod keys;
mod merge;
mod noise;
mod norm;
mod op;
mod own;
mod places;
mod prelu;
mod random_images;
mod recurrent;
mod registry;
mod rules;
mod scaling;
mod shapes;
mod softmax;
mod space;
mod transposed;
mod typed;
mod value;
mod weights;
mod words;
mod wrap;

use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use dfdx::tensor::Cpu;

use crate::{
    backend::{CarriedStates, whole_pass},
    error::{Error, shortened},
    fields::{AnySignal, Config, SignalKind, has_build_config},
    io::WeightFile,
    parameters::{Parameter, Parameters, Visitor},
    regularizers::{penalize, regularizer},
};
use flow::{Flow, Flows, emptied};
use op::{Op, Pass, Show, Shown};
use rules::{Ruled, Rules};

pub use custom::CustomObjects;
pub use foreign::Dynamic;
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
        fn visit(&mut self, show: &mut dyn $crate::dynamic::op::Show) -> Result<(), Error> {
            self.weights.visit(show)
        }
    };
}
use visit;

fn is_padded(signal: &AnySignal) -> bool {
    signal.kind == SignalKind::Padded
}

/// A result of more values than this (1 GiB) is refused: a short hostile config may ask for any number.
const MAX_NUMBERS: usize = budget::MOST.values;

/// A layer whose shapes are known at run time only. It can be looked at, run, trained, and turned into a typed
/// layer, or made of one.
///
/// What the types would have refused is an [`Error::Wiring`] here, in the same words.
///
/// For all that training offers, [`typed`](Self::typed) settles what arrives and what leaves. Without it, in a loop of
/// your own, [`forward_mut`](Self::forward_mut) is the training pass:
///
/// ```
/// use kerata::{Const, Cpu, Error, config::{Config, CustomObjects, layer_from_config},
///     loss::MeanSquaredError, optim::{Sgd, State}, prelude::*};
///
/// let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
///     {"class_name": "BatchNormalization", "config": {"trainable": false}},
///     {"class_name": "Dense", "config": {"units": 1}}]}}"#.parse()?;
/// let mut model = layer_from_config(&config, &CustomObjects::new())?;
/// let (dev, mut state) = (Cpu::default(), State::default());
/// for _ in 0..1000 {
///     state.attempt(&Sgd::new(0.1), &mut model, |model| {
///         let x = dev.tensor([[1.0_f32], [2.0]]).leaky_trace();
///         let y = model.forward_mut::<(Const<2>, Const<1>), _>(x)?;
///         MeanSquaredError.compute(y, dev.tensor([[3.0], [5.0]]))
///     })?;
/// }
/// let y = model.run(dev.tensor([[3.0_f32]]))?;
/// assert!((y.values()[0] - 7.0).abs() < 0.1);
/// # Ok::<(), Error>(())
/// ```
pub struct DynamicLayer {
    config: Arc<Config>,
    op: Box<dyn Op>,
    dev: Cpu,
    built: Option<Vec<AnySignal>>,
    masks: Masks,
}

/// What becomes of a mask that reaches a layer which has no use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Masks {
    /// The layer says what it takes.
    Checked,
    /// It is taken off, as Keras does.
    TakenOff {
        /// Whether one did reach the layer when it was built.
        found: bool,
    },
}

impl Clone for DynamicLayer {
    /// Weights are shared until one of both changes them.
    fn clone(&self) -> Self {
        let (config, op) = (self.config.clone(), self.op.boxed());
        Self { config, op, dev: self.dev.clone(), built: self.built.clone(), masks: self.masks }
    }
}

impl fmt::Debug for DynamicLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamicLayer")
            .field("config", &self.config)
            .field("op", &self.op)
            .field("built", &self.built)
            .finish()
    }
}

impl DynamicLayer {
    pub(super) fn make(config: Config, custom: &CustomObjects) -> Result<Self, Error> {
        let (config, op) = custom.make(config)?;
        let masks = match custom.takes_masks_off(&config) {
            true => Masks::TakenOff { found: false },
            false => Masks::Checked,
        };
        Ok(Self { config: Arc::new(config), op, dev: Cpu::default(), built: None, masks })
    }

    /// What is no layer of Keras.
    fn of(config: Config, op: Box<dyn Op>) -> Self {
        let (config, dev) = (Arc::new(config), Cpu::default());
        Self { config, op, dev, built: None, masks: Masks::Checked }
    }

    /// The class in Keras.
    pub fn class(&self) -> &str {
        &self.config.class_name
    }

    /// The name of this layer.
    pub fn name(&self) -> &str {
        self.config.config.get("name").and_then(|name| name.as_str()).unwrap_or_default()
    }

    /// Whether this is a layer of Keras, and no function such as `NotEqual`.
    fn is_layer(&self) -> bool {
        !self.config.module.as_ref().is_some_and(|module| module.starts_with("keras.src.ops"))
    }

    /// The config, with all defaults filled in.
    pub fn config(&self) -> Config {
        let mut config = Config::clone(&self.config);
        if let Some(built) =
            self.built.as_ref().filter(|_| self.is_layer() && has_build_config(self.class()))
        {
            let sizes = match built.as_slice() {
                [one] => serde_json::json!(one.sizes),
                // The states to begin with are not what it is built for.
                [sequence, ..] if self.op.takes_states() => serde_json::json!(sequence.sizes),
                several => several.iter().map(|one| serde_json::json!(one.sizes)).collect(),
            };
            config.build_config = Some(serde_json::json!({ "input_shape": sizes }));
        }
        self.op.write(&mut config);
        config
    }

    /// Whether the weights are there.
    #[cfg(feature = "keras")]
    pub(crate) fn is_built(&self) -> bool {
        self.built.is_some()
    }

    /// What leaves the layer for what arrives: a layer of one input and one output.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not take that, or has several of either.
    pub fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        let mut gives = self.gives_each(std::slice::from_ref(arrives))?;
        match (gives.len(), gives.pop()) {
            (1, Some(one)) => Ok(one),
            (n, _) => Err(self.blame(words::refused(format!("it has {n} outputs")))),
        }
    }

    /// What leaves the layer for what arrives, one signal for each output.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not take that.
    pub fn gives_each(&self, arrive: &[AnySignal]) -> Result<Vec<AnySignal>, Error> {
        self.op.gives(&self.without_masks(arrive)).map_err(|e| self.blame(e))
    }

    /// What the layer sees of what arrives.
    fn without_masks<'a>(&self, arrive: &'a [AnySignal]) -> Cow<'a, [AnySignal]> {
        if self.masks == Masks::Checked || !arrive.iter().any(is_padded) {
            return Cow::Borrowed(arrive);
        }
        arrive.iter().map(|one| AnySignal::numbers(one.sizes.clone())).collect()
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
        self.build_each(std::slice::from_ref(arrives))
    }

    /// Makes the weights, for what will arrive at each input.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_each(&mut self, arrive: &[AnySignal]) -> Result<(), Error> {
        let dev = self.dev.clone();
        budget::building(|| self.build_inside(&dev, "", arrive))
    }

    pub(super) fn build_inside(
        &mut self,
        dev: &Cpu,
        prefix: &str,
        arrive: &[AnySignal],
    ) -> Result<(), Error> {
        if let Masks::TakenOff { found } = &mut self.masks {
            *found = arrive.iter().any(is_padded);
        }
        let mut arrive = self.without_masks(arrive).into_owned();
        if !self.op.asks_for_nothing() {
            self.gives_each(&arrive)?;
        }
        self.op.build(dev, prefix, &arrive).map_err(|e| self.blame(e))?;
        for batch in arrive.iter_mut().filter_map(|one| one.sizes.first_mut()) {
            *batch = None;
        }
        self.built = Some(arrive);
        Ok(())
    }

    /// How many numbers the weights hold.
    pub fn params(&self) -> usize {
        crate::parameters::list(self)
            .iter()
            .map(|named| named.shape.iter().product::<usize>())
            .sum()
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
    pub fn load(&mut self, file: WeightFile) -> Result<(), Error> {
        file.load_into(self)
    }

    /// Runs the layer. If it is not built, it is built for what arrives.
    ///
    /// A model of several inputs gets a [`DynamicValue::Several`], one of several outputs gives one.
    ///
    /// # Errors
    /// [`Error::Wiring`] for what it does not take, in the words of the compiler; those of the layer.
    pub fn run(&mut self, x: impl Into<DynamicValue>) -> Result<DynamicValue, Error> {
        let x = value::into_flows(x.into())?;
        self.build_if_new(&x.iter().map(Flow::signal).collect::<Vec<_>>())?;
        value::from_outputs(whole_pass(|| self.apply_each(x))?)
    }

    /// Forgets the states that `stateful` layers keep from one batch to the next.
    pub fn reset_states(&mut self) {
        self.op.reset_states();
    }

    fn build_if_new(&mut self, arrive: &[AnySignal]) -> Result<(), Error> {
        if self.built.is_none() { self.build_each(arrive) } else { Ok(()) }
    }

    /// The inference pass of a layer that is built.
    pub(super) fn apply_each<T: Pass>(&self, mut x: Flows<T>) -> Result<Flows<T>, Error> {
        self.take_masks_off(&mut x);
        if let Some(nothing) = self.admit(&x)? {
            return emptied(x, &nothing);
        }
        let y = T::apply(&*self.op, x).map_err(|e| self.blame(e))?;
        self.penalize(&y)?;
        Ok(y)
    }

    /// The training pass of a layer that is built.
    pub(super) fn train_each<T: Pass>(&mut self, mut x: Flows<T>) -> Result<Flows<T>, Error> {
        if self.op.rests() && self.is_frozen() {
            return self.apply_each(x);
        }
        self.take_masks_off(&mut x);
        if let Some(nothing) = self.admit(&x)? {
            return emptied(x, &nothing);
        }
        let y = T::train(&mut *self.op, x).map_err(|e| self.blame(e))?;
        self.penalize(&y)?;
        Ok(y)
    }

    /// Adds the penalties of what leaves the layer to the loss of the pass, if its config has a regularizer for that.
    fn penalize<T: Pass>(&self, y: &Flows<T>) -> Result<(), Error> {
        let said = self.config.config.get("activity_regularizer").filter(|said| !said.is_null());
        let Some(said) = said else { return Ok(()) };
        let regularizer = regularizer(said);
        for one in y {
            if let Flow::Numbers(numbers) = one {
                let (x, sizes, mask) = (&numbers.x, &numbers.sizes, numbers.mask.as_ref());
                penalize(x, sizes, mask, &*regularizer).map_err(|e| self.blame(e))?;
            }
        }
        Ok(())
    }

    /// The inference pass of a layer of one input and one output.
    pub(super) fn apply<T: Pass>(&self, x: Flow<T>) -> Result<Flow<T>, Error> {
        op::one(self.apply_each(vec![x])?).map_err(|e| self.blame(e))
    }

    /// The training pass of a layer of one input and one output.
    pub(super) fn train<T: Pass>(&mut self, x: Flow<T>) -> Result<Flow<T>, Error> {
        op::one(self.train_each(vec![x])?).map_err(|e| self.blame(e))
    }

    fn take_masks_off<T: Pass>(&self, x: &mut Flows<T>) {
        if self.masks != Masks::Checked {
            x.iter_mut().for_each(|x| x.set_mask(None));
        }
    }

    /// Checks what reaches the layer. Gives what leaves it if that is known already, as it is empty.
    fn admit<T: Pass>(&self, x: &Flows<T>) -> Result<Option<Vec<AnySignal>>, Error> {
        // The layers inside are asked one by one.
        if self.op.asks_for_nothing() {
            return Ok(None);
        }
        let gives = self.gives_each(&x.iter().map(Flow::signal).collect::<Vec<_>>())?;
        for one in &gives {
            // An empty batch does not make long sequences short.
            let mut sizes = one.sizes.iter().flatten().map(|&size| size.max(1));
            let count = sizes.try_fold(1_usize, |n, size| n.checked_mul(size));
            if count.is_none_or(|n| n > MAX_NUMBERS) {
                let message = format!("`{one}` would leave it, more than 2^28 numbers");
                return Err(self.blame(words::refused(message)));
            }
        }
        let nothing = gives.iter().any(|one| one.sizes.contains(&Some(0)));
        Ok(nothing.then_some(gives))
    }

    /// Whether the config says that its weights are not trained.
    fn is_frozen(&self) -> bool {
        self.config.config.get("trainable") == Some(&serde_json::Value::Bool(false))
    }

    pub(super) fn show(&mut self, show: &mut dyn Show) -> Result<(), Error> {
        struct Frozen<'a>(&'a mut dyn Show);

        impl Show for Frozen<'_> {
            fn weight(&mut self, weight: Shown<'_>) -> Result<(), Error> {
                self.0.weight(Shown { trainable: false, ..weight })
            }

            fn carried(&mut self, carried: &CarriedStates<f32, Cpu>) -> Result<(), Error> {
                self.0.carried(carried)
            }

            fn enter(&mut self, name: &str) {
                self.0.enter(name);
            }

            fn leave(&mut self) {
                self.0.leave();
            }
        }

        let mut frozen;
        let show: &mut dyn Show = if self.is_frozen() {
            frozen = Frozen(show);
            &mut frozen
        } else {
            show
        };
        let rules = Rules::of(&self.config);
        if rules.is_empty() {
            return self.op.visit(show);
        }
        self.op.visit(&mut Ruled { show, rules: &rules })
    }
}

impl Parameters for DynamicLayer {
    /// Shows all parameters to a visitor: those that are there at run time, whatever [`PARAMS`](Self::PARAMS) is.
    fn visit<V: Visitor<f32, Cpu>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        struct Shaped<'a, V>(&'a mut V);

        impl<V: Visitor<f32, Cpu>> Show for Shaped<'_, V> {
            fn weight(&mut self, weight: Shown<'_>) -> Result<(), Error> {
                let Shown { name, trainable, sizes, values, rule } = weight;
                macro_rules! ranks {
                    ($([$($size:ident),*])*) => {
                        match *sizes {
                            $([$($size),*] => weights::shaped(values, ($($size,)*), |tensor| {
                                let parameter = Parameter { name, trainable, tensor };
                                match &rule {
                                    Some(rule) => self.0.visit_ruled(parameter, rule),
                                    None => self.0.visit(parameter),
                                }
                            }),)*
                            _ => Err(Error::mismatch("the dimensions of a weight", "0 to 6", sizes.len())),
                        }
                    };
                }
                ranks!([] [a] [a, b] [a, b, c] [a, b, c, d] [a, b, c, d, e] [a, b, c, d, e, f])
            }

            fn carried(&mut self, carried: &CarriedStates<f32, Cpu>) -> Result<(), Error> {
                self.0.visit_carried(carried)
            }

            fn enter(&mut self, name: &str) {
                self.0.enter(name);
            }

            fn leave(&mut self) {
                self.0.leave();
            }
        }

        self.show(&mut Shaped(visitor))
    }
}
