use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Configured, Initializer, Wire,
    json::{Config, snake_case},
    registry,
};
use crate::{
    backend::Element,
    error::{Difference, nearest},
};

/// What is done with the keys of a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// The layer writes its config.
    Write,
    /// A layer takes from the config what its type leaves open.
    Read,
    /// A layer is compared with the config.
    Check,
    /// The type of the layer says nothing: any value is taken that some type could have.
    Any,
}

/// The keys of a layer's config. A layer shows each of its keys, with what its type says of it, and the
/// same list writes a config, reads one, and compares one with the type.
///
/// See [`Configured::describe`].
#[derive(Debug)]
pub struct Fields {
    pub(super) mode: Mode,
    class: String,
    two_key: bool,
    /// What the JSON says and nobody has asked for yet.
    pub(super) given: Map<String, Value>,
    /// What is written, or the JSON with all its defaults.
    pub(super) out: Map<String, Value>,
    /// What the layer was built for, as the JSON says.
    built: Option<Vec<Option<usize>>>,
    /// What reaches the layer in its model.
    wire: Option<Wire>,
    /// What the layer says of its input.
    input: Option<Vec<Option<usize>>>,
    place: String,
    dtype: &'static str,
    pub(super) names: HashMap<String, usize>,
    pub(super) differences: Vec<Difference>,
    /// The parameters that are not filled in the way that is usual for them.
    pub(super) initial: Vec<(String, Initializer)>,
}

impl Fields {
    /// Writes the config of a layer.
    pub(super) fn write<L: Configured>(layer: &mut L) -> Config {
        let mut fields = Self::new(Mode::Write, L::CLASS);
        fields.run(layer, None);
        fields.into_config()
    }

    /// Reads or checks: the differences, and the parameters with another initialiser.
    pub(super) fn read<L: Configured>(layer: &mut L, config: &Config, mode: Mode) -> Self {
        let mut fields = Self::new(mode, L::CLASS);
        fields.compare(layer, config);
        fields
    }

    fn new(mode: Mode, class: &str) -> Self {
        Self {
            mode,
            class: class.to_owned(),
            two_key: false,
            given: Map::new(),
            out: Map::new(),
            built: None,
            wire: None,
            input: None,
            place: String::new(),
            dtype: "float32",
            names: HashMap::new(),
            differences: Vec::new(),
            initial: Vec::new(),
        }
    }

    /// Fields for a layer inside this one.
    pub(super) fn inner(&mut self, class: &str, place: &str, wire: Option<Wire>) -> Self {
        Self {
            wire,
            place: format!("{}{place}", self.place),
            dtype: self.dtype,
            names: std::mem::take(&mut self.names),
            ..Self::new(self.mode, class)
        }
    }

    /// Takes back what [`inner`](Self::inner) lent, and what was found there.
    pub(super) fn absorb(&mut self, inner: Self, prefix: &str) {
        self.names = inner.names;
        self.differences.extend(inner.differences);
        let initial = inner.initial.into_iter();
        self.initial.extend(initial.map(|(name, how)| (format!("{prefix}{name}"), how)));
    }

    pub(super) fn run<L: Configured>(&mut self, layer: &mut L, name: Option<&str>) {
        if self.mode == Mode::Write {
            layer.describe(self);
            let name = name.map_or_else(|| self.unique_name(), str::to_owned);
            self.out.insert("name".into(), name.into());
            self.out.insert("trainable".into(), true.into());
            self.out.insert("dtype".into(), policy(self.dtype));
            return;
        }
        let name = self.given.remove("name").unwrap_or_else(|| snake_case(&self.class).into());
        self.out.insert("name".into(), name);
        layer.describe(self);
        let dtype = self.given.remove("dtype");
        let dtype = dtype.as_ref().and_then(dtype_name).unwrap_or(self.dtype).to_owned();
        self.out.insert("dtype".into(), policy(&dtype));
        let trainable = self.given.remove("trainable").unwrap_or(Value::Bool(true));
        if self.mode != Mode::Any && trainable != Value::Bool(true) {
            self.differ("trainable", "the type says true", &trainable);
        }
        self.out.insert("trainable".into(), trainable);
        self.refuse_the_rest();
    }

    pub(super) fn compare<L: Configured>(&mut self, layer: &mut L, config: &Config) {
        if !L::accepts(&config.class_name) {
            let expected = format!("the type says {}", Value::from(L::CLASS));
            return self.differ("class_name", &expected, &Value::from(config.class_name.as_str()));
        }
        self.class = config.class_name.clone();
        self.two_key = config.is_two_key();
        self.given = config.config.clone();
        self.built = config.input_sizes();
        self.run(layer, None);
    }

