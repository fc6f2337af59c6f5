//! A config as structs.

use std::collections::{HashMap, HashSet};

use super::{
    Field, LostMasks, Struct,
    calls::{Call, Calls, is_model},
    flow::{Fate, Flow, fate, leaves},
    names::{Fields, camel_case},
    types::{self, Typed},
};
use crate::Config;

/// The structs of a model and of all models in it, the model itself last.
///
/// # Errors
/// That the config is no model, or does not say what reaches one.
pub fn structs(config: &Config, name: &str, masks: LostMasks<'_>) -> Result<Vec<Struct>, String> {
    let mut all = Vec::new();
    let mut structure = Structure { masks, all: &mut all };
    structure.model(config, name, &[], false)?;
    Ok(all)
}

struct Structure<'a> {
    masks: LostMasks<'a>,
    all: &'a mut Vec<Struct>,
}

/// How an input is written: `Ids<..>`, `Masked<..>`, or as it is.
#[derive(Clone, Copy)]
enum Kind {
    Ids,
    Masked,
    Values,
}

impl Structure<'_> {
    /// Adds the struct of a model; gives what leaves it. What reaches it is known of a model in another one.
    fn model(
        &mut self,
        config: &Config,
        name: &str,
        arrive: &[Flow],
        inside: bool,
    ) -> Result<Flow, String> {
        let Calls { inputs, calls, outputs } = Calls::of(config)?;
        let (mut flows, mut shapes) = (HashMap::new(), Vec::new());
        for (i, (input, sizes)) in inputs.iter().enumerate() {
            let padded = arrive.get(i).is_some_and(|flow| flow.padded);
            let kind = match (takes_ids(&calls, input), padded) {
                (true, _) => Kind::Ids,
                (false, true) => Kind::Masked,
                (false, false) => Kind::Values,
            };
            shapes.push(shape(sizes, kind));
            flows.insert(input.clone(), Flow { rank: sizes.len(), padded });
        }
        let names: Vec<&str> = inputs.iter().map(|(name, _)| name.as_str()).collect();
        let mut problems = Vec::new();
        let is_call = |output: &&String| calls.iter().any(|call| call.name == **output);
        let each = outputs.iter().filter(is_call).collect::<HashSet<_>>().len();
        match outputs.as_slice() {
            [one] if calls.last().is_none_or(|last| *one == last.name) => {}
            [one] => problems.push(format!("the output is `{one}`, and not the last layer")),
            _ if inside => {
                let n = outputs.len();
                problems.push(format!("a model in another one has {n} outputs, a struct has one"));
            }
            _ if each < outputs.len() || each > 6 => {
                let outputs = outputs.join("`, `");
                problems.push(format!("its outputs `{outputs}` are not two to six layers"));
            }
            _ => {}
        }
        if calls.is_empty() {
            problems.push("the model has no layers".to_owned());
        }
        let mut all = Layers { fields: Fields::default(), names, list: Vec::new() };
        for call in &calls {
            let reach: Vec<Flow> =
                call.from.iter().filter_map(|from| flows.get(from).copied()).collect();
            let leaves = self.call(call, name, reach, &mut all)?;
            flows.insert(call.name.clone(), leaves);
        }
        let several = outputs.iter().filter(|_| outputs.len() > 1);
        let outputs = several.map(|output| all.fields.of(output)).collect();
        let last = calls.last().and_then(|last| flows.get(&last.name).copied());
        let (name, fields) = (name.to_owned(), all.list);
        self.all.push(Struct { name, input: pairs(&shapes), outputs, fields, problems });
        Ok(last.unwrap_or(Flow { rank: 2, padded: false }))
    }

    fn call(
        &mut self,
        call: &Call,
        model: &str,
        reach: Vec<Flow>,
        all: &mut Layers<'_>,
    ) -> Result<Flow, String> {
        let (class, own) = (call.config.class_name.as_str(), all.fields.of(&call.name));
        let mut from: Vec<String> = call.from.iter().map(|from| all.source(from)).collect();
        let mut problem = call.problem.clone().or_else(|| match from.len() {
            1 | 2 => None,
            n => Some(format!("{n} values reach it, and a struct merges two")),
        });
        let fate = fate(class, &reach);
        if fate == Fate::Mixed {
            let mixed = || "of what reaches it only a part is masked".to_owned();
            problem = problem.or_else(|| Some(mixed()));
        }
        if fate == Fate::Lost && !self.drops(&call.name) {
            let lost = call.from.iter().zip(&reach).filter(|(_, flow)| flow.padded);
            let lost: Vec<String> = lost.map(|(from, _)| format!("`{from}`")).collect();
            let what = format!("it would lose the mask of {}, as in Keras", lost.join(" and "));
            problem = problem.or(Some(what));
        }
        let rank = reach.first().map_or(2, |flow| flow.rank);
        let (typed, leaves) = match is_model(&call.config) {
            true => {
                let name = format!("{model}{}", camel_case(&call.name));
                let leaves = self.model(&call.config, &name, &reach, true)?;
                (Ok(Typed::plain(&name)), leaves)
            }
            false => (types::of(class, &call.config.config, rank), leaves(&call.config, &reach)),
        };
        let typed = match problem {
            Some(problem) => Err(problem),
            None => typed,
        };
        if fate == Fate::Lost && typed.is_ok() {
            for (i, _) in reach.iter().enumerate().filter(|(_, flow)| flow.padded) {
                from[i] = all.unmask(&call.name, &own, from[i].clone());
            }
        }
        all.add(call, own, from, typed);
        Ok(leaves)
    }

    /// Whether the masks that a layer would lose are dropped on purpose.
    fn drops(&self, layer: &str) -> bool {
        match self.masks {
            LostMasks::Dropped => true,
            LostMasks::Refused(but) => but.iter().any(|one| one == layer),
        }
    }
}

