//! Regularizers and constraints, as the values that `#[with(..)]` takes.

use serde_json::{Map, Value};

use crate::shortened;

/// The key of what leaves a layer.
pub(super) const ACTIVITY: &str = "activity_regularizer";

/// The keys of a class that may have one, with those of what leaves the layer.
pub(super) fn keys(class: &str) -> &'static [&'static str] {
    match class {
        "MultiHeadAttention" => {
            &["kernel_regularizer", "kernel_constraint", "bias_regularizer", "bias_constraint"]
        }
        "Dense" | "Conv1D" | "Conv2D" => &[
            "kernel_regularizer",
            "kernel_constraint",
            "bias_regularizer",
            "bias_constraint",
            ACTIVITY,
        ],
        "LSTM" | "GRU" | "SimpleRNN" => &[
            "kernel_regularizer",
            "kernel_constraint",
            "recurrent_regularizer",
            "recurrent_constraint",
            "bias_regularizer",
            "bias_constraint",
            ACTIVITY,
        ],
        "Embedding" => &["embeddings_regularizer", "embeddings_constraint", ACTIVITY],
        "BatchNormalization" | "LayerNormalization" => {
            &["gamma_regularizer", "gamma_constraint", "beta_regularizer", "beta_constraint"]
        }
        _ => &[],
    }
}

/// What a config says of one: a class, and its settings.
struct Said<'a> {
    class: &'a str,
    settings: Option<&'a Map<String, Value>>,
}

impl Said<'_> {
    fn setting(&self, key: &str) -> Option<&Value> {
        self.settings.and_then(|settings| settings.get(key))
    }

    /// A number, or its default, as source.
    fn number(&self, key: &str, default: f64) -> Result<String, String> {
        let value = match self.setting(key) {
            None => default,
            Some(value) => {
                value.as_f64().ok_or_else(|| format!("`{key}` is {value}, and no number"))?
            }
        };
        // Keras writes some as `float32` has them: 0.01 is then 0.009999999776482582, of which the last digit may get lost.
        let short = value as f32;
        let is_short = (f64::from(short) - value).abs() <= 1e-15 * value.abs();
        Ok(if is_short { format!("{short:?}") } else { format!("{value:?}") })
    }

    /// One axis or a list of them, as it is written in Rust.
    fn axis(&self) -> Result<String, String> {
        let Some(value) = self.setting("axis") else { return Ok("0".to_owned()) };
        let axes = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let axes: Option<Vec<i64>> = axes.iter().map(Value::as_i64).collect();
        match axes {
            Some(axes) if value.is_array() => Ok(format!("{axes:?}")),
            Some(axes) => Ok(axes[0].to_string()),
            None => Err(format!("its `axis` is {value}, and no number or list of numbers")),
        }
    }
}

/// A regularizer or constraint as source, for the key of a layer.
///
/// # Errors
/// What of it has no form as a value.
pub(super) fn source(key: &str, value: &Value) -> Result<String, String> {
    let regularizes = key.ends_with("_regularizer");
    let said = match value {
        Value::String(class) => Some(Said { class, settings: None }),
        _ => value["class_name"]
            .as_str()
            .map(|class| Said { class, settings: value["config"].as_object() }),
    };
    let source = match said {
        Some(said) if regularizes => regularizer(&said),
        Some(said) => constraint(&said),
        None => Ok(None),
    };
    let says = || format!("`{key}` is {}", shortened(&value.to_string()));
    let what = if regularizes { "regularizers" } else { "constraints" };
    match source {
        Ok(Some(source)) => Ok(source),
        Ok(None) => Err(format!("{}, none of Keras's {what}", says())),
        Err(why) => Err(format!("{}: {why}", says())),
    }
}

fn regularizer(said: &Said<'_>) -> Result<Option<String>, String> {
    Ok(Some(match said.class {
        "L1" | "l1" => format!("L1({})", said.number("l1", 0.01)?),
        "L2" | "l2" => format!("L2({})", said.number("l2", 0.01)?),
        "L1L2" | "l1_l2" => {
            format!("L1L2 {{ l1: {}, l2: {} }}", said.number("l1", 0.0)?, said.number("l2", 0.0)?)
        }
        "OrthogonalRegularizer" | "orthogonal_regularizer" => {
            let mode = match said.setting("mode").map(Value::as_str) {
                None | Some(Some("rows")) => "Rows",
                Some(Some("columns")) => "Columns",
                Some(_) => return Err("its `mode` is neither rows nor columns".to_owned()),
            };
            let factor = said.number("factor", 0.01)?;
            format!("OrthogonalRegularizer {{ factor: {factor}, mode: OrthogonalMode::{mode} }}")
        }
        _ => return Ok(None),
    }))
}

