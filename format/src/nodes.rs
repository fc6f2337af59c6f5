//! The nodes of a `Functional` in JSON, in all dialects of Keras.

use std::{collections::HashMap, rc::Rc};

use serde_json::{Map, Value};

use crate::{FUNCTIONAL, whole};

/// A tensor in Keras: the [call](call_name) of a layer that gives it, and which one it is of those that it gives.
pub type Tensor = (String, usize);

/// A layer as it stands in the JSON, with its config as `C`.
pub struct Called<C> {
    /// The config.
    pub config: Rc<C>,
    /// Its name.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Where Keras finds the class.
    pub module: Option<String>,
    /// Its `inbound_nodes`.
    pub nodes: Value,
}

/// A call of a layer in the JSON, or an input.
pub struct Node<C> {
    /// The config of the layer, which all calls of it share.
    pub config: Rc<C>,
    /// The name of the layer.
    pub layer: String,
    /// Whether there is a call of the layer in front.
    pub is_again: bool,
    /// What it gives.
    pub tensor: Tensor,
    /// The tensors that reach it.
    pub from: Vec<Tensor>,
    /// What it gets by name, other than a mask.
    pub named: Vec<(String, Value)>,
    /// Whether it gets a mask by name.
    pub has_mask: bool,
    /// Whether this is a function of Keras's, such as `x + y`, and no layer.
    pub is_operation: bool,
    /// Whether a layer of the type has been found to be this one.
    pub taken: bool,
}

/// What a call of a layer is called here: the first as the layer.
pub fn call_name(layer: &str, call: usize) -> String {
    match call {
        0 => layer.to_owned(),
        call => format!("{layer} (call {})", call.saturating_add(1)),
    }
}

/// The calls of all layers, those of a layer behind one another, and those that are the outputs.
pub fn calls<C>(layers: Vec<Called<C>>, outputs: &Value) -> (Vec<Node<C>>, Vec<String>) {
    let mut read: Vec<(Called<C>, Vec<Call>)> = Vec::new();
    for mut layer in layers {
        let mut calls = match layer.nodes.take() {
            Value::Array(nodes) if !nodes.is_empty() => nodes.iter().map(Call::of).collect(),
            _ => vec![Call::default()],
        };
        if attends(&layer.class) {
            calls.iter_mut().for_each(Call::attend);
        }
        read.push((layer, calls));
    }
    let outputs = references(outputs);
    let mut last: HashMap<&str, usize> = HashMap::new();
    let arguments = read.iter().flat_map(|(_, calls)| calls).flat_map(|call| &call.tensors);
    for Reference { layer, call, .. } in arguments.chain(&outputs) {
        let last = last.entry(layer).or_default();
        *last = (*last).max(*call);
    }
    let numbers = read.iter().map(|(layer, calls)| {
        let last = last.get(layer.name.as_str()).copied().unwrap_or_default();
        (layer.name.clone(), Numbers::of(layer, calls, last))
    });
    let numbers: HashMap<String, Numbers> = numbers.collect();
    let number = |reference: &Reference, first: fn(&Numbers) -> usize| {
        let Some(numbers) = numbers.get(&reference.layer) else { return reference.call };
        // Of one call, it is meant, whatever its number.
        if numbers.count == 1 { 0 } else { reference.call.saturating_sub(first(numbers)) }
    };
    let outputs = outputs
        .iter()
        .map(|reference| call_name(&reference.layer, number(reference, |numbers| numbers.output)));
    let outputs = outputs.collect();
    let mut nodes = Vec::new();
    for (Called { config, name, module, .. }, calls) in read {
        let is_operation = module.is_some_and(|module| module.starts_with("keras.src.ops"));
        for (i, Call { tensors, named, has_mask, .. }) in calls.into_iter().enumerate() {
            let from = tensors.iter().map(|tensor| {
                let call = number(tensor, |numbers| numbers.argument);
                (call_name(&tensor.layer, call), tensor.output)
            });
            nodes.push(Node {
                config: Rc::clone(&config),
                layer: name.clone(),
                is_again: i > 0,
                tensor: (call_name(&name, i), 0),
                from: from.collect(),
                named,
                has_mask,
                is_operation,
                taken: false,
            });
        }
    }
    (nodes, outputs)
}

/// What the call of such a layer may say: that no query sees what stands behind its own place.
pub const CAUSAL: &str = "use_causal_mask";

/// The attention of several heads of which some share keys and values.
pub const GROUPED: &str = "GroupQueryAttention";

/// Whether a layer of the class is called with a query, a value and perhaps a key.
pub fn attends(class: &str) -> bool {
    ["AdditiveAttention", "Attention", GROUPED, "MultiHeadAttention"].contains(&class)
}

/// A tensor in the JSON: a layer, which of its calls gave it, and which one it is of what that call gave.
#[derive(PartialEq)]
struct Reference {
    layer: String,
    call: usize,
    output: usize,
}

/// With which numbers the calls of a layer begin, where others take what they give, and among the outputs.
struct Numbers {
    count: usize,
    argument: usize,
    output: usize,
}

impl Numbers {
    /// A model has a call of its own in Keras 2, and Keras 3 still counts that among the outputs.
    fn of<C>(layer: &Called<C>, calls: &[Call], last: usize) -> Self {
        let count = calls.len();
        let (functional, sequential) = (layer.class == FUNCTIONAL, layer.class == "Sequential");
        let (argument, output) = match calls.iter().any(|call| call.is_keras_3) {
            true => (0, usize::from(functional)),
            false => {
                let first = usize::from((functional || sequential) && last == count);
                (first, first)
            }
        };
        Self { count, argument, output }
    }
}

