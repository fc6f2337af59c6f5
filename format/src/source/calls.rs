//! The layers of a model as they are called, in order.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::{Config, FUNCTIONAL, Node, Tensor, ends, input_sizes, outputs, sizes, used};

/// A call of a layer.
pub(super) struct Call {
    pub(super) name: String,
    pub(super) config: Config,
    /// What reaches it.
    pub(super) from: Vec<Tensor>,
    /// Whether it gets a mask by name.
    pub(super) has_mask: bool,
    /// Why this is no call that a struct can make.
    pub(super) problem: Option<String>,
}

/// A model as a list of calls.
pub(super) struct Calls {
    /// The inputs, with their sizes, the batch first.
    pub(super) inputs: Vec<(String, Vec<Option<usize>>)>,
    pub(super) calls: Vec<Call>,
    pub(super) outputs: Vec<String>,
}

impl Call {
    /// The places of what it gives, `0` and `1` in a pair.
    pub(super) fn places(&self) -> Vec<String> {
        outputs(&self.config.class_name, &self.config.config)
    }

    /// Whether it goes over steps, and so may start from states.
    pub(super) fn is_recurrent(&self) -> bool {
        ["Bidirectional", "GRU", "LSTM", "SimpleRNN"].contains(&self.config.class_name.as_str())
    }

    /// Whether its state leaves it beside its output.
    pub(super) fn returns_state(&self) -> bool {
        let config = &self.config.config;
        let own = match self.config.class_name.as_str() {
            "Bidirectional" => {
                config.get("layer").and_then(|layer| layer["config"].get("return_state"))
            }
            _ => config.get("return_state"),
        };
        self.is_recurrent() && own == Some(&Value::Bool(true))
    }

    /// What goes over the steps, itself or both directions of it.
    pub(super) fn cell(&self) -> Option<&str> {
        match self.config.class_name.as_str() {
            "Bidirectional" => self.config.config.get("layer")?.get("class_name")?.as_str(),
            class => Some(class),
        }
    }
}

pub(super) fn is_model(config: &Config) -> bool {
    config.class_name == FUNCTIONAL || config.class_name == "Sequential"
}

impl Calls {
    /// # Errors
    /// That the config is no model, or does not say what reaches it.
    pub(super) fn of(config: &Config) -> Result<Self, String> {
        let layers = config.config.get("layers").and_then(Value::as_array);
        match layers.filter(|_| is_model(config)) {
            None => Err(format!("`{}` is no model", config.class_name)),
            Some(layers) if config.class_name == FUNCTIONAL => functional(config, layers),
            Some(layers) => sequential(config, layers),
        }
    }
}

fn sequential(config: &Config, layers: &[Value]) -> Result<Calls, String> {
    let known = input_sizes(&config.class_name, &config.config, config.build_config.as_ref());
    let sizes = known.ok_or("the config does not say what reaches the model")?;
    let (mut calls, mut last) = (Vec::new(), "input".to_owned());
    for layer in layers {
        let config = Config::read(layer.clone())?;
        if config.class_name == "InputLayer" {
            continue;
        }
        let name = config.name();
        let name = if name.is_empty() { format!("layer_{}", calls.len()) } else { name.to_owned() };
        let from = vec![(std::mem::replace(&mut last, name.clone()), 0)];
        calls.push(Call { name, config, from, has_mask: false, problem: None });
    }
    Ok(Calls { inputs: vec![("input".to_owned(), sizes)], calls, outputs: vec![last] })
}

fn functional(config: &Config, layers: &[Value]) -> Result<Calls, String> {
    let (mut nodes, mut twice) = (Vec::new(), HashSet::new());
    for layer in layers {
        let calls = layer.get("inbound_nodes").unwrap_or(&Value::Null);
        let config = Config::read(layer.clone())?;
        let (name, module) = (config.name().to_owned(), config.module.clone());
        if calls.as_array().is_some_and(|calls| calls.len() > 1) {
            twice.insert(name.clone());
        }
        nodes.push(Node::new(config, &name, module.as_deref(), calls));
    }
    let names = |key: &str| config.config.get(key).map(ends).unwrap_or_default();
    let (inputs, outputs) = (names("input_layers"), names("output_layers"));
    let used = used(&nodes, outputs.clone());
    let (mut found, mut calls) = (HashMap::new(), Vec::new());
    for (node, used) in nodes.into_iter().zip(used) {
        let (name, operation) = (node.tensor.0, node.is_operation);
        if node.config.class_name == "InputLayer" {
            let keys = ["batch_shape", "batch_input_shape"];
            let shape = keys.iter().find_map(|key| sizes(node.config.config.get(*key)?));
            found.insert(name, shape.unwrap_or_default());
        } else if used || !operation {
            let by_name = node.named.first().map(|(key, _)| format!("a call with `{key}`"));
            let again = twice.contains(&name).then(|| "it is called more than once".to_owned());
            let function = operation.then(|| "it is a function and no layer".to_owned());
            let problem = again.or(by_name).or(function);
            let (config, has_mask) = (node.config, node.has_mask);
            calls.push(Call { name, config, from: node.from, has_mask, problem });
        }
    }
    let inputs = inputs.into_iter().map(|name| {
        let sizes = found.remove(&name).unwrap_or_default();
        (name, sizes)
    });
    Ok(Calls { inputs: inputs.collect(), calls, outputs })
}
