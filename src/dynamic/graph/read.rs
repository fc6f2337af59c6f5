//! Reads the config of a model of branches.

use std::collections::HashMap;

use kerata_format::attends;
use serde_json::Value;

use super::{
    super::{
        DynamicLayer,
        custom::{CustomObjects, MAX_LAYERS},
        input::input,
        options::Options,
        words::refused,
    },
    Entry, Graph, Part, bare, call, is_function,
    nodes::{Argument, CallArguments, Reference},
    text,
    wiring::{Call, Source, Wiring},
};
use crate::{
    error::{Error, shortened},
    fields::{AnySignal, Config, FUNCTIONAL, SignalKind},
};

/// An entry, as it stands in the JSON.
struct Read {
    name: String,
    part: Part,
    /// What an `InputLayer` says of its shape.
    sizes: Option<Vec<Option<usize>>>,
    calls: Vec<CallArguments<Reference>>,
    /// What its first call is called by those that take what it gives, and by the outputs of the model.
    first: FirstCall,
    /// Whether its calls are written as Keras 3 does it.
    is_keras_3: bool,
}

/// The number of a first call: a model of its own has one from the start, in Keras 2, and Keras 3 still counts that among
/// the outputs.
#[derive(Debug, Clone, Copy, Default)]
struct FirstCall {
    argument: usize,
    output: usize,
}

/// Whether the masks of the calls stand in the config, as far as it matters: else Keras finds those of layers when it builds the
/// model, where no attention has taken any off yet.
fn says_masks(config: &Config) -> bool {
    let layers = config.config.get("layers").and_then(Value::as_array);
    let class = |layer: &Value| layer.get("class_name").and_then(Value::as_str).map(attends);
    if !layers.is_some_and(|layers| layers.iter().filter_map(class).any(|attends| attends)) {
        return true;
    }
    kerata_format::Config::from(config.clone())
        .modern()
        .map_or(true, |config| kerata_format::says_masks(&config))
}

pub(super) fn graph(options: &mut Options<'_>) -> Result<Graph, Error> {
    let custom = options.custom.clone().masks_as_keras();
    let says_masks = says_masks(options.config);
    let list = match options.config.config.remove("layers") {
        Some(Value::Array(list)) if !list.is_empty() => list,
        other => {
            let found = other.unwrap_or_default();
            return Err(options.misfit("layers", "a list of layers is needed", &found));
        }
    };
    let mut read: Vec<Read> = Vec::new();
    for value in list {
        read.push(entry(value, &custom)?);
    }
    let mut names: HashMap<String, usize> = HashMap::new();
    for (i, entry) in read.iter().enumerate() {
        if names.insert(entry.name.clone(), i).is_some() {
            return Err(wrong(&entry.name, "two layers have this name"));
        }
    }
    let mut ends = |key: &str| {
        let value = options.config.config.remove(key).unwrap_or_default();
        let ends = Argument::ends(&value);
        match ends.tensors().len() {
            0 => Err(options.misfit(key, "a list of tensors is needed", &value)),
            _ => Ok(ends),
        }
    };
    let (inputs, outputs) = (ends("input_layers")?, ends("output_layers")?);
    first_calls(&mut read, &names, &outputs)?;

    let order = order(&read, &names)?;
    let mut places = Places::default();
    for reference in inputs.tensors() {
        let i = find(&names, reference)?;
        if read[i].sizes.is_none() || places.inputs.contains_key(&i) {
            return Err(wrong(&reference.layer, "`input_layers` names each InputLayer once"));
        }
        places.inputs.insert(i, places.inputs.len());
    }
    for (place, &(entry, call)) in order.iter().enumerate() {
        places.calls.insert((entry, call), places.inputs.len() + place);
    }
    let source = &mut |reference: &Reference| places.source(&read, &names, reference);
    let (mut calls, mut said) = (Vec::new(), HashMap::new());
    for &(i, call) in &order {
        let entry = &read[i];
        let arguments = entry.calls[call].map(source)?;
        let Some(layer) = entry.part.runs() else { continue };
        let (made, words) = call::made(entry.is_keras_3, &entry.name, layer, i, &arguments)?;
        calls.push(made);
        match said.get(&i) {
            Some(others) if *others != words => {
                return Err(wrong(
                    &entry.name,
                    "its calls differ in more than their values, which is not known here",
                ));
            }
            _ => drop(said.insert(i, words)),
        }
    }
    let inputs = inputs.map(source)?;
    let source = &mut |reference: &Reference| {
        let i = find(&names, reference)?;
        let call = read[i].output_call(reference)?;
        places.source(&read, &names, &Reference { call, ..reference.clone() })
    };
    let ends = [inputs, outputs.map(source)?];
    let outputs: Vec<Source> = ends[1].tensors().into_iter().copied().collect();
    if !says_masks {
        calls.iter_mut().for_each(|call| call.bared = 0);
    }
    bare::mark(&mut calls, places.inputs.len(), &outputs);
    for (i, said) in said {
        if let Some(layer) = read[i].part.runs_mut() {
            layer.op.called(said);
        }
    }
    let signals = signals(&read, &places, &calls);
    let mut wiring = Wiring::new(signals, calls, outputs);
    wiring.count = wiring.calls.iter().fold(0, |count: usize, call| {
        let layer = read[call.entry].part.runs();
        count.saturating_add(layer.map_or(1, |layer| layer.op.calls()))
    });
    if wiring.count > MAX_LAYERS {
        return Err(Error::Json(format!("more than {MAX_LAYERS} calls of layers")));
    }

    let mut arguments = Vec::new();
    for (i, entry) in read.iter().enumerate() {
        let calls = entry.calls.iter().enumerate().map(|(call, arguments)| {
            let source = &mut |reference: &Reference| places.source(&read, &names, reference);
            let place = places.calls.get(&(i, call)).copied().unwrap_or(usize::MAX);
            Ok((call::written(&entry.part, arguments.map(source)?), place))
        });
        arguments.push(calls.collect::<Result<Vec<_>, Error>>()?);
    }
    let entries = read.into_iter().zip(arguments).enumerate().map(|(i, (entry, calls))| Entry {
        name: entry.name,
        part: entry.part,
        input: places.inputs.get(&i).copied(),
        calls,
    });
    let entries = entries.collect();
    Ok(Graph { entries, wiring, ends, signals: Vec::new() })
}

