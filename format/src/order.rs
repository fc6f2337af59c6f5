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
    let (first_seen, leaving) = visited(&nodes, &outputs);
    let depths = depths(&nodes, leaving);
    let mut order: Vec<usize> = (0..layers.len()).collect();
    // What reaches no output comes last.
    order.sort_by_key(|&i| {
        let name = names[i].as_str();
        let (depth, seen) = (depths.get(name).copied(), first_seen.get(name).copied());
        (Reverse(depth), seen.unwrap_or_default())
    });
    Some(order)
}

fn places<C>(nodes: &[Node<C>]) -> HashMap<&str, usize> {
    nodes.iter().enumerate().map(|(i, node)| (node.tensor.0.as_str(), i)).collect()
}

/// From the outputs back, deep before wide: as which one each layer is seen first, and the calls in the order in which they are left.
fn visited<'a, C>(
    nodes: &'a [Node<C>],
    outputs: &[String],
) -> (HashMap<&'a str, usize>, Vec<usize>) {
    let places = places(nodes);
    let (mut first_seen, mut leaving) = (HashMap::new(), Vec::new());
    let mut entered = vec![false; nodes.len()];
    // Each call with how many of those before it have been looked at.
    let mut way: Vec<(usize, usize)> = Vec::new();
    let mut enter = |way: &mut Vec<(usize, usize)>, name: &str| {
        let Some(&node) = places.get(name) else { return };
        if !std::mem::replace(&mut entered[node], true) {
            let count = first_seen.len();
            first_seen.entry(nodes[node].layer.as_str()).or_insert(count);
            way.push((node, 0));
        }
    };
    for output in outputs {
        enter(&mut way, output);
        while let Some((node, next)) = way.last_mut() {
            let from = nodes[*node].from.get(*next);
            *next += 1;
            match from {
                Some((name, _)) => enter(&mut way, name),
                None => leaving.extend(way.pop().map(|(node, _)| node)),
            }
        }
    }
    (first_seen, leaving)
}

/// How far each layer is from the outputs: of all its calls, the farthest.
fn depths<C>(nodes: &[Node<C>], leaving: Vec<usize>) -> HashMap<&str, usize> {
    let places = places(nodes);
    let (mut of_calls, mut of_layers) = (vec![0; nodes.len()], HashMap::new());
    for i in leaving.into_iter().rev() {
        let of_layer: &mut usize = of_layers.entry(nodes[i].layer.as_str()).or_default();
        let depth = of_calls[i].max(*of_layer);
        (*of_layer, of_calls[i]) = (depth, depth);
        for (name, _) in &nodes[i].from {
            if let Some(&before) = places.get(name.as_str()) {
                of_calls[before] = of_calls[before].max(depth + 1);
            }
        }
    }
    of_layers
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
