use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dfdx::tensor::Cpu;
use kerata_format::OLD_HARD_SIGMOID;
use serde_json::Value;

use super::{
    Dynamic, FromDynamic,
    foreign::Foreign,
    functions::{FoundFunction, Functions, GATE, Of},
    graph::{Function, MakeFunction},
    op::Op,
    options::Options,
    own::{Own, Takes},
    registry,
};
use crate::{
    backend::ActivationFunction,
    error::Error,
    fields::{Config, Configured, destroys_masks, snake_case},
    layer::Layer,
    layers::{Activation, CellState, LastState, Returns, Rnn, RnnCell, Sequences},
    parameters::{Build, Parameters},
    signal::Masked,
};

/// Custom layers and activations, by the names that configs have for them.
///
/// It is handed on into configs inside of configs, so that a custom layer may stand in a
/// `TimeDistributed` or a `Sequential`.
///
/// ```
/// use kerata::{*, config::{Config, CustomObjects, layer_from_config}, tensor::{Shape, Tape}};
///
/// /// `x * x`.
/// #[derive(Debug, Clone)]
/// struct Square;
///
/// impl Activation for Square {
///     const NAME: &'static str = "square";
///
///     fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
///         x: Tensor<S, E, D, T>,
///     ) -> Result<Tensor<S, E, D, T>, Error> {
///         Ok(x.square())
///     }
/// }
///
/// let config: Config = r#"{"class_name": "Activation", "config": {"activation": "square"}}"#.parse()?;
/// let unknown = layer_from_config(&config, &CustomObjects::new()).unwrap_err();
/// assert!(unknown.to_string().starts_with("the activation `square` is not known"));
/// let mut layer = layer_from_config(&config, &CustomObjects::new().activation::<Square>())?;
/// assert_eq!(layer.run(Cpu::default().tensor([[3.0_f32]]))?.values(), [9.0]);
/// # use kerata::prelude::*;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct CustomObjects {
    pub(super) classes: Classes,
    layers: BTreeMap<String, Entry>,
    activations: BTreeMap<String, Functions>,
    /// Whether masks are taken off where Keras does.
    pub(super) masks_as_keras: bool,
    /// Whether functions are those of Keras 2, where Keras 3 has others of the same name.
    keras_2: bool,
    /// How deep in other configs this one is.
    depth: usize,
    /// How many layers have been made.
    made: Arc<AtomicUsize>,
}

/// The sequences that a cell takes, and its units.
type Plain<C> = (usize, usize, <C as RnnCell>::Inputs);
type Units<C> = <<C as RnnCell>::State as CellState>::Units;

/// What the layer of a cell is called here. It is no class of Keras's.
fn layer_of_cell(class: &str) -> String {
    format!("RNN of {class}")
}

/// What makes the layers of Keras, and the functions of its graphs.
#[derive(Clone, Copy)]
pub(super) struct Classes {
    layer: fn(Config, &CustomObjects) -> Result<(Config, Box<dyn Op>), Error>,
    pub(super) function: MakeFunction,
}

type Make = dyn Fn(&Config, &CustomObjects) -> Result<Box<dyn Op>, Error> + Send + Sync;

#[derive(Clone)]
struct Entry {
    make: Arc<Make>,
    /// The `Vec<Takes<L>>` of a typed layer, so that it can take more.
    takes: Option<Arc<dyn Any + Send + Sync>>,
}

/// Configs deeper than this in each other are refused.
const MAX_LAYERS_DEEP: usize = 32;

/// Configs of more layers than this are refused.
pub(super) const MAX_LAYERS: usize = 10_000;

impl Default for CustomObjects {
    // All layers of Keras hang on these pointers: a program that has no such objects is to be compiled without them. Where
    // many programs have some, as tests do, they are better compiled once, with the crate.
    #[cfg_attr(not(any(debug_assertions, feature = "keras")), inline)]
    fn default() -> Self {
        Self {
            classes: Classes { layer: registry::make, function: Function::layer },
            layers: BTreeMap::new(),
            activations: BTreeMap::new(),
            masks_as_keras: false,
            keras_2: false,
            depth: 0,
            made: Arc::default(),
        }
    }
}

