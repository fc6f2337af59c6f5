//! The JSON of a layer or model.

use serde_json::{Map, Value};

use crate::{
    dialects::FUNCTIONAL,
    rewrite::{old_classes, old_function, old_functions},
};

/// How long a JSON text may be, in bytes.
pub const MAX_BYTES: usize = 16 << 20;

/// How deeply objects and lists may be nested in each other.
pub const MAX_DEPTH: usize = 64;

/// How many objects a JSON text may hold: an object of one key takes some 600 bytes of memory.
pub const MAX_OBJECTS: usize = 1 << 17;

/// How many values a JSON text may hold, objects and lists included.
pub const MAX_VALUES: usize = 1 << 20;

/// A layer or model in Keras's form. The class `Model` of the older Keras is `Functional`.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where Keras finds the class; `None` for a custom class.
    pub module: Option<String>,
    /// The class.
    pub class_name: String,
    /// The arguments of its constructor.
    pub config: Map<String, Value>,
    /// The name under which a custom class is registered.
    pub registered_name: Option<String>,
    /// What the layer was built for.
    pub build_config: Option<Value>,
    /// How a model was compiled.
    pub compile_config: Option<Value>,
}

impl Config {
    /// Reads a text. A byte-order mark in front is skipped.
    ///
    /// # Errors
    /// That the text is no config, or passes one of the limits.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        limits(text)?;
        let value: Value = serde_json::from_str(text).map_err(|e| unreadable(text, &e))?;
        // `to_json` of Keras 2 says so.
        let is_keras_2 = value["keras_version"].as_str().is_some_and(is_old);
        let config = Self::read(value)?;
        Ok(if is_keras_2 { config.of_keras_2() } else { config })
    }

    /// Reads a value.
    ///
    /// # Errors
    /// That it is no config, or nested too deeply.
    pub fn read(value: Value) -> Result<Self, String> {
        if too_deep(&value, MAX_DEPTH) {
            return Err(format!("nested more than {MAX_DEPTH} deep"));
        }
        let Value::Object(mut map) = value else {
            return Err("a config is an object".to_owned());
        };
        let needed = |key: &str, what: &str| format!("`{key}` of a config is {what}");
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

    /// The same in today's words: the classes of cuDNN are the usual ones, and functions are told from layers.
    ///
    /// # Errors
    /// Those of [`read`](Self::read).
    pub fn modern(self) -> Result<Self, String> {
        let mut layers = Value::Object(self.config);
        old_classes(&mut layers);
        let Value::Object(config) = layers else { return Err("a config is an object".to_owned()) };
        Ok(Self { config, ..self })
    }

    /// The same for a file of Keras 2, whose `hard_sigmoid` is another function: it gets the name [`OLD_HARD_SIGMOID`](crate::OLD_HARD_SIGMOID).
    #[must_use]
    pub fn of_keras_2(mut self) -> Self {
        self.config.values_mut().for_each(old_functions);
        self.config.iter_mut().for_each(old_function);
        self
    }

    /// The name of the layer.
    pub fn name(&self) -> &str {
        self.config.get("name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// Whether a version of Keras is older than 3.
pub(crate) fn is_old(version: &str) -> bool {
    let first = version.split('.').next().and_then(|first| first.parse::<u32>().ok());
    first.is_some_and(|first| first < 3)
}

/// A list of sizes in which `null` is one that is not known.
pub fn sizes(list: &Value) -> Option<Vec<Option<usize>>> {
    let size = |n: &Value| match n {
        Value::Null => Some(None),
        n => Some(Some(usize::try_from(n.as_u64()?).ok()?)),
    };
    list.as_array()?.iter().map(size).collect()
}

/// Whether this is a place in a tuple, `0` or `12`, and no name of a layer.
pub fn is_place(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// A whole number of at least 0, which may be written as `2.0`.
pub fn whole(value: &Value) -> Option<u64> {
    let of_float =
        |n: f64| (n.fract() == 0.0 && (0.0..2_f64.powi(53)).contains(&n)).then_some(n as u64);
    value.as_u64().or_else(|| of_float(value.as_f64()?))
}

/// Whether a text has so few bytes, objects and values that it may be read.
fn limits(text: &str) -> Result<(), String> {
    // Each value but the first stands behind one of these. Those within texts are counted, too.
    let count = |signs: &[u8]| text.bytes().filter(|sign| signs.contains(sign)).count();
    let found = [
        ("bytes", text.len(), MAX_BYTES),
        ("objects", count(b"{"), MAX_OBJECTS),
        ("values", count(b"{[,"), MAX_VALUES),
    ];
    match found.into_iter().find(|(_, n, most)| n > most) {
        Some((what, n, most)) => Err(format!("{n} {what} are too many, {most} at most")),
        None => Ok(()),
    }
}

/// What cannot be read, and where. Python writes and reads three numbers that JSON has not.
fn unreadable(text: &str, error: &serde_json::Error) -> String {
    let (line, column) = (error.line(), error.column());
    let before: usize = text.split_inclusive('\n').take(line.max(1) - 1).map(str::len).sum();
    let at = before + column.saturating_sub(1);
    // A sign, or the first letter, may have been read.
    let near = |name: &&&str| {
        let starts =
            |back| text.get(at.saturating_sub(back)..).is_some_and(|t| t.starts_with(**name));
        (0..3).any(starts)
    };
    match ["-Infinity", "Infinity", "NaN"].iter().find(near) {
        Some(name) => {
            format!("`{name}` at line {line}, column {column}, which JSON has no number for")
        }
        None => error.to_string(),
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