fn constraint(said: &Said<'_>) -> Result<Option<String>, String> {
    Ok(Some(match said.class {
        "NonNeg" | "non_neg" => "NonNeg".to_owned(),
        "MaxNorm" | "max_norm" => {
            let max = said.number("max_value", 2.0)?;
            match said.axis()?.as_str() {
                "0" => format!("MaxNorm::new({max})"),
                axis => format!("MaxNorm {{ max_value: {max}, axis: {axis} }}"),
            }
        }
        "UnitNorm" | "unit_norm" => format!("UnitNorm {{ axis: {} }}", said.axis()?),
        "MinMaxNorm" | "min_max_norm" => format!(
            "MinMaxNorm {{ min_value: {}, max_value: {}, rate: {}, axis: {} }}",
            said.number("min_value", 0.0)?,
            said.number("max_value", 1.0)?,
            said.number("rate", 1.0)?,
            said.axis()?
        ),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_is_the_value_that_is_written_in_rust() {
        let f32_of = |v: f64| f64::from(v as f32);
        for (key, value, source_of) in [
            ("kernel_regularizer", json!("l2"), "L2(0.01)"),
            (
                "bias_regularizer",
                json!({"class_name": "L1", "config": {"l1": f32_of(1e-5)}}),
                "L1(1e-5)",
            ),
            (
                "activity_regularizer",
                json!({"class_name": "L1L2", "config": {"l1": 0.1, "l2": 1}}),
                "L1L2 { l1: 0.1, l2: 1.0 }",
            ),
            (
                "kernel_regularizer",
                json!({"class_name": "OrthogonalRegularizer", "config": {"mode": "columns"}}),
                "OrthogonalRegularizer { factor: 0.01, mode: OrthogonalMode::Columns }",
            ),
            ("bias_constraint", json!({"class_name": "NonNeg", "config": {}}), "NonNeg"),
            (
                "kernel_constraint",
                json!({"class_name": "MaxNorm", "config": {"max_value": 3}}),
                "MaxNorm::new(3.0)",
            ),
            (
                "kernel_constraint",
                json!({"class_name": "MaxNorm", "config": {"max_value": 3, "axis": [0, 1, -2]}}),
                "MaxNorm { max_value: 3.0, axis: [0, 1, -2] }",
            ),
            (
                "kernel_constraint",
                json!({"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 1}}),
                "MaxNorm { max_value: 3.0, axis: 1 }",
            ),
            ("kernel_constraint", json!("UnitNorm"), "UnitNorm { axis: 0 }"),
            (
                "kernel_constraint",
                json!({"class_name": "min_max_norm", "config": {"rate": 0.5}}),
                "MinMaxNorm { min_value: 0.0, max_value: 1.0, rate: 0.5, axis: 0 }",
            ),
        ] {
            assert_eq!(source(key, &value).as_deref(), Ok(source_of));
        }
    }

    #[test]
    fn what_has_no_form_is_said() {
        for (key, value, says) in [
            ("kernel_regularizer", json!("mine"), "none of Keras's regularizers"),
            ("kernel_regularizer", json!("NonNeg"), "none of Keras's regularizers"),
            ("kernel_constraint", json!("L2"), "none of Keras's constraints"),
            ("kernel_constraint", json!(3), "none of Keras's constraints"),
            (
                "kernel_constraint",
                json!({"class_name": "MaxNorm", "config": {"axis": ["0"]}}),
                "`axis` is [\"0\"], and no number",
            ),
            (
                "kernel_regularizer",
                json!({"class_name": "L2", "config": {"l2": "much"}}),
                "`l2` is \"much\", and no number",
            ),
        ] {
            let why = source(key, &value).unwrap_err();
            assert!(why.contains(says), "{why}");
        }
    }
}
