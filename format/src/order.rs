//! The order in which Keras has the layers of a `Functional`: by how far they are from the outputs, whatever the order of its
//! config. In that order it counts the groups of a `.weights.h5`.

use std::{cmp::Reverse, collections::HashMap, rc::Rc};

use serde_json::Value;

use crate::{Called, Node, calls};

/// Puts the layers of a model, and of the models in it, in Keras's order.
pub fn in_keras_order(config: &mut Value) {
    match config {
        Value::Array(list) => list.iter_mut().for_each(in_keras_order),
        Value::Object(map) => {
            map.values_mut().for_each(in_keras_order);
            let order = match (map.get("layers"), map.get("output_layers")) {
                (Some(Value::Array(layers)), Some(outputs)) => order(layers, outputs),
                _ => None,
            };
            if let (Some(order), Some(Value::Array(layers))) = (order, map.get_mut("layers")) {
                *layers = order.into_iter().map(|i| layers[i].take()).collect();
            }
        }
        _ => {}
    }
}

/// The places of the layers in Keras's order; `None` where they are in it: Keras itself has written the masks of calls.
fn order(layers: &[Value], outputs: &Value) -> Option<Vec<usize>> {
    let read = |layer: &Value| {
        let says = |key: &str| layer.get(key).and_then(Value::as_str);
        let name = layer.get("config").and_then(|config| config.get("name"));
        Called {
            config: Rc::new(()),
            name: name.and_then(Value::as_str).or(says("name")).unwrap_or_default().to_owned(),
            class: says("class_name").unwrap_or_default().to_owned(),
            module: says("module").map(str::to_owned),
            nodes: layer.get("inbound_nodes").cloned().unwrap_or_default(),
        }
    };
    let called: Vec<_> = layers.iter().map(read).collect();
    let names: Vec<String> = called.iter().map(|layer| layer.name.clone()).collect();
    let (nodes, outputs) = calls(called, outputs);
    if nodes.iter().any(|node| node.has_mask || !node.named.is_empty()) {
        return None;
    }
    let places: HashMap<&str, usize> =
        nodes.iter().enumerate().map(|(i, node)| (node.tensor.0.as_str(), i)).collect();
    let place = |name: &String| places.get(name.as_str()).copied();
    let before = |node: &Node<()>| node.from.iter().filter_map(|(name, _)| place(name)).collect();
    let numbers: HashMap<&str, usize> =
        names.iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let layer = |node: &Node<()>| numbers.get(node.layer.as_str()).copied().unwrap_or_default();
    let before: Vec<Vec<usize>> = nodes.iter().map(before).collect();
    let of: Vec<usize> = nodes.iter().map(layer).collect();
    let outputs: Vec<usize> = outputs.iter().filter_map(place).collect();
    let Distances { entered, of_calls, .. } = distances(&before, &of, &outputs);
    // Of each layer how far it is, and when it was entered first. What reaches no output comes last.
    let mut keys = vec![(Reverse(None), usize::MAX); layers.len()];
    for (turn, call) in entered.into_iter().enumerate() {
        let (far, first) = &mut keys[of[call]];
        *far = Reverse(far.0.max(of_calls[call]));
        *first = turn.min(*first);
    }
    let mut order: Vec<usize> = (0..layers.len()).collect();
    order.sort_by_key(|&i| keys[i]);
    Some(order)
}

/// How far calls are from the outputs of a model.
pub struct Distances {
    /// The calls in the order in which Keras enters them, from the outputs back, deep before wide.
    pub entered: Vec<usize>,
    /// The calls in the order in which it notes their distances first.
    pub noted: Vec<usize>,
    /// The distance of each call, if it reaches an output. A layer is as far as the farthest of its calls.
    pub of_calls: Vec<Option<usize>>,
}

/// How far the calls of a model are from its outputs, as Keras 3.15 finds it. Of each call there are those that it needs, and its layer.
pub fn distances(before: &[Vec<usize>], layers: &[usize], outputs: &[usize]) -> Distances {
    let mut is_entered = vec![false; before.len()];
    let (mut entered, mut left) = (Vec::new(), Vec::new());
    for &output in outputs {
        // Each call that is entered, with how many of those before it have been looked at.
        let mut way: Vec<(usize, usize)> = Vec::new();
        let mut next = Some(output);
        loop {
            if let Some(call) = next.take().filter(|&call| !is_entered[call]) {
                is_entered[call] = true;
                entered.push(call);
                way.push((call, 0));
            }
            let Some((call, at)) = way.last_mut() else { break };
            match before[*call].get(*at) {
                Some(&needed) => {
                    *at += 1;
                    next = Some(needed);
                }
                None => left.extend(way.pop().map(|(call, _)| call)),
            }
        }
    }
    let count = layers.iter().map(|layer| layer + 1).max().unwrap_or(0);
    let (mut of_calls, mut of_layers) = (vec![None; before.len()], vec![0; count]);
    let mut noted = Vec::new();
    let note = |of_calls: &mut [Option<usize>], noted: &mut Vec<usize>, call: usize, far: usize| {
        if of_calls[call].is_none() {
            noted.push(call);
        }
        of_calls[call] = of_calls[call].max(Some(far));
    };
    for &call in left.iter().rev() {
        let of_layer = &mut of_layers[layers[call]];
        note(&mut of_calls, &mut noted, call, *of_layer);
        *of_layer = of_calls[call].unwrap_or_default();
        for &needed in &before[call] {
            note(&mut of_calls, &mut noted, needed, *of_layer + 1);
        }
    }
    Distances { entered, noted, of_calls }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, from: &[&str]) -> Value {
        let tensor = |name: &&str| serde_json::json!({ "class_name": "__keras_tensor__", "config": { "keras_history": [name, 0, 0] } });
        let nodes = match from {
            [] => serde_json::json!([]),
            from => {
                let args: Vec<_> = from.iter().map(tensor).collect();
                serde_json::json!([{ "args": args, "kwargs": {} }])
            }
        };
        serde_json::json!({ "class_name": "Dense", "name": name, "config": { "name": name }, "inbound_nodes": nodes })
    }

    /// As Keras 3.15 has it for such a model.
    #[test]
    fn what_is_farther_from_the_outputs_comes_first() {
        let layers = [
            layer("input", &[]),
            layer("a", &["input"]),
            layer("b", &["input"]),
            layer("c", &["b"]),
            layer("sum", &["a", "c"]),
        ];
        let mut config = serde_json::json!({ "layers": layers, "output_layers": [["sum", 0, 0]] });
        in_keras_order(&mut config);
        let names = config["layers"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|layer| layer["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["input", "b", "a", "c", "sum"]);
    }
}