    pub(super) fn into_config(self) -> Config {
        let sizes = self.wire.map(|wire| wire.sizes).or(self.input);
        let built_in = registry::is_built_in(&self.class);
        Config {
            module: built_in.then(|| registry::module(&self.class).to_owned()),
            registered_name: (!built_in).then(|| self.class.clone()),
            class_name: self.class,
            config: self.out,
            build_config: sizes.map(|sizes| json!({ "input_shape": sizes })),
            compile_config: None,
        }
    }

    fn unique_name(&mut self) -> String {
        let name = snake_case(&self.class);
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
    }

    fn refuse_the_rest(&mut self) {
        let known: Vec<String> = self.out.keys().cloned().collect();
        for (key, value) in std::mem::take(&mut self.given) {
            let says_nothing =
                value.is_null() && (key.ends_with("_regularizer") || key.ends_with("_constraint"));
            let old = self.two_key && key == "time_major" && value == Value::Bool(false);
            if !(says_nothing || old || key == "batch_input_shape") {
                let near = nearest(&key, &known);
                let expected = format!("`{}` has no such key{near}", self.class);
                self.differ(&key, &expected, &value);
            }
        }
    }

    pub(super) fn differ(&mut self, key: &str, expected: &str, found: &Value) {
        let mut found = found.to_string();
        if let Some((end, _)) = found.char_indices().nth(100) {
            found.truncate(end);
            found.push_str("..");
        }
        self.difference(key, expected, format!("the JSON says {found}"));
    }

    pub(super) fn difference(&mut self, key: &str, expected: &str, found: String) {
        let place = format!("{}{key}", self.place);
        self.differences.push(Difference { place, expected: expected.to_owned(), found });
    }

    /// One key. `rule` says what values there are, and puts them in one form. In the end `None` if the
    /// JSON says nothing that could be used.
    fn key(
        &mut self,
        key: &str,
        says: Value,
        default: Option<Value>,
        open: bool,
        rule: impl Fn(&Value) -> Result<Value, String>,
    ) -> Option<Value> {
        if self.mode == Mode::Write {
            self.out.insert(key.to_owned(), says.clone());
            return Some(says);
        }
        let open = open && self.mode == Mode::Any;
        let expected = match (open, self.mode) {
            (false, Mode::Any) => format!("only {says} is possible"),
            _ => format!("the type says {says}"),
        };
        let Some(found) = self.given.remove(key).or(default) else {
            let expected = if open { "it is needed" } else { &expected };
            self.difference(key, expected, "the JSON says nothing".to_owned());
            return None;
        };
        let value = match rule(&found) {
            Ok(value) if open || same(&value, &says) => Some(value),
            Err(needed) if open => {
                self.differ(key, &needed, &found);
                None
            }
            _ => {
                self.differ(key, &expected, &found);
                None
            }
        };
        self.out.insert(key.to_owned(), value.clone().unwrap_or(found));
        value
    }
}

/// What a layer calls in [`Configured::describe`].
impl Fields {
    /// The class that is being read. While writing it is the layer's own.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Writes another class than [`Configured::CLASS`], where Keras knows the layer by several names.
    pub fn write_as(&mut self, class: &str) {
        if self.mode == Mode::Write {
            self.class = class.to_owned();
        }
    }

    /// What reaches the layer, where it stands in a model.
    pub fn wire(&self) -> Option<&Wire> {
        self.wire.as_ref()
    }

    /// The shape of the input, the batch first; `None` for a size that may be any.
    pub fn input(&mut self, sizes: &[Option<usize>]) {
        let built = self.built.take();
        if self.mode != Mode::Any
            && let Some(found) = built
            && !Wire::numbers(sizes).agrees(&found)
        {
            let expected = format!("the type says {}", json!(sizes));
            self.differ("input_shape", &expected, &json!(found));
        }
        self.input = Some(sizes.to_vec());
    }

    /// The number type of the parameters.
    pub fn dtype<E: Element>(&mut self) {
        self.dtype = dtype_of::<E>();
        let Some(found) = self.given.get("dtype").filter(|_| self.mode != Mode::Any) else {
            return;
        };
        if dtype_name(found) != Some(self.dtype) {
            let (found, expected) = (found.clone(), format!("the type says \"{}\"", self.dtype));
            self.differ("dtype", &expected, &found);
        }
    }

    /// A whole number above 0 that must be given, such as `units`.
    pub fn size(&mut self, key: &str, says: usize) {
        self.key(key, says.into(), None, true, |v| match v.as_u64() {
            Some(1..) => Ok(v.clone()),
            _ => Err("a whole number above 0 is needed".to_owned()),
        });
    }

