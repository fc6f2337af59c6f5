//! Models of branches: Keras's `Functional`.

use std::collections::HashMap;

use kerata_format::{Tensor, ends, outputs, used};
use serde_json::{Value, json};

use super::{
    LayerVisitor, Layers,
    keras::{classes, input_layer},
};
use crate::{
    backend::{Backend, Element},
    error::shortened,
    fields::{
        AnySignal, Config, Configured, Described, FUNCTIONAL, Fields, Mode, dtype_of,
        starts_from_states,
    },
    signal::Signal,
};

type Node = kerata_format::Node<Config>;

fn node(config: Config, nodes: &Value) -> Node {
    let name = config.config.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let module = config.module.clone();
    Node::new(config, &name, module.as_deref(), nodes)
}

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
            return self.of("input");
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
            "input" => Some(&self.inputs),
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

    fn write_graph<In, L, E, D>(&mut self, layers: &mut L, inputs: Vec<(String, AnySignal)>)
    where
        In: Signal,
        L: Layers<In, E, D>,
        E: Element,
        D: Backend<E>,
    {
        self.write_as(FUNCTIONAL);
        let mut names = Names(Vec::new());
        layers.layers(&mut names);
        let mut writer = Writer { fields: self, list: Vec::new(), values: Values::default() };
        for (i, (place, wire)) in inputs.into_iter().enumerate() {
            let mut name = if i == 0 { "input_layer".into() } else { format!("input_layer_{i}") };
            while names.0.contains(&name) {
                name.push('_');
            }
            let mut layer = input_layer(&name, &wire, dtype_of::<E>());
            layer["name"] = json!(name);
            layer["inbound_nodes"] = json!([]);
            writer.list.push(layer);
            writer.values.inputs.push((place, (name, 0)));
        }
        layers.layers(&mut writer);
        let Writer { list, values, .. } = writer;
        let ends: fn(Vec<Tensor>) -> Value = |tensors| {
            let list: Vec<Value> = tensors.iter().map(|(name, i)| json!([name, 0, i])).collect();
            if list.len() == 1 { list[0].clone() } else { list.into() }
        };
        self.out.insert("layers".into(), list.into());
        self.out.insert("input_layers".into(), ends(values.of("input")));
        self.out.insert("output_layers".into(), ends(values.reach()));
    }

    fn read_graph<In, L, E, D>(&mut self, layers: &mut L, inputs: &[(String, AnySignal)])
    where
        In: Signal,
        L: Layers<In, E, D>,
        E: Element,
        D: Backend<E>,
    {
        let nodes: Vec<Node> =
            self.given_layers().into_iter().map(|(config, nodes)| node(config, &nodes)).collect();
        let outputs = self.given.get("output_layers").map(ends).unwrap_or_default();
        let used = used(&nodes, outputs);
        let mut reader =
            Reader { fields: self, nodes: Vec::new(), count: 0, values: Values::default() };
        let mut given: Vec<(Config, Tensor)> = Vec::new();
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

/// Collects the names of the layers.
struct Names(Vec<String>);

impl LayerVisitor for Names {
    fn layer<In: Signal, L: Configured>(&mut self, name: &str, _: &mut L) {
        self.0.push(name.to_owned());
    }
}

struct Writer<'a> {
    fields: &'a mut Fields,
    list: Vec<Value>,
    values: Values,
}

impl LayerVisitor for Writer<'_> {
    fn trainable(&mut self, trainable: bool) {
        self.fields.trainable = trainable;
    }

    fn rules(&mut self, rules: &[(&str, Option<Value>)]) {
        self.fields.set_rules(rules);
    }

    fn from(&mut self, values: &[&str]) {
        self.values.from = values.iter().map(|&value| value.to_owned()).collect();
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.write(name, layer, AnySignal::parts::<In>());
    }
}

