use std::{collections::HashMap, rc::Rc};

use kerata_format::{Seen, Tensor, attends, calls, ends, used};
use serde_json::{Map, Value, json};

use super::{Node, Values, gives};
use crate::{
    backend::{Backend, Element},
    error::{Difference, shortened},
    fields::{AnySignal, Config, Configured, Described, Fields, SignalKind},
    layers::Unmask,
    model::{LayerVisitor, Layers, keras::classes},
    signal::Signal,
};

/// The calls of all layers.
fn nodes(layers: Vec<(Config, Value)>, outputs: &Value) -> (Vec<Node>, Vec<String>) {
    let name = |config: &Config| {
        config.config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let layer = |(config, nodes): (Config, Value)| kerata_format::Called {
        name: name(&config),
        class: config.class_name.clone(),
        module: config.module.clone(),
        config: Rc::new(config),
        nodes,
    };
    calls(layers.into_iter().map(layer).collect(), outputs)
}

impl Fields {
    /// Compares the layers of a model of branches with those that were given.
    pub(super) fn read_graph<In, L, E, D>(&mut self, layers: &mut L, inputs: &[(String, AnySignal)])
    where
        In: Signal,
        L: Layers<In, E, D>,
        E: Element,
        D: Backend<E>,
    {
        let given = self.given.remove("output_layers").unwrap_or_default();
        let (nodes, outputs) = nodes(self.given_layers(), &given);
        let used = used(&nodes, outputs.clone());
        let (values, found) = (Values::default(), HashMap::new());
        let mut reader =
            Reader { fields: self, nodes: Vec::new(), count: 0, values, found, outputs };
        let mut given: Vec<(Rc<Config>, Tensor)> = Vec::new();
        for (node, used) in nodes.into_iter().zip(used) {
            if node.config.class_name == "InputLayer" {
                given.push((node.config, node.tensor));
            } else if used || !node.is_operation {
                reader.nodes.push(node);
            }
        }
        reader.inputs(inputs, &given);
        layers.layers(&mut reader);
        reader.finish();
    }
}

/// Compares a model of branches with the config that was given.
struct Reader<'a> {
    fields: &'a mut Fields,
    nodes: Vec<Node>,
    count: usize,
    values: Values,
    /// The layer in the JSON that each layer of the type has been found to be.
    found: HashMap<String, String>,
    /// The calls in the JSON that are the outputs.
    outputs: Vec<String>,
}

