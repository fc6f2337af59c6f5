//! What a config says of an activation: a name, a function, or a layer that is one.

use kerata_format::activation_name;
use serde_json::{Value, json};

use super::{Config, Described, Fields};
use crate::{
    backend::{Elementwise, ReluOptions},
    error::shortened,
};

/// An activation as a config names it.
pub(crate) struct NamedActivation {
    /// Its name, as that of a function.
    pub(crate) name: String,
    /// The options of a layer that are not those of the function.
    pub(crate) options: Option<Elementwise>,
    /// What Keras 3 writes for it, with all keys.
    pub(crate) json: Value,
}

impl NamedActivation {
    /// Reads a name, `null` (which is `linear`), a function with a name, or a layer.
    ///
    /// # Errors
    /// What was expected, in words.
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        if let Some(name) = activation_name(value) {
            return Ok(Self::function(name));
        }
        let needed = "the name of an activation is needed";
        if !value.is_object() {
            return Err(needed.to_owned());
        }
        let config = Config::try_from(value.clone()).map_err(|_| needed.to_owned())?;
        Self::layer(config)
    }

    fn function(name: &str) -> Self {
        Self { name: name.to_owned(), options: None, json: name.into() }
    }

    fn layer(config: Config) -> Result<Self, String> {
        let complete = |name, config| {
            Fields::complete(&mut Keys(name), config).map_err(|error| error.to_string())
        };
        let (name, config) = match config.class_name.as_str() {
            "Activation" => {
                let config = complete("linear", config)?;
                let inner = config.config.get("activation").unwrap_or(&Value::Null);
                let Self { name, options, .. } = Self::parse(inner)?;
                return Ok(Self { name, options, json: json!(config) });
            }
            "ELU" => ("elu", config),
            "Identity" => ("linear", config),
            "LeakyReLU" => ("leaky_relu", config),
            "ReLU" => ("relu", config),
            "Softmax" => ("softmax", config),
            class => {
                let class = shortened(class);
                return Err(format!(
                    "`{class}` is no layer that can be an activation here; these are Activation, \
                     ELU, Identity, LeakyReLU, ReLU and Softmax"
                ));
            }
        };
        let config = complete(name, config)?;
        if config.class_name == "Softmax"
            && config.config.get("axis").is_some_and(|axis| *axis != -1)
        {
            return Err("a Softmax that is an activation has the axis -1".to_owned());
        }
        let options = with_options(&config);
        Ok(Self { name: name.to_owned(), options, json: json!(config) })
    }

    /// The name, where it says everything; otherwise what Keras 3 writes.
    pub(crate) fn plain(self) -> Value {
        if self.options.is_none() { self.name.into() } else { self.json }
    }
}

/// The layer of its own that Keras has for an activation, besides `Activation`.
pub(crate) fn activation_class(activation: &str) -> Option<&'static str> {
    match activation {
        "elu" => Some("ELU"),
        "leaky_relu" => Some("LeakyReLU"),
        "linear" => Some("Identity"),
        "relu" => Some("ReLU"),
        "softmax" => Some("Softmax"),
        _ => None,
    }
}

/// The keys of the activation of this name as a layer.
struct Keys(&'static str);

impl Described for Keys {
    fn class(&self) -> &'static str {
        "Activation"
    }

    fn takes(&self, class: &str) -> bool {
        class == self.class() || activation_class(self.0) == Some(class)
    }

    fn may_be_left_out(&self, _next: Option<&str>) -> bool {
        false
    }

    fn show_keys(&mut self, fields: &mut Fields) {
        fields.activation_layer(self.0);
    }
}

impl Fields {
    /// What an activation says as a layer.
    pub(crate) fn activation_layer(&mut self, activation: &str) {
        match self.class() {
            "ELU" => self.positive("alpha", 1.0),
            "Identity" => {}
            "LeakyReLU" => self.leaky_relu(),
            "ReLU" => self.relu(),
            "Softmax" => self.softmax_axis(),
            _ => self.activation("activation", activation, None),
        }
    }
}

/// The function of a complete config that has options for it; `None` if the layer is the function of its name.
pub(crate) fn with_options(config: &Config) -> Option<Elementwise> {
    let number = |key: &str| config.config.get(key).and_then(Value::as_f64);
    match config.class_name.as_str() {
        "ReLU" | "LeakyReLU" => {
            let options = ReluOptions {
                max_value: number("max_value").unwrap_or(f64::INFINITY),
                negative_slope: number("negative_slope").unwrap_or(0.0),
                threshold: number("threshold").unwrap_or(0.0),
            };
            // The function `leaky_relu` has another slope than any `LeakyReLU` without one.
            let has_own = config.class_name == "LeakyReLU" || options != ReluOptions::default();
            has_own.then_some(options.into())
        }
        "ELU" => number("alpha").filter(|&alpha| alpha != 1.0).map(Elementwise::OfElu),
        _ => None,
    }
}