    /// Several whole numbers above 0, such as `kernel_size`; one number stands for all of them.
    /// Without a default they must be given.
    pub fn sizes(&mut self, key: &str, says: &[usize], default: Option<&[usize]>) {
        let n = says.len();
        self.key(key, says.into(), default.map(Into::into), true, |v| {
            let list = v.as_array().cloned().unwrap_or_else(|| vec![v.clone(); n]);
            if list.len() == n && list.iter().all(|v| v.as_u64() > Some(0)) {
                Ok(list.into())
            } else {
                Err(format!("{n} whole numbers above 0 are needed"))
            }
        });
    }

    /// A switch that the type decides, and Keras's default.
    pub fn flag(&mut self, key: &str, says: bool, default: bool) {
        self.key(key, says.into(), Some(default.into()), true, |v| match v {
            Value::Bool(_) => Ok(v.clone()),
            _ => Err("true or false is needed".to_owned()),
        });
    }

    /// A word that the type decides, out of some; the first one is Keras's default.
    pub fn choice(&mut self, key: &str, says: &str, words: &[&str]) {
        let default = words.first().map(|&word| word.into());
        self.key(key, says.into(), default, true, |v| match v.as_str() {
            Some(word) if words.contains(&word) => Ok(v.clone()),
            _ => Err(format!("one of {} is needed", json!(words))),
        });
    }

    /// A share that the type decides, such as the rate of a dropout. Without a default it must be given.
    pub fn share(&mut self, key: &str, says: f64, default: Option<f64>) {
        self.key(key, says.into(), default.map(Into::into), true, |v| match v.as_f64() {
            Some(rate) if (0.0..=1.0).contains(&rate) => Ok(v.clone()),
            _ => Err("a number from 0 to 1 is needed".to_owned()),
        });
    }

    /// The name of an activation that the type decides, and Keras's default. Without a default it must
    /// be given.
    pub fn activation(&mut self, key: &str, says: &str, default: Option<&str>) {
        let value = self.key(key, says.into(), default.map(Into::into), true, |v| {
            let name = activation_name(v).map(Value::from);
            name.ok_or_else(|| "the name of an activation is needed".to_owned())
        });
        // Keras finds a function of one's own by its long form only.
        let own =
            value.as_ref().and_then(Value::as_str).filter(|name| !registry::is_activation(name));
        if let Some(name) = own {
            let long = json!({
                "module": "builtins", "class_name": "function", "config": name,
                "registered_name": "function",
            });
            self.out.insert(key.to_owned(), long);
        }
    }

    /// A number that the layer holds as a value. Without a default it must be given.
    pub fn number(&mut self, key: &str, field: &mut f64, default: Option<f64>) {
        if self.mode == Mode::Write {
            self.out.insert(key.to_owned(), (*field).into());
            return;
        }
        let given = self.given.remove(key);
        let value = match &given {
            Some(value) => value.as_f64(),
            None => default,
        };
        let said = given.unwrap_or_else(|| default.into());
        match (value, self.mode) {
            (None, _) => self.differ(key, "a number is needed", &said),
            (Some(value), Mode::Check) if !same(&value.into(), &(*field).into()) => {
                self.differ(key, &format!("the layer says {field}"), &said);
            }
            (Some(value), Mode::Read) => *field = value,
            _ => {}
        }
        self.out.insert(key.to_owned(), said);
    }

    /// A key that has one value here, which is Keras's default.
    pub fn fixed(&mut self, key: &str, value: impl Into<Value>) {
        let value = value.into();
        self.key(key, value.clone(), Some(value), false, |v| Ok(v.clone()));
    }

    /// Keys that are `null` here and in Keras's default.
    pub fn none(&mut self, keys: &[&str]) {
        keys.iter().for_each(|key| self.fixed(key, Value::Null));
    }

    /// A key whose value does not matter, such as a seed.
    pub fn any(&mut self, key: &str, default: impl Into<Value>) {
        let value = self.given.remove(key).unwrap_or_else(|| default.into());
        self.out.insert(key.to_owned(), value);
    }

    /// Keys that Keras still reads and that say nothing.
    pub fn ignored(&mut self, keys: &[&str]) {
        keys.iter().for_each(|&key| drop(self.given.remove(key)));
    }

