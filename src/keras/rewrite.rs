//! Classes that Keras has no longer, as those that take their place.

use serde_json::{Map, Value};

use crate::{error::Error, fields::Config};

/// The layers of cuDNN are the usual ones with these options.
const CUDNN: [(&str, &str, &[(&str, &str)]); 2] = [
    ("CuDNNLSTM", "LSTM", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
    ("CuDNNGRU", "GRU", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
];

/// A config in whose layers the classes of cuDNN are the usual ones.
pub(super) fn old_classes(config: Config) -> Result<Config, Error> {
    let mut value = serde_json::to_value(&config).map_err(|e| Error::Json(e.to_string()))?;
    match walk(&mut value) {
        true => Config::try_from(value),
        false => Ok(config),
    }
}

/// Whether something has been changed.
fn walk(value: &mut Value) -> bool {
    match value {
        Value::Array(list) => list.iter_mut().fold(false, |changed, value| walk(value) | changed),
        Value::Object(map) => {
            let changed = rename(map);
            map.values_mut().fold(changed, |changed, value| walk(value) | changed)
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
