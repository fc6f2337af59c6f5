//! What is said in other words by one Keras or another.

use serde_json::{Map, Value};

use crate::config::sizes;

/// Keras's class of a model whose layers say what reaches them.
pub const FUNCTIONAL: &str = "Functional";

/// Whether a key matters in training only.
pub fn of_training(key: &str) -> bool {
    key.ends_with("_regularizer") || key.ends_with("_constraint")
}

/// Keys of which Keras makes the shape of the input.
const SHAPES: [&str; 3] = ["batch_input_shape", "batch_shape", "input_shape"];

/// Whether a key with this value says nothing that matters here: it is an older Keras's way to say what is the
/// case anyway, or how something is calculated.
pub fn says_nothing(key: &str, value: &Value) -> bool {
    let one_of = |values: &[Value]| values.contains(value);
    match key {
        "time_major" | "sparse" | "ragged" | "dynamic" | "causal" => *value == Value::Bool(false),
        "fused" => one_of(&[Value::Null, true.into(), false.into()]),
        "autocast" => value.is_boolean(),
        "virtual_batch_size" | "adjustment" | "weights" | "input_tensor" => value.is_null(),
        "lora_rank" | "lora_alpha" | "quantization_config" => value.is_null(),
        "input_dim" | "input_length" => value.is_null() || value.as_u64() > Some(0),
        "input_dtype" => value.is_null() || value.is_string(),
        _ if SHAPES.contains(&key) => value.is_null() || sizes(value).is_some(),
        _ => value.is_null() && of_training(key),
    }
}

/// The shape of the input, the batch first, that the config of a layer says.
pub fn given_shape(class: &str, config: &Map<String, Value>) -> Option<Vec<Option<usize>>> {
    let whole = ["batch_input_shape", "batch_shape", "build_input_shape"];
    let behind_the_batch = |key| sizes(config.get(key)?);
    let size = |key| usize::try_from(config.get(key)?.as_u64()?).ok();
    whole
        .iter()
        .find_map(|&key| sizes(config.get(key)?))
        .or_else(|| {
            let shape = behind_the_batch("input_shape").or_else(|| behind_the_batch("shape"))?;
            Some([vec![None], shape].concat())
        })
        .or_else(|| {
            // That of an `Embedding` is the size of its vocabulary.
            let features = size("input_dim").filter(|_| class != "Embedding")?;
            let length = config.contains_key("input_length").then(|| size("input_length"));
            Some([None].into_iter().chain(length).chain([Some(features)]).collect())
        })
}

/// The sizes that a layer was built for, the batch first, if its config says them; for a model, if its first layer does.
pub fn input_sizes(
    class: &str,
    config: &Map<String, Value>,
    build_config: Option<&Value>,
) -> Option<Vec<Option<usize>>> {
    let built = |build: Option<&Value>| sizes(build?.get("input_shape")?);
    let first = || {
        let first = config.get("layers")?.get(0)?;
        let class = first.get("class_name")?.as_str()?;
        given_shape(class, first.get("config")?.as_object()?)
            .or_else(|| built(first.get("build_config")))
    };
    built(build_config).or_else(|| given_shape(class, config)).or_else(first)
}

/// A dtype is a name, or in Keras 3 a policy with a name, or with one for all that it does not list, where it lists nothing.
pub fn dtype_name(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| {
        let config = value.get("config")?;
        match config.get("policy_map").and_then(Value::as_object) {
            Some(listed) if listed.is_empty() => dtype_name(config.get("default_policy")?),
            Some(_) => None,
            None => config.get("name")?.as_str(),
        }
    })
}

/// The name of an activation: a text, `null` (which is `linear`), or a function. A layer has none.
pub fn activation_name(value: &Value) -> Option<&str> {
    match value {
        Value::Null => Some("linear"),
        Value::String(name) => Some(name),
        function => function.get("config").and_then(Value::as_str).or_else(|| {
            let is_name = function.get("module")? == "keras.activations"
                && function.get("config")?.as_object()?.is_empty();
            function.get("class_name").filter(|_| is_name)?.as_str()
        }),
    }
}
