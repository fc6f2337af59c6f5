//! Configs of what is no layer of a model here, in Keras's form.

use serde_json::{Map, Value, json};

use super::OutputMode;
use crate::{
    config::Config,
    error::{Difference, Error},
};

/// A config with these keys, and those that all layers have.
pub(super) fn written<'a>(class: &str, keys: impl IntoIterator<Item = (&'a str, Value)>) -> Config {
    let name = crate::fields::snake_case(class);
    let own = [("name", json!(name)), ("trainable", json!(true))];
    let keys = own.into_iter().chain(keys).map(|(key, value)| (key.to_owned(), value));
    Config {
        module: Some("keras.layers".to_owned()),
        class_name: class.to_owned(),
        config: keys.collect(),
        registered_name: None,
        build_config: None,
        compile_config: None,
    }
}

impl OutputMode {
    pub(super) fn name(self) -> Value {
        Self::NAMES
            .iter()
            .find(|(mode, _)| *mode == self)
            .map_or(Value::Null, |(_, name)| json!(name))
    }

    pub(super) fn named(value: &Value, default: Self) -> Option<Self> {
        let name = match value {
            Value::Null => return Some(default),
            value => value.as_str()?,
        };
        // What older versions of Keras called them.
        let name = match name {
            "binary" => "multi_hot",
            "tf-idf" => "tf_idf",
            name => name,
        };
        Self::NAMES.iter().find(|(_, own)| *own == name).map(|(mode, _)| *mode)
    }
}

/// The keys of a config, as they are read.
pub(super) struct Keys {
    class: &'static str,
    left: Map<String, Value>,
    differences: Vec<Difference>,
}

impl Keys {
    /// # Errors
    /// [`Error::Differences`] for another class.
    pub(super) fn of(config: &Config, class: &'static str) -> Result<Self, Error> {
        let mut left = config.config.clone();
        ["name", "trainable", "dtype", "batch_input_shape"]
            .iter()
            .for_each(|key| drop(left.remove(*key)));
        let mut keys = Self { class, left, differences: Vec::new() };
        if config.class_name != class {
            keys.differ("class_name", class, &json!(config.class_name));
            keys.done_with()?;
        }
        let off = Value::Bool(false);
        keys.only(&[("sparse", off.clone()), ("ragged", off), ("encoding", json!("utf-8"))]);
        Ok(keys)
    }

    fn differ(&mut self, key: &str, expected: &str, found: &Value) {
        let expected = format!("{expected} is needed");
        let found = format!("the JSON says {found}");
        self.differences.push(Difference { place: key.to_owned(), expected, found });
    }

    /// A key by a function that knows its values; null stands for one that is not there.
    pub(super) fn read<T>(
        &mut self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.left.remove(key).unwrap_or(Value::Null);
        let parsed = parse(&value);
        if parsed.is_none() {
            self.differ(key, expected, &value);
        }
        parsed
    }

    /// A whole number above 0, or null.
    pub(super) fn size(value: &Value) -> Option<Option<usize>> {
        match value {
            Value::Null => Some(None),
            value => Some(Some(usize::try_from(value.as_u64().filter(|&size| size > 0)?).ok()?)),
        }
    }

    /// A flag; null is false.
    pub(super) fn flag(value: &Value) -> Option<bool> {
        if value.is_null() { Some(false) } else { value.as_bool() }
    }

    /// A text, or null.
    pub(super) fn text(value: &Value) -> Option<Option<String>> {
        if value.is_null() { Some(None) } else { Some(Some(value.as_str()?.to_owned())) }
    }

    /// A list of what a function knows, or null.
    pub(super) fn list<T>(
        value: &Value,
        parse: impl Fn(&Value) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        if value.is_null() {
            return Some(None);
        }
        Some(Some(value.as_array()?.iter().map(parse).collect::<Option<_>>()?))
    }

    /// Keys that have one value here.
    pub(super) fn only(&mut self, keys: &[(&str, Value)]) {
        for (key, only) in keys {
            if let Some(found) = self.left.remove(*key).filter(|found| found != only) {
                self.differ(key, &only.to_string(), &found);
            }
        }
    }

    /// Keys whose value does not matter.
    pub(super) fn ignored(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| drop(self.left.remove(*key)));
    }

    /// # Errors
    /// [`Error::Differences`] with all that did not fit, and the keys that are not known.
    pub(super) fn done(mut self) -> Result<(), Error> {
        for (key, value) in std::mem::take(&mut self.left) {
            self.differ(&key, "no such key", &value);
        }
        self.done_with()
    }

    fn done_with(&mut self) -> Result<(), Error> {
        let differences = std::mem::take(&mut self.differences);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Error::Differences { what: format!("the config of a `{}`", self.class), differences })
    }
}
