//! Dynamic layers and types: a layer of which is settled what arrives and what leaves, and the ways to and from a typed
//! layer.

use std::{collections::HashMap, fmt, marker::PhantomData};

use dfdx::tensor::{Cpu, Tape};

use super::{
    CustomObjects, DynamicLayer, FromDynamic, LayerWeight, flow::Flow, layer_from_config,
    op::on_any_tape, said::Said, value::from_flows, words::refused,
};
use crate::{
    error::Error,
    fields::{AnySignal, Configured, Fields, Mode, SignalKind},
    io::{self, Weight, WeightFile},
    layer::Layer,
    model::{Model, Row, Summary},
    parameters::{Build, Parameters, Visitor},
    signal::Value,
};

/// A [`DynamicLayer`] of which is settled what arrives and what leaves: a [`Model`], which a
/// [`Trainer`](crate::train::Trainer) can train.
///
/// ```
/// use kerata::{Batch, Const, Cpu, Error, Ids, data::InMemory, loss::SparseCategoricalCrossentropy,
///     optim::Adam, prelude::*, train::{Fit, Trainer},
///     config::{Config, CustomObjects, layer_from_config}};
///
/// // What `model.to_json()` of Keras wrote; the embedding is to stay as it is.
/// let config: Config = r#"{"class_name": "Sequential", "config": {"layers": [
///     {"class_name": "Embedding", "config": {"input_dim": 9, "output_dim": 4, "mask_zero": true, "trainable": false}},
///     {"class_name": "GRU", "config": {"units": 8}},
///     {"class_name": "Dense", "config": {"units": 2}}]}}"#.parse()?;
/// let layer = layer_from_config(&config, &CustomObjects::new())?.on(&Cpu::seed_from_u64(0));
/// let model = layer.typed::<Ids<(Batch, Const<3>)>, (Batch, Const<2>)>()?;
/// // model.layer.load_weights("weights.safetensors")?;
///
/// let data = InMemory::new(vec![[1_usize, 2, 0], [3, 4, 5], [2, 1, 0], [5, 3, 4]], vec![0_usize, 1, 0, 1])?;
/// let loss = SparseCategoricalCrossentropy::from_logits();
/// let mut trainer = Trainer::new(model, loss, Adam::new(0.05))?;
/// let history = trainer.fit(&data, &Fit::epochs(20))?;
/// assert!(history.last("loss").unwrap() < 0.1);
/// assert_eq!(trainer.predict(&vec![[1_usize, 2, 0]], 32)?.as_vec().len(), 2);
/// # Ok::<(), Error>(())
/// ```
pub struct Typed<In, Out> {
    /// The layer. It is built.
    pub layer: DynamicLayer,
    wires: PhantomData<fn(In) -> Out>,
}

impl<In, Out> Clone for Typed<In, Out> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), wires: PhantomData }
    }
}

impl<In, Out> fmt::Debug for Typed<In, Out> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.layer).finish()
    }
}

impl<In: FromDynamic, Out: FromDynamic> Layer<In> for Typed<In, Out> {
    type Out = Out;

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: In::Data<f32, Cpu, T>,
    ) -> Result<Out::Data<f32, Cpu, T>, Error> {
        from_flows::<Out, T>(on_any_tape(In::into_flows(x)?, |x| self.layer.apply_each(x))?)
    }

    fn call_mut<T: Tape<f32, Cpu>>(
        &mut self,
        x: In::Data<f32, Cpu, T>,
    ) -> Result<Out::Data<f32, Cpu, T>, Error> {
        from_flows::<Out, T>(on_any_tape(In::into_flows(x)?, |x| self.layer.train_each(x))?)
    }
}

impl<In, Out> Parameters for Typed<In, Out> {
    fn visit(&mut self, visitor: &mut dyn Visitor<f32, Cpu>) -> Result<(), Error> {
        self.layer.visit(visitor)
    }
}

#[diagnostic::do_not_recommend]
impl<In: FromDynamic, Out: FromDynamic> Model for Typed<In, Out> {
    type Input = In;
    type Output = Out;

    /// One row: the type knows of no more.
    fn summary() -> Summary {
        Summary::new(
            "Typed",
            vec![Row::of::<DynamicLayer, In, Out>("layer", &["input"], false, 0, 0)],
        )
    }
}

