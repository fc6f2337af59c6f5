//! Models of branches: Keras's `Functional`.

mod reader;
mod writer;

use std::collections::HashMap;

use kerata_format::{Tensor, outputs};

use super::Layers;
use crate::{
    backend::{Backend, Element},
    fields::{AnySignal, Config, Fields, Mode},
    signal::Signal,
};

type Node = kerata_format::Node<Config>;

/// The name of what a model takes: none, as that of a layer may be any other.
const INPUT: &str = "";

/// The tensors that the values of a model are, as far as it has been visited.
#[derive(Default)]
struct Values {
    /// Each input, with its place among them.
    inputs: Vec<(String, Tensor)>,
    /// What each layer gives, with its place.
    layers: HashMap<String, Vec<(String, Tensor)>>,
    /// What reaches the next layer.
    from: Vec<String>,
}

impl Values {
    /// What reaches a layer.
    fn reach(&self) -> Vec<Tensor> {
        if self.from.is_empty() {
            return self.of(INPUT);
        }
        self.from.iter().flat_map(|value| self.of(value)).collect()
    }

    fn of(&self, value: &str) -> Vec<Tensor> {
        let (layer, part) = match value.split_once('.') {
            _ if self.layers.contains_key(value) => (value, ""),
            parts => parts.unwrap_or((value, "")),
        };
        let inside = |place: &str| {
            part.is_empty() || place == part || place.starts_with(&format!("{part}."))
        };
        let all = match layer {
            INPUT => Some(&self.inputs),
            layer => self.layers.get(layer),
        };
        let inside = all.into_iter().flatten().filter(|(place, _)| inside(place));
        inside.map(|(_, tensor)| tensor.clone()).collect()
    }

    /// A layer has been visited: where nothing else is said, the next one takes what it gives.
    fn visited(&mut self, layer: &str, gives: Vec<(String, Tensor)>) {
        self.layers.insert(layer.to_owned(), gives);
        self.from = vec![layer.to_owned()];
    }

    /// A layer that Keras has none for has been visited: it gives what reaches it.
    fn regrouped(&mut self, layer: &str, wires: Vec<(String, AnySignal)>) {
        let gives = wires.into_iter().map(|(place, _)| place).zip(self.reach()).collect();
        self.visited(layer, gives);
    }
}

impl Fields {
    /// The layers of a model of branches.
    pub(crate) fn graph<In, L, E, D>(&mut self, layers: &mut L)
    where
        In: Signal,
        L: Layers<In, E, D>,
        E: Element,
        D: Backend<E>,
    {
        self.dtype::<E>();
        let inputs = AnySignal::parts::<In>();
        match self.mode {
            Mode::Write => self.write_graph::<In, L, E, D>(layers, inputs),
            _ => self.read_graph::<In, L, E, D>(layers, &inputs),
        }
    }
}

/// What a layer gives, by its config and name.
fn gives(config: &Config, name: &str) -> Vec<(String, Tensor)> {
    let outputs = outputs(&config.class_name, &config.config).into_iter().enumerate();
    outputs.map(|(i, place)| (place, (name.to_owned(), i))).collect()
}
