//! The layers of a model as its config lists them: their names, the groups of their weights in a `.weights.h5`, and
//! the parameters of the model that they are.

use std::collections::{HashMap, HashSet};

use kerata_format::GROUPED;
use serde_json::{Map, Value};

use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::{Config, snake_case},
    parameters::{Parameter, Parameters, Visitor},
};

/// A parameter of a model, as it is visited.
#[derive(Debug, Clone)]
pub(super) struct Visited {
    /// The layers that it is in, outermost first.
    pub(super) path: Vec<String>,
    pub(super) name: String,
    pub(super) sizes: Vec<usize>,
    pub(super) trainable: bool,
}

impl Visited {
    /// Its name in the model, `head.kernel`.
    pub(super) fn full_name(&self) -> String {
        let path = self.path.iter().map(String::as_str);
        path.chain([self.name.as_str()]).collect::<Vec<_>>().join(".")
    }
}

/// A layer of a model that holds no list of layers.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Its name in the config, behind those of the models that it is in.
    pub(super) names: Vec<String>,
    /// The same as the visitor of parameters is told: a name, or a number in a tuple.
    pub(super) visited: Vec<String>,
    pub(super) class: String,
    /// The groups of a `.weights.h5` that hold its weights, in order.
    pub(super) groups: Vec<Vars>,
    /// Its parameters among all of the model, in order.
    pub(super) weights: Vec<usize>,
}

/// A group of a `.weights.h5` that holds datasets `0`, `1`, ..
#[derive(Debug, Clone)]
pub(super) struct Vars {
    /// The layers within the layer that lead to it: each by its name or its number.
    steps: Vec<[String; 2]>,
    pub(super) path: String,
    pub(super) part: PartOfLayer,
}

/// Which of the parameters of a layer a group holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartOfLayer {
    All,
    /// The kernel and the vector of a `SpectralNormalization`.
    Normalised,
    /// What the layer inside of that has: the kernel once more, and the bias.
    Inside,
}

impl PartOfLayer {
    /// Whether the parameter at this place of the layer is in the group.
    pub(super) fn has(self, place: usize) -> bool {
        match self {
            Self::All => true,
            Self::Normalised => place < 2,
            Self::Inside => place != 1,
        }
    }

    /// Whether a dataset has been in a group before.
    pub(super) fn repeats(self, dataset: &str) -> bool {
        self == Self::Inside && dataset == "0"
    }
}

/// All parameters of a model, in the order of a visit.
pub(super) fn visited<M: Parameters<E, D>, E: Element, D: Backend<E>>(
    model: &M,
) -> Result<Vec<Visited>, Error> {
    #[derive(Default)]
    struct All {
        path: Vec<String>,
        found: Vec<Visited>,
    }

    impl<E: Element, D: Backend<E>> Visitor<E, D> for All {
        fn visit(&mut self, parameter: Parameter<'_, E, D>) -> Result<(), Error> {
            self.found.push(Visited {
                path: self.path.clone(),
                name: parameter.name.to_owned(),
                sizes: parameter.sizes(),
                trainable: parameter.trainable,
            });
            Ok(())
        }

        fn enter(&mut self, name: &str) {
            self.path.push(name.to_owned());
        }

        fn leave(&mut self) {
            self.path.pop();
        }
    }

    let mut all = All::default();
    model.clone().visit(&mut all)?;
    Ok(all.found)
}

/// The config of a model with its layers in the order in which Keras counts the groups of their weights.
pub(super) fn in_order(mut config: Config) -> Config {
    let mut all = Value::Object(config.config);
    kerata_format::in_keras_order(&mut all);
    config.config = match all {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    config
}

/// The layers of a model, with their parameters among those that were visited.
///
/// # Errors
/// [`Error::Json`] for a config that has no list of layers.
pub(super) fn places(config: &Config, visited: &[Visited]) -> Result<Vec<Place>, Error> {
    let layers = config.config.get("layers").and_then(Value::as_array);
    let needed = || {
        let class = &config.class_name;
        Error::Json(format!(
            "a Keras file holds a model with a list of `layers`, and `{class}` has none"
        ))
    };
    let mut walk = Walk { visited, found: Vec::new() };
    let inside = Inside { names: Vec::new(), visited: Vec::new(), group: String::new() };
    walk.model(layers.ok_or_else(needed)?, &inside, (0..visited.len()).collect());
    Ok(walk.found)
}

/// Where a list of layers is.
struct Inside {
    names: Vec<String>,
    visited: Vec<String>,
    group: String,
}

struct Walk<'a> {
    visited: &'a [Visited],
    found: Vec<Place>,
}

