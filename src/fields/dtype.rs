use serde_json::{Map, Value, json};

use super::{Fields, Mode};
use crate::backend::Element;

/// Keras's name of a number type.
pub(crate) fn dtype_of<E: Element>() -> &'static str {
    if size_of::<E>() == 8 { "float64" } else { "float32" }
}

/// A policy, as Keras 3 writes it.
pub(crate) fn policy(dtype: &str) -> Value {
    json!({
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype},
        "registered_name": null,
    })
}

/// A dtype is a name, or in Keras 3 a policy with a name.
fn dtype_name(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("config")?.get("name")?.as_str())
}

/// What numbers an input may be of in Keras: the first layer makes its own of them.
const OF_INPUTS: [&str; 13] = [
    "bfloat16", "bool", "float16", "float32", "float64", "int16", "int32", "int64", "int8",
    "uint16", "uint32", "uint64", "uint8",
];

impl Fields {
    /// Looks whether an `InputLayer` is one for numbers or ids.
    pub(crate) fn input_layer(&mut self, config: &Map<String, Value>) {
        let dtype = config.get("dtype").filter(|dtype| !dtype.is_null());
        let known =
            |dtype: &&Value| dtype_name(dtype).is_some_and(|name| OF_INPUTS.contains(&name));
        if let Some(other) = dtype.filter(|dtype| !known(dtype)) {
            self.differ("InputLayer.dtype", "the name of a number type is needed", other);
        }
    }

    /// The number type of the parameters.
    pub fn dtype<E: Element>(&mut self) {
        if !self.dtype_is_known {
            (self.dtype, self.dtype_is_known) = (dtype_of::<E>(), true);
        }
        self.check_dtype();
    }

    /// Compares the number type that is given with that of the type, once. A layer by itself that has no
    /// parameters is of either.
    pub(crate) fn check_dtype(&mut self) {
        if self.mode == Mode::Write || self.out.contains_key("dtype") {
            return;
        }
        // `null` is Keras's default, which is a choice of the user there.
        let given = self.given.remove("dtype").filter(|given| !given.is_null());
        let found = given.unwrap_or_else(|| self.dtype.into());
        let name = match dtype_name(&found) {
            Some("float64") if !self.dtype_is_known => "float64",
            Some(name) if name == self.dtype => self.dtype,
            _ => {
                let expected = match self.mode {
                    Mode::Any => format!("only \"{}\" is possible", self.dtype),
                    _ => format!("the type says \"{}\"", self.dtype),
                };
                self.differ("dtype", &expected, &found);
                self.dtype
            }
        };
        self.out.insert("dtype".to_owned(), policy(name));
    }
}