impl Reader<'_> {
    fn inputs(&mut self, inputs: &[(String, AnySignal)], given: &[(Rc<Config>, Tensor)]) {
        // The inputs are called in this order.
        let order =
            self.fields.given.remove("input_layers").map(|list| ends(&list)).unwrap_or_default();
        if given.len() != inputs.len() {
            let (says, found) = (inputs.len(), given.len());
            let expected = format!("the type says {says}");
            self.fields.difference("input_layers", &expected, format!("the JSON says {found}"));
        }
        for (i, (place, wire)) in inputs.iter().enumerate() {
            let named = order.get(i).and_then(|name| given.iter().find(|(_, t)| t.0 == *name));
            let Some((config, tensor)) = named.or(given.get(i)) else { continue };
            self.fields.input_layer(&config.config);
            if let Some(found) = config.input_sizes().filter(|found| !wire.agrees(found)) {
                let expected = format!("the type says {}", json!(wire.sizes));
                let key = format!("input_layers `{}`", shortened(&tensor.0));
                self.fields.differ(&key, &expected, &json!(found));
            }
            self.values.inputs.push((place.clone(), tensor.clone()));
        }
    }

    /// The place of the layer in the JSON: by its name, else by what reaches it, else by its class.
    fn find(&self, layer: &dyn Described, name: &str, from: &[Tensor]) -> Option<usize> {
        let is_new = |node: &Node| !self.found.values().any(|found| *found == node.layer);
        let find = |fits: &dyn Fn(&Node) -> bool| {
            self.nodes.iter().position(|node| fits(node) && !node.taken && is_new(node))
        };
        let class = |node: &Node| layer.takes(&node.config.class_name);
        let likely = find(&|node| node.layer == name)
            .map(|i| self.call(&self.nodes[i].layer, from).unwrap_or(i))
            .or_else(|| find(&|node| class(node) && node.from == from));
        // What only drops a mask is a `Reshape` in Keras, but not any.
        if layer.class() == Unmask::CLASS { likely } else { likely.or_else(|| find(&class)) }
    }

    /// The call of a layer in the JSON that something reaches, or else the first that is not taken.
    fn call(&self, layer: &str, from: &[Tensor]) -> Option<usize> {
        let find = |fits: &dyn Fn(&Node) -> bool| {
            self.nodes.iter().position(|node| node.layer == layer && !node.taken && fits(node))
        };
        find(&|node| node.from == from).or_else(|| find(&|_| true))
    }

    /// Tells what else reaches a call than in the type, and takes it.
    fn taken(&mut self, i: usize, from: &[Tensor], inner: &mut Fields) {
        let node = &mut self.nodes[i];
        node.taken = true;
        if node.from != from {
            let names = |tensors: &[Tensor]| {
                json!(tensors.iter().map(|(name, _)| shortened(name)).collect::<Vec<_>>())
            };
            let expected = format!("the type says {}", names(from));
            inner.differ("inbound_nodes", &expected, &names(&node.from));
        }
        for (key, value) in &node.named {
            let is_read = inner.call.as_mut().is_some_and(|call| {
                call.insert(key.clone(), value.clone());
                true
            });
            if !is_read {
                inner.differ(&format!("inbound_nodes.{key}"), "the type says nothing", value);
            }
        }
    }

    fn finish(self) {
        let gives: Vec<String> = self.values.reach().into_iter().map(|(name, _)| name).collect();
        if !self.outputs.is_empty() && self.outputs != gives {
            let expected = format!("the type says {}", json!(gives));
            self.fields.differ("output_layers", &expected, &json!(self.outputs));
        }
        let rest = self.nodes.iter().filter(|node| !node.taken);
        let rest: Vec<&Config> = rest.map(|node| &*node.config).collect();
        if !rest.is_empty() {
            let found = format!("the JSON says {}: {}", self.nodes.len(), classes(rest));
            self.fields.difference("layers", &format!("the type says {}", self.count), found);
        }
    }
}

impl LayerVisitor for Reader<'_> {
    fn trainable(&mut self, trainable: bool) {
        self.fields.trains_next = trainable;
    }

    fn rules(&mut self, rules: &[(&str, Option<Value>)]) {
        self.fields.set_rules(rules);
    }

    fn from(&mut self, values: &[&str]) {
        self.values.from = values.iter().map(|&value| value.to_owned()).collect();
    }

    fn again<In: Signal>(&mut self, layer: &str, call: &str) {
        let Some(found) = self.found.get(layer).cloned() else {
            return self.values.regrouped(call, AnySignal::parts::<In>());
        };
        self.count += 1;
        let from = self.values.reach();
        let Some(i) = self.call(&found, &from) else {
            let n = self.nodes.iter().filter(|node| node.layer == found).count();
            let (place, found) = (format!("layer `{layer}`, `{call}`"), shortened(&found));
            let found = format!("the JSON calls `{found}` {n} times");
            self.fields.difference(&place, "the type calls it once more", found);
            return self.values.visited(call, vec![(String::new(), (call.to_owned(), 0))]);
        };
        let place = format!("layer `{}`, ", shortened(&self.nodes[i].tensor.0));
        let class = self.nodes[i].config.class_name.clone();
        let mut inner = self.fields.inner(&class, &place, Vec::new());
        self.taken(i, &from, &mut inner);
        self.fields.names = inner.names;
        self.fields.differences.extend(inner.differences);
        let gives = gives(&self.nodes[i].config, &self.nodes[i].tensor.0);
        self.values.visited(call, gives);
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.read(name, layer, AnySignal::parts::<In>());
    }
}