/// The fields of a struct so far.
struct Layers<'a> {
    fields: Fields,
    /// The inputs of the model.
    names: Vec<&'a str>,
    list: Vec<Field>,
}

impl Layers<'_> {
    /// What is written for a value in `#[from(..)]`.
    fn source(&mut self, value: &str) -> String {
        match self.names.iter().position(|name| *name == value) {
            Some(i) => input(i, self.names.len()),
            None => self.fields.of(value),
        }
    }

    /// Those of `from` that must be written.
    fn written(&self, from: Vec<String>) -> Vec<String> {
        let last = self.list.last().map_or("input", |last| last.name.as_str());
        if from == [last] { Vec::new() } else { from }
    }

    /// Takes the mask off a value, for a field.
    fn unmask(&mut self, layer: &str, of: &str, from: String) -> String {
        let name = self.fields.unique(format!("{of}_unmasked"));
        let from = self.written(vec![from]);
        self.list.push(Field {
            name: name.clone(),
            layer: String::new(),
            class: "Unmask".to_owned(),
            from,
            options: Vec::new(),
            unmasks: Some(layer.to_owned()),
            layer_type: Ok("Unmask".to_owned()),
        });
        name
    }

    fn add(&mut self, call: &Call, own: String, from: Vec<String>, typed: Result<Typed, String>) {
        let from = self.written(from);
        let (layer_type, mut options) = match typed {
            Ok(Typed { name, options }) => (Ok(name), options),
            Err(why) => (Err(why), Vec::new()),
        };
        // What Keras calls it, if a field cannot be called so.
        let name = call.config.name();
        if name != own && !name.is_empty() && !name.contains(['.', '/']) {
            options.insert(0, ("name", format!("{name:?}")));
        }
        let class = call.config.class_name.clone();
        let layer = call.name.clone();
        let unmasks = None;
        self.list.push(Field { name: own, layer, class, from, options, unmasks, layer_type });
    }
}

/// Whether an input is of token ids: an `Embedding` takes it, perhaps in a model.
fn takes_ids(calls: &[Call], input: &str) -> bool {
    let mut takers = calls.iter().filter_map(|call| {
        let at = call.from.iter().position(|from| from == input)?;
        Some((call, at))
    });
    takers.any(|(call, at)| {
        let inside = || {
            let Calls { inputs, calls, .. } = Calls::of(&call.config).ok()?;
            inputs.get(at).map(|(name, _)| takes_ids(&calls, name))
        };
        call.config.class_name == "Embedding" || is_model(&call.config) && inside().unwrap_or(false)
    })
}

/// A signal as it is written in `#[model]`. Sizes that are not known are those of time, behind the batch.
fn shape(sizes: &[Option<usize>], kind: Kind) -> String {
    let sizes: Vec<String> = sizes
        .iter()
        .enumerate()
        .map(|(axis, size)| match (axis, size) {
            (0, _) => "Batch".to_owned(),
            (_, Some(size)) => size.to_string(),
            (_, None) => "Length".to_owned(),
        })
        .collect();
    let comma = if sizes.len() == 1 { "," } else { "" };
    let shape = format!("({}{comma})", sizes.join(", "));
    match kind {
        Kind::Ids => format!("Ids<{shape}>"),
        Kind::Masked => format!("Masked<{shape}>"),
        Kind::Values => shape,
    }
}

/// Several inputs as one: pairs, each with the rest behind it.
fn pairs(shapes: &[String]) -> String {
    match shapes {
        [] => "(Batch,)".to_owned(),
        [one] => one.clone(),
        [one, rest @ ..] => format!("Inputs<({one}, {})>", pairs(rest)),
    }
}

/// An input among several: `input.0`, `input.1.0`, `input.1.1`.
fn input(i: usize, count: usize) -> String {
    let (rest, last) = (".1".repeat(i), i + 1 == count);
    let first = if last { "" } else { ".0" };
    format!("input{rest}{first}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_inputs_are_pairs() {
        let shapes = ["a", "b", "c"].map(str::to_owned);
        assert_eq!(pairs(&shapes), "Inputs<(a, Inputs<(b, c)>)>");
        assert_eq!([0, 1, 2].map(|i| input(i, 3)), ["input.0", "input.1.0", "input.1.1"]);
        assert_eq!([input(0, 1), input(1, 2)], ["input", "input.1"]);
    }
}
