//! How a layer of a model of branches is called.

use serde_json::Value;

use super::{
    super::{
        DynamicLayer,
        reversible::REVERSE,
        said::{CallWords, Said},
    },
    Part,
    nodes::{Argument, CallArguments},
    read::wrong,
    wiring::{Call, Source},
};
use crate::{
    error::{Error, shortened},
    fields::says_training,
};

/// One call of a layer, and what it says to the layer beside its values.
pub(super) fn made(
    is_keras_3: bool,
    name: &str,
    layer: &DynamicLayer,
    entry: usize,
    arguments: &CallArguments<Source>,
) -> Result<(Call, Said), Error> {
    let mut call = Call { entry, ..Call::default() };
    if layer.op.is_function() {
        call.inputs = arguments.all().flat_map(Argument::tensors).copied().collect();
        return Ok((call, Said::default()));
    }
    let (words, takes_states) = (layer.op.words(), layer.op.takes_states());
    let unknown = |key: &str| {
        wrong(name, format!("it is called with `{}`, which is not known here", shortened(key)))
    };
    if let Some(Argument::Plain(value)) =
        arguments.args.iter().find(|one| matches!(one, Argument::Plain(value) if !value.is_null()))
    {
        return Err(unknown(&value.to_string()));
    }
    let mut said = Said::default();
    match words.values {
        [] => call.inputs = arguments.args.iter().flat_map(Argument::tensors).copied().collect(),
        _ => values(words, arguments, &mut call, &mut said)
            .map_err(|message| wrong(name, message))?,
    }
    for (key, argument) in &arguments.kwargs {
        let flag = words.flags.iter().find(|flag| *flag == key);
        match (key.as_str(), argument) {
            (_, Argument::Plain(Value::Null)) => {}
            ("training", Argument::Plain(Value::Bool(said)))
                if says_training(layer.class()) == Some(*said) => {}
            ("training", Argument::Plain(Value::Bool(false))) => call.rests = true,
            (_, Argument::Plain(Value::Bool(value))) if flag.is_some() => {
                said.flags.extend(flag.filter(|_| *value));
            }
            (key, Argument::Tensor(_)) if values_of(words, key).is_some() => {}
            ("mask", Argument::Tensor(mask)) => call.masks.push((0, *mask)),
            ("mask", Argument::List(list)) => {
                for (i, mask) in list.iter().enumerate() {
                    match mask {
                        Argument::Tensor(mask) => call.masks.push((i, *mask)),
                        Argument::Plain(Value::Null) => {}
                        _ => return Err(unknown(key)),
                    }
                }
            }
            ("initial_state", states) if takes_states => {
                call.inputs.extend(states.tensors().into_iter().copied());
            }
            ("inputs" | "sequences", argument) if arguments.args.is_empty() => {
                call.inputs.extend(argument.tensors().into_iter().copied());
            }
            _ => return Err(unknown(key)),
        }
    }
    // Each call has its own way.
    call.reversed = said.has(REVERSE);
    said.flags.retain(|flag| *flag != REVERSE);
    said.flags.sort_unstable();
    if call.inputs.is_empty() {
        return Err(wrong(name, "nothing reaches it"));
    }
    call.states = if takes_states { call.inputs.len() - 1 } else { 0 };
    // Before Keras 3, masks stayed.
    call.bared = match is_keras_3 && words.bares {
        true => {
            said.values.iter().filter(|name| words.values[..words.masked].contains(name)).count()
        }
        false => 0,
    };
    Ok((call, said))
}

/// What the name of an argument means to a layer whose values have names.
#[derive(Clone, Copy)]
enum Named {
    Value(&'static str),
    /// The mask of one of them.
    Mask(&'static str),
}

fn values_of(words: CallWords, key: &str) -> Option<Named> {
    let value = |key: &str| words.values.iter().find(|name| **name == key).copied();
    match (value(key), key.strip_suffix("_mask").and_then(value)) {
        (Some(name), _) => Some(Named::Value(name)),
        (None, Some(name)) if words.values[..words.masked].contains(&name) => {
            Some(Named::Mask(name))
        }
        _ => None,
    }
}

/// Finds the values of a call by their names. They may stand in front without them: those that may have a mask, then
/// these masks, then the others.
fn values(
    words: CallWords,
    arguments: &CallArguments<Source>,
    call: &mut Call,
    said: &mut Said,
) -> Result<(), String> {
    let (masked, others) = words.values.split_at(words.masked);
    let by_place = masked.iter().map(|name| Named::Value(name));
    let by_place = by_place.chain(masked.iter().map(|name| Named::Mask(name)));
    let by_place = by_place.chain(others.iter().map(|name| Named::Value(name)));
    let mut given: Vec<(Named, Source)> = Vec::new();
    let mut places = by_place.into_iter();
    for argument in &arguments.args {
        let name = places.next();
        match (argument, name) {
            (Argument::Plain(Value::Null), _) => {}
            (Argument::Tensor(source), Some(name)) => given.push((name, *source)),
            _ => return Err("one value for each argument is needed".to_owned()),
        }
    }
    for (key, argument) in &arguments.kwargs {
        if let (Argument::Tensor(source), Some(name)) = (argument, values_of(words, key)) {
            given.push((name, *source));
        }
    }
    for name in words.values {
        let mut found = given.iter().filter(|(of, _)| matches!(of, Named::Value(of) if of == name));
        if let Some((_, source)) = found.next() {
            call.inputs.push(*source);
            said.values.push(name);
        }
        if found.next().is_some() {
            return Err(format!("it is called with two values for `{name}`"));
        }
    }
    // Keras does not look at the mask that is given for the first one, but at that which it has.
    for (name, source) in given {
        if let Named::Mask(name) = name
            && let Some(at) =
                said.values.iter().position(|value| *value == name).filter(|at| *at > 0)
        {
            call.masks.push((at, source));
        }
    }
    Ok(())
}

/// The arguments as Keras 3 writes them: before, states stood beside the sequence.
pub(super) fn written(part: &Part, mut arguments: CallArguments<Source>) -> CallArguments<Source> {
    let takes_states = part.runs().is_some_and(|layer| layer.op.takes_states());
    if let [Argument::List(list)] = arguments.args.as_slice()
        && takes_states
        && list.len() > 1
    {
        let states = Argument::List(list[1..].to_vec());
        arguments.args = vec![list[0].clone()];
        arguments.kwargs.push(("initial_state".to_owned(), states));
    }
    arguments
}
