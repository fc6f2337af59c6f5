use std::collections::HashMap;

use kerata_format::{Masks, attends};
use serde_json::{Map, Value, json};

use super::{
    AnySignal, Config, Described, FUNCTIONAL, Initializer, classes,
    dtype::policy,
    is_built_in, snake_case,
    values::{same, says},
};
use crate::error::{Difference, Error, shortened};

/// What is done with the keys of a config.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
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
/// See [`Configured::describe`](super::Configured::describe).
#[derive(Debug)]
pub struct Fields {
    pub(crate) mode: Mode,
    pub(crate) class: String,
    /// What the JSON says and nobody has asked for yet.
    pub(crate) given: Map<String, Value>,
    /// What is written, or the JSON with all its defaults.
    pub(crate) out: Map<String, Value>,
    /// What the layer was built for, as the JSON says.
    pub(crate) built: Option<Vec<Option<usize>>>,
    /// How many dimensions its input has, as the JSON says.
    pub(crate) rank: Option<usize>,
    /// What reaches the layer in its model, one signal or more.
    pub(crate) wires: Vec<AnySignal>,
    /// What the layer says of its input.
    pub(crate) input: Option<Vec<Option<usize>>>,
    pub(crate) place: String,
    pub(crate) dtype: &'static str,
    /// Whether an optimiser changes the layer.
    pub(crate) trainable: bool,
    /// Whether an optimiser changes the layer that comes next in this one, if it changes this one.
    pub(crate) trains_next: bool,
    /// What keys such as `kernel_regularizer` have, beside `null`.
    pub(crate) rules: HashMap<String, Value>,
    /// Whether the type, or the model around, says which number type it is.
    pub(crate) dtype_is_known: bool,
    pub(crate) names: HashMap<String, usize>,
    pub(crate) differences: Vec<Difference>,
    /// The parameters that are not filled in the way that is usual for them.
    pub(crate) initial: Vec<(String, Initializer)>,
    /// Whether the names of layers are compared, too.
    pub(crate) compares_names: bool,
    /// What the JSON calls the layer.
    pub(crate) named: String,
    /// The layers inside, each as this one calls them and as the JSON does, the outermost first.
    pub(crate) matched: Vec<(Vec<String>, Vec<String>)>,
    /// Whether the states of a recurrent layer are outputs too.
    pub(crate) returns_state: bool,
    /// What the call of the layer says beside its inputs; `None` if nobody knows of a call.
    pub(crate) call: Option<Map<String, Value>>,
    /// The masks that Keras sees in the model, where its attentions take some off.
    pub(crate) masks: Option<Masks>,
}

impl Fields {
    /// Writes the config of a layer.
    pub(crate) fn write(layer: &mut dyn Described) -> Config {
        let mut fields = Self::new(Mode::Write, layer.class());
        fields.run(layer, None);
        fields.into_config()
    }

    /// What the call of a layer says beside its inputs.
    pub(crate) fn call_of(layer: &mut dyn Described) -> Map<String, Value> {
        let mut fields = Self::new(Mode::Write, layer.class());
        fields.run(layer, None);
        fields.call.unwrap_or_default()
    }

    /// Reads what is true of the call of a layer.
    ///
    /// # Errors
    /// What of it the type does not know.
    pub(crate) fn read_call(
        layer: &mut dyn Described,
        config: &Config,
        flags: &[&str],
    ) -> Result<(), String> {
        let says = |flag: &&str| ((*flag).to_owned(), Value::Bool(true));
        let call = Some(flags.iter().map(says).collect());
        let fields = Self { call, ..Self::new(Mode::Read, layer.class()) };
        match fields.compared(layer, config).call.unwrap_or_default().keys().next() {
            None => Ok(()),
            Some(key) => {
                let class = layer.class();
                Err(format!("`{key}` is true of its calls, which `{class}` does not know"))
            }
        }
    }

    /// Reads or checks: the differences, and the parameters with another initialiser.
    pub(crate) fn read(layer: &mut dyn Described, config: &Config, mode: Mode) -> Self {
        Self::new(mode, layer.class()).compared(layer, config)
    }

    /// Checks, and compares the masks with those that Keras sees, if these are given.
    #[cfg(feature = "keras")]
    pub(crate) fn check_masks(
        layer: &mut dyn Described,
        config: &Config,
        masks: Option<Masks>,
    ) -> Self {
        Self { masks, ..Self::new(Mode::Check, layer.class()) }.compared(layer, config)
    }

    fn compared(mut self, layer: &mut dyn Described, config: &Config) -> Self {
        self.compare(layer, config.clone());
        self
    }

