//! What a function of Keras's is called with.

use serde_json::{Map, Value};

use super::{
    super::words::refused,
    nodes::{Argument, CallArguments, Reference},
    table::Kind,
};
use crate::error::Error;

/// What a function calculates with.
#[derive(Debug, Clone)]
pub(super) enum Operand {
    Tensor,
    /// The sizes and the values of what is the same in each call.
    Numbers(Vec<usize>, Vec<f32>),
}

/// What is said in a call.
pub(super) struct Said {
    pub(super) operands: Vec<Operand>,
    pub(super) options: Map<String, Value>,
}

/// The names of arguments that are values.
const VALUES: [&str; 7] = ["condition", "images", "inputs", "x", "x1", "x2", "xs"];

/// What every function may say, and none needs.
const IGNORED: [&str; 4] = ["dtype", "name", "trainable", "weights"];

/// Takes the arguments of a call apart.
pub(super) fn said(
    kind: &Kind,
    call: &CallArguments<Reference>,
    mut options: Map<String, Value>,
) -> Result<Said, Error> {
    let (mut operands, mut behind) = (Vec::new(), Vec::new());
    let named = call.kwargs.iter().filter(|(key, _)| VALUES.contains(&key.as_str()));
    for argument in call.args.iter().chain(named.map(|(_, one)| one)) {
        let open = kind.arity().is_none_or(|arity| operands.len() < arity);
        match argument {
            Argument::List(_) if !argument.tensors().is_empty() => {
                operands.extend(vec![Operand::Tensor; argument.tensors().len()]);
            }
            Argument::Tensor(_) => operands.push(Operand::Tensor),
            other => {
                let value = other.to_json(&|_| Value::Null);
                match numbers(&value).filter(|_| open && kind.takes_numbers()) {
                    Some((sizes, values)) => operands.push(Operand::Numbers(sizes, values)),
                    None => behind.push(value),
                }
            }
        }
    }
    // What stands behind the values has no name there.
    for (key, value) in kind.options().iter().zip(behind) {
        options.insert((*key).to_owned(), value);
    }
    for (key, one) in call.kwargs.iter().filter(|(key, _)| !VALUES.contains(&key.as_str())) {
        if !one.tensors().is_empty() {
            return Err(refused(format!("`{key}` of a function is no tensor here")));
        }
        options.insert(key.clone(), one.to_json(&|_| Value::Null));
    }
    options.values_mut().for_each(take_out_arrays);
    let other = |(key, value): &(&String, &Value)| {
        let key = key.as_str();
        let read = IGNORED.contains(&key) || kind.options().contains(&key);
        !read && !value.is_null() && **value != Value::Bool(false)
    };
    if let Some((key, value)) = options.iter().find(other) {
        return Err(refused(format!("`{key}` {value} of a function is not known here")));
    }
    if options.get("weights").is_some_and(|weights| !weights.is_null()) {
        return Err(refused("`weights` of a function are not known here"));
    }
    let tensors = operands.iter().filter(|one| matches!(one, Operand::Tensor)).count();
    let fits = match kind.arity() {
        None => tensors > 0 && tensors == operands.len(),
        Some(arity) => tensors > 0 && operands.len() == arity,
    };
    if !fits {
        return Err(refused("a function of other values is needed"));
    }
    Ok(Said { operands, options })
}

/// Puts the numbers of an array in its place: also what is a list may be said as one.
fn take_out_arrays(value: &mut Value) {
    match value {
        Value::Array(list) => list.iter_mut().for_each(take_out_arrays),
        Value::Object(map) => {
            if let Some(inner) = of_array(map).cloned() {
                *value = inner;
            }
        }
        _ => {}
    }
}

/// The numbers of an array, as lists in lists.
fn of_array(map: &Map<String, Value>) -> Option<&Value> {
    match map.get("class_name").and_then(Value::as_str) {
        Some("__numpy__" | "__tensor__") => map.get("config")?.get("value"),
        _ => None,
    }
}

/// Numbers that are no tensor of the graph: one, lists of them, or an array.
fn numbers(value: &Value) -> Option<(Vec<usize>, Vec<f32>)> {
    match value {
        Value::Number(number) => Some((Vec::new(), vec![number.as_f64()? as f32])),
        Value::Bool(flag) => Some((Vec::new(), vec![f32::from(u8::from(*flag))])),
        Value::Array(list) => {
            let parts: Option<Vec<_>> = list.iter().map(numbers).collect();
            let parts = parts.filter(|parts| !parts.is_empty())?;
            let inner = parts[0].0.clone();
            if parts.iter().any(|(sizes, _)| *sizes != inner) {
                return None;
            }
            let sizes = [&[parts.len()], &inner[..]].concat();
            Some((sizes, parts.into_iter().flat_map(|(_, values)| values).collect()))
        }
        Value::Object(map) => numbers(of_array(map)?),
        _ => None,
    }
}