pub(super) fn wrong(layer: &str, message: impl Into<String>) -> Error {
    match refused(message) {
        Error::Wiring { message, .. } => Error::Wiring { layer: shortened(layer), message },
        other => other,
    }
}

fn entry(mut value: Value, custom: &CustomObjects) -> Result<Read, Error> {
    let nodes = value.get_mut("inbound_nodes").map(Value::take).unwrap_or_default();
    let outer = text(value.get("name"));
    let mut config = Config::try_from(value)?;
    let inner = text(config.config.get("name"));
    let Some(name) = outer.or(inner.clone()) else {
        return Err(wrong(&config.class_name, "a layer of a `Functional` has a name"));
    };
    if inner.is_none() {
        config.config.insert("name".to_owned(), name.clone().into());
    }
    let nodes = match nodes {
        Value::Array(nodes) => nodes,
        Value::Null => Vec::new(),
        _ => return Err(wrong(&name, "`inbound_nodes` is a list")),
    };
    let calls: Vec<_> = nodes.iter().map(CallArguments::read).collect();
    let is_keras_3 = nodes.iter().any(Value::is_object);
    let mut sizes = None;
    let part = if config.class_name == "InputLayer" {
        if !calls.is_empty() {
            return Err(wrong(&name, "nothing reaches an InputLayer"));
        }
        let (config, shape) = input(config)?;
        sizes =
            Some(shape.ok_or_else(|| wrong(&name, "an InputLayer of a `Functional` has a shape"))?);
        Part::Entrance(config)
    } else if is_function(&config, &nodes) {
        Part::Function(
            (custom.classes.function)(config, &calls, custom).map_err(|e| e.within(&name))?,
        )
    } else {
        if calls.is_empty() {
            return Err(wrong(&name, "nothing reaches it: `inbound_nodes` is empty"));
        }
        let mut layer = DynamicLayer::make(config, custom).map_err(|e| e.within(&name))?;
        // Here Keras applies a `Dense` to each step by itself.
        layer.op.allow_steps(true);
        Part::Called(layer)
    };
    Ok(Read { name, part, sizes, calls, first: FirstCall::default(), is_keras_3 })
}

fn find(names: &HashMap<String, usize>, reference: &Reference) -> Result<usize, Error> {
    let unknown =
        || wrong(&reference.layer, "there is no layer of this name, but one takes its output");
    names.get(&reference.layer).copied().ok_or_else(unknown)
}