    /// Checks the names of the layers, too.
    pub(crate) fn check(layer: &mut dyn Described, config: &Config) -> Vec<Difference> {
        let fields = Self { compares_names: true, ..Self::new(Mode::Check, layer.class()) };
        fields.compared(layer, config).differences
    }

    /// Compares the name of a layer with that in the JSON. A place in a tuple is none, and one that Keras made of the class
    /// says nothing.
    pub(crate) fn layer_name(&mut self, name: &str, config: &Config) {
        let Some(found) = config.config.get("name").and_then(Value::as_str) else { return };
        let class = snake_case(&config.class_name);
        let number =
            found.strip_prefix(class.as_str()).map(|rest| rest.strip_prefix('_').unwrap_or(rest));
        let made = number.is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        let counted = kerata_format::is_place(name);
        if self.compares_names && !made && !counted && name != found {
            let expected = format!("the type says {}", Value::from(name));
            self.differ("name", &expected, &found.into());
        }
    }

    /// The config with all its keys, where no type says what they are. `layer` shows which keys there are.
    pub(crate) fn complete(layer: &mut dyn Described, mut config: Config) -> Result<Config, Error> {
        let mut fields = Self::new(Mode::Any, layer.class());
        let (build_config, compile_config) =
            (config.build_config.clone(), config.compile_config.take());
        fields.compare(layer, config);
        if fields.differences.is_empty() {
            return Ok(Config { build_config, compile_config, ..fields.into_config() });
        }
        let what = format!("the config of `{}`", fields.class);
        Err(Error::Differences { what, differences: fields.differences })
    }

    pub(crate) fn new(mode: Mode, class: &str) -> Self {
        Self {
            mode,
            class: class.to_owned(),
            given: Map::new(),
            out: Map::new(),
            built: None,
            rank: None,
            wires: Vec::new(),
            input: None,
            place: String::new(),
            dtype: "float32",
            trainable: true,
            trains_next: true,
            rules: HashMap::new(),
            // Layers without a type calculate in it.
            dtype_is_known: mode == Mode::Any,
            names: HashMap::new(),
            differences: Vec::new(),
            initial: Vec::new(),
            compares_names: false,
            named: String::new(),
            matched: Vec::new(),
            returns_state: false,
            call: None,
            masks: None,
        }
    }

    /// What the regularizers and constraints of the layer that comes next are.
    pub(crate) fn set_rules(&mut self, rules: &[(&str, Option<Value>)]) {
        let rules = rules
            .iter()
            .map(|(key, rule)| ((*key).to_owned(), rule.clone().unwrap_or(Value::Null)));
        self.rules = rules.collect();
    }

    /// Fields for a layer inside this one.
    pub(crate) fn inner(&mut self, class: &str, place: &str, wires: Vec<AnySignal>) -> Self {
        Self {
            wires,
            place: format!("{}{place}", self.place),
            dtype: self.dtype,
            dtype_is_known: self.dtype_is_known,
            trainable: std::mem::replace(&mut self.trains_next, true) && self.trainable,
            rules: std::mem::take(&mut self.rules),
            names: std::mem::take(&mut self.names),
            compares_names: self.compares_names,
            ..Self::new(self.mode, class)
        }
    }

    /// Takes back what [`inner`](Self::inner) lent, and what was found there.
    pub(crate) fn absorb(&mut self, inner: Self, prefix: &str) {
        self.names = inner.names;
        self.differences.extend(inner.differences);
        let initial = inner.initial.into_iter();
        self.initial.extend(initial.map(|(name, how)| (format!("{prefix}{name}"), how)));
        let name = prefix.trim_end_matches('.');
        let below = |list: Vec<String>, name: &str| [vec![name.to_owned()], list].concat();
        let inside = std::iter::once((Vec::new(), Vec::new())).chain(inner.matched);
        self.matched
            .extend(inside.map(|(ours, theirs)| (below(ours, name), below(theirs, &inner.named))));
    }