impl Reader<'_> {
    /// Tells where a call sees other masks than in Keras.
    fn masks(&mut self, i: usize, place: &str, wires: &[AnySignal]) {
        let Some(masks) = &self.fields.masks else { return };
        let node = &self.nodes[i];
        let seen = masks.seen(&node.tensor.0).unwrap_or_default();
        let mut differences = Vec::new();
        for ((wire, &seen), (from, _)) in wires.iter().zip(seen).zip(&node.from) {
            let (expected, found) = match (wire.kind == SignalKind::Padded, seen) {
                (_, Seen::Means) => (
                    "no type does as Keras here",
                    "Keras sees the padding, which an attention without a dropout has filled: `keras::load` runs it",
                ),
                (true, Seen::Bare) => (
                    "the type has one",
                    "Keras sees none, as an attention has taken it off: put an `Unmask` in front",
                ),
                (false, Seen::Masked) => ("the type has none", "Keras sees one"),
                _ => continue,
            };
            let key = format!("the mask of `{}`", shortened(from));
            differences.push(Difference {
                place: format!("{}{place}{key}", self.fields.place),
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
        }
        self.fields.differences.extend(differences);
    }

    fn read(&mut self, name: &str, layer: &mut dyn Described, wires: Vec<(String, AnySignal)>) {
        if !layer.is_written() {
            return self.values.regrouped(name, wires);
        }
        let from = self.values.reach();
        let takers = self.nodes.iter().filter(|node| node.from.iter().any(|t| from.contains(t)));
        let mut next = takers.map(|node| node.config.class_name.as_str());
        let found = self.find(layer, name, &from);
        // Where masks are compared, it does not count how one is dropped.
        let drops = self.fields.masks.is_some() && layer.class() == Unmask::CLASS;
        if found.is_none() && (drops || next.any(|class| layer.may_be_left_out(Some(class)))) {
            let places = from.into_iter().enumerate();
            let one = |(i, tensor): (usize, Tensor)| {
                (if i == 0 { String::new() } else { i.to_string() }, tensor)
            };
            return self.values.visited(name, places.map(one).collect());
        }
        self.count += 1;
        let Some(i) = found else {
            let (place, expected) =
                (format!("layer `{name}`"), format!("the type says {}", layer.class()));
            self.fields.difference(&place, &expected, "the JSON says nothing".to_owned());
            let gives = vec![(String::new(), (name.to_owned(), 0))];
            return self.values.visited(name, gives);
        };
        let place = format!("layer {i} `{}`, ", shortened(&self.nodes[i].layer));
        let wires: Vec<AnySignal> = wires.into_iter().map(|(_, wire)| wire).collect();
        self.masks(i, &place, &wires);
        let inside = self.fields.masks.as_ref();
        let inside = inside.and_then(|masks| masks.inside(&self.nodes[i].tensor.0)).cloned();
        let mut inner = self.fields.inner(layer.class(), &place, wires);
        inner.masks = inside;
        inner.call = Some(Map::new());
        self.taken(i, &from, &mut inner);
        let node = &self.nodes[i];
        self.found.insert(name.to_owned(), node.layer.clone());
        inner.layer_name(name, &node.config);
        inner.compare(layer, Config::clone(&node.config));
        for (key, value) in inner.call.take().into_iter().flatten() {
            let usual = attends(&node.config.class_name) && value == Value::Bool(false);
            if !usual {
                inner.differ(&format!("inbound_nodes.{key}"), "the type says nothing", &value);
            }
        }
        let gives = gives(&node.config, &node.tensor.0);
        self.fields.absorb(inner, &format!("{name}."));
        self.values.visited(name, gives);
    }
}