    /// How the parameter `parameter` is filled, and what is usual. Another way is followed when the layer
    /// is made from a config.
    pub fn initializer(&mut self, key: &str, parameter: &str, usual: Initializer) {
        let says = usual.to_json();
        let found = self.given.remove(key).unwrap_or_else(|| says.clone());
        if self.mode == Mode::Write {
            self.out.insert(key.to_owned(), says);
            return;
        }
        match Initializer::parse(&found) {
            Ok(how) => {
                if how != usual {
                    self.initial.push((parameter.to_owned(), how));
                }
                let whole = found.get("module").is_some();
                self.out.insert(key.to_owned(), if whole { found } else { how.to_json() });
            }
            Err(needed) => self.differ(key, &needed, &found),
        }
    }

    /// What the recurrent layers have in common and leave at Keras's defaults.
    pub(crate) fn recurrent(&mut self) {
        for key in ["return_state", "go_backwards", "stateful", "zero_output_for_mask"] {
            self.fixed(key, false);
        }
        self.any("unroll", false);
        self.fixed("activation", "tanh");
        self.fixed("use_bias", true);
        self.initializer("kernel_initializer", "kernel", Initializer::GLOROT_UNIFORM);
        self.initializer("recurrent_initializer", "recurrent_kernel", Initializer::ORTHOGONAL);
        self.initializer("bias_initializer", "bias", Initializer::ZEROS);
        for key in ["kernel", "recurrent", "bias"] {
            self.none(&[&format!("{key}_regularizer"), &format!("{key}_constraint")]);
        }
        self.none(&["activity_regularizer"]);
        self.fixed("dropout", 0.0);
        self.fixed("recurrent_dropout", 0.0);
        self.ignored(&["implementation"]);
    }

    /// Whether the bias of an LSTM starts with ones at the forget gate.
    pub(crate) fn unit_forget_bias(&mut self) {
        let key = "unit_forget_bias";
        let ones = self.given.remove(key).unwrap_or(Value::Bool(true));
        let other = self.initial.iter().any(|(name, _)| name == "bias");
        match (&ones, other) {
            (Value::Bool(false), false) => self.initial.push(("bias".into(), Initializer::ZEROS)),
            (Value::Bool(true), false) | (Value::Bool(false), true) => {}
            (Value::Bool(true), true) => {
                self.differ("bias_initializer", "it is zeros under `unit_forget_bias`", &ones);
            }
            _ => self.differ(key, "true or false is needed", &ones),
        }
        self.out.insert(key.to_owned(), ones);
    }

    /// A layer inside this one, and what reaches it.
    pub fn layer<L: Configured>(&mut self, key: &str, layer: &mut L, wire: Option<Wire>) {
        if self.mode == Mode::Any {
            let value = self.given.remove(key);
            match value {
                Some(value) => drop(self.out.insert(key.to_owned(), value)),
                None => self.difference(key, "it is needed", "the JSON says nothing".to_owned()),
            }
            return;
        }
        let mut inner = self.inner(L::CLASS, &format!("{key}."), wire);
        if self.mode == Mode::Write {
            inner.run(layer, None);
            self.names = std::mem::take(&mut inner.names);
            let config = serde_json::to_value(inner.into_config()).unwrap_or_default();
            self.out.insert(key.to_owned(), config);
            return;
        }
        match self.given.remove(key).map(Config::try_from) {
            Some(Ok(config)) => inner.compare(layer, &config),
            Some(Err(e)) => {
                inner.difference("", &format!("the type says {}", L::CLASS), e.to_string())
            }
            None => {
                let expected = format!("the type says {}", L::CLASS);
                inner.difference("", &expected, "the JSON says nothing".to_owned());
            }
        }
        self.absorb(inner, "");
    }

    /// Describes the layer that this one applies to each step, where Keras does without the wrapper.
    pub fn each_step<L: Configured>(&mut self, layer: &mut L) {
        let built = self.built.take();
        self.built = built.map(|sizes| Wire::numbers(sizes).step().sizes);
        layer.describe(self);
    }
}

/// Keras's name of a number type.
pub(crate) fn dtype_of<E: Element>() -> &'static str {
    if size_of::<E>() == 8 { "float64" } else { "float32" }
}

fn policy(dtype: &str) -> Value {
    json!({
        "module": "keras", "class_name": "DTypePolicy", "config": {"name": dtype},
        "registered_name": null,
    })
}

/// A dtype is a name, or in Keras 3 a policy with a name.
fn dtype_name(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("config")?.get("name")?.as_str())
}

/// An activation is a name, a function with a name, or nothing, which is `linear`.
pub(crate) fn activation_name(value: &Value) -> Option<&str> {
    match value {
        Value::Null => Some("linear"),
        Value::String(name) => Some(name),
        function => function.get("config")?.as_str(),
    }
}

/// Whether two values are the same; numbers may differ in how they are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()),
            _ => a == b,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        _ => a == b,
    }
}
