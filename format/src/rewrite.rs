//! What Keras writes no longer, or in its older form only, as it writes it today.

use serde_json::{Map, Value};

use crate::config::Config;

/// The layers of cuDNN are the usual ones with these options.
const CUDNN: [(&str, &str, &[(&str, &str)]); 2] = [
    ("CuDNNLSTM", "LSTM", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
    ("CuDNNGRU", "GRU", &[("activation", "tanh"), ("recurrent_activation", "sigmoid")]),
];

/// Other names under which Keras has a class, and the one that it writes.
const ALIASES: [(&str, &str); 21] = [
    ("AvgPool1D", "AveragePooling1D"),
    ("AvgPool2D", "AveragePooling2D"),
    ("AvgPool3D", "AveragePooling3D"),
    ("Convolution1D", "Conv1D"),
    ("Convolution1DTranspose", "Conv1DTranspose"),
    ("Convolution2D", "Conv2D"),
    ("Convolution2DTranspose", "Conv2DTranspose"),
    ("Convolution3D", "Conv3D"),
    ("Convolution3DTranspose", "Conv3DTranspose"),
    ("GlobalAvgPool1D", "GlobalAveragePooling1D"),
    ("GlobalAvgPool2D", "GlobalAveragePooling2D"),
    ("GlobalAvgPool3D", "GlobalAveragePooling3D"),
    ("GlobalMaxPool1D", "GlobalMaxPooling1D"),
    ("GlobalMaxPool2D", "GlobalMaxPooling2D"),
    ("GlobalMaxPool3D", "GlobalMaxPooling3D"),
    ("GroupedQueryAttention", "GroupQueryAttention"),
    ("MaxPool1D", "MaxPooling1D"),
    ("MaxPool2D", "MaxPooling2D"),
    ("MaxPool3D", "MaxPooling3D"),
    ("SeparableConvolution1D", "SeparableConv1D"),
    ("SeparableConvolution2D", "SeparableConv2D"),
];

/// The name that Keras writes for a class that it has under several.
fn written(class: &str) -> Option<&'static str> {
    ALIASES.iter().find(|(alias, _)| *alias == class).map(|(_, written)| *written)
}

/// Calls classes by their usual names, and tells functions from layers, in a config and all that is in it. Whether
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
    let class = map.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let mut none = Map::new();
    let usual = match written(class) {
        Some(usual) => usual,
        None => {
            let class = class.to_owned();
            let config = map.get_mut("config").and_then(Value::as_object_mut);
            let Some(usual) = of_cudnn(&class, config.unwrap_or(&mut none)) else { return false };
            map.remove("module");
            map.remove("registered_name");
            usual
        }
    };
    map.insert("class_name".to_owned(), usual.into());
    true
}

/// The usual class for one of cuDNN, whose options are put into its config.
fn of_cudnn(class: &str, config: &mut Map<String, Value>) -> Option<&'static str> {
    let (_, usual, options) = CUDNN.iter().find(|(cudnn, ..)| *cudnn == class)?;
    for (key, value) in *options {
        config.entry(*key).or_insert((*value).into());
    }
    if *usual == "GRU" {
        config.entry("reset_after").or_insert(true.into());
    }
    Some(usual)
}

impl Config {
    /// The same under the name that Keras writes for its class; those of cuDNN are the usual ones.
    #[must_use]
    pub fn usual(mut self) -> Self {
        if let Some(usual) = written(&self.class_name) {
            self.class_name = usual.to_owned();
        } else if let Some(usual) = of_cudnn(&self.class_name, &mut self.config) {
            self =
                Self { class_name: usual.to_owned(), module: None, registered_name: None, ..self };
        }
        self
    }
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