/// What leaves a layer of this class and config, by the places that a typed layer has for it: `0` and `1` in a pair, in Keras's order.
pub fn outputs(class: &str, config: &Map<String, Value>) -> Vec<String> {
    let says = |config: &Value, key: &str| config.get(key).cloned();
    let all = Value::Object(config.clone());
    let two_ways = class == "Bidirectional";
    let layer = if two_ways { all["layer"]["config"].clone() } else { all.clone() };
    let class = if two_ways { all["layer"]["class_name"].as_str() } else { Some(class) };
    let below = |at: &'static str, places: &[String]| -> Vec<String> {
        let place = |place: &String| format!("{at}.{place}").trim_end_matches('.').to_owned();
        places.iter().map(place).collect()
    };
    let pair = |a: &[String], b: &[String]| [below("0", a), below("1", b)].concat();
    let one = vec![String::new()];
    let apart = two_ways && says(&all, "merge_mode").is_some_and(|mode| mode.is_null());
    let outputs = if apart { pair(&one, &one) } else { one.clone() };
    if says(&layer, "return_state") != Some(Value::Bool(true)) {
        return outputs;
    }
    let state = if class == Some("LSTM") { pair(&one, &one) } else { one };
    let states = if two_ways { pair(&state, &state) } else { state };
    pair(&outputs, &states)
}

/// Which nodes the outputs are made of. The others, which reach a layer as its mask only, are how Keras makes one.
pub fn used<C>(nodes: &[Node<C>], outputs: Vec<String>) -> Vec<bool> {
    let names = nodes.iter().enumerate().map(|(i, node)| (node.tensor.0.as_str(), i));
    let places: HashMap<&str, usize> = names.collect();
    let mut used = vec![false; nodes.len()];
    let mut next: Vec<usize> =
        outputs.iter().filter_map(|name| places.get(&**name).copied()).collect();
    while let Some(i) = next.pop() {
        if !std::mem::replace(&mut used[i], true) {
            let from = nodes[i].from.iter();
            next.extend(from.filter_map(|(name, _)| places.get(name.as_str())));
        }
    }
    used
}

/// What a layer is called with.
#[derive(Default)]
struct Call {
    /// The tensors that reach it.
    tensors: Vec<Reference>,
    /// What it gets by name, other than a mask, which is made again.
    named: Vec<(String, Value)>,
    has_mask: bool,
    is_keras_3: bool,
}

impl Call {
    /// Reads one of the `inbound_nodes`: lists of `["name", 0, 0, {"training": false}]` in Keras 2, in Keras 3 objects with
    /// `args` and `kwargs`, in which a tensor has the key `keras_history`.
    fn of(node: &Value) -> Self {
        let mut call = Self { is_keras_3: node.is_object(), ..Self::default() };
        call.read(node);
        call
    }

    fn read(&mut self, nodes: &Value) {
        match nodes {
            Value::Array(list) => match list.as_slice() {
                [
                    Value::String(name),
                    call @ Value::Number(_),
                    output @ Value::Number(_),
                    rest @ ..,
                ] => {
                    self.tensors.push(reference(name, Some(call), Some(output)));
                    rest.iter().for_each(|kwargs| self.by_name(kwargs));
                }
                list => list.iter().for_each(|node| self.read(node)),
            },
            Value::Object(map) => match map.get("config").and_then(|c| c.get("keras_history")) {
                Some(history) => {
                    let name = history.get(0).and_then(Value::as_str).unwrap_or_default();
                    self.tensors.push(reference(name, history.get(1), history.get(2)));
                }
                None => {
                    map.get("args").into_iter().for_each(|args| self.read(args));
                    map.get("kwargs").into_iter().for_each(|kwargs| self.by_name(kwargs));
                }
            },
            _ => {}
        }
    }

    fn by_name(&mut self, kwargs: &Value) {
        for (key, value) in kwargs.as_object().into_iter().flatten() {
            if key == "initial_state" {
                self.read(value);
                continue;
            }
            let usual = value.is_null() || (key == "training" && *value == Value::Bool(false));
            self.has_mask |= key == "mask" && !value.is_null();
            if key != "mask" && !usual {
                self.named.push((key.clone(), value.clone()));
            }
        }
    }
}

impl Call {
    /// Takes a query, a value and a key, some of them by name, as what reaches the layer, without those that are what stands
    /// before them.
    fn attend(&mut self) {
        for name in ["query", "value", "key"] {
            let at = self.named.iter().position(|(key, value)| key == name && value.is_object());
            if let Some(at) = at {
                let (_, value) = self.named.remove(at);
                self.read(&value);
            }
        }
        for last in [2, 1] {
            if self.tensors.len() == last + 1 && self.tensors[last] == self.tensors[last - 1] {
                self.tensors.pop();
            }
        }
    }
}

fn reference(name: &str, call: Option<&Value>, output: Option<&Value>) -> Reference {
    let index = |value: Option<&Value>| {
        let index = value.and_then(whole).unwrap_or_default();
        usize::try_from(index).unwrap_or(usize::MAX)
    };
    Reference { layer: name.to_owned(), call: index(call), output: index(output) }
}

/// The tensors in `["a", 0, 0]`, or in a list or object of such.
fn references(list: &Value) -> Vec<Reference> {
    let one = |end: &Value| {
        let name = end.get(0).and_then(Value::as_str)?;
        Some(reference(name, end.get(1), end.get(2)))
    };
    match (one(list), list) {
        (Some(one), _) => vec![one],
        (None, Value::Object(map)) => map.values().filter_map(one).collect(),
        (None, list) => list.as_array().into_iter().flatten().filter_map(one).collect(),
    }
}

/// The names of the layers in `["a", 0, 0]`, or in a list or object of such.
pub fn ends(list: &Value) -> Vec<String> {
    references(list).into_iter().map(|reference| reference.layer).collect()
}
