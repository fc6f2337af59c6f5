//! The masks that a config says.

use std::collections::HashMap;

use super::{
    calls::Calls,
    flow::{Flow, leaves},
};
use crate::Config;

/// Layers that Keras gives the mask of what reaches them as an argument of their own, which then stands in the config.
pub(crate) const GIVEN: &[&str] = &[
    "BatchNormalization",
    "Bidirectional",
    "GRU",
    "GlobalAveragePooling1D",
    "LSTM",
    "RNN",
    "SimpleRNN",
    "TimeDistributed",
];

/// Whether a model says the masks of its calls, as it does if Keras has written it: no layer that would be given one is called
/// without. In a model that does not, Keras finds these masks when it builds it.
pub fn says_masks(config: &Config) -> bool {
    let Ok(calls) = Calls::of(config) else { return true };
    let inputs = calls.inputs.iter();
    let inputs =
        inputs.map(|(name, sizes)| (name.as_str(), Flow { rank: sizes.len(), padded: false }));
    let mut flows: HashMap<&str, Flow> = inputs.collect();
    for call in &calls.calls {
        let reach = call.from.iter().filter_map(|(name, _)| flows.get(name.as_str()).copied());
        let reach: Vec<Flow> = reach.collect();
        let padded = reach.first().is_some_and(|one| one.padded);
        if padded && !call.has_mask && GIVEN.contains(&call.config.class_name.as_str()) {
            return false;
        }
        flows.insert(&call.name, leaves(&call.config, &reach));
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn layer(class: &str, name: &str, from: &[&str], kwargs: Value) -> Value {
        let tensor = |name: &&str| json!({ "class_name": "__keras_tensor__", "config": { "keras_history": [name, 0, 0] } });
        let args: Vec<Value> = from.iter().map(tensor).collect();
        let nodes =
            if from.is_empty() { json!([]) } else { json!([{ "args": args, "kwargs": kwargs }]) };
        let mut config = json!({ "name": name, "mask_zero": true });
        if from.is_empty() {
            config["batch_shape"] = json!([null, 6]);
        }
        json!({ "class_name": class, "name": name, "config": config, "inbound_nodes": nodes })
    }

    #[test]
    fn a_mean_without_its_mask_is_noticed() {
        for (class, kwargs, says) in [
            ("GlobalAveragePooling1D", json!({}), false),
            ("GlobalAveragePooling1D", json!({ "mask": [0] }), true),
            ("Dense", json!({}), true),
        ] {
            let layers = [
                layer("InputLayer", "input", &[], json!({})),
                layer("Embedding", "words", &["input"], json!({})),
                layer(class, "last", &["words"], kwargs),
            ];
            let config = json!({ "class_name": "Functional", "config": {
                "name": "net", "layers": layers, "input_layers": [["input", 0, 0]], "output_layers": [["last", 0, 0]],
            } });
            assert_eq!(says_masks(&Config::parse(&config.to_string()).unwrap()), says, "{class}");
        }
    }
}
