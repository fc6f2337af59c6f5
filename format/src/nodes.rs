//! The nodes of a `Functional` in JSON, in all dialects of Keras.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A tensor in Keras: the layer that gives it, and which one it is of those that it gives.
pub type Tensor = (String, usize);

/// A layer in the JSON, with its config as `C`.
pub struct Node<C> {
    /// The config.
    pub config: C,
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

impl<C> Node<C> {
    /// A layer of a name and a module, with its `inbound_nodes`.
    pub fn new(config: C, name: &str, module: Option<&str>, nodes: &Value) -> Self {
        let tensor = (name.to_owned(), 0);
        let mut call = Call::default();
        call.read(nodes);
        let is_operation = module.is_some_and(|module| module.starts_with("keras.src.ops"));
        let Call { tensors: from, named, has_mask } = call;
        Self { config, tensor, from, named, has_mask, is_operation, taken: false }
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
    tensors: Vec<Tensor>,
    /// What it gets by name, other than a mask, which is made again.
    named: Vec<(String, Value)>,
    has_mask: bool,
}

impl Call {
    /// Reads `inbound_nodes`: lists of `["name", 0, 0, {"training": false}]` in Keras 2, in Keras 3 objects with
    /// `args` and `kwargs`, in which a tensor has the key `keras_history`.
    fn read(&mut self, nodes: &Value) {
        let tensor = |name: &str, index: Option<&Value>| {
            let index = index.and_then(Value::as_u64).unwrap_or_default();
            (name.to_owned(), usize::try_from(index).unwrap_or(usize::MAX))
        };
        match nodes {
            Value::Array(list) => match list.as_slice() {
                [Value::String(name), Value::Number(_), index @ Value::Number(_), rest @ ..] => {
                    self.tensors.push(tensor(name, Some(index)));
                    rest.iter().for_each(|kwargs| self.by_name(kwargs));
                }
                list => list.iter().for_each(|node| self.read(node)),
            },
            Value::Object(map) => match map.get("config").and_then(|c| c.get("keras_history")) {
                Some(history) => {
                    let name = history.get(0).and_then(Value::as_str).unwrap_or_default();
                    self.tensors.push(tensor(name, history.get(2)));
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

/// The names in `["a", 0, 0]`, or in a list or object of such.
pub fn ends(list: &Value) -> Vec<String> {
    let name = |end: &Value| end.get(0).and_then(Value::as_str).map(str::to_owned);
    match (name(list), list) {
        (Some(one), _) => vec![one],
        (None, Value::Object(map)) => map.values().filter_map(name).collect(),
        (None, list) => list.as_array().into_iter().flatten().filter_map(name).collect(),
    }
}
