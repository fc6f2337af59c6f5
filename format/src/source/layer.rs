//! The keys of a layer's config: each is asked for, so that none is passed over in silence.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::{Map, Value};

use super::{
    activations, rules,
    types::{self, Typed},
};
use crate::{
    OLD_HARD_SIGMOID, activation_name, dtype_name, of_training, says_nothing, shortened,
    table::{activation, of_class},
    whole,
};

/// A config, and which of its keys have been asked for.
pub(super) struct Layer<'a> {
    class: &'a str,
    config: &'a Map<String, Value>,
    seen: RefCell<BTreeSet<&'static str>>,
    /// What it was built for, the batch first, as far as that is known.
    sizes: Vec<Option<usize>>,
    /// How many dimensions each of what reaches it has, if that is known.
    ranks: Vec<usize>,
    /// The shapes that it was built for, by their names, where there are several.
    shapes: Option<&'a Value>,
}

/// A parameter of a type, and what it is if nothing is written.
pub(super) type Parameter<'a> = (String, &'a str);

impl<'a> Layer<'a> {
    pub(super) fn new(class: &'a str, config: &'a Map<String, Value>) -> Self {
        Self::built(class, config, Vec::new(), Vec::new())
    }

    /// A layer, the sizes that it was built for, and how many dimensions each of what reaches it has.
    pub(super) fn built(
        class: &'a str,
        config: &'a Map<String, Value>,
        sizes: Vec<Option<usize>>,
        ranks: Vec<usize>,
    ) -> Self {
        Self { class, config, seen: RefCell::default(), sizes, ranks, shapes: None }
    }

    /// The same layer, with what the config says of the shapes that it was built for.
    pub(super) fn with_shapes(self, built: Option<&'a Value>) -> Self {
        Self { shapes: built.and_then(|built| built.get("shapes_dict")), ..self }
    }

    /// The last size of the shape of a name that it was built for, in Keras 3 or 2.
    pub(super) fn features_of(&self, shape: &'static str) -> Option<u64> {
        let of_config = self.get(shape);
        let built = self.shapes.and_then(|shapes| shapes.get(shape));
        whole(built.or(of_config)?.as_array()?.last()?)
    }

    /// How many dimensions each of what reaches it has, if that is known.
    pub(super) fn ranks(&self) -> &[usize] {
        &self.ranks
    }

    /// The size of an axis that arrives, if it is known.
    pub(super) fn size_of_axis(&self, axis: usize) -> Option<usize> {
        self.sizes.get(axis).copied().flatten()
    }