impl Walk<'_> {
    fn model(&mut self, layers: &[Value], inside: &Inside, weights: Vec<usize>) {
        let level = inside.visited.len();
        let mut entered: HashMap<&str, Vec<usize>> = HashMap::new();
        for weight in weights {
            let step = self.visited[weight].path.get(level).map_or("", String::as_str);
            entered.entry(step).or_default().push(weight);
        }
        let named: Vec<(&Value, String)> = numbered(layers, layers_in(&inside.group))
            .filter(|(layer, _)| class(layer) != "InputLayer")
            .collect();
        let names: HashSet<&str> = named.iter().map(|(layer, _)| name(layer)).collect();
        // A tuple has no names, so its layers are counted.
        let by_name = entered.keys().all(|step| names.contains(step));
        let mut todo = Vec::new();
        for (i, (layer, group)) in named.into_iter().enumerate() {
            let step = if by_name { name(layer).to_owned() } else { i.to_string() };
            let weights = entered.remove(step.as_str()).unwrap_or_default();
            let deeper = |path: &[String], step: &str| [path, &[step.to_owned()]].concat();
            let (names, visited) =
                (deeper(&inside.names, name(layer)), deeper(&inside.visited, &step));
            todo.push((layer, Inside { names, visited, group }, weights));
        }
        let mut rest: Vec<usize> = entered.into_values().flatten().collect();
        rest.sort_unstable();
        for (layer, inside, weights) in todo {
            match layers_of(layer) {
                Some(layers) => self.model(layers, &inside, weights),
                None => self.found.push(Place {
                    groups: groups(layer, &[], &inside.group),
                    names: inside.names,
                    visited: inside.visited,
                    class: class(layer).to_owned(),
                    weights,
                }),
            }
        }
        // No layer of the config has these: they will be missing in any file.
        for weight in rest {
            let path = self.visited[weight].path.clone();
            self.found.push(Place {
                names: path.clone(),
                visited: path,
                class: String::new(),
                groups: Vec::new(),
                weights: vec![weight],
            });
        }
    }
}

fn class(layer: &Value) -> &str {
    layer.get("class_name").and_then(Value::as_str).unwrap_or_default()
}

/// The name of a layer. Keras 3 writes it beside the config as well.
fn name(layer: &Value) -> &str {
    let inside = layer.get("config").and_then(|config| config.get("name"));
    inside.or_else(|| layer.get("name")).and_then(Value::as_str).unwrap_or_default()
}

/// The layers of a model within a model.
fn layers_of(layer: &Value) -> Option<&Vec<Value>> {
    let config = layer.get("config")?;
    let list = config.get("layers").unwrap_or(config).as_array()?;
    list.iter().all(|layer| layer.get("class_name").is_some()).then_some(list)
}

/// The group of the layers in a group.
fn layers_in(group: &str) -> String {
    if group.is_empty() { "layers".to_owned() } else { format!("{group}/layers") }
}

/// Each layer of a list, with its group in another one: that of its class, counted.
pub(super) fn numbered(layers: &[Value], within: String) -> impl Iterator<Item = (&Value, String)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    layers.iter().map(move |layer| {
        let name = match class(layer) {
            // Keras counts by the name of the Python class, which is another one here.
            GROUPED => "grouped_query_attention".to_owned(),
            class => snake_case(class),
        };
        let count = counts.entry(name.clone()).or_default();
        let number = if *count == 0 { String::new() } else { format!("_{count}") };
        *count += 1;
        (layer, format!("{within}/{name}{number}"))
    })
}