/// Finds with what number the calls of each model inside begin. In Keras 2, each call has to do with the outputs, so the
/// last one is named by somebody.
fn first_calls(
    read: &mut [Read],
    names: &HashMap<String, usize>,
    outputs: &Argument<Reference>,
) -> Result<(), Error> {
    let mut last = vec![0; read.len()];
    let calls = read.iter().flat_map(|entry| &entry.calls);
    for argument in calls.flat_map(CallArguments::all).chain([outputs]) {
        for reference in argument.tensors() {
            let i = find(names, reference)?;
            last[i] = last[i].max(reference.call);
        }
    }
    for (entry, last) in read.iter_mut().zip(last) {
        let Some(layer) = entry.part.runs() else { continue };
        let model = layer.op.asks_for_nothing();
        entry.first = match entry.is_keras_3 {
            true => FirstCall { argument: 0, output: usize::from(layer.class() == FUNCTIONAL) },
            false => {
                let first = usize::from(model && last == entry.calls.len());
                FirstCall { argument: first, output: first }
            }
        };
    }
    Ok(())
}

impl Read {
    /// Which of the calls a reference means.
    fn call(&self, reference: &Reference) -> Result<usize, Error> {
        let call = reference.call.checked_sub(self.first.argument);
        call.filter(|&call| call < self.calls.len()).ok_or_else(|| {
            let (n, found) = (self.calls.len(), reference.call);
            wrong(&self.name, format!("it is called {n} times, but call {found} is needed"))
        })
    }

    /// The number of a call that is an output of the model, as those that take it would say it.
    fn output_call(&self, reference: &Reference) -> Result<usize, Error> {
        let FirstCall { argument, output } = self.first;
        match reference.call.checked_sub(output) {
            Some(call) => Ok(call + argument),
            // Of one call, it is the last one, too.
            None if self.calls.len() == 1 => Ok(argument),
            None => {
                let message = "it is called several times, and the outputs say none of these";
                Err(wrong(&self.name, message))
            }
        }
    }
}

/// The calls in an order in which each comes behind those that it needs, as an entry and the number of the call.
fn order(read: &[Read], names: &HashMap<String, usize>) -> Result<Vec<(usize, usize)>, Error> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states: Vec<Vec<State>> =
        read.iter().map(|entry| vec![State::New; entry.calls.len()]).collect();
    let mut order = Vec::new();
    let all =
        read.iter().enumerate().flat_map(|(i, entry)| (0..entry.calls.len()).map(move |c| (i, c)));
    for start in all {
        // What is to be looked at, and whether what it needs has been.
        let mut next = vec![(start, false)];
        while let Some(((i, call), ready)) = next.pop() {
            let state = &mut states[i][call];
            if ready {
                *state = State::Done;
                order.push((i, call));
                continue;
            }
            match *state {
                State::Done => continue,
                State::Open => return Err(wrong(&read[i].name, "its output reaches it again")),
                State::New => *state = State::Open,
            }
            next.push(((i, call), true));
            for argument in read[i].calls[call].all() {
                for reference in argument.tensors() {
                    let from = find(names, reference)?;
                    if read[from].sizes.is_some() {
                        continue;
                    }
                    let from = (from, read[from].call(reference)?);
                    match states[from.0][from.1] {
                        State::Done => {}
                        State::Open => {
                            return Err(wrong(&read[from.0].name, "its output reaches it again"));
                        }
                        State::New => next.push((from, false)),
                    }
                }
            }
        }
    }
    Ok(order)
}

/// Where the inputs are, and what the calls give.
#[derive(Default)]
struct Places {
    inputs: HashMap<usize, usize>,
    calls: HashMap<(usize, usize), usize>,
}

impl Places {
    fn source(
        &self,
        read: &[Read],
        names: &HashMap<String, usize>,
        reference: &Reference,
    ) -> Result<Source, Error> {
        let i = find(names, reference)?;
        let entry = &read[i];
        let place = if entry.sizes.is_some() {
            self.inputs.get(&i).copied()
        } else {
            self.calls.get(&(i, entry.call(reference)?)).copied()
        };
        let place =
            place.ok_or_else(|| wrong(&entry.name, "it is not among the `input_layers`"))?;
        Ok(Source { place, output: reference.output })
    }
}

/// What reaches the model: ids where a layer takes an input that makes vectors of them.
fn signals(read: &[Read], places: &Places, calls: &[Call]) -> Vec<AnySignal> {
    let mut signals = vec![AnySignal::numbers(Vec::new()); places.inputs.len()];
    for (&i, &place) in &places.inputs {
        signals[place].sizes = read[i].sizes.clone().unwrap_or_default();
    }
    for call in calls {
        let Some(layer) = read[call.entry].part.runs() else { continue };
        let own = layer.op.own_inputs();
        for (input, source) in call.inputs.iter().enumerate() {
            let ids = match &own {
                Some(own) => own.get(input).is_some_and(|one| one.kind == SignalKind::Tokens),
                None => layer.op.takes_ids() && !call.reversed,
            };
            if let Some(signal) = signals.get_mut(source.place).filter(|_| ids) {
                signal.kind = SignalKind::Tokens;
            }
        }
    }
    signals
}
