use std::collections::HashMap;

use kerata_format::{Tensor, attends, call_name};
use serde_json::{Value, json};

use super::{INPUT, Values, gives};
use crate::{
    backend::{Backend, Element},
    fields::{AnySignal, Configured, Described, FUNCTIONAL, Fields, dtype_of, starts_from_states},
    model::{
        LayerVisitor, Layers,
        keras::{input_layer, own_name},
    },
    signal::Signal,
};

impl Fields {
    /// The layers of a model of branches, as Keras writes them.
    pub(super) fn write_graph<In, L, E, D>(
        &mut self,
        layers: &mut L,
        inputs: Vec<(String, AnySignal)>,
    ) where
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
        let (inputs, outputs) = (ends(values.of(INPUT)), ends(values.reach()));
        self.out.insert("layers".into(), list.into());
        self.out.insert("input_layers".into(), inputs);
        self.out.insert("output_layers".into(), outputs);
    }
}

/// Collects the names of the layers.
struct Names(Vec<String>);

impl LayerVisitor for Names {
    fn layer<In: Signal, L: Configured>(&mut self, name: &str, _: &mut L) {
        self.0.push(name.to_owned());
    }
}

/// Writes the config of a model of branches.
struct Writer<'a> {
    fields: &'a mut Fields,
    list: Vec<Value>,
    values: Values,
    /// The place in the list of the layer of each call, and which of its calls that is.
    calls: HashMap<String, (usize, usize)>,
}

impl LayerVisitor for Writer<'_> {
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
        // What it gives, is called as the layer in the file, and counted.
        let of = self.values.layers.get(layer).cloned().unwrap_or_default();
        let Some((_, (first, _))) = of.first() else { return };
        let Some(&(at, _)) = self.calls.get(first) else {
            // A layer that Keras has none for.
            return self.values.regrouped(call, AnySignal::parts::<In>());
        };
        let class = self.list[at]["class_name"].as_str().unwrap_or_default();
        let mut node = self.node(class, AnySignal::parts::<In>());
        if attends(class) {
            node["kwargs"] = self.list[at]["inbound_nodes"][0]["kwargs"].clone();
        }
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
    fn node(&self, class: &str, wires: Vec<(String, AnySignal)>) -> Value {
        let dtype = self.fields.number_type();
        let tensor = |((call, index), (_, wire)): (Tensor, (String, AnySignal))| {
            let (at, number) = self.calls.get(&call).copied().unwrap_or_default();
            let name = &self.list[at]["name"];
            json!({"class_name": "__keras_tensor__", "config": {
                "shape": wire.sizes, "dtype": wire.dtype(dtype),
                "keras_history": [name, number, index],
            }})
        };
        let mut args: Vec<Value> = self.values.reach().into_iter().zip(wires).map(tensor).collect();
        // What attends to itself is query and value there.
        if let ([one], true) = (args.as_slice(), attends(class)) {
            args.push(one.clone());
        }
        // The states to begin with have an argument of their own.
        let (args, kwargs) = match args.as_slice() {
            [_] => (json!(args), json!({})),
            _ if class == "MultiHeadAttention" => (json!(args), json!({})),
            [x, states @ ..] if starts_from_states(class) => {
                (json!([x]), json!({ "initial_state": states }))
            }
            _ => (json!([args]), json!({})),
        };
        json!({ "args": args, "kwargs": kwargs })
    }

    fn write(&mut self, name: &str, layer: &mut dyn Described, wires: Vec<(String, AnySignal)>) {
        if !layer.is_written() {
            return self.values.regrouped(name, wires);
        }
        let mut node = self.node(layer.class(), wires.clone());
        let wires: Vec<AnySignal> = wires.into_iter().map(|(_, wire)| wire).collect();
        let mut inner = self.fields.inner(layer.class(), "", wires);
        inner.run(layer, own_name(name));
        for (key, value) in inner.call.take().into_iter().flatten() {
            node["kwargs"][key] = value;
        }
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