impl CustomObjects {
    /// None yet.
    #[cfg_attr(not(any(debug_assertions, feature = "keras")), inline)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a layer, under the name [`Configured::CLASS`], for one of the signals that it takes. For other
    /// signals, call this again.
    pub fn layer<L, In>(mut self) -> Self
    where
        L: Configured<Element = f32, Device = Cpu> + Build + Parameters,
        L: Layer<In, f32, Cpu, Out: FromDynamic> + fmt::Debug + Send + Sync + 'static,
        In: FromDynamic,
    {
        let before = self.layers.remove(L::CLASS).and_then(|entry| entry.takes);
        let mut takes = match before.and_then(|takes| takes.downcast::<Vec<Takes<L>>>().ok()) {
            Some(takes) => Vec::clone(&takes),
            None => Vec::new(),
        };
        takes.push(Takes::of::<In>());
        let all = takes.clone();
        let make = move |config: &Config, _: &CustomObjects| {
            Ok(Box::new(Own::new(L::from_config(config)?, all.clone())) as Box<dyn Op>)
        };
        let entry = Entry { make: Arc::new(make), takes: Some(Arc::new(takes)) };
        self.layers.insert(L::CLASS.to_owned(), entry);
        self
    }

    /// Adds the cell of an [`Rnn`], under the name [`Configured::CLASS`]: Keras's `RNN` then may have it, alone, in
    /// `StackedRNNCells` or in a `Bidirectional`.
    ///
    /// ```
    /// use kerata::{*, config::{CustomObjects, DynamicLayer}, prelude::*, tensor::Tape};
    ///
    /// /// `h' = tanh(h + x . kernel)`.
    /// #[layer(class = "Adder", keys(units: size(H)))]
    /// struct Adder<const I: usize, const H: usize> {
    ///     #[weight(init = glorot_uniform)]
    ///     kernel: Tensor<tensor::Rank2<I, H>, f32, Cpu>,
    /// }
    ///
    /// impl<const I: usize, const H: usize> RnnCell for Adder<I, H> {
    ///     type Inputs = Const<I>;
    ///     type State = StateH<(Batch, Const<H>)>;
    ///
    ///     fn step<T: Tape<f32, Cpu>>(
    ///         &self,
    ///         x: Tensor<(usize, Const<I>), f32, Cpu, T>,
    ///         StateH { h }: StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>,
    ///     ) -> Result<StateH<Tensor<(usize, Const<H>), f32, Cpu, T>>, Error> {
    ///         Ok(StateH { h: (h + x.try_matmul(self.kernel.clone())?).tanh() })
    ///     }
    /// }
    /// # use kerata::tensor::TryMatMul;
    /// let rnn = Rnn::<Adder<2, 3>, Sequences>::build(&Cpu::seed_from_u64(0))?;
    /// let config = rnn.config();
    /// assert_eq!((config.class_name.as_str(), &config.config["cell"]["class_name"]), ("RNN", &"Adder".into()));
    ///
    /// let custom = CustomObjects::new().cell::<Adder<2, 3>>();
    /// let mut dynamic = DynamicLayer::from_layer_with(&rnn, &custom)?;
    /// let x = Cpu::default().tensor([[[0.1, 0.2], [0.3, 0.4]]]);
    /// assert_eq!(dynamic.run(x.clone())?.values(), rnn.forward(x)?.as_vec());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn cell<C>(mut self) -> Self
    where
        C: RnnCell + Configured<Element = f32, Device = Cpu> + Build + Parameters,
        C: fmt::Debug + Send + Sync + 'static,
    {
        /// The layer of a cell, for what it returns.
        fn of<C, R>(config: &Config) -> Result<Box<dyn Op>, Error>
        where
            C: RnnCell + Configured<Element = f32, Device = Cpu> + Build + Parameters,
            C: fmt::Debug + Send + Sync + 'static,
            R: Returns + Send + Sync,
            R::Out<Plain<C>, Units<C>>: FromDynamic,
            R::Out<Masked<Plain<C>>, Units<C>>: FromDynamic,
        {
            let layer = Rnn::<C, R>::from_config(config)?;
            let takes = vec![Takes::of::<Plain<C>>(), Takes::of::<Masked<Plain<C>>>()];
            Ok(Box::new(Own::new(layer, takes)))
        }
        let make = |config: &Config, _: &CustomObjects| {
            let mut config = config.clone();
            config.class_name = "RNN".to_owned();
            config.registered_name = None;
            match config.config.get("return_sequences") == Some(&Value::Bool(true)) {
                true => of::<C, Sequences>(&config),
                false => of::<C, LastState>(&config),
            }
        };
        let entry = Entry { make: Arc::new(make), takes: None };
        self.layers.insert(layer_of_cell(C::CLASS), entry);
        self
    }

