//! Models of branches: Keras's `Functional`.

use std::{collections::HashMap, rc::Rc};

use kerata_format::{Tensor, call_name, calls, ends, outputs, used};
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
        let (values, calls) = (Values::default(), HashMap::new());
        let mut writer = Writer { fields: self, list: Vec::new(), values, calls };
        for (i, (place, wire)) in inputs.into_iter().enumerate() {
            let mut name = if i == 0 { "input_layer".into() } else { format!("input_layer_{i}") };
            while names.0.contains(&name) {
                name.push('_');
            }
            let mut layer = input_layer(&name, &wire, dtype_of::<E>());
            layer["name"] = json!(name);
            layer["inbound_nodes"] = json!([]);
            writer.calls.insert(name.clone(), (writer.list.len(), 0));
            writer.list.push(layer);
            writer.values.inputs.push((place, (name, 0)));
        }
        layers.layers(&mut writer);
        let Writer { list, values, calls, .. } = writer;
        // Keras counts the calls of a model by one more here.
        let ends = |tensors: Vec<Tensor>| {
            let end = |(call, i): &Tensor| {
                let (at, number) = calls.get(call).copied().unwrap_or_default();
                let is_model = list[at]["class_name"] == FUNCTIONAL;
                json!([list[at]["name"], number + usize::from(is_model), i])
            };
            let ends: Vec<Value> = tensors.iter().map(end).collect();
            if ends.len() == 1 { ends[0].clone() } else { ends.into() }
        };
        let (inputs, outputs) = (ends(values.of("input")), ends(values.reach()));
        self.out.insert("layers".into(), list.into());
        self.out.insert("input_layers".into(), inputs);
        self.out.insert("output_layers".into(), outputs);
    }

    fn read_graph<In, L, E, D>(&mut self, layers: &mut L, inputs: &[(String, AnySignal)])
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
    /// The place in the list of the layer of each call, and which of its calls that is.
    calls: HashMap<String, (usize, usize)>,
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

    fn again<In: Signal>(&mut self, layer: &str, call: &str) {
        // What it gives, is called as the layer in the file, and counted.
        let of = self.values.layers.get(layer).cloned().unwrap_or_default();
        let Some((_, (first, _))) = of.first() else { return };
        let Some(&(at, _)) = self.calls.get(first) else {
            // A layer that Keras has none for.
            return self.values.regrouped(call, AnySignal::parts::<In>());
        };
        let starts = starts_from_states(self.list[at]["class_name"].as_str().unwrap_or_default());
        let node = self.node(starts, AnySignal::parts::<In>());
        let nodes = self.list[at]["inbound_nodes"].as_array_mut();
        let count = nodes.map_or(0, |nodes| {
            nodes.push(node);
            nodes.len() - 1
        });
        let name = call_name(first, count);
        self.calls.insert(name.clone(), (at, count));
        let gives = of.into_iter().map(|(place, (_, i))| (place, (name.clone(), i))).collect();
        self.values.visited(call, gives);
    }

    fn layer<In: Signal, L: Configured>(&mut self, name: &str, layer: &mut L) {
        self.write(name, layer, AnySignal::parts::<In>());
    }
}

impl Writer<'_> {
    /// A call of a layer by what reaches it.
    fn node(&self, starts: bool, wires: Vec<(String, AnySignal)>) -> Value {
        let dtype = self.fields.number_type();
        let tensor = |((call, index), (_, wire)): (Tensor, (String, AnySignal))| {
            let (at, number) = self.calls.get(&call).copied().unwrap_or_default();
            let name = &self.list[at]["name"];
            json!({"class_name": "__keras_tensor__", "config": {
                "shape": wire.sizes, "dtype": wire.dtype(dtype),
                "keras_history": [name, number, index],
            }})
        };
        let args: Vec<Value> = self.values.reach().into_iter().zip(wires).map(tensor).collect();
        // The states to begin with have an argument of their own.
        let (args, kwargs) = match args.as_slice() {
            [_] => (json!(args), json!({})),
            [x, states @ ..] if starts => (json!([x]), json!({ "initial_state": states })),
            _ => (json!([args]), json!({})),
        };
        json!({ "args": args, "kwargs": kwargs })
    }

    fn write(&mut self, name: &str, layer: &mut dyn Described, wires: Vec<(String, AnySignal)>) {
        if !layer.is_written() {
            return self.values.regrouped(name, wires);
        }
        let node = self.node(starts_from_states(layer.class()), wires.clone());
        let wires: Vec<AnySignal> = wires.into_iter().map(|(_, wire)| wire).collect();
        let mut inner = self.fields.inner(layer.class(), "", wires);
        inner.run(layer, super::keras::own_name(name));
        self.fields.names = std::mem::take(&mut inner.names);
        let given = inner.out.get("name").and_then(Value::as_str).unwrap_or(name).to_owned();
        let config = inner.into_config();
        let gives = gives(&config, &given);
        let mut value = serde_json::to_value(config).unwrap_or_default();
        value["name"] = json!(given);
        value["inbound_nodes"] = json!([node]);
        self.calls.insert(given, (self.list.len(), 0));
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
        find(&|node| node.layer == name)
            .map(|i| self.call(&self.nodes[i].layer, from).unwrap_or(i))
            .or_else(|| find(&|node| class(node) && node.from == from))
            .or_else(|| find(&class))
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
            inner.differ(&format!("inbound_nodes.{key}"), "the type says nothing", value);
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
        self.fields.trainable = trainable;
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
        let place = format!("layer {i} `{}`, ", shortened(&self.nodes[i].layer));
        let wires = wires.into_iter().map(|(_, wire)| wire).collect();
        let mut inner = self.fields.inner(layer.class(), &place, wires);
        self.taken(i, &from, &mut inner);
        let node = &self.nodes[i];
        self.found.insert(name.to_owned(), node.layer.clone());
        inner.layer_name(name, &node.config);
        inner.compare(layer, Config::clone(&node.config));
        let gives = gives(&node.config, &node.tensor.0);
        self.fields.absorb(inner, &format!("{name}."));
        self.values.visited(name, gives);
    }
}