    pub(crate) fn run(&mut self, layer: &mut dyn Described, name: Option<&str>) {
        if self.mode == Mode::Write {
            layer.show_keys(self);
            self.activity();
            let name = name.map_or_else(|| self.unique_name(), str::to_owned);
            self.out.insert("name".into(), name.into());
            if classes::may_be_frozen(&self.class) {
                self.out.insert("trainable".into(), self.trainable.into());
            }
            // Keras has no number type for a model of branches.
            if self.class != FUNCTIONAL {
                self.out.insert("dtype".into(), policy(self.dtype));
            }
            return;
        }
        let name = self.given.remove("name").filter(|name| !name.is_null());
        if let Some(other) = name.as_ref().filter(|name| !name.is_string()) {
            self.differ("name", "a text is needed", other);
        }
        self.out.insert("name".into(), name.unwrap_or_else(|| snake_case(&self.class).into()));
        layer.show_keys(self);
        self.activity();
        self.check_dtype();
        if self.class == FUNCTIONAL {
            self.out.remove("dtype");
        }
        let trainable = self.given.remove("trainable").unwrap_or(Value::Bool(true));
        if !trainable.is_boolean() {
            self.differ("trainable", "true or false is needed", &trainable);
        } else if self.mode != Mode::Any
            && trainable != Value::Bool(self.trainable)
            // Keras does not read it of a `Sequential`; what is in a model says it for itself.
            && (self.trainable || ![FUNCTIONAL, "Sequential"].contains(&self.class.as_str()))
        {
            let expected = format!("the type says {}", self.trainable);
            self.differ("trainable", &expected, &trainable);
        }
        self.out.insert("trainable".into(), trainable);
        self.refuse_the_rest();
    }

    /// The regularizer of what leaves the layer, which any class may have: it is written where there is one.
    fn activity(&mut self) {
        let key = "activity_regularizer";
        if self.rules.contains_key(key) && !self.out.contains_key(key) {
            self.none(&[key]);
        }
    }

    pub(crate) fn compare(&mut self, layer: &mut dyn Described, config: Config) {
        let fits = layer.takes(&config.class_name);
        let config = if fits { config } else { config.usual() };
        if !layer.takes(&config.class_name) {
            let expected = format!("the type says {}", Value::from(layer.class()));
            return self.differ("class_name", &expected, &Value::from(config.class_name.as_str()));
        }
        self.built = config.input_sizes();
        self.rank = self.built.as_ref().map(Vec::len);
        self.class = config.class_name;
        self.given = config.config;
        let name = self.given.get("name").and_then(Value::as_str);
        self.named = name.unwrap_or_default().to_owned();
        self.run(layer, None);
    }

    pub(crate) fn into_config(mut self) -> Config {
        // What attends to itself is query and value there.
        if let (true, [one]) = (attends(&self.class), self.wires.as_slice()) {
            self.wires.push(one.clone());
        }
        let shapes = (self.class == "MultiHeadAttention" && !self.wires.is_empty()).then(|| {
            let shapes = ["query_shape", "value_shape", "key_shape"].into_iter().zip(&self.wires);
            let shapes = shapes.map(|(name, wire)| (name.to_owned(), json!(wire.sizes)));
            json!({ "shapes_dict": Map::from_iter(shapes) })
        });
        let sizes = match self.wires.as_slice() {
            [] => self.input.map(|sizes| json!(sizes)),
            [one] => Some(json!(one.sizes)),
            // The states to begin with are not what it is built for.
            [sequence, ..] if classes::starts_from_states(&self.class) => {
                Some(json!(sequence.sizes))
            }
            several => Some(several.iter().map(|wire| json!(wire.sizes)).collect()),
        };
        let sizes = sizes.filter(|_| classes::has_build_config(&self.class));
        let built_in = is_built_in(&self.class);
        Config {
            module: built_in.then(|| classes::module(&self.class).to_owned()),
            registered_name: (!built_in || classes::is_registered(&self.class))
                .then(|| self.class.clone()),
            class_name: self.class,
            config: self.out,
            build_config: shapes.or(sizes.map(|sizes| json!({ "input_shape": sizes }))),
            compile_config: None,
        }
    }

    fn unique_name(&mut self) -> String {
        let name = snake_case(&self.class);
        let count = self.names.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{}", *count - 1) }
    }

    pub(crate) fn differ(&mut self, key: &str, expected: &str, found: &Value) {
        self.difference(key, expected, says(found));
    }

    pub(crate) fn difference(&mut self, key: &str, expected: &str, found: String) {
        let place = format!("{}{}", self.place, shortened(key));
        self.differences.push(Difference { place, expected: expected.to_owned(), found });
    }

    /// One key. `rule` says what values there are, and puts them in one form. In the end `None` if the
    /// JSON says nothing that could be used.
    pub(crate) fn key(
        &mut self,
        key: &str,
        says: Value,
        default: Option<Value>,
        open: bool,
        rule: &dyn Fn(&Value) -> Result<Value, String>,
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
            // Known all the same, where another key is nearly this one.
            self.out.insert(key.to_owned(), Value::Null);
            return None;
        };
        let value = match rule(&found) {
            Ok(value) if open => Some(value),
            Ok(value) if same(&value, &says) => Some(says),
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