    /// The class of the layer of a custom cell, if there is one of these names.
    pub(super) fn layer_of_cell(&self, registered: Option<&str>, class: &str) -> Option<String> {
        let registered = registered.and_then(|name| name.rsplit('>').next());
        let names = registered.into_iter().chain([class]).map(layer_of_cell);
        names.into_iter().find(|name| self.layers.contains_key(name))
    }

    /// Adds the constructor of a layer whose shapes are known at run time only.
    pub fn constructor(
        mut self,
        class: &str,
        make: impl Fn(&Config, &CustomObjects) -> Result<Box<dyn Dynamic>, Error>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        let make = Arc::new(make);
        let make = move |config: &Config, custom: &CustomObjects| {
            let (make, config, custom) = (make.clone(), config.clone(), custom.clone());
            let layer = Foreign::new(move || make(&config, &custom))?;
            Ok(Box::new(layer) as Box<dyn Op>)
        };
        self.layers.insert(class.to_owned(), Entry { make: Arc::new(make), takes: None });
        self
    }

    /// Adds an activation, under the name [`Activation::NAME`].
    pub fn activation<A: Activation>(mut self) -> Self {
        self.activations.insert(A::NAME.to_owned(), Functions::of::<A>());
        self
    }

    /// Takes a mask off where it reaches a layer that has no use for it, as Keras does with a warning: so the numbers
    /// are those of Keras. Without this it is an error, as with typed layers. Layers of a `Functional` are always made
    /// like this. [`DynamicLayer::dropped_masks`](super::DynamicLayer::dropped_masks) names them.
    ///
    /// ```
    /// use kerata::{Error, config::{Config, CustomObjects, DynamicValue, layer_from_config}};
    ///
    /// let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
    ///     {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true}},
    ///     {"class_name": "Flatten", "config": {}}]}}"#.parse()?;
    /// let ids = DynamicValue::ids([1, 2], vec![3, 0])?;
    /// assert!(layer_from_config(&config, &CustomObjects::new())?.run(ids.clone()).is_err());
    ///
    /// let mut model = layer_from_config(&config, &CustomObjects::new().masks_as_keras())?;
    /// assert_eq!(model.run(ids)?.sizes(), [1, 4]);
    /// assert_eq!(model.dropped_masks(), ["flatten"]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn masks_as_keras(mut self) -> Self {
        self.masks_as_keras = true;
        self
    }

    /// Reads configs of Keras 2, in which `hard_sigmoid` is `0.2 x + 0.5` from 0 to 1: Keras 3 has `x / 6 + 0.5` under
    /// that name. Such a config does not say which Keras it is of; a `.keras` or `.h5` does, so `keras::load` does without
    /// this, and calls the function `keras_2_hard_sigmoid`, which Keras 3 knows as a custom object only.
    ///
    /// ```
    /// use kerata::{Cpu, Error, config::{Config, CustomObjects, layer_from_config}, prelude::*};
    ///
    /// let config: Config =
    ///     r#"{"class_name": "Activation", "config": {"activation": "hard_sigmoid"}}"#.parse()?;
    /// let x = Cpu::default().tensor([[1.0_f32]]);
    /// let mut layer = layer_from_config(&config, &CustomObjects::new().keras_2())?;
    /// assert_eq!(layer.run(x)?.values(), [0.7]);
    /// # Ok::<(), Error>(())
    /// ```
    #[must_use]
    pub fn keras_2(mut self) -> Self {
        self.keras_2 = true;
        self
    }

    /// Whether a mask that reaches a layer is taken off.
    pub(super) fn takes_masks_off(&self, config: &Config) -> bool {
        self.masks_as_keras
            && destroys_masks(&config.class_name)
            && !self.layers.contains_key(&config.class_name)
    }

    /// The same, to make layers with: they are counted from here, unless this is already within another layer.
    pub(super) fn afresh(&self) -> Self {
        let made = if self.depth == 0 { Arc::default() } else { Arc::clone(&self.made) };
        Self { made, ..self.clone() }
    }

    /// The layer that a config describes.
    pub(super) fn make(&self, config: Config) -> Result<(Config, Box<dyn Op>), Error> {
        if self.depth > MAX_LAYERS_DEEP {
            let message = format!("layers are nested more than {MAX_LAYERS_DEEP} deep");
            return Err(Error::Json(message));
        }
        if self.made.fetch_add(1, Ordering::Relaxed) >= MAX_LAYERS {
            return Err(Error::Json(format!("more than {MAX_LAYERS} layers")));
        }
        let inside = Self { depth: self.depth + 1, ..self.clone() };
        let name = config.registered_name.as_deref().unwrap_or(&config.class_name);
        // Keras puts the package in front of a registered name.
        let own = [name, name.rsplit('>').next().unwrap_or(name), &config.class_name];
        if let Some(entry) = own.iter().find_map(|name| self.layers.get(*name)) {
            let mut complete = config;
            let name = snake_case(&complete.class_name);
            complete.config.entry("name").or_insert(name.into());
            // Every layer can be frozen: the layer itself does not know of it.
            let trainable = complete.config.remove("trainable");
            let op = (entry.make)(&complete, &inside)?;
            match trainable {
                None | Some(Value::Null) => {}
                Some(flag @ Value::Bool(_)) => {
                    drop(complete.config.insert("trainable".into(), flag))
                }
                Some(other) => {
                    let options = Options { config: &mut complete, custom: self };
                    return Err(options.misfit("trainable", "true or false is needed", &other));
                }
            }
            return Ok((complete, op));
        }
        (self.classes.layer)(config.usual(), &inside)
    }

    /// The error for a class that nobody knows.
    pub(super) fn unknown(&self, config: Config) -> Error {
        let Config { class_name: name, module, .. } = config;
        // A file of Keras says that it has the class: what is spelled alike is another one.
        if module.is_some_and(|module| module == "keras.layers") {
            return Error::Unknown { what: "Keras's layer", name, known: Vec::new() };
        }
        let mut known = registry::known();
        known.extend(self.layers.keys().cloned());
        Error::Unknown { what: "the layer", name, known }
    }

    pub(super) fn function(&self, name: &str) -> Result<FoundFunction, Error> {
        let own = self.activations.get(name).copied();
        let old = self.keras_2 && name == "hard_sigmoid";
        let keras = || ActivationFunction::named(if old { OLD_HARD_SIGMOID } else { name });
        let gate = || (name == GATE).then_some(Of::Gate);
        let Some(of) = own.map(Of::Own).or_else(|| keras().map(Of::Keras)).or_else(gate) else {
            let mut known: Vec<String> =
                ActivationFunction::NAMES.iter().map(|&name| name.to_owned()).collect();
            known.push(GATE.to_owned());
            known.sort_unstable();
            known.extend(self.activations.keys().cloned());
            let name = name.to_owned();
            return Err(Error::Unknown { what: "the activation", name, known });
        };
        Ok(FoundFunction { name: name.to_owned(), of, options: None })
    }
}

impl fmt::Debug for CustomObjects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CustomObjects")
            .field("layers", &self.layers.keys())
            .field("activations", &self.activations.keys())
            .finish()
    }
}
