use std::{borrow::Cow, fmt, path::Path, sync::Arc};

use dfdx::tensor::Cpu;

use super::{
    CustomObjects, DynamicValue, MAX_NUMBERS, RunsOn, budget,
    flow::{Flow, Flows, emptied, join_tapes, put_first},
    is_padded,
    op::{self, Op},
    rules::of_activity,
    value, words,
};
use crate::{
    backend::{Recorder, whole_pass},
    error::{Error, shortened},
    fields::{AnySignal, Config, has_build_config, may_be_frozen},
    io::WeightFile,
    regularizers::penalize,
};

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
    pub(super) config: Arc<Config>,
    pub(super) op: Box<dyn Op>,
    pub(super) dev: Cpu,
    pub(super) built: Option<Vec<AnySignal>>,
    pub(super) masks: Masks,
}

/// What becomes of a mask that reaches a layer which has no use for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Masks {
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
    pub(super) fn of(config: Config, op: Box<dyn Op>) -> Self {
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
        if !may_be_frozen(&config.class_name) {
            config.config.remove("trainable");
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

    pub(super) fn blame(&self, error: Error) -> Error {
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
    /// [`Error::Wiring`] if the layer does not take that, or if its weights are too large or not finite.
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
        self.op.build(dev, prefix, &arrive).map_err(|error| match error {
            // What does not say of which layer it speaks.
            Error::Invalid { .. } | Error::NonFinite { .. } | Error::Mismatch { .. } => {
                self.blame(words::refused(error.to_string()))
            }
            error => self.blame(error),
        })?;
        // Keras builds a layer that keeps states for one size of a batch.
        if !self.is_stateful() {
            arrive.iter_mut().for_each(AnySignal::of_any_batch);
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
    /// A model of several inputs gets a tuple, or a [`DynamicValue::Several`]; one of several outputs gives one.
    ///
    /// # Errors
    /// [`Error::Wiring`] for what it does not take, in the words of the compiler; those of the layer.
    pub fn run(&mut self, x: impl RunsOn) -> Result<DynamicValue, Error> {
        let x = value::into_flows(x.value())?;
        self.build_if_new(&x.iter().map(Flow::signal).collect::<Vec<_>>())?;
        let y = whole_pass(|| self.apply_each(put_first(x, Recorder::off())))?;
        value::from_outputs(join_tapes(y).0)
    }

    /// Forgets the states that `stateful` layers keep from one batch to the next.
    pub fn reset_states(&mut self) {
        self.op.reset_states();
    }

    /// Whether it, or a layer inside, keeps states from one batch to the next.
    pub(super) fn is_stateful(&self) -> bool {
        self.config.config.get("stateful") == Some(&true.into())
            || self.op.inside().into_iter().any(Self::is_stateful)
    }

    pub(super) fn build_if_new(&mut self, arrive: &[AnySignal]) -> Result<(), Error> {
        if self.built.is_some() {
            return Ok(());
        }
        // Another batch may have another size.
        let mut arrive = arrive.to_vec();
        arrive.iter_mut().for_each(AnySignal::of_any_batch);
        self.build_each(&arrive)
    }

    /// The inference pass of a layer that is built.
    pub(super) fn apply_each(&self, mut x: Flows) -> Result<Flows, Error> {
        self.take_masks_off(&mut x);
        if let Some(nothing) = self.admit(&x)? {
            return emptied(x, &nothing);
        }
        let y = self.op.apply(x).map_err(|e| self.blame(e))?;
        self.penalize(y)
    }

    /// The training pass of a layer that is built.
    pub(super) fn train_each(&mut self, mut x: Flows) -> Result<Flows, Error> {
        if self.op.rests() && self.is_frozen() {
            return self.apply_each(x);
        }
        self.take_masks_off(&mut x);
        if let Some(nothing) = self.admit(&x)? {
            return emptied(x, &nothing);
        }
        let y = self.op.train(x).map_err(|e| self.blame(e))?;
        self.penalize(y)
    }

    /// Adds the penalties of what leaves the layer to the loss of the pass, if its config has a regularizer for that.
    fn penalize(&self, y: Flows) -> Result<Flows, Error> {
        let Some(regularizer) = of_activity(&self.config) else { return Ok(y) };
        let (y, tape) = join_tapes(y);
        for one in &y {
            if let Flow::Numbers(numbers) = one {
                let (x, sizes, mask) = (numbers.x.clone(), &numbers.sizes, numbers.mask.as_ref());
                penalize(x, sizes, mask, &*regularizer, tape.is_on()).map_err(|e| self.blame(e))?;
            }
        }
        Ok(put_first(y, tape))
    }

    /// The inference pass of a layer of one input and one output.
    pub(super) fn apply(&self, x: Flow) -> Result<Flow, Error> {
        op::one(self.apply_each(vec![x])?).map_err(|e| self.blame(e))
    }

    /// The training pass of a layer of one input and one output.
    pub(super) fn train(&mut self, x: Flow) -> Result<Flow, Error> {
        op::one(self.train_each(vec![x])?).map_err(|e| self.blame(e))
    }

    fn take_masks_off(&self, x: &mut Flows) {
        if self.masks != Masks::Checked {
            x.iter_mut().for_each(|x| x.set_mask(None));
        }
    }

    /// Checks what reaches the layer. Gives what leaves it if that is known already, as it is empty.
    pub(super) fn admit(&self, x: &Flows) -> Result<Option<Vec<AnySignal>>, Error> {
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
}
