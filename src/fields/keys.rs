use serde_json::{Value, json};

use super::{
    AnySignal, Fields, Initializer, Mode, NamedActivation, OptionValue, classes, of_training,
    values::same, whole,
};
use crate::backend::ActivationFunction;

/// What a layer calls in [`Configured::describe`](super::Configured::describe).
impl Fields {
    /// The class that is being read. While writing it is the layer's own.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Writes another class than [`Configured::CLASS`](super::Configured::CLASS), where Keras knows the layer by several names.
    pub fn write_as(&mut self, class: &str) {
        if self.mode == Mode::Write {
            self.class = class.to_owned();
        }
    }

    /// What reaches the layer, where it stands in a model and takes one input.
    pub fn wire(&self) -> Option<&AnySignal> {
        match self.wires.as_slice() {
            [one] => Some(one),
            _ => None,
        }
    }

    /// The shape of the input, the batch first; `None` for a size that may be any.
    pub fn input(&mut self, sizes: &[Option<usize>]) {
        if self.mode != Mode::Any
            && let Some(found) = &self.built
            && !AnySignal::numbers(sizes).agrees(found)
        {
            let expected = format!("the type says {}", json!(sizes));
            self.differ("input_shape", &expected, &json!(found));
        }
        self.input = Some(sizes.to_vec());
    }

    /// The number of features of the input, whatever its rank.
    pub fn features(&mut self, says: usize) {
        if self.mode != Mode::Any
            && let Some(&Some(found)) = self.built.as_ref().and_then(|built| built.last())
            && found != says
        {
            let expected = format!("the type says {says} features");
            self.differ("input_shape", &expected, &json!(self.built));
        }
    }