/// The layers within an attention of several heads, and their groups.
const PROJECTIONS: [(&str, &str); 5] = [
    ("query", "query_dense"),
    ("key", "key_dense"),
    ("gate", "_gate_dense"),
    ("value", "value_dense"),
    ("attention_output", "output_dense"),
];

/// The groups that hold the weights of a layer, in Keras's order.
fn groups(layer: &Value, steps: &[[String; 2]], group: &str) -> Vec<Vars> {
    let inner = |key: &str| layer.get("config").and_then(|config| config.get(key));
    let deeper = |names: [&str; 2]| [steps, &[names.map(str::to_owned)]].concat();
    if let Some(layers) = layers_of(layer) {
        let layers =
            numbered(layers, layers_in(group)).filter(|(layer, _)| class(layer) != "InputLayer");
        let inside = layers.enumerate().flat_map(|(i, (layer, group))| {
            groups(layer, &deeper([name(layer), &i.to_string()]), &group)
        });
        return inside.collect();
    }
    let of = |path: String| Vars { steps: steps.to_vec(), path, part: PartOfLayer::All };
    let nothing = Value::Null;
    match class(layer) {
        "Bidirectional" => {
            let forward = inner("layer").unwrap_or(&nothing);
            let backward = inner("backward_layer").filter(|layer| !layer.is_null());
            let both = [("forward", forward), ("backward", backward.unwrap_or(forward))];
            let direction = |(name, layer)| {
                groups(layer, &deeper([name, name]), &format!("{group}/{name}_layer"))
            };
            both.into_iter().flat_map(direction).collect()
        }
        "TimeDistributed" => {
            groups(inner("layer").unwrap_or(&nothing), steps, &format!("{group}/layer"))
        }
        "SpectralNormalization" => {
            let own = Vars { part: PartOfLayer::Normalised, ..of(format!("{group}/vars")) };
            let inside =
                groups(inner("layer").unwrap_or(&nothing), steps, &format!("{group}/layer"));
            let inside = inside.into_iter().map(|vars| Vars { part: PartOfLayer::Inside, ..vars });
            std::iter::once(own).chain(inside).collect()
        }
        "ConvLSTM1D" | "ConvLSTM2D" | "ConvLSTM3D" | "LSTM" | "GRU" | "SimpleRNN" => {
            vec![of(format!("{group}/cell/vars"))]
        }
        attention @ ("MultiHeadAttention" | GROUPED) => {
            let gate = inner("use_gate").is_some_and(|gate| gate == &Value::Bool(true));
            let inside = PROJECTIONS.iter().filter(|(name, _)| gate || *name != "gate");
            let projection = |(name, path): &(&str, &str)| {
                let is_marked = attention == GROUPED && *name != "gate";
                let mark = if is_marked { "_" } else { "" };
                let path = format!("{group}/{mark}{path}/vars");
                Vars { steps: deeper([name, name]), path, part: PartOfLayer::All }
            };
            inside.map(projection).collect()
        }
        "RNN" => {
            let cells = inner("cell").and_then(|cell| cell.get("config")?.get("cells")?.as_array());
            let Some(cells) = cells else { return vec![of(format!("{group}/cell/vars"))] };
            let cells = numbered(cells, format!("{group}/cell/cells")).enumerate();
            let cell = |(i, (cell, group)): (usize, (&Value, String))| Vars {
                steps: deeper([name(cell), &i.to_string()]),
                path: format!("{group}/vars"),
                part: PartOfLayer::All,
            };
            cells.map(cell).collect()
        }
        _ => vec![of(format!("{group}/vars"))],
    }
}

impl Vars {
    /// Whether a parameter belongs here, by the layers that it is in within the layer.
    pub(super) fn holds(&self, path: &[String]) -> bool {
        path.len() == self.steps.len()
            && path.iter().zip(&self.steps).all(|(step, names)| names.contains(step))
    }
}
