//! The config of a model of branches, as Keras 3 writes it.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Entry, Graph, Part, Source};
use crate::fields::{Config, FUNCTIONAL};

/// Puts the layers, and how they are called, into the config.
pub(super) fn graph(graph: &Graph, config: &mut Config) {
    let makers = makers(graph);
    let history = |source: &Source| {
        let Some((entry, call)) = makers.get(&source.place) else { return Value::Null };
        json!([entry.name, call, source.output])
    };
    let mut inputs = graph.wiring.inputs.iter();
    let fixed = inputs.all(|input| input.sizes.first().is_some_and(Option::is_some));
    let tensor = |source: &Source| {
        let (shape, dtype) = match graph.signals.get(source.place).map(|all| all.get(source.output))
        {
            Some(Some(signal)) => {
                let mut signal = signal.clone();
                if !fixed {
                    signal.of_any_batch();
                }
                let entry = makers.get(&source.place).map(|(entry, _)| *entry);
                (json!(signal.sizes), entry.map_or_else(|| "float32".to_owned(), dtype))
            }
            _ => (json!([null]), "float32".to_owned()),
        };
        json!({"class_name": "__keras_tensor__", "config": {
            "shape": shape, "dtype": dtype, "keras_history": history(source),
        }})
    };
    let mut list = Vec::new();
    for entry in &graph.entries {
        let mut value = match &entry.part {
            Part::Entrance(config) => json!(config),
            Part::Called(layer) | Part::Function(layer) => json!(layer.config()),
        };
        let calls = entry.calls.iter().map(|(call, _)| {
            let args: Vec<Value> = call.args.iter().map(|one| one.to_json(&tensor)).collect();
            let entries = call.kwargs.iter().map(|(key, one)| (key.clone(), one.to_json(&tensor)));
            json!({"args": args, "kwargs": Value::Object(entries.collect())})
        });
        value["inbound_nodes"] = calls.collect();
        value["name"] = json!(entry.name);
        list.push(value);
    }
    config.config.insert("layers".to_owned(), list.into());
    // Keras counts the calls of a model by one more there.
    let end = |source: &Source| {
        let Some((entry, call)) = makers.get(&source.place) else { return Value::Null };
        let is_model = matches!(&entry.part, Part::Called(layer) if layer.class() == FUNCTIONAL);
        json!([entry.name, call + usize::from(is_model), source.output])
    };
    for (key, ends) in ["input_layers", "output_layers"].into_iter().zip(&graph.ends) {
        config.config.insert(key.to_owned(), ends.to_json(&end));
    }
}

/// The entry that gives what is at each place, and the number of its call.
pub(super) fn makers(graph: &Graph) -> HashMap<usize, (&Entry, usize)> {
    let of = |entry: &'_ Entry| -> Vec<(usize, usize)> {
        let calls = entry.calls.iter().enumerate().map(|(call, (_, place))| (*place, call));
        entry.input.map(|place| (place, 0)).into_iter().chain(calls).collect()
    };
    let makers = graph
        .entries
        .iter()
        .flat_map(|entry| of(entry).into_iter().map(move |(place, call)| (place, (entry, call))));
    makers.collect()
}

/// Keras's name of the number type that an entry gives.
fn dtype(entry: &Entry) -> String {
    match &entry.part {
        Part::Entrance(config) => super::text(config.config.get("dtype")),
        Part::Function(layer) => Some(super::table::dtype(layer.class()).to_owned()),
        Part::Called(_) => None,
    }
    .unwrap_or_else(|| "float32".to_owned())
}
