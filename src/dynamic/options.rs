//! What the constructors of layers read out of a config.

use serde_json::Value;

use super::{
    CustomObjects, DynamicLayer,
    functions::{FoundFunction, Of},
};
use crate::{
    backend::Element,
    error::{Difference, Error},
    fields::{
        AnySignal, Config, Initializer, NamedActivation, OptionValue, says, whole, with_options,
    },
};

/// A config with all its keys, as the constructor of a layer reads it.
pub(super) struct Options<'a> {
    pub(super) config: &'a mut Config,
    pub(super) custom: &'a CustomObjects,
}

/// The sizes in a list.
fn listed(value: &Value) -> Option<Vec<usize>> {
    value.as_array()?.iter().map(|n| usize::try_from(whole(n)?).ok()).collect()
}

impl Options<'_> {
    /// The value of a key, `null` if there is none.
    pub(super) fn value(&self, key: &str) -> &Value {
        self.config.config.get(key).unwrap_or(&Value::Null)
    }

    fn get<T>(&self, key: &str, read: impl FnOnce(&Value) -> Option<T>) -> Result<T, Error> {
        let value = self.value(key);
        read(value).ok_or_else(|| self.misfit(key, "another value is needed", value))
    }

    /// The error for a key whose value makes no sense.
    pub(super) fn misfit(&self, key: &str, expected: &str, found: &Value) -> Error {
        let difference =
            Difference { place: key.to_owned(), expected: expected.to_owned(), found: says(found) };
        let what = format!("the config of `{}`", self.config.class_name);
        Error::Differences { what, differences: vec![difference] }
    }

    pub(super) fn size(&self, key: &str) -> Result<usize, Error> {
        self.get(key, |v| usize::try_from(v.as_u64()?).ok())
    }

    /// As many sizes as there are axes.
    pub(super) fn sizes<const N: usize>(&self, key: &str) -> Result<[usize; N], Error> {
        self.get(key, |v| listed(v)?.try_into().ok())
    }

    /// Sizes, however many.
    pub(super) fn list(&self, key: &str) -> Result<Vec<usize>, Error> {
        self.get(key, listed)
    }

    pub(super) fn flag(&self, key: &str) -> Result<bool, Error> {
        self.get(key, Value::as_bool)
    }

    pub(super) fn number(&self, key: &str) -> Result<f64, Error> {
        self.get(key, Value::as_f64)
    }

    /// A number that an element of a dynamic layer can hold.
    pub(super) fn element(&self, key: &str) -> Result<f32, Error> {
        let element = f32::checked(self.number(key)?).filter(|v| !v.is_nan());
        element.ok_or_else(|| {
            let value = self.value(key);
            self.misfit(key, "a number within the range of `f32` is needed", value)
        })
    }

    pub(super) fn text(&self, key: &str) -> Result<String, Error> {
        self.get(key, |v| v.as_str().map(str::to_owned))
    }

    /// A value of an option that is a word.
    pub(super) fn word<T: OptionValue>(&self, key: &str) -> Result<T, Error> {
        self.get(key, T::parse)
    }

    pub(super) fn initializer(&self, key: &str) -> Result<Initializer, Error> {
        self.get(key, |v| Initializer::parse(v).ok())
    }

    pub(super) fn activation(&self, key: &str) -> Result<FoundFunction, Error> {
        let said = self.get(key, |v| NamedActivation::parse(v).ok())?;
        let function = self.custom.function(&said.name)?;
        if matches!(function.of, Of::Gate) && self.config.class_name != "Activation" {
            let needed = "it halves the values, so that it is a layer of its own, `Activation`";
            return Err(self.misfit(key, needed, &said.name.into()));
        }
        Ok(FoundFunction { options: said.options, ..function })
    }

    /// The layer that a config is, which is an activation with options.
    pub(super) fn activation_layer(&self, name: &str) -> Result<FoundFunction, Error> {
        let options = with_options(self.config);
        Ok(FoundFunction { options, ..self.custom.function(name)? })
    }

    /// A layer inside this one. Its config is taken out of that of this one, so that it is held once.
    pub(super) fn layer(&mut self, key: &str) -> Result<DynamicLayer, Error> {
        let config = self.inner(key)?;
        let missing = || self.misfit(key, "a layer is needed", &Value::Null);
        DynamicLayer::make(config.ok_or_else(missing)?, self.custom)
    }

    /// The config of a layer inside this one, taken out; `None` if there is none, or `null`.
    pub(super) fn inner(&mut self, key: &str) -> Result<Option<Config>, Error> {
        let value = self.config.config.remove(key).filter(|value| !value.is_null());
        value.map(Config::try_from).transpose()
    }
}

/// What is not used by every class.
impl AnySignal {
    pub(super) fn rank(&self) -> usize {
        self.sizes.len()
    }

    /// Forgets the size of the batch.
    pub(super) fn of_any_batch(&mut self) {
        if let Some(batch) = self.sizes.first_mut() {
            *batch = None;
        }
    }
}
