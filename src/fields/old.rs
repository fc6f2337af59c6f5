//! Keys that no layer lists: those of every layer, and those of an older Keras.

use serde_json::{Map, Value};

use super::{Fields, Mode};
use crate::{
    error::{PRINTED, nearest},
    fields::sizes,
};

/// Whether a key matters in training only.
pub(crate) fn of_training(key: &str) -> bool {
    key.ends_with("_regularizer") || key.ends_with("_constraint")
}

/// Keys of which Keras makes the shape of the input.
const SHAPES: [&str; 3] = ["batch_input_shape", "batch_shape", "input_shape"];

/// Whether a key with this value says nothing that matters here: it is an older Keras's way to say what is the
/// case anyway, or how something is calculated.
fn says_nothing(key: &str, value: &Value) -> bool {
    let one_of = |values: &[Value]| values.contains(value);
    match key {
        "time_major" | "sparse" | "ragged" | "dynamic" => *value == Value::Bool(false),
        "fused" => one_of(&[Value::Null, true.into(), false.into()]),
        "autocast" => value.is_boolean(),
        "virtual_batch_size" | "adjustment" | "weights" => value.is_null(),
        "input_dim" | "input_length" => value.is_null() || value.as_u64() > Some(0),
        "input_dtype" => value.is_null() || value.is_string(),
        _ if SHAPES.contains(&key) => value.is_null() || sizes(value).is_some(),
        _ => value.is_null() && of_training(key),
    }
}

/// The shape of the input, the batch first, that the config of a layer says.
pub(crate) fn given_shape(class: &str, config: &Map<String, Value>) -> Option<Vec<Option<usize>>> {
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

impl Fields {
    /// Each key that nobody has asked for is a difference, unless it says nothing.
    pub(crate) fn refuse_the_rest(&mut self) {
        let known: Vec<String> = self.out.keys().cloned().collect();
        for (key, value) in std::mem::take(&mut self.given) {
            if says_nothing(&key, &value) {
                continue;
            }
            if self.mode == Mode::Any && key == "activity_regularizer" {
                self.out.insert(key, value);
                continue;
            }
            // What is not printed need not be looked for.
            let printed = self.differences.len() < PRINTED;
            let near = if printed { nearest(&key, &known) } else { String::new() };
            let expected = format!("`{}` has no such key{near}", self.class);
            self.differ(&key, &expected, &value);
        }
    }
}