impl DynamicLayer {
    /// The layer as a model, by which it is trained. If it is not built, it is built for `In`.
    ///
    /// # Errors
    /// [`Error::Wiring`] if it does not take `In`, or if something else than `Out` leaves it.
    pub fn typed<In: FromDynamic, Out: FromDynamic>(mut self) -> Result<Typed<In, Out>, Error> {
        let all = |parts: Vec<(String, AnySignal)>| parts.into_iter().map(|(_, one)| one).collect();
        let arrive: Vec<AnySignal> = all(AnySignal::parts::<In>());
        let leave: Vec<AnySignal> = all(AnySignal::parts::<Out>());
        self.build_if_new(&arrive)?;
        let gives = self.gives_each(&arrive)?;
        if gives.len() != leave.len() {
            let (found, expected) = (gives.len(), leave.len());
            return Err(self.blame(refused(format!("it has {found} outputs, not {expected}"))));
        }
        for (gives, leaves) in gives.iter().zip(&leave) {
            if gives.kind != leaves.kind || !gives.agrees(&leaves.sizes) {
                return Err(self.blame(refused(format!("`{gives}` leaves it, not `{leaves}`"))));
            }
        }
        Ok(Typed { layer: self, wires: PhantomData })
    }

    /// The training pass: dropout drops, running statistics move, and if `x` has a tape, it goes on with what leaves
    /// the layer, `Out`. A layer that is not built is built for what arrives.
    ///
    /// # Errors
    /// [`Error::Wiring`] for what the layer does not take, or if one inside has no training pass;
    /// [`Error::Mismatch`] if something else than `Out` leaves it; those of the layers.
    pub fn forward_mut<Out: FromDynamic, X: Value<f32, Cpu, Signal: FromDynamic>>(
        &mut self,
        x: X,
    ) -> Result<Out::Data<f32, Cpu, X::Tape>, Error> {
        let x = <X::Signal as FromDynamic>::into_flows(x.into_data())?;
        self.build_if_new(&x.iter().map(Flow::signal).collect::<Vec<_>>())?;
        from_flows::<Out, X::Tape>(on_any_tape(x, |x| self.train_each(x))?)
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
        let config = self.config();
        let mut layer = L::from_config(&config)?;
        let flags = self.op.call_flags();
        if !flags.is_empty() {
            Fields::read_call(&mut layer, &config, flags).map_err(refused)?;
        }
        if self.built.is_some() {
            let names = io::shapes(&mut layer)?.into_iter().map(|(name, _)| name).collect();
            let matched = Fields::read(&mut layer, &config, Mode::Check).matched;
            let all = weights(&self)?;
            let file = match by_layers(&self, &matched, &names, &all) {
                Some(file) => file,
                None => renamed(all, names),
            };
            file.load_into(&mut layer)?;
        }
        Ok(layer)
    }

    /// A typed layer or model as a dynamic one, with its weights: the other way of [`try_into`](Self::try_into).
    ///
    /// # Errors
    /// Those of [`layer_from_config`]; [`Error::Differences`] if its weights are not those of its config.
    ///
    /// ```
    /// use kerata::{Cpu, Dense, Error, Relu, config::DynamicLayer, prelude::*};
    ///
    /// let (dev, x) = (Cpu::seed_from_u64(0), Cpu::default().tensor([[1.0_f32, 2.0, 3.0]]));
    /// let dense = Dense::<3, 4, Relu>::build(&dev)?;
    /// let mut dynamic = DynamicLayer::from_layer(&dense)?;
    /// assert_eq!(dynamic.run(x.clone())?.values(), dense.forward(x)?.as_vec());
    /// # Ok::<(), Error>(())
    /// ```
    pub fn from_layer<L>(layer: &L) -> Result<Self, Error>
    where
        L: Configured + Parameters<L::Element, L::Device>,
    {
        Self::from_layer_with(layer, &CustomObjects::new())
    }

    /// The same for a layer that has custom ones inside.
    ///
    /// # Errors
    /// As [`from_layer`](Self::from_layer).
    pub fn from_layer_with<L>(layer: &L, custom_objects: &CustomObjects) -> Result<Self, Error>
    where
        L: Configured + Parameters<L::Element, L::Device>,
    {
        let mut dynamic = layer_from_config(&layer.config(), custom_objects)?;
        // A config says nothing of a call.
        let call = Fields::call_of(&mut layer.clone());
        let flags = dynamic.op.words().flags.iter().filter(|flag| call.get(**flag).is_some());
        let flags: Vec<_> = flags.copied().collect();
        if !flags.is_empty() {
            dynamic.op.called(Said { flags, ..Said::default() });
        }
        build_like(&mut dynamic, layer)?;
        let names = io::shapes(&mut dynamic)?.into_iter().map(|(name, _)| name).collect();
        let all = io::collect(layer)?.into_iter().map(LayerWeight::from).collect();
        renamed(all, names).load_into(&mut dynamic)?;
        Ok(dynamic)
    }
}