    /// Keras's name of the number type.
    pub(crate) fn number_type(&self) -> &'static str {
        self.dtype
    }

    /// A whole number above 0 that must be given, such as `units`.
    pub fn size(&mut self, key: &str, says: usize) {
        self.key(key, says.into(), None, true, &|v| match v.as_u64() {
            Some(1..) => Ok(v.clone()),
            _ => Err("a whole number above 0 is needed".to_owned()),
        });
    }

    /// A whole number above 0, and Keras's default.
    pub(crate) fn size_or(&mut self, key: &str, says: usize, default: usize) {
        self.key(key, says.into(), Some(default.into()), true, &|v| match whole(v) {
            Some(size @ 1..) => Ok(size.into()),
            _ => Err("a whole number above 0 is needed".to_owned()),
        });
    }

    /// A seed, which does not matter: the numbers are drawn from the device.
    pub(crate) fn seed(&mut self) {
        let value = self.given.remove("seed").unwrap_or_default();
        let generator = value.get("class_name").is_some();
        if !(value.is_null() || generator || whole(&value).is_some() || value.as_i64().is_some()) {
            self.differ("seed", "a whole number is needed", &value);
        }
        self.out.insert("seed".to_owned(), value);
        // How Keras 2 draws.
        self.given.remove("rng_type");
    }

    /// A switch whose value does not matter.
    pub(crate) fn any_flag(&mut self, key: &str, default: bool) {
        let value = self.given.remove(key).filter(|value| !value.is_null());
        let value = value.unwrap_or(Value::Bool(default));
        if !value.is_boolean() {
            self.differ(key, "true or false is needed", &value);
        }
        self.out.insert(key.to_owned(), value);
    }

    /// Several whole numbers above 0, such as `kernel_size`; one number stands for all of them.
    /// Without a default they must be given.
    pub fn sizes(&mut self, key: &str, says: &[usize], default: Option<&[usize]>) {
        self.sizes_or(key, says, default.map(Into::into));
    }

    pub(crate) fn sizes_or(&mut self, key: &str, says: &[usize], default: Option<Value>) {
        let n = says.len();
        self.key(key, says.into(), default, true, &|v| {
            let list = match v {
                Value::Array(list) => list.iter().map(whole).collect(),
                one => whole(one).map(|one| vec![one; n]),
            };
            match list {
                Some(list) if list.len() == n && list.iter().all(|&size| size > 0) => {
                    Ok(list.into())
                }
                _ => Err(format!("{n} whole numbers above 0 are needed")),
            }
        });
    }

    /// A switch that the type decides, and Keras's default.
    pub fn flag(&mut self, key: &str, says: bool, default: bool) {
        self.key(key, says.into(), Some(default.into()), true, &|v| match v {
            Value::Bool(_) => Ok(v.clone()),
            _ => Err("true or false is needed".to_owned()),
        });
    }

    /// A word that the type decides, out of some; the first one is Keras's default.
    pub fn choice(&mut self, key: &str, says: &str, words: &[&str]) {
        let default = words.first().map(|&word| word.into());
        self.key(key, says.into(), default, true, &|v| match v.as_str() {
            Some(word) if words.contains(&word) => Ok(v.clone()),
            _ => Err(format!("one of {} is needed", json!(words))),
        });
    }

    /// A word that the type decides, in letters of either case; the first one is Keras's default.
    pub(crate) fn any_case(&mut self, key: &str, says: &str, words: &[&str]) {
        if let Some(Value::String(word)) = self.given.get_mut(key) {
            word.make_ascii_lowercase();
        }
        self.choice(key, says, words);
    }

    /// The order of the dimensions, which is channels last. `null` is that of Keras's settings.
    pub(crate) fn data_format(&mut self) {
        let key = "data_format";
        if self.given.get(key).is_some_and(Value::is_null) {
            self.given.remove(key);
        }
        self.any_case(key, "channels_last", &["channels_last", "channels_first"]);
    }

    /// A share that the type decides, such as the rate of a dropout. Without a default it must be given.
    pub fn share(&mut self, key: &str, says: f64, default: Option<f64>) {
        self.key(key, says.into(), default.map(Into::into), true, &|v| match v.as_f64() {
            Some(rate) if (0.0..=1.0).contains(&rate) => Ok(v.clone()),
            _ => Err("a number from 0 to 1 is needed".to_owned()),
        });
    }

    /// The name of an activation that the type decides, and Keras's default. Without a default it must
    /// be given.
    pub fn activation(&mut self, key: &str, says: &str, default: Option<&str>) {
        let any = self.mode == Mode::Any;
        let value = self.key(key, says.into(), default.map(Into::into), true, &|v| {
            let said = NamedActivation::parse(v)?;
            // Some have two names.
            let same =
                |name: &str| ActivationFunction::named(name).is_some_and(|f| f.name() == says);
            Ok(match said.options {
                _ if any => said.json,
                None if same(&said.name) => says.into(),
                _ => said.plain(),
            })
        });
        // Keras finds a custom function by its long form only.
        let own =
            value.as_ref().and_then(Value::as_str).filter(|name| !classes::is_activation(name));
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
        self.value(key, field, default, (&|_| true, ""));
    }

    /// A number that must be given.
    pub(crate) fn needed_number(&mut self, key: &str) {
        self.key(key, 0.0.into(), None, true, &|v| match v.as_f64() {
            Some(_) => Ok(v.clone()),
            None => Err("a number is needed".to_owned()),
        });
    }

    /// What `#[layer]` calls for an `#[option]`: a value that the layer holds, and the values that there are.
    #[doc(hidden)]
    pub fn option<V: OptionValue>(
        &mut self,
        key: &str,
        field: &mut V,
        default: V,
        fits: &dyn Fn(&V) -> bool,
        expected: &str,
    ) {
        self.value(key, field, Some(default), (fits, expected));
    }

    /// What `#[layer]` calls for an `#[option(call)]`: in Keras it is no key of the layer, but an argument of its call.
    #[doc(hidden)]
    pub fn call_argument<V: OptionValue>(&mut self, key: &str, field: &mut V, default: V) {
        let (says, usual): (Value, Value) = ((*field).into(), default.into());
        if self.mode == Mode::Write {
            if says != usual {
                self.call.get_or_insert_default().insert(key.to_owned(), says);
            }
            return;
        }
        // A config of a layer by itself says nothing of a call.
        let Some(call) = &mut self.call else { return };
        let found = call.remove(key);
        let value = found.as_ref().map_or(Some(default), V::parse);
        let found = found.unwrap_or(usual);
        match (value, self.mode) {
            (None, _) => self.differ(key, V::NEEDED, &found),
            (Some(value), Mode::Check) if !same(&value.into(), &says) => {
                self.differ(key, &format!("the layer says {field}"), &found);
            }
            (Some(value), Mode::Read) => *field = value,
            _ => {}
        }
    }

    fn value<V: OptionValue>(
        &mut self,
        key: &str,
        field: &mut V,
        default: Option<V>,
        (fits, expected): (&dyn Fn(&V) -> bool, &str),
    ) {
        if self.mode == Mode::Write {
            self.out.insert(key.to_owned(), (*field).into());
            return;
        }
        if let Some(complete) = V::ANY.filter(|_| self.mode == Mode::Any) {
            self.key(key, (*field).into(), default.map(Into::into), true, &complete);
            return;
        }
        let mut given = self.given.remove(key);
        // What is `null` as a default is so in Keras.
        if given.as_ref().is_some_and(Value::is_null)
            && default.map(Into::into) == Some(Value::Null)
        {
            given = None;
        }
        let value = match &given {
            Some(value) => V::parse(value),
            None => default,
        };
        let said = given.unwrap_or_else(|| default.map_or(Value::Null, Into::into));
        match (value, self.mode) {
            (None, _) => self.differ(key, V::NEEDED, &said),
            (Some(value), _) if !fits(&value) => self.differ(key, expected, &said),
            (Some(value), Mode::Check) if !same(&value.into(), &(*field).into()) => {
                self.differ(key, &format!("the layer says {field}"), &said);
            }
            (Some(value), Mode::Read) => *field = value,
            _ => {}
        }
        self.out.insert(key.to_owned(), said);
    }

    /// What `#[layer]` calls for some `#[weight]`s: their keys, which begin with `prefix`.
    #[doc(hidden)]
    pub fn weight(&mut self, prefix: &str, names: &[&str], usual: Initializer, regularizer: bool) {
        let before = self.initial.len();
        self.initializer(&format!("{prefix}_initializer"), names.first().unwrap_or(&prefix), usual);
        // All weights with the key are filled in the same way.
        if let Some((_, how)) = self.initial.get(before).cloned() {
            let others = names.iter().skip(1);
            self.initial.extend(others.map(|name| ((*name).to_owned(), how)));
        }
        if regularizer {
            self.none(&[&format!("{prefix}_regularizer"), &format!("{prefix}_constraint")]);
        }
    }

    /// A number that the type decides, which is Keras's default.
    pub fn constant(&mut self, key: &str, says: f64) {
        self.key(key, says.into(), Some(says.into()), true, &|v| match v.as_f64() {
            Some(_) => Ok(v.clone()),
            None => Err("a number is needed".to_owned()),
        });
    }

    /// A key that has one value here, which is Keras's default.
    pub fn fixed(&mut self, key: &str, value: impl Into<Value>) {
        self.one_value(key, value.into());
    }

    fn one_value(&mut self, key: &str, value: Value) {
        self.key(key, value.clone(), Some(value), false, &|v| Ok(v.clone()));
    }

    /// Keys that are `null` here and in Keras's default. A regularizer or constraint, which matters in
    /// training only, may be anything where no type is asked.
    pub fn none(&mut self, keys: &[&str]) {
        for key in keys {
            match self.mode {
                Mode::Any if of_training(key) => self.any(key, Value::Null),
                _ => {
                    let says = self.rules.get(*key).cloned().unwrap_or(Value::Null);
                    let own = says.clone();
                    self.key(key, says, Some(Value::Null), false, &|v| {
                        Ok(if same_rule(&own, v) { own.clone() } else { v.clone() })
                    });
                }
            }
        }
    }

    /// A key whose value does not matter, such as a seed.
    pub fn any(&mut self, key: &str, default: impl Into<Value>) {
        self.any_value(key, default.into());
    }

    fn any_value(&mut self, key: &str, default: Value) {
        let value = self.given.remove(key).unwrap_or(default);
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
        match Initializer::read(&found) {
            Ok((how, whole)) => {
                if how != usual {
                    self.initial.push((parameter.to_owned(), how));
                }
                self.out.insert(key.to_owned(), whole);
            }
            Err(needed) => {
                self.differ(key, &needed, &found);
                self.out.insert(key.to_owned(), found);
            }
        }
    }
}

/// Whether two regularizers, or constraints, are one: Keras writes some of their numbers as `float32` has them, and in some
/// versions leaves out the module.
fn same_rule(ours: &Value, found: &Value) -> bool {
    match (ours, found) {
        (Value::Object(ours), Value::Object(found)) if ours.contains_key("class_name") => {
            ["class_name", "config"].iter().all(|key| match (ours.get(*key), found.get(*key)) {
                (Some(ours), Some(found)) => same_rule(ours, found),
                _ => false,
            })
        }
        (Value::Object(ours), Value::Object(found)) => {
            ours.len() == found.len()
                && ours
                    .iter()
                    .all(|(key, ours)| found.get(key).is_some_and(|found| same_rule(ours, found)))
        }
        // An axis may be alone in a list.
        (ours, Value::Array(found)) if found.len() == 1 => same_rule(ours, &found[0]),
        _ => match (ours.as_f64(), found.as_f64()) {
            (Some(ours), Some(found)) => ours as f32 == found as f32,
            _ => ours == found,
        },
    }
}
