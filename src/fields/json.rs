use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Configured, FUNCTIONAL, old::given_shape};
use crate::{
    error::Error,
    parameters::{Build, Parameters},
};

/// How long a JSON text may be, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// How deeply objects and lists may be nested in each other.
pub const MAX_DEPTH: usize = 64;

/// How many objects a JSON text may hold: an object of one key takes some 600 bytes of memory.
pub const MAX_OBJECTS: usize = 1 << 17;

/// How many values a JSON text may hold, objects and lists included.
pub const MAX_VALUES: usize = 1 << 20;

/// A layer or model in Keras's form: `{"class_name": "Dense", "config": {"units": 10}}`.
///
/// Keras 3 writes `module`, `registered_name` and `build_config` as well; the two keys of the older
/// Keras are enough. The class `Model` of the older Keras is `Functional`. A text beyond [`MAX_BYTES`],
/// [`MAX_DEPTH`], [`MAX_OBJECTS`] or [`MAX_VALUES`] is refused.
///
/// ```
/// use kerata::config::Config;
///
/// let config: Config = r#"{"class_name": "Dense", "config": {"units": 10}}"#.parse()?;
/// assert_eq!(config.class_name, "Dense");
/// assert_eq!(config.config["units"], 10);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Config {
    /// Where Keras finds the class, `keras.layers`; `None` for a custom class.
    pub module: Option<String>,
    /// The class.
    pub class_name: String,
    /// The arguments of its constructor.
    pub config: Map<String, Value>,
    /// The name under which a custom class is registered.
    pub registered_name: Option<String>,
    /// What the layer was built for: `{"input_shape": [null, 128]}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_config: Option<Value>,
    /// How a model was compiled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compile_config: Option<Value>,
}

impl Config {
    /// Whether this is the two-key form of the older Keras.
    pub fn is_two_key(&self) -> bool {
        self.module.is_none() && self.registered_name.is_none()
    }

    /// The sizes that the layer was built for, the batch first, if the config says them; for a model, if its
    /// first layer does.
    pub fn input_sizes(&self) -> Option<Vec<Option<usize>>> {
        let built = |build: Option<&Value>| sizes(build?.get("input_shape")?);
        let first = || {
            let first = self.config.get("layers")?.get(0)?;
            let class = first.get("class_name")?.as_str()?;
            given_shape(class, first.get("config")?.as_object()?)
                .or_else(|| built(first.get("build_config")))
        };
        built(self.build_config.as_ref())
            .or_else(|| given_shape(&self.class_name, &self.config))
            .or_else(first)
    }
}

/// A list of sizes in which `null` is one that is not known.
pub(crate) fn sizes(list: &Value) -> Option<Vec<Option<usize>>> {
    let size = |n: &Value| match n {
        Value::Null => Some(None),
        n => Some(Some(usize::try_from(n.as_u64()?).ok()?)),
    };
    list.as_array()?.iter().map(size).collect()
}

impl FromStr for Config {
    type Err = Error;

    /// A byte-order mark in front is skipped.
    ///
    /// # Errors
    /// [`Error::Json`] for a text that is no config, or that passes one of the limits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        limits(text)?;
        let value: Value = serde_json::from_str(text).map_err(|e| unreadable(text, &e))?;
        Self::try_from(value)
    }
}

/// Whether a text has so few bytes, objects and values that it may be read.
fn limits(text: &str) -> Result<(), Error> {
    // Each value but the first stands behind one of these. Those within texts are counted, too.
    let count = |signs: &[u8]| text.bytes().filter(|sign| signs.contains(sign)).count();
    let found = [
        ("bytes", text.len(), MAX_BYTES),
        ("objects", count(b"{"), MAX_OBJECTS),
        ("values", count(b"{[,"), MAX_VALUES),
    ];
    match found.into_iter().find(|(_, n, most)| n > most) {
        Some((what, n, most)) => {
            Err(Error::Json(format!("{n} {what} are too many, {most} at most")))
        }
        None => Ok(()),
    }
}

/// What cannot be read, and where. Python writes and reads three numbers that JSON has not.
fn unreadable(text: &str, error: &serde_json::Error) -> Error {
    let (line, column) = (error.line(), error.column());
    let before: usize = text.split_inclusive('\n').take(line.max(1) - 1).map(str::len).sum();
    let at = before + column.saturating_sub(1);
    // A sign, or the first letter, may have been read.
    let near = |name: &&&str| {
        let starts =
            |back| text.get(at.saturating_sub(back)..).is_some_and(|t| t.starts_with(**name));
        (0..3).any(starts)
    };
    Error::Json(match ["-Infinity", "Infinity", "NaN"].iter().find(near) {
        Some(name) => {
            format!("`{name}` at line {line}, column {column}, which JSON has no number for")
        }
        None => error.to_string(),
    })
}