impl Writer<'_> {
    fn write(&mut self, name: &str, layer: &mut dyn Described, wires: Vec<(String, AnySignal)>) {
        if !layer.is_written() {
            return self.values.regrouped(name, wires);
        }
        let wires: Vec<AnySignal> = wires.into_iter().map(|(_, wire)| wire).collect();
        let dtype = self.fields.number_type();
        let tensor = |((name, index), wire): ((String, usize), &AnySignal)| {
            json!({"class_name": "__keras_tensor__", "config": {
                "shape": wire.sizes, "dtype": wire.dtype(dtype), "keras_history": [name, 0, index],
            }})
        };
        let args: Vec<Value> = self.values.reach().into_iter().zip(&wires).map(tensor).collect();
        // The states to begin with have an argument of their own.
        let starts = starts_from_states(layer.class());
        let (args, kwargs) = match args.as_slice() {
            [_] => (json!(args), json!({})),
            [x, states @ ..] if starts => (json!([x]), json!({ "initial_state": states })),
            _ => (json!([args]), json!({})),
        };
        let mut inner = self.fields.inner(layer.class(), "", wires);
        inner.run(layer, super::keras::own_name(name));
        self.fields.names = std::mem::take(&mut inner.names);
        let given = inner.out.get("name").and_then(Value::as_str).unwrap_or(name).to_owned();
        let config = inner.into_config();
        let gives = gives(&config, &given);
        let mut value = serde_json::to_value(config).unwrap_or_default();
        value["name"] = json!(given);
        value["inbound_nodes"] = json!([{ "args": args, "kwargs": kwargs }]);
        self.list.push(value);
        self.values.visited(name, gives);
    }
}

/// What a layer gives, by its config and name.
fn gives(config: &Config, name: &str) -> Vec<(String, Tensor)> {
    let outputs = outputs(&config.class_name, &config.config).into_iter().enumerate();
    outputs.map(|(i, place)| (place, (name.to_owned(), i))).collect()
}

struct Reader<'a> {
    fields: &'a mut Fields,
    nodes: Vec<Node>,
    count: usize,
    values: Values,
}

impl Reader<'_> {
    fn inputs(&mut self, inputs: &[(String, AnySignal)], given: &[(Config, Tensor)]) {
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
        let find = |fits: &dyn Fn(&Node) -> bool| {
            self.nodes.iter().position(|node| !node.taken && fits(node))
        };
        let class = |node: &Node| layer.takes(&node.config.class_name);
        find(&|node| node.tensor.0 == name)
            .or_else(|| find(&|node| class(node) && node.from == from))
            .or_else(|| find(&class))
    }

    fn finish(self) {
        let gives: Vec<String> = self.values.reach().into_iter().map(|(name, _)| name).collect();
        let outputs = self.fields.given.remove("output_layers").map(|list| ends(&list));
        if let Some(found) = outputs.filter(|found| *found != gives) {
            let expected = format!("the type says {}", json!(gives));
            self.fields.differ("output_layers", &expected, &json!(found));
        }
        let rest = self.nodes.iter().filter(|node| !node.taken);
        let rest: Vec<&Config> = rest.map(|node| &node.config).collect();
        if !rest.is_empty() {
            let found = format!("the JSON says {}: {}", self.nodes.len(), classes(rest));
            self.fields.difference("layers", &format!("the type says {}", self.count), found);
        }
    }
}

impl LayerVisitor for Reader<'_> {
    fn trainable(&mut self, trainable: bool) {
        self.fields.trainable = trainable;
    }

    fn rules(&mut self, rules: &[(&str, Option<Value>)]) {
        self.fields.set_rules(rules);
    }

    fn from(&mut self, values: &[&str]) {
        self.values.from = values.iter().map(|&value| value.to_owned()).collect();
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.read(name, layer, AnySignal::parts::<In>());
    }
}

impl Reader<'_> {
    fn read(&mut self, name: &str, layer: &mut dyn Described, wires: Vec<(String, AnySignal)>) {
        if !layer.is_written() {
            return self.values.regrouped(name, wires);
        }
        let from = self.values.reach();
        let takers = self.nodes.iter().filter(|node| node.from.iter().any(|t| from.contains(t)));
        let mut next = takers.map(|node| node.config.class_name.as_str());
        let found = self.find(layer, name, &from);
        if found.is_none() && next.any(|class| layer.may_be_left_out(Some(class))) {
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
        let node = &mut self.nodes[i];
        node.taken = true;
        let place = format!("layer {i} `{}`, ", shortened(&node.tensor.0));
        let wires = wires.into_iter().map(|(_, wire)| wire).collect();
        let mut inner = self.fields.inner(layer.class(), &place, wires);
        if node.from != from {
            let names = |tensors: &[Tensor]| {
                json!(tensors.iter().map(|(name, _)| shortened(name)).collect::<Vec<_>>())
            };
            let expected = format!("the type says {}", names(&from));
            inner.differ("inbound_nodes", &expected, &names(&node.from));
        }
        for (key, value) in &node.named {
            inner.differ(&format!("inbound_nodes.{key}"), "the type says nothing", value);
        }
        inner.layer_name(name, &node.config);
        inner.compare(layer, node.config.clone());
        let gives = gives(&node.config, &node.tensor.0);
        self.fields.absorb(inner, &format!("{name}."));
        self.values.visited(name, gives);
    }
}
