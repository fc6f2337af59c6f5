//! Recurrent layers that Keras has as the cells of one layer.

use serde_json::{Map, Value, json};

use super::{Described, Fields, Mode, dtype::policy};

/// The classes of cells, and of the layers that they are here.
const CELLS: [(&str, &str); 3] =
    [("GRUCell", "GRU"), ("LSTMCell", "LSTM"), ("SimpleRNNCell", "SimpleRNN")];

/// What the layer around cells says for all of them.
const SHARED: [&str; 3] = ["return_state", "stateful", "unroll"];

/// What a layer says and a cell does not.
const OF_LAYERS: [&str; 7] = [
    "return_sequences",
    "return_state",
    "go_backwards",
    "stateful",
    "unroll",
    "zero_output_for_mask",
    "activity_regularizer",
];

/// Where a layer is in the JSON.
fn place(i: usize) -> String {
    format!("cell.cells.{i}")
}

impl Fields {
    /// The layers of an `RNN` of `StackedRNNCells`, the first one first.
    pub(crate) fn stack(&mut self, layers: Vec<&mut dyn Described>) {
        let last = layers.len() - 1;
        if self.mode != Mode::Write && !self.layers_of_cells(last) {
            return;
        }
        for (i, layer) in layers.into_iter().enumerate() {
            self.layer_inside(&place(i), layer, None, &format!("{i}."));
        }
        if self.mode == Mode::Write {
            self.cells_of_layers(last);
        }
    }

    /// Reads the cells as layers, with what the layer around them says. Says what is wrong if there are others.
    fn layers_of_cells(&mut self, last: usize) -> bool {
        let outer: Map<String, Value> =
            OF_LAYERS.iter().filter_map(|key| self.given.remove_entry(*key)).collect();
        let of = |key: &str| outer.get(key).cloned().unwrap_or(Value::Bool(false));
        let cell = self.given.remove("cell").unwrap_or_default();
        let cells = match (&cell["class_name"], &cell["config"]["cells"]) {
            (Value::String(class), Value::Array(cells)) if class == "StackedRNNCells" => cells,
            _ => &Vec::new(),
        };
        if cells.len() != last + 1 {
            let expected = format!("the type says StackedRNNCells with {} cells", last + 1);
            self.differ("cell", &expected, &cell);
            return false;
        }
        for (i, cell) in cells.iter().enumerate() {
            let class = cell["class_name"].as_str().unwrap_or_default();
            let known = CELLS.iter().find(|(known, _)| *known == class);
            let mut config = match known {
                Some(_) => cell["config"].as_object().cloned().unwrap_or_default(),
                None => Map::from_iter([("cell".to_owned(), cell.clone())]),
            };
            SHARED.iter().for_each(|key| drop(config.insert((*key).to_owned(), of(key))));
            let sequences = if i < last { true.into() } else { of("return_sequences") };
            config.insert("return_sequences".to_owned(), sequences);
            let backwards = if i == 0 { of("go_backwards") } else { false.into() };
            config.insert("go_backwards".to_owned(), backwards);
            let zeros = if i == last { of("zero_output_for_mask") } else { false.into() };
            config.insert("zero_output_for_mask".to_owned(), zeros);
            let class = known.map_or("RNN", |(_, layer)| layer);
            let layer = json!({"module": "keras.layers", "class_name": class, "config": config});
            self.given.insert(place(i), layer);
        }
        true
    }

    /// Writes the layers as cells, and what they say of the layer around them.
    fn cells_of_layers(&mut self, last: usize) {
        let mut cells = Vec::new();
        for i in 0..=last {
            let mut layer = self.out.remove(&place(i)).unwrap_or_default();
            let class = layer["class_name"].as_str().unwrap_or_default().to_owned();
            let config = layer.get_mut("config").and_then(Value::as_object_mut);
            let mut config = config.map(std::mem::take).unwrap_or_default();
            let own: Vec<(&str, Value)> =
                OF_LAYERS.iter().filter_map(|key| Some((*key, config.remove(*key)?))).collect();
            for (key, value) in own {
                let counts = match key {
                    "go_backwards" => i == 0,
                    "activity_regularizer" => false,
                    _ => i == last,
                };
                if counts {
                    self.out.insert(key.to_owned(), value);
                }
            }
            let cell = CELLS.iter().find(|(_, layer)| *layer == class);
            cells.push(match (cell, config.remove("cell")) {
                (None, Some(custom)) => custom,
                (cell, _) => {
                    let class = cell.map_or(class.as_str(), |(cell, _)| cell);
                    json!({
                        "module": "keras.layers", "class_name": class, "config": config,
                        "registered_name": null,
                    })
                }
            });
        }
        let cell = json!({
            "module": "keras.layers", "class_name": "StackedRNNCells",
            "config": {"name": "stacked_rnn_cells", "trainable": true, "dtype": policy(self.number_type()), "cells": cells},
            "registered_name": null,
        });
        self.out.insert("cell".to_owned(), cell);
    }
}
