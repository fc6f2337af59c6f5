//! Models of branches as Keras 2 wrote them.

use kerata::config::{Config, CustomObjects, layer_from_config};
use serde_json::Value;

use crate::{
    case::Case,
    graphs::{answers, load},
};

/// The lists in which Keras 2 wrote how layers are called; there, a mask is no node.
fn lists(model: &mut Value) {
    model.as_object_mut().unwrap().retain(|key, _| key != "module" && key != "registered_name");
    let layers = model.pointer_mut("/config/layers").and_then(Value::as_array_mut);
    let Some(layers) = layers else { return };
    let function = |layer: &Value| {
        layer["module"].as_str().is_some_and(|module| module.starts_with("keras.src.ops"))
    };
    layers.retain(|layer| !function(layer));
    for layer in layers {
        let nodes = layer["inbound_nodes"].as_array().into_iter().flatten();
        layer["inbound_nodes"] = nodes
            .map(|node| {
                let mut tensors = Vec::new();
                tensors_of(&node["args"], &mut tensors);
                tensors_of(&node["kwargs"]["initial_state"], &mut tensors);
                let mut named = serde_json::Map::new();
                if layer["class_name"] == "MultiHeadAttention" {
                    // Only the first is no value by name.
                    let others = tensors.split_off(1).into_iter();
                    named.extend(["value", "key"].into_iter().map(str::to_owned).zip(others));
                }
                for flag in ["use_causal_mask", "return_attention_scores"] {
                    if node["kwargs"][flag] == true {
                        named.insert(flag.to_owned(), true.into());
                    }
                }
                tensors[0][3] = named.into();
                tensors.into_iter().collect::<Value>()
            })
            .collect();
        lists(layer);
    }
}

fn tensors_of(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(list) => list.iter().for_each(|one| tensors_of(one, found)),
        Value::Object(map) => {
            let history = &map["config"]["keras_history"];
            found.push(serde_json::json!([history[0], history[1], history[2], {}]));
        }
        _ => {}
    }
}

/// What Keras 2 would have written for it answers the same.
pub(crate) fn older(case: &Case) {
    let mut json = case.model_json().unwrap();
    // Other functions than those of masks were no layers then; attention took no masks off what it had seen, and had as many
    // heads of keys as of queries. No embedding was gone through the other way.
    let others = [
        "functions",
        "further_functions",
        "lengths",
        "ordered",
        "slopes_of_ordered",
        "slopes_of_resized",
        "heads",
        "encoder",
        "turned",
    ];
    if others.contains(&case.name.as_str())
        || case.name.ends_with("grouped_heads")
        || case.name.ends_with("reversible")
    {
        return;
    }
    let used = |class: &str| {
        let layers = json["config"]["layers"].as_array().unwrap();
        layers
            .iter()
            .any(|layer| layer["module"] == "keras.src.ops.numpy" && layer["class_name"] == class)
    };
    if ["Multiply", "Subtract"].into_iter().any(used) {
        return;
    }
    lists(&mut json);
    let config: Config = json.try_into().unwrap();
    let mut model = layer_from_config(&config, &CustomObjects::new()).unwrap();
    load(case, &mut model, "");
    answers(case, &mut model);
}
