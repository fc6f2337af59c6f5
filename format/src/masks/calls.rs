//! The layers of a model as they are called, in order.

use std::{
    collections::{HashMap, HashSet},
    rc::Rc,
};

use serde_json::Value;

use crate::{
    CAUSAL, Called, Config, FUNCTIONAL, Node, Tensor, attends, call_name, calls, ends, input_sizes,
    sizes, used,
};

/// Why a function is no field of a struct.
pub const FUNCTION: &str = "it is a function and no layer";

/// A call of a layer.
pub(crate) struct Call {
    pub(crate) name: String,
    /// The name of the layer.
    pub(crate) layer: String,
    /// Whether there is a call of the layer in front.
    pub(crate) is_again: bool,
    pub(crate) config: Rc<Config>,
    /// What reaches it.
    pub(crate) from: Vec<Tensor>,
    /// Whether it gets a mask by name.
    pub(crate) has_mask: bool,
    /// Whether it is an attention in which no query sees what stands behind its own place.
    #[cfg_attr(not(feature = "source"), expect(dead_code))]
    pub(crate) is_causal: bool,
    /// Whether it is a function and no layer.
    pub(crate) is_operation: bool,
    /// Why this is no call that a struct can make.
    #[cfg_attr(not(feature = "source"), expect(dead_code))]
    pub(crate) problem: Option<String>,
}

/// A model as a list of calls.
pub(crate) struct Calls {
    /// The inputs, with their sizes, the batch first.
    pub(crate) inputs: Vec<(String, Vec<Option<usize>>)>,
    pub(crate) calls: Vec<Call>,
    pub(crate) outputs: Vec<String>,
}

impl Call {
    /// Whether it goes over steps, and so may start from states.
    pub(crate) fn is_recurrent(&self) -> bool {
        ["Bidirectional", "GRU", "LSTM", "SimpleRNN"].contains(&self.config.class_name.as_str())
    }
}

pub(crate) fn is_model(config: &Config) -> bool {
    config.class_name == FUNCTIONAL || config.class_name == "Sequential"
}

impl Calls {
    /// # Errors
    /// That the config is no model, or does not say what reaches it.
    pub(crate) fn of(config: &Config) -> Result<Self, String> {
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
    let mut configs: Vec<Config> =
        layers.iter().map(|layer| Config::read(layer.clone())).collect::<Result<_, _>>()?;
    configs.retain(|config| config.class_name != "InputLayer");
    // What no layer is called.
    let mut input = "input".to_owned();
    while configs.iter().any(|config| config.name() == input) {
        input.push('_');
    }
    let (mut calls, mut last) = (Vec::new(), input.clone());
    for config in configs {
        let name = config.name();
        let name = if name.is_empty() { format!("layer_{}", calls.len()) } else { name.to_owned() };
        let from = vec![(std::mem::replace(&mut last, name.clone()), 0)];
        let (layer, config) = (name.clone(), Rc::new(config));
        calls.push(Call {
            name,
            layer,
            is_again: false,
            config,
            from,
            has_mask: false,
            is_causal: false,
            is_operation: false,
            problem: None,
        });
    }
    Ok(Calls { inputs: vec![(input, sizes)], calls, outputs: vec![last] })
}

fn functional(config: &Config, layers: &[Value]) -> Result<Calls, String> {
    let mut called = Vec::new();
    for layer in layers {
        let nodes = layer.get("inbound_nodes").cloned().unwrap_or_default();
        let config = Config::read(layer.clone())?;
        let (name, class) = (config.name().to_owned(), config.class_name.clone());
        let (module, config) = (config.module.clone(), Rc::new(config));
        called.push(Called { config, name, class, module, nodes });
    }
    let ends_of = |key: &str| config.config.get(key).map(ends).unwrap_or_default();
    let inputs = ends_of("input_layers");
    let (nodes, mut outputs) =
        calls(called, config.config.get("output_layers").unwrap_or(&Value::Null));
    let used = used(&nodes, outputs.clone());
    let (mut found, mut calls) = (HashMap::new(), Vec::new());
    for (node, used) in nodes.into_iter().zip(used) {
        let Node {
            config, layer, is_again, tensor, from, mut named, has_mask, is_operation, ..
        } = node;
        let mut is_causal = false;
        if attends(&config.class_name) {
            named.retain(|(key, value)| match value {
                Value::Bool(says) if key == CAUSAL => {
                    is_causal = *says;
                    false
                }
                says => key != "return_attention_scores" || *says != Value::Bool(false),
            });
        }
        let name = tensor.0;
        if config.class_name == "InputLayer" {
            let keys = ["batch_shape", "batch_input_shape"];
            let shape = keys.iter().find_map(|key| sizes(config.config.get(*key)?));
            found.insert(name, shape.unwrap_or_default());
        } else if used || !is_operation {
            let by_name = named.first().map(|(key, _)| format!("a call with `{key}`"));
            let function = is_operation.then(|| FUNCTION.to_owned());
            let problem = by_name.or(function);
            calls.push(Call {
                name,
                layer,
                is_again,
                config,
                from,
                has_mask,
                is_causal,
                is_operation,
                problem,
            });
        }
    }
    let inputs = inputs.into_iter().map(|name| {
        let sizes = found.remove(&name).unwrap_or_default();
        (name, sizes)
    });
    let inputs = inputs.collect();
    if calls.iter().any(|call| call.is_again) {
        calls = ordered(calls, &outputs);
        numbered(&mut calls, &mut outputs);
    }
    Ok(Calls { inputs, calls, outputs })
}

/// Each call behind those that it needs; what gives the one output comes last.
fn ordered(calls: Vec<Call>, outputs: &[String]) -> Vec<Call> {
    let places: HashMap<&str, usize> =
        calls.iter().enumerate().map(|(i, call)| (call.name.as_str(), i)).collect();
    let last = match outputs {
        [one] => places.get(one.as_str()).copied(),
        _ => None,
    };
    let starts = (0..calls.len()).filter(|i| Some(*i) != last).chain(last);
    let (mut order, mut seen) = (Vec::new(), HashSet::new());
    for start in starts {
        // What is to be looked at, and whether what it needs has been.
        let mut next = vec![(start, false)];
        while let Some((i, ready)) = next.pop() {
            if ready {
                order.push(i);
            } else if seen.insert(i) {
                next.push((i, true));
                let from = calls[i].from.iter().rev();
                let from = from.filter_map(|(name, _)| places.get(name.as_str()));
                next.extend(from.map(|&from| (from, false)));
            }
        }
    }
    let mut calls: Vec<Option<Call>> = calls.into_iter().map(Some).collect();
    order.into_iter().filter_map(|i| calls[i].take()).collect()
}

/// Numbers the calls of each layer in their order: the first is called as the layer, and holds it.
fn numbered(calls: &mut [Call], outputs: &mut [String]) {
    let (mut counts, mut names) = (HashMap::new(), HashMap::new());
    for call in calls.iter_mut() {
        let count: &mut usize = counts.entry(call.layer.clone()).or_default();
        let name = call_name(&call.layer, *count);
        call.is_again = *count > 0;
        *count += 1;
        names.insert(std::mem::replace(&mut call.name, name.clone()), name);
    }
    let from = calls.iter_mut().flat_map(|call| &mut call.from).map(|(name, _)| name);
    for name in from.chain(outputs) {
        if let Some(new) = names.get(name) {
            name.clone_from(new);
        }
    }
}