impl TryFrom<Value> for Config {
    type Error = Error;

    /// # Errors
    /// [`Error::Json`] for a value that is no config or nested too deeply.
    fn try_from(value: Value) -> Result<Self, Error> {
        if too_deep(&value, MAX_DEPTH) {
            return Err(Error::Json(format!("nested more than {MAX_DEPTH} deep")));
        }
        let Value::Object(mut map) = value else {
            return Err(Error::Json("a config is an object".to_owned()));
        };
        let needed = |key: &str, what: &str| Error::Json(format!("`{key}` of a config is {what}"));
        let mut text = |key: &str| match map.remove(key).unwrap_or_default() {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(needed(key, "a text")),
        };
        let (module, registered_name) = (text("module")?, text("registered_name")?);
        let mut class_name = text("class_name")?.ok_or_else(|| needed("class_name", "a text"))?;
        let config = match map.remove("config").unwrap_or_else(|| Map::new().into()) {
            Value::Object(config) => config,
            // The first versions of Keras wrote a `Sequential` as a bare list of layers.
            layers @ Value::Array(_) => Map::from_iter([("layers".to_owned(), layers)]),
            _ => return Err(needed("config", "an object")),
        };
        // The name of the class before Keras 2.4.
        if class_name == "Model" && config.contains_key("input_layers") {
            class_name = FUNCTIONAL.to_owned();
        }
        let mut value = |key: &str| map.remove(key).filter(|value| !value.is_null());
        let (build_config, compile_config) = (value("build_config"), value("compile_config"));
        Ok(Self { module, class_name, config, registered_name, build_config, compile_config })
    }
}

fn too_deep(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return true };
    match value {
        Value::Array(list) => list.iter().any(|v| too_deep(v, left)),
        Value::Object(map) => map.values().any(|v| too_deep(v, left)),
        _ => false,
    }
}

impl fmt::Display for Config {
    /// The JSON text.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = serde_json::to_string(self).map_err(|_| fmt::Error)?;
        f.write_str(&text)
    }
}

/// Layers and models to and from the text that Keras 3 writes and reads, `to_json` and `model_from_json`.
///
/// Every type has these methods, so that the compiler can say which layer has no config.
///
/// ```
/// use kerata::{Cpu, Dense, Error, Relu, prelude::*};
///
/// let json = Dense::<3, 4, Relu>::build(&Cpu::default())?.to_json();
/// let dense = Dense::<3, 4, Relu>::from_json(&json)?;
/// dense.check_json(&json)?;
/// # Ok::<(), Error>(())
/// ```
pub trait KerasJson: Sized {
    /// The JSON of this layer or model, which Keras 3 reads with `model_from_json`.
    fn to_json(&self) -> String
    where
        Self: Configured + Clone,
    {
        self.config().to_string()
    }

    /// A new layer or model, as a JSON says. See [`Configured::from_config`].
    ///
    /// # Errors
    /// [`Error::Json`], and those of [`Configured::from_config`].
    fn from_json(json: &str) -> Result<Self, Error>
    where
        Self: Configured
            + Build<Self::Element, Self::Device>
            + Parameters<Self::Element, Self::Device>,
    {
        Self::from_config(&json.parse()?)
    }

    /// Compares this layer or model with a JSON, for example that of the same model in Keras.
    ///
    /// # Errors
    /// [`Error::Json`], and [`Error::Differences`] with all differences.
    fn check_json(&self, json: &str) -> Result<(), Error>
    where
        Self: Configured + Clone,
    {
        self.check_config(&json.parse()?)
    }
}

impl<M> KerasJson for M {}

/// Keras's name for an instance of a class: `GlobalAveragePooling1D` is `global_average_pooling1d`.
pub(crate) fn snake_case(class: &str) -> String {
    let chars: Vec<char> = class.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
    let mut name = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|j| chars[j]);
        let lower_follows = chars.get(i + 1).is_some_and(|c| c.is_lowercase());
        let starts = before.is_some_and(|b| b.is_lowercase() || lower_follows);
        if c.is_uppercase() && starts && before != Some('_') {
            name.push('_');
        }
        name.extend(c.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_keras() {
        for (class, name) in [
            ("Dense", "dense"),
            ("LSTM", "lstm"),
            ("SimpleRNN", "simple_rnn"),
            ("Conv2D", "conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("GlobalAveragePooling1D", "global_average_pooling1d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("TimeDistributed", "time_distributed"),
            ("ReLU", "re_lu"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}
