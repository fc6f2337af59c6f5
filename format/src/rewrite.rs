//! What Keras writes no longer, or in its older form only, as it writes it today.

use serde_json::{Map, Value};

/// The layers of cuDNN are the usual ones with these options.
const CUDNN: [(&str, &str, &[(&str, &str)]); 2] = [
    ("CuDNNLSTM", "LSTM", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
    ("CuDNNGRU", "GRU", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
];

/// Makes the classes of cuDNN the usual ones, and tells functions from layers, in a config and all that is in it. Whether
/// something has been changed.
pub(crate) fn old_classes(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => {
            list.iter_mut().fold(false, |changed, value| old_classes(value) | changed)
        }
        Value::Object(map) => {
            let changed = rename(map) | rename_slope(map) | mark_function(map);
            map.values_mut().fold(changed, |changed, value| old_classes(value) | changed)
        }
        _ => false,
    }
}

fn rename(map: &mut Map<String, Value>) -> bool {
    let class = map.get("class_name").and_then(Value::as_str);
    let Some((_, usual, options)) = CUDNN.iter().find(|(cudnn, ..)| Some(*cudnn) == class) else {
        return false;
    };
    map.insert("class_name".to_owned(), (*usual).into());
    map.remove("module");
    map.remove("registered_name");
    if let Some(config) = map.get_mut("config").and_then(Value::as_object_mut) {
        for (key, value) in *options {
            config.entry(*key).or_insert((*value).into());
        }
        if *usual == "GRU" {
            config.entry("reset_after").or_insert(true.into());
        }
    }
    true
}

/// The slope of a `LeakyReLU` was called `alpha` in Keras 2.
fn rename_slope(map: &mut Map<String, Value>) -> bool {
    if map.get("class_name").and_then(Value::as_str) != Some("LeakyReLU") {
        return false;
    }
    let config = map.get_mut("config").and_then(Value::as_object_mut);
    let Some((config, alpha)) = config.and_then(|c| c.remove("alpha").map(|alpha| (c, alpha)))
    else {
        return false;
    };
    config.entry("negative_slope").or_insert(alpha);
    true
}

/// A function such as `NotEqual`, by which Keras 3 makes a mask, has a name and nothing else in its config. Its older form,
/// in a `.h5`, leaves out the module, which says so.
fn mark_function(map: &mut Map<String, Value>) -> bool {
    let config = map.get("config").and_then(Value::as_object);
    let only_named = config.is_some_and(|config| config.len() == 1 && config.contains_key("name"));
    let unmarked = map.contains_key("inbound_nodes") && !map.contains_key("module");
    if only_named && unmarked {
        map.insert("module".to_owned(), "keras.src.ops.numpy".into());
    }
    only_named && unmarked
}

/// The `hard_sigmoid` of Keras 2, `0.2 x + 0.5` from 0 to 1, which Keras 3 has not.
pub const OLD_HARD_SIGMOID: &str = "keras_2_hard_sigmoid";

/// Tells the functions of Keras 2 from those of Keras 3, in all that is in a value.
pub(crate) fn old_functions(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(old_functions),
        Value::Object(map) => {
            map.values_mut().for_each(old_functions);
            map.iter_mut().for_each(old_function);
        }
        _ => {}
    }
}

pub(crate) fn old_function((key, value): (&String, &mut Value)) {
    if key.ends_with("activation") && value == "hard_sigmoid" {
        *value = OLD_HARD_SIGMOID.into();
    }
}
