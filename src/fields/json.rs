use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use kerata_format as format;
pub use kerata_format::{MAX_BYTES, MAX_DEPTH, MAX_OBJECTS, MAX_VALUES};

use super::{Configured, HasJson};
use crate::{
    error::Error,
    parameters::{Build, Parameters},
};

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

    /// The same under the name that Keras writes for its class: `MaxPooling2D` for `MaxPool2D`.
    pub(crate) fn usual(self) -> Self {
        format::Config::from(self).usual().into()
    }

    /// The sizes that the layer was built for, the batch first, if the config says them; for a model, if its
    /// first layer does.
    pub fn input_sizes(&self) -> Option<Vec<Option<usize>>> {
        format::input_sizes(&self.class_name, &self.config, self.build_config.as_ref())
    }
}

impl From<format::Config> for Config {
    fn from(config: format::Config) -> Self {
        let format::Config {
            module,
            class_name,
            config,
            registered_name,
            build_config,
            compile_config,
        } = config;
        Self { module, class_name, config, registered_name, build_config, compile_config }
    }
}

impl From<Config> for format::Config {
    fn from(config: Config) -> Self {
        let Config { module, class_name, config, registered_name, build_config, compile_config } =
            config;
        Self { module, class_name, config, registered_name, build_config, compile_config }
    }
}

impl FromStr for Config {
    type Err = Error;

    /// A byte-order mark in front is skipped.
    ///
    /// # Errors
    /// [`Error::Json`] for a text that is no config, or that passes one of the limits.
    fn from_str(text: &str) -> Result<Self, Error> {
        format::Config::parse(text).map(Self::from).map_err(Error::Json)
    }
}

impl TryFrom<Value> for Config {
    type Error = Error;

    /// # Errors
    /// [`Error::Json`] for a value that is no config or nested too deeply.
    fn try_from(value: Value) -> Result<Self, Error> {
        format::Config::read(value).map(Self::from).map_err(Error::Json)
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
    fn to_json(&self) -> Self::Of<String>
    where
        Self: HasJson + Clone,
    {
        Self::of(self.config().to_string())
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