    /// What the config says; `null` is nothing.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value> {
        self.seen.borrow_mut().insert(key);
        self.config.get(key).filter(|value| !value.is_null())
    }

    /// Keys whose values change nothing in what the layer calculates.
    pub(super) fn ignore(&self, keys: &'static [&'static str]) {
        self.seen.borrow_mut().extend(keys);
    }

    /// A key that has one value here.
    pub(super) fn only(&self, key: &'static str, value: impl Into<Value>) -> Result<(), String> {
        let (found, value) = (self.get(key), value.into());
        match found.is_none_or(|found| same(found, &value)) {
            true => Ok(()),
            false => Err(format!("{}, where only {value} is possible", self.says(key))),
        }
    }

    /// A key and its value, for a message.
    pub(super) fn says(&self, key: &str) -> String {
        let value = self.config.get(key).unwrap_or(&Value::Null).to_string();
        format!("`{key}` is {}", shortened(&value))
    }

    pub(super) fn text(&self, key: &'static str, default: &'a str) -> Result<&'a str, String> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_str().ok_or_else(|| format!("{}, and no text", self.says(key))),
        }
    }

    pub(super) fn number(&self, key: &'static str, default: f64) -> Result<f64, String> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => {
                value.as_f64().ok_or_else(|| format!("{}, and no number", self.says(key)))
            }
        }
    }

    pub(super) fn flag(&self, key: &'static str, default: bool) -> Result<bool, String> {
        let wrong = || format!("{}, and neither true nor false", self.says(key));
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(wrong),
        }
    }

    pub(super) fn size(&self, key: &'static str) -> Result<String, String> {
        let size = self.get(key).and_then(whole).filter(|size| *size > 0);
        size.map(|size| size.to_string()).ok_or_else(|| format!("{}, and no size", self.says(key)))
    }

    /// Sizes along some axes; one number stands for all of them, and nothing for the default.
    pub(super) fn sizes(
        &self,
        key: &'static str,
        axes: usize,
        default: Option<&[String]>,
    ) -> Result<Vec<String>, String> {
        let list = match (self.get(key), default) {
            (None, Some(default)) => return Ok(default.to_vec()),
            (Some(Value::Array(list)), _) => list.iter().map(whole).collect(),
            (Some(one), _) => whole(one).map(|one| vec![one; axes]),
            (None, None) => None,
        };
        match list {
            Some(list) if list.len() == axes && !list.contains(&0) => {
                Ok(list.iter().map(u64::to_string).collect())
            }
            _ => Err(format!("{}, and not {axes} sizes", self.says(key))),
        }
    }

    /// The one value that all axes share.
    pub(super) fn same_sizes(&self, key: &'static str, axes: usize) -> Result<String, String> {
        let mut sizes = self.sizes(key, axes, Some(&["1".to_owned()]))?;
        sizes.dedup();
        match sizes.as_slice() {
            [one] => Ok(one.clone()),
            _ => Err(format!("{}, which differs in height and width", self.says(key))),
        }
    }

    /// Along which axis of one of its inputs a `Dot` goes.
    pub(super) fn axis_of(&self, input: usize) -> Result<String, String> {
        let axis = match self.get("axes") {
            Some(Value::Array(list)) if list.len() == 2 => list[input].as_i64(),
            Some(one) => one.as_i64(),
            None => None,
        };
        let rank = self.ranks.get(input).map_or(0, |&rank| rank as i64);
        let axis = axis.map(|axis| if axis < 0 { axis + rank } else { axis });
        let axis = axis.filter(|axis| *axis > 0).map(|axis| axis.to_string());
        axis.ok_or_else(|| format!("{}, and not two axes behind the batch", self.says("axes")))
    }

    /// An axis, as a number or as a list of one.
    pub(super) fn one_axis(&self) -> Result<Option<i64>, String> {
        let axis = match self.get("axis") {
            Some(Value::Array(list)) if list.len() == 1 => list.first(),
            other => other,
        };
        let number = |axis: &Value| {
            let number = axis.as_i64().or_else(|| i64::try_from(whole(axis)?).ok());
            number.ok_or_else(|| format!("{}, and not one axis", self.says("axis")))
        };
        axis.map(number).transpose()
    }

    /// The last axis of so many dimensions, as a number or as a list of one.
    pub(super) fn last_axis(&self, rank: usize) -> Result<(), String> {
        let last = |axis| axis == -1 || axis == rank.saturating_sub(1) as i64;
        match self.one_axis()?.is_none_or(last) {
            true => Ok(()),
            false => Err(format!("{}, which is not the last axis", self.says("axis"))),
        }
    }

    pub(super) fn channels_last(&self) -> Result<(), String> {
        match self.text("data_format", "channels_last")?.eq_ignore_ascii_case("channels_last") {
            true => Ok(()),
            false => Err(format!("{}, which is not `channels_last`", self.says("data_format"))),
        }
    }

    /// The type of an activation.
    pub(super) fn activation(&self) -> Result<Parameter<'static>, String> {
        let said = self.get("activation").unwrap_or(&Value::Null);
        let of_layer = || {
            let config = said.get("config").and_then(Value::as_object)?;
            activations::activation_layer(said.get("class_name")?.as_str()?, config)
        };
        let name = match activation_name(said) {
            Some(name) => activation(name).map(|one| one.name).filter(|name| !name.is_empty()),
            None => of_layer(),
        };
        let unknown = || format!("{}, an activation that has no type", self.says("activation"));
        name.map(|name| (name.to_owned(), "Linear")).ok_or_else(unknown)
    }

    /// The layer in this one.
    pub(super) fn inner(&self, key: &'static str, rank: usize) -> Result<Option<Typed>, String> {
        let Some(layer) = self.get(key) else { return Ok(None) };
        let config = layer["config"].as_object();
        let config = config.ok_or_else(|| format!("{}, and no layer", self.says(key)))?;
        let class = layer["class_name"].as_str().unwrap_or_default();
        types::of(class, config, rank).map(Some)
    }

    /// How much before and after each of some axes; one number stands for both or for all.
    pub(super) fn pairs(&self, key: &'static str, axes: usize) -> Result<Vec<[u64; 2]>, String> {
        let pair = |value: &Value| match value.as_array().map(Vec::as_slice) {
            Some([before, after]) => Some([whole(before)?, whole(after)?]),
            Some(_) => None,
            None => whole(value).map(|both| [both; 2]),
        };
        let pairs: Option<Vec<_>> = match self.get(key) {
            Some(Value::Array(list)) if axes > 1 => list.iter().map(pair).collect(),
            said => said.and_then(pair).map(|both| vec![both; axes]),
        };
        let pairs = pairs.filter(|pairs| pairs.len() == axes);
        pairs.ok_or_else(|| format!("{}, and not {axes} sizes or pairs", self.says(key)))
    }

    pub(super) fn padding(&self, words: &[&str]) -> Result<String, String> {
        let said = self.text("padding", "valid")?.to_ascii_lowercase();
        let known = [("valid", "Valid"), ("same", "Same"), ("causal", "Causal")];
        let found = known.iter().find(|(word, _)| *word == said && words.contains(word));
        let found = found.ok_or_else(|| format!("{}, which has no type", self.says("padding")))?;
        Ok(found.1.to_owned())
    }

    /// A `#[with(..)]` for a number that is not as usual.
    pub(super) fn number_option(
        &self,
        key: &'static str,
        usual: f64,
        options: &mut Vec<(&'static str, String)>,
    ) -> Result<(), String> {
        let found = self.number(key, usual)?;
        if found != usual {
            options.push((key, format!("{found:?}")));
        }
        Ok(())
    }

    /// A `#[with(..)]` for an activation that is an option. Which ones there are, `#[model]` knows.
    pub(super) fn function_option(
        &self,
        key: &'static str,
        usual: &str,
        options: &mut Vec<(&'static str, String)>,
    ) -> Result<(), String> {
        let Some(said) = self.get(key) else { return Ok(()) };
        let is_name = |name: &&str| {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(word)
        };
        let name = activation_name(said).filter(is_name).filter(|name| *name != OLD_HARD_SIGMOID);
        let unknown = || format!("{}, an activation that has no type", self.says(key));
        let name = name.ok_or_else(unknown)?;
        if name != usual {
            options.push((key, name.to_owned()));
        }
        Ok(())
    }

    /// A `#[with(..)]` for a switch that is not as usual.
    pub(super) fn flag_option(
        &self,
        key: &'static str,
        usual: bool,
        options: &mut Vec<(&'static str, String)>,
    ) -> Result<(), String> {
        if self.flag(key, usual)? != usual {
            options.push((key, (!usual).to_string()));
        }
        Ok(())
    }

    /// The keys that every layer has, and then those that nobody has asked for: each is a problem, unless it says nothing.
    pub(super) fn finish(&self, options: &mut Vec<(&'static str, String)>) -> Result<(), String> {
        self.ignore(&["name"]);
        // A layer around another may have it from that one.
        let frozen = options.iter().any(|(key, _)| *key == "trainable");
        if !self.flag("trainable", true)? && !frozen {
            options.push(("trainable", false.to_string()));
        }
        for &key in of_class(self.class).map_or(&[][..], |known| known.rules) {
            if let Some(rule) = self.get(key) {
                options.push((key, rules::source(key, rule)?));
            }
        }
        if let Some(dtype) = self.get("dtype")
            && dtype_name(dtype) != Some("float32")
        {
            return Err(format!("{}, where only \"float32\" is possible", self.says("dtype")));
        }
        let seen = self.seen.borrow();
        let mut rest = self.config.iter().filter(|(key, value)| {
            // The weights are read, however they were drawn.
            !seen.contains(key.as_str())
                && !key.ends_with("_initializer")
                && !says_nothing(key, value)
        });
        match rest.next() {
            None => Ok(()),
            Some((key, _)) if of_training(key) => {
                Err(format!("{}, and `{}` has none as a type", self.says(key), self.class))
            }
            Some((key, _)) => {
                Err(format!("{}, a key that is not known of `{}`", self.says(key), self.class))
            }
        }
    }
}

/// Whether two values are one, also where one of them is written as a float.
fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a))
}
