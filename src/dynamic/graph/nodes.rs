//! How layers are called in the JSON of a `Functional`: in lists, as Keras 2 wrote them, and in objects, as Keras 3 does.

use serde_json::{Map, Value};

use crate::fields::whole;

/// An argument of a call, in which `R` stands for a tensor.
#[derive(Debug, Clone)]
pub(in crate::dynamic) enum Argument<R> {
    Tensor(R),
    List(Vec<Argument<R>>),
    Object(Vec<(String, Argument<R>)>),
    /// What is no tensor and holds none.
    Plain(Value),
}

/// A tensor in the JSON: a layer, which of its calls gave it, and which one it is of what that call gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dynamic) struct Reference {
    pub(super) layer: String,
    pub(super) call: usize,
    pub(super) output: usize,
}

/// One call of a layer.
#[derive(Debug, Clone)]
pub(in crate::dynamic) struct CallArguments<R> {
    pub(super) args: Vec<Argument<R>>,
    pub(super) kwargs: Vec<(String, Argument<R>)>,
}

impl<R> Argument<R> {
    /// All tensors, from the first to the last; those of an object in the order of its keys, as in Keras.
    pub(super) fn tensors(&self) -> Vec<&R> {
        match self {
            Self::Tensor(tensor) => vec![tensor],
            Self::List(list) => list.iter().flat_map(Self::tensors).collect(),
            Self::Object(entries) => entries.iter().flat_map(|(_, one)| one.tensors()).collect(),
            Self::Plain(_) => Vec::new(),
        }
    }

    /// The same with other words for the tensors.
    pub(super) fn map<S, E>(
        &self,
        to: &mut impl FnMut(&R) -> Result<S, E>,
    ) -> Result<Argument<S>, E> {
        Ok(match self {
            Self::Tensor(tensor) => Argument::Tensor(to(tensor)?),
            Self::List(list) => {
                Argument::List(list.iter().map(|one| one.map(to)).collect::<Result<_, _>>()?)
            }
            Self::Object(entries) => {
                let entry = |(key, one): &(String, Self)| Ok((key.clone(), one.map(to)?));
                Argument::Object(entries.iter().map(entry).collect::<Result<_, _>>()?)
            }
            Self::Plain(value) => Argument::Plain(value.clone()),
        })
    }

    /// As JSON.
    pub(super) fn to_json(&self, tensor: &impl Fn(&R) -> Value) -> Value {
        match self {
            Self::Tensor(one) => tensor(one),
            Self::List(list) => list.iter().map(|one| one.to_json(tensor)).collect(),
            Self::Object(entries) => {
                let entries = entries.iter().map(|(key, one)| (key.clone(), one.to_json(tensor)));
                Value::Object(entries.collect())
            }
            Self::Plain(value) => value.clone(),
        }
    }
}

impl<R> CallArguments<R> {
    /// All arguments.
    pub(super) fn all(&self) -> impl Iterator<Item = &Argument<R>> {
        self.args.iter().chain(self.kwargs.iter().map(|(_, argument)| argument))
    }

    pub(super) fn map<S, E>(
        &self,
        to: &mut impl FnMut(&R) -> Result<S, E>,
    ) -> Result<CallArguments<S>, E> {
        let args = self.args.iter().map(|one| one.map(to)).collect::<Result<_, _>>()?;
        let entry = |(key, one): &(String, Argument<R>)| Ok((key.clone(), one.map(to)?));
        Ok(CallArguments { args, kwargs: self.kwargs.iter().map(entry).collect::<Result<_, _>>()? })
    }
}

/// `["name", 0, 0]`, with or without what comes behind it.
fn listed(list: &[Value]) -> Option<Reference> {
    let index = |value: &Value| usize::try_from(whole(value)?).ok();
    match list {
        [Value::String(layer), call, output, ..] => {
            Some(Reference { layer: layer.clone(), call: index(call)?, output: index(output)? })
        }
        _ => None,
    }
}

impl Argument<Reference> {
    /// Reads the ends of a model: `["name", 0, 0]`, or a list or an object of such.
    pub(super) fn ends(value: &Value) -> Self {
        Self::read(value, true)
    }

    fn read(value: &Value, lists: bool) -> Self {
        match value {
            Value::Array(list) => match listed(list).filter(|_| lists && list.len() <= 4) {
                Some(tensor) => Self::Tensor(tensor),
                None => Self::List(list.iter().map(|one| Self::read(one, lists)).collect()),
            },
            Value::Object(map) => Self::object(map, lists),
            plain => Self::Plain(plain.clone()),
        }
    }

    fn object(map: &Map<String, Value>, lists: bool) -> Self {
        let class = map.get("class_name").and_then(Value::as_str);
        let history = map.get("config").and_then(|config| config.get("keras_history"));
        match (class, history.and_then(Value::as_array).and_then(|list| listed(list))) {
            (Some("__keras_tensor__"), Some(tensor)) => Self::Tensor(tensor),
            (Some("__tuple__"), _) => match map.get("items") {
                Some(items @ Value::Array(_)) => Self::read(items, lists),
                _ => Self::Plain(map.clone().into()),
            },
            (Some(_), _) => Self::Plain(map.clone().into()),
            (None, _) => {
                let entries = map.iter().map(|(key, one)| (key.clone(), Self::read(one, lists)));
                Self::Object(entries.collect())
            }
        }
    }
}

impl CallArguments<Reference> {
    /// Reads one entry of `inbound_nodes`.
    pub(super) fn read(node: &Value) -> Self {
        if let Value::Object(map) = node
            && (map.contains_key("args") || map.contains_key("kwargs"))
        {
            let list = map.get("args").and_then(Value::as_array);
            let args = list.into_iter().flatten().map(|one| Argument::read(one, false)).collect();
            let named = map.get("kwargs").and_then(Value::as_object);
            let entry = |(key, one): (&String, &Value)| (key.clone(), Argument::read(one, false));
            return Self { args, kwargs: named.into_iter().flatten().map(entry).collect() };
        }
        let mut kwargs = Vec::new();
        let inputs = Self::older(node, &mut kwargs);
        let args = match inputs {
            // A list of one is that one, in Keras 2.
            Argument::List(mut list) if list.len() == 1 => list.pop().into_iter().collect(),
            inputs => vec![inputs],
        };
        Self { args, kwargs }
    }

    /// Reads `[["name", 0, 0, {"training": false}], ..]`. The first names what else the call is given.
    fn older(node: &Value, kwargs: &mut Vec<(String, Argument<Reference>)>) -> Argument<Reference> {
        match node {
            Value::Array(list) => match listed(list) {
                Some(tensor) => {
                    for (key, value) in list.get(3).and_then(Value::as_object).into_iter().flatten()
                    {
                        let value = Argument::read(value, true);
                        if !kwargs.iter().any(|(other, _)| other == key) {
                            kwargs.push((key.clone(), value));
                        }
                    }
                    Argument::Tensor(tensor)
                }
                None => Argument::List(list.iter().map(|one| Self::older(one, kwargs)).collect()),
            },
            Value::Object(map) => {
                let entries = map.iter().map(|(key, one)| (key.clone(), Self::older(one, kwargs)));
                Argument::Object(entries.collect())
            }
            plain => Argument::Plain(plain.clone()),
        }
    }
}
