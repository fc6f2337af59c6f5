//! The masks that Keras 3.15 sees in a model: an attention takes them off its query, value and key for what is called later.

pub(crate) mod calls;
pub(crate) mod flow;
mod said;

use std::{cmp::Reverse, collections::HashMap};

use serde_json as json;

use crate::{
    Config, Distances, GROUPED, Tensor, attends, distances,
    table::{destroys_masks, is_class},
};
use calls::{Call, Calls, is_model};
use flow::{Flow, leaves};
use said::GIVEN;

pub use calls::FUNCTION;
pub use said::says_masks;

/// What Keras sees of the padding of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Its mask.
    Masked,
    /// No mask.
    Bare,
    /// No mask, and in the padding what an attention without a dropout gives there: the means of all values. In a type it gives zeros.
    Means,
}

/// The masks of the calls of a model that has an attention.
#[derive(Debug, Clone, Default)]
pub struct Masks {
    /// Of each call that calculates by masks, what Keras sees of each of its inputs.
    seen: HashMap<String, Vec<Seen>>,
    /// The models inside, by their calls.
    inside: HashMap<String, Masks>,
}

impl Masks {
    /// What a call sees of each of its inputs, if what it gives depends on that.
    pub fn seen(&self, call: &str) -> Option<&[Seen]> {
        self.seen.get(call).map(Vec::as_slice)
    }

    /// Those of a model inside.
    pub fn inside(&self, call: &str) -> Option<&Self> {
        self.inside.get(call)
    }
}

/// The masks that Keras sees in a model, where attentions take masks off; `None` of one in which none does. Before Keras 3 masks stayed.
pub fn masks(config: &Config) -> Option<Masks> {
    if !takes_off(config) || !says_masks(config) {
        return None;
    }
    of(config, &[]).map(|(masks, _)| masks)
}

/// Whether a model has an attention, called as in Keras 3, in it or in a model inside.
fn takes_off(config: &Config) -> bool {
    let layers = config.config.get("layers").and_then(json::Value::as_array);
    layers.into_iter().flatten().any(|layer| {
        let class = layer.get("class_name").and_then(json::Value::as_str).unwrap_or_default();
        let node = layer.get("inbound_nodes").and_then(|nodes| nodes.get(0));
        let inside = || Config::read(layer.clone()).is_ok_and(|inside| takes_off(&inside));
        takes_masks_off(class) && node.is_some_and(json::Value::is_object) || inside()
    })
}

/// A signal, and whether there are means in its padding.
type Value = (Flow, bool);

/// What leaves a model, and the masks in it.
fn of(config: &Config, arrive: &[Value]) -> Option<(Masks, Value)> {
    let Calls { inputs, calls, outputs } = Calls::of(config).ok()?;
    let bare = bare(&calls, &outputs);
    let (mut all, mut flows) = (Masks::default(), HashMap::new());
    for (i, (name, sizes)) in inputs.iter().enumerate() {
        let (padded, means) =
            arrive.get(i).map_or((false, false), |(flow, means)| (flow.padded, *means));
        flows.insert(name.clone(), (Flow { rank: sizes.len(), padded }, means));
    }
    let mut last = (Flow { rank: 2, padded: false }, false);
    for (i, call) in calls.iter().enumerate() {
        let value = |from: &Tensor| {
            let (flow, means) = flows.get(&from.0).copied().unwrap_or(last);
            let padded = flow.padded && !bare[i].contains(from) || call.has_mask;
            (Flow { padded, ..flow }, means)
        };
        let reach: Vec<Value> = call.from.iter().map(value).collect();
        let class = call.config.class_name.as_str();
        let by_masks = calculates_by_masks(call);
        last = match is_model(&call.config) {
            true => {
                let (inside, gives) = of(&call.config, &reach)?;
                all.inside.insert(call.name.clone(), inside);
                gives
            }
            false => {
                let flows: Vec<Flow> = reach.iter().map(|(flow, _)| *flow).collect();
                let means = reach.iter().any(|(flow, means)| *means && !(by_masks && flow.padded));
                let made =
                    flows.first().is_some_and(|query| query.padded) && gives_means(&call.config);
                (leaves(&call.config, &flows), means || made)
            }
        };
        let see = |&(flow, means): &Value| match (flow.padded, means) {
            (true, _) => Seen::Masked,
            (false, true) => Seen::Means,
            (false, false) => Seen::Bare,
        };
        let seen: Vec<Seen> = reach.iter().map(see).collect();
        let lost = destroys_masks(class) && reach.iter().any(|(_, means)| *means);
        if by_masks {
            all.seen.insert(call.name.clone(), seen);
        } else if lost {
            all.seen.insert(call.name.clone(), vec![Seen::Means; reach.len()]);
        }
        flows.insert(call.name.clone(), last);
    }
    let gives = outputs.first().and_then(|output| flows.get(output)).copied();
    Some((all, gives.unwrap_or(last)))
}

/// Whether a layer takes the masks off what it is given: of the attentions, only this one does.
fn takes_masks_off(class: &str) -> bool {
    class == "MultiHeadAttention"
}

/// Whether an attention gives means of all values in the padding of its query, as Keras does without a dropout.
fn gives_means(config: &Config) -> bool {
    let dropout = config.config.get("dropout").and_then(json::Value::as_f64);
    let has_heads = [GROUPED, "MultiHeadAttention"].contains(&config.class_name.as_str());
    has_heads && dropout.is_none_or(|rate| rate == 0.0)
}

/// Whether what a call gives depends on masks.
fn calculates_by_masks(call: &Call) -> bool {
    let class = call.config.class_name.as_str();
    let starts = call.is_recurrent() && call.from.len() > 1;
    let merges = ["Maximum", "Minimum", "Multiply"].contains(&class);
    let given = GIVEN.contains(&class) && class != "TimeDistributed" && !starts;
    attends(class) || given || merges || !(is_class(class) || call.is_operation)
}

/// The inputs of each call that have lost their mask to a call before it, in Keras's order.
fn bare(calls: &[Call], outputs: &[String]) -> Vec<Vec<Tensor>> {
    let places: HashMap<&str, usize> =
        calls.iter().enumerate().map(|(i, call)| (call.name.as_str(), i)).collect();
    let place = |name: &str| places.get(name).copied();
    let before: Vec<Vec<usize>> = calls
        .iter()
        .map(|call| call.from.iter().filter_map(|(name, _)| place(name)).collect())
        .collect();
    let layers: Vec<usize> =
        calls.iter().map(|call| place(&call.layer).unwrap_or_default()).collect();
    let outputs: Vec<usize> = outputs.iter().filter_map(|name| place(name)).collect();
    let Distances { mut noted, of_calls, .. } = distances(&before, &layers, &outputs);
    noted.sort_by_key(|&call| Reverse(of_calls[call]));
    let mut bare = vec![Vec::new(); calls.len()];
    let mut bared: Vec<&Tensor> = Vec::new();
    for i in noted {
        bare[i] = calls[i].from.iter().filter(|from| bared.contains(from)).cloned().collect();
        if takes_masks_off(&calls[i].config.class_name) {
            bared.extend(&calls[i].from);
        }
    }
    bare
}
