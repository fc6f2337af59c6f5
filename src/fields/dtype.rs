use serde_json::{Map, Value, json};

use kerata_format::{dtype_name, sizes};

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

/// What numbers an input may be of in Keras: the first layer makes its own of them.
const OF_INPUTS: [&str; 13] = [
    "bfloat16", "bool", "float16", "float32", "float64", "int16", "int32", "int64", "int8",
    "uint16", "uint32", "uint64", "uint8",
];

/// What shapes an `InputLayer` may say, in the words of one Keras or another.
const SHAPES: [&str; 3] = ["batch_shape", "batch_input_shape", "shape"];

impl Fields {
    /// Looks whether an `InputLayer` is one for numbers or ids.
    pub(crate) fn input_layer(&mut self, config: &Map<String, Value>) {
        let mut inner = Self::new(self.mode, "InputLayer");
        inner.given = config.clone();
        inner.place = format!("{}InputLayer.", self.place);
        inner.given.remove("name");
        inner.input_keys();
        inner.given.remove("trainable");
        inner.refuse_the_rest();
        self.differences.extend(inner.differences);
    }

    /// The keys of an `InputLayer`. What it is of may be any number type: the first layer makes its own of them.
    pub(crate) fn input_keys(&mut self) {
        let dtype = self.given.remove("dtype").filter(|dtype| !dtype.is_null());
        let dtype = dtype.unwrap_or_else(|| "float32".into());
        match dtype_name(&dtype).filter(|name| OF_INPUTS.contains(name)) {
            Some(name) => drop(self.out.insert("dtype".to_owned(), name.into())),
            None => {
                self.differ("dtype", "the name of a number type is needed", &dtype);
                self.out.insert("dtype".to_owned(), dtype);
            }
        }
        for key in ["sparse", "ragged", "optional"] {
            let found = self.given.remove(key).filter(|value| !value.is_null());
            let found = found.unwrap_or(Value::Bool(false));
            if found != Value::Bool(false) {
                self.differ(key, "only false is possible", &found);
            }
            self.out.insert(key.to_owned(), false.into());
        }
        for key in SHAPES {
            let shape = self.given.remove(key).filter(|shape| !shape.is_null());
            if let Some(shape) = shape.filter(|shape| sizes(shape).is_none()) {
                self.differ(key, "a list of sizes is needed", &shape);
            }
        }
        self.ignored(&["batch_size"]);
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
