//! A config as structs.

mod fields;

use std::collections::{HashMap, HashSet};

use super::{
    LostMasks, Struct,
    fate::{Fate, fate, is_merge},
    names::{Fields, camel_case},
    types::{self, Typed},
};
use crate::{
    CAUSAL, Config,
    masks::{
        Masks, Seen,
        calls::{Call, Calls, is_model},
        flow::{Flow, leaves},
        masks as seen_in,
    },
};
use fields::{Gives, Layers};

/// Why a layer is no field of a struct: a type would lose these masks.
pub const LOST: &str = "it would lose the mask of";
/// Why no type computes what a layer does in Keras.
pub const IN_KERAS_ONLY: [&str; 3] = [PARTLY_MASKED, PADDING_SEEN, MASK_GIVEN];

const PARTLY_MASKED: &str = "of what reaches it only a part is masked";
const PADDING_SEEN: &str =
    "Keras sees the padding, which an attention without a dropout has filled";
const MASK_GIVEN: &str = "Keras gives it a mask, which an attention has taken off what reaches it";

/// The structs of a model and of all models in it, the model itself last.
///
/// # Errors
/// That the config is no model, or does not say what reaches one.
pub fn structs(config: &Config, name: &str, masks: LostMasks<'_>) -> Result<Vec<Struct>, String> {
    let mut all = Vec::new();
    let mut structure = Structure { masks, all: &mut all };
    structure.model(config, name, &[], false, seen_in(config).as_ref())?;
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
        masks: Option<&Masks>,
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
            _ if calls
                .iter()
                .any(|call| outputs.contains(&call.name) && call.places().len() > 1) =>
            {
                problems.push("its output is one of several that a layer gives".to_owned());
            }
            [one] if calls.last().is_none_or(|last| *one == last.name) => {}
            [one] => problems.push(format!("the output is `{one}`, and not the last layer")),
            _ if inside => {
                let n = outputs.len();
                problems.push(format!("a model in another one has {n} outputs, a struct has one"));
            }
            _ if each < outputs.len() || each > 6 => {
                let outputs = outputs.join("`, `");
                problems
                    .push(format!("its outputs `{outputs}` are not two to six different layers"));
            }
            _ => {}
        }
        if calls.is_empty() {
            problems.push("the model has no layers".to_owned());
        }
        let (fields, gives) = (Fields::default(), HashMap::new());
        let seen = HashMap::new();
        let causal = HashMap::new();
        let mut all = Layers { fields, names, list: Vec::new(), gives, seen, causal };
        // What has no mask in the struct, as Keras has taken one off.
        let mut bare = HashSet::new();
        for call in &calls {
            let reach = call.from.iter().filter_map(|from| {
                let flow = flows.get(&from.0).copied()?;
                Some(if all.is_state(from) { Flow { rank: 2, padded: false } } else { flow })
            });
            let leaves = self.call(call, name, reach.collect(), (masks, &mut bare), &mut all)?;
            flows.insert(call.name.clone(), leaves);
            all.gives.insert(call.name.clone(), Gives::of(call));
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
        mut reach: Vec<Flow>,
        (masks, bare): (Option<&Masks>, &mut HashSet<String>),
        all: &mut Layers<'_>,
    ) -> Result<Flow, String> {
        let class = call.config.class_name.as_str();
        let seen = masks.and_then(|masks| masks.seen(&call.name)).unwrap_or_default();
        let has_lost = |i: &usize| reach[*i].padded && seen.get(*i) == Some(&Seen::Bare);
        let lost: Vec<usize> = (0..reach.len()).filter(has_lost).collect();
        lost.iter().for_each(|&i| reach[i].padded = false);
        let behind = call.from.iter().any(|(from, _)| bare.contains(from));
        if behind || !lost.is_empty() {
            bare.insert(call.name.clone());
        }
        let own = match call.is_again {
            true => all.fields.again(&call.name, &call.layer),
            false => all.fields.of(&call.name),
        };
        let starts = call.is_recurrent() && call.from.len() > 1;
        let mut problem = call.problem.clone();
        let mut from = if starts {
            let state = all.state(call, &own);
            let first = call.from.iter().take(1).map(|one| all.source(one)).collect::<Vec<_>>();
            let state = state.map_err(|why| problem = problem.take().or(Some(why)));
            [first, Vec::from_iter(state.ok())].concat()
        } else {
            call.from.iter().map(|from| all.source(from)).collect()
        };
        problem = problem.or_else(|| match from.len() {
            1..=6 => None,
            n => Some(format!("{n} values reach it, and a struct merges six")),
        });
        problem = problem.or_else(|| match starts {
            true => None,
            false => call.from.iter().find_map(|from| all.not_a_vector(from)),
        });
        // As in Keras, a layer that starts from states sees a mask only if it is given one.
        let fate = match reach.first() {
            Some(first) if starts && first.padded && !call.has_mask => Fate::Lost,
            _ => fate(class, if starts { &reach[..1.min(reach.len())] } else { &reach }),
        };
        if fate == Fate::Mixed {
            problem = problem.or_else(|| Some(PARTLY_MASKED.to_owned()));
        }
        let no_mask = |(flow, seen): (&Flow, &Seen)| *seen == Seen::Masked && !flow.padded;
        if seen.contains(&Seen::Means) {
            problem = problem.or_else(|| Some(PADDING_SEEN.to_owned()));
        } else if reach.iter().zip(seen).any(no_mask) {
            problem = problem.or_else(|| Some(MASK_GIVEN.to_owned()));
        }
        let said = all.causal.entry(call.layer.clone()).or_insert(call.is_causal);
        if *said != call.is_causal {
            let what = format!("`{CAUSAL}` is another one than in the call before");
            problem = problem.or(Some(what));
        }
        let drops = self.drops(&call.layer) || behind && is_merge(class);
        if fate == Fate::Lost && !drops {
            let lost = call.from.iter().zip(&reach).filter(|(_, flow)| flow.padded);
            let lost: Vec<String> = lost.map(|((from, _), _)| format!("`{from}`")).collect();
            let what = format!("{LOST} {}, as in Keras", lost.join(" and "));
            problem = problem.or(Some(what));
        }
        let ranks: Vec<usize> = reach.iter().map(|flow| flow.rank).collect();
        let (typed, leaves) = match is_model(&call.config) {
            _ if call.is_again => {
                let first = all.seen.get(&call.layer);
                let other = || "it is called with other masks or dimensions than before".to_owned();
                match first.filter(|(before, _)| *before == reach) {
                    Some((_, leaves)) => (Ok(Typed::plain("Again")), *leaves),
                    // What is no model is for any signal.
                    None if !is_model(&call.config) => {
                        (Ok(Typed::plain("Again")), leaves(&call.config, &reach))
                    }
                    None => (Err(other()), leaves(&call.config, &reach)),
                }
            }
            true => {
                let name = format!("{model}{}", camel_case(&call.name));
                let inside = masks.and_then(|masks| masks.inside(&call.name));
                let leaves = self.model(&call.config, &name, &reach, true, inside)?;
                (Ok(Typed::plain(&name)), leaves)
            }
            false => {
                let reach = match (starts, reach.first()) {
                    (true, Some(first)) => {
                        &[Flow { padded: first.padded && call.has_mask, ..*first }]
                    }
                    _ => &reach[..],
                };
                (types::of_built(&call.config, ranks), leaves(&call.config, reach))
            }
        };
        let typed = typed.map(|mut typed| {
            if call.is_causal && !call.is_again {
                typed.options.push((CAUSAL, true.to_string()));
            }
            typed
        });
        let typed = match problem {
            // What the layer cannot be is more than how it is called.
            Some(_) if call.problem.is_some() && !call.is_operation && typed.is_err() => typed,
            Some(problem) => Err(problem),
            None => typed,
        };
        if typed.is_ok() {
            for i in lost {
                from[i] = all.unmask(&call.layer, &own, from[i].clone());
            }
        }
        if fate == Fate::Lost && typed.is_ok() {
            for (i, _) in reach.iter().enumerate().filter(|(_, flow)| flow.padded) {
                from[i] = all.unmask(&call.layer, &own, from[i].clone());
            }
        }
        all.seen.entry(call.layer.clone()).or_insert((reach, leaves));
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

/// Whether an input is of token ids: an `Embedding` takes it, perhaps in a model.
fn takes_ids(calls: &[Call], input: &str) -> bool {
    let mut seen = HashSet::new();
    let mut takers = calls.iter().filter_map(|call| {
        let at = call.from.iter().position(|(from, _)| from == input)?;
        seen.insert((&call.layer, at)).then_some((call, at))
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