/// Builds a layer of whose input the config says nothing, as that of a wrapper: for what makes it have the weights of the
/// typed one.
fn build_like<L>(dynamic: &mut DynamicLayer, layer: &L) -> Result<(), Error>
where
    L: Configured + Parameters<L::Element, L::Device>,
{
    let wanted: Vec<Vec<usize>> = io::collect(layer)?.into_iter().map(|w| w.sizes).collect();
    let Some(first) = wanted.first().filter(|_| dynamic.built.is_none()) else { return Ok(()) };
    if dynamic.class() == "MultiHeadAttention" {
        // The features of the query, of the value and of the key, which come in another order.
        let kernels = wanted.iter().filter(|sizes| sizes.len() == 3);
        let sizes: Vec<_> = kernels.map(|sizes| sizes.first().copied()).collect();
        let steps = |at: usize| AnySignal::numbers([None, None, sizes.get(at).copied().flatten()]);
        return dynamic.build_each(&[0, 2, 1].map(steps));
    }
    // The features of a vector, of a matrix, or of the kernel of a convolution.
    let features = first.get(first.len().saturating_sub(2)).copied();
    let numbers = (1..=4).map(|rank| {
        let mut sizes = vec![None; rank];
        sizes.push(features);
        AnySignal::numbers(sizes)
    });
    let ids = AnySignal { kind: SignalKind::Tokens, sizes: vec![None, None] };
    for arrives in numbers.chain([ids]) {
        let mut attempt = dynamic.clone();
        let fits = attempt.build(&arrives).is_ok()
            && io::shapes(&mut attempt)?.into_iter().map(|(_, sizes)| sizes).eq(wanted.clone());
        if fits {
            *dynamic = attempt;
            break;
        }
    }
    Ok(())
}

impl From<Weight> for LayerWeight {
    fn from(weight: Weight) -> Self {
        let Weight { name, sizes, values } = weight;
        Self { name, sizes, values: values.into_elements() }
    }
}

pub(super) fn weights(layer: &DynamicLayer) -> Result<Vec<LayerWeight>, Error> {
    Ok(io::collect(layer)?.into_iter().map(LayerWeight::from).collect())
}

/// Weights under the names of a typed layer, which has found out which of its layers is which in the config. `None` if that
/// does not account for all of them.
fn by_layers(
    layer: &DynamicLayer,
    matched: &[(Vec<String>, Vec<String>)],
    names: &Vec<String>,
    all: &[LayerWeight],
) -> Option<WeightFile> {
    /// What a visitor is told of the layers inside of models, by their names.
    fn visited(
        layer: &DynamicLayer,
        names: &[String],
        path: &str,
        found: &mut HashMap<Vec<String>, String>,
    ) {
        let counted = match layer.class() {
            "Sequential" => true,
            "Functional" => false,
            _ => return,
        };
        for (i, inside) in layer.layers().into_iter().enumerate() {
            let step = if counted { i.to_string() } else { inside.name().to_owned() };
            let path = format!("{path}{step}.");
            let names = [names, &[inside.name().to_owned()]].concat();
            visited(inside, &names, &path, found);
            found.insert(names, path);
        }
    }

    let (mut paths, mut places) = (HashMap::new(), HashMap::new());
    visited(layer, &[], "", &mut paths);
    for (ours, theirs) in matched {
        let ours: String = ours.iter().map(|step| format!("{step}.")).collect();
        places.insert(ours, paths.get(theirs)?);
    }
    let values: HashMap<&str, &LayerWeight> =
        all.iter().map(|weight| (weight.name.as_str(), weight)).collect();
    let mut found = Vec::new();
    for name in names {
        // The innermost layer that is known by both.
        let ends = name.match_indices('.').map(|(at, _)| at + 1).rev();
        let theirs = ends.into_iter().find_map(|end| {
            let (ours, rest) = name.split_at(end);
            Some(format!("{}{rest}", places.get(ours)?))
        })?;
        let weight = values.get(theirs.as_str())?;
        found.push((name.clone(), weight.sizes.clone(), weight.values.clone()));
    }
    (found.len() == all.len()).then(|| WeightFile::of(found.into_iter()))
}

/// Weights under other names, if these differ in those of the layers only: a struct with `#[model]` names its layers,
/// here they are counted. The order is the same.
fn renamed(weights: Vec<LayerWeight>, names: Vec<String>) -> WeightFile {
    let own = |name: &str| name.rsplit('.').next().map(str::to_owned);
    let same = names.iter().map(|name| own(name)).eq(weights.iter().map(|w| own(&w.name)));
    let mut names = names.into_iter().filter(|_| same);
    WeightFile::of(
        weights
            .into_iter()
            .map(|weight| (names.next().unwrap_or(weight.name), weight.sizes, weight.values)),
    )
}
