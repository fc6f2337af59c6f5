//! Models with text layers in front, which make ids or vectors of texts.

mod read;
mod write;

use std::path::Path;

use serde_json::{Value, json};

use crate::{
    data::{OutputMode, StringLookup, TextVectorization},
    dynamic::{DynamicLayer, DynamicValue},
    error::Error,
};
pub(super) use read::{load, names};
pub(super) use write::{idf_weights, with_text};

/// A layer in front of a model, which looks words up in its table.
#[derive(Debug, Clone, PartialEq)]
pub enum TextLayer {
    /// Takes one text per row.
    TextVectorization(TextVectorization),
    /// Takes words.
    StringLookup(StringLookup),
    /// Takes whole numbers, which are words of digits here.
    IntegerLookup(StringLookup),
}

/// A model whose file has text layers in front: these, and the model that takes what they give.
///
/// Made by [`load_with_text`](super::load_with_text).
#[derive(Debug, Clone)]
pub struct TextModel {
    /// The text layers by name, each with the number of the input of `model` that it is for.
    pub text: Vec<(String, usize, TextLayer)>,
    /// The model behind them: it takes ids, or vectors.
    pub model: DynamicLayer,
    inputs: usize,
}

impl TextLayer {
    /// What the layer gives for rows of words, or for rows of one text if it splits texts.
    ///
    /// # Errors
    /// [`Error::Mismatch`] for rows of different lengths, or more than one text in a row; those of [`TextVectorization::ids`]
    /// and [`StringLookup::vector`].
    pub fn apply<T: AsRef<str>>(&self, rows: &[Vec<T>]) -> Result<DynamicValue, Error> {
        let lookup = match self {
            Self::TextVectorization(layer) => {
                if let Some(row) = rows.iter().find(|row| row.len() != 1) {
                    return Err(Error::mismatch("the texts of a row", 1, row.len()));
                }
                let texts: Vec<&str> = rows.iter().flatten().map(AsRef::as_ref).collect();
                return match layer.output_mode {
                    OutputMode::Int => ids(&layer.ids(&texts)?),
                    _ => vectors(&layer.vectors(&texts)?),
                };
            }
            Self::StringLookup(lookup) | Self::IntegerLookup(lookup) => lookup,
        };
        let each = rows.iter();
        match lookup.output_mode {
            OutputMode::Int => {
                ids(&each.map(|row| lookup.ids(row)).collect::<Result<Vec<_>, _>>()?)
            }
            _ => vectors(&each.map(|row| lookup.vector(row)).collect::<Result<Vec<_>, _>>()?),
        }
    }

    /// The sizes of what it gives behind the batch, for rows of so many words or texts, and whether these are vectors.
    fn gives(&self, length: Option<usize>) -> Result<(Vec<Option<usize>>, bool), String> {
        let (mode, width, length) = match self {
            Self::TextVectorization(layer) => {
                (layer.output_mode, layer.vector_size(), layer.output_sequence_length)
            }
            Self::StringLookup(lookup) | Self::IntegerLookup(lookup) => {
                (lookup.output_mode, lookup.vector_size(), length)
            }
        };
        match mode {
            OutputMode::Int => Ok((vec![length], false)),
            OutputMode::OneHot if length != Some(1) => {
                Err("a one-hot vector for each of several words is not read".to_owned())
            }
            _ => Ok((vec![Some(width)], true)),
        }
    }
}

fn ids(rows: &[Vec<usize>]) -> Result<DynamicValue, Error> {
    DynamicValue::ids([rows.len(), length_of(rows)?], rows.concat())
}

fn vectors(rows: &[Vec<f32>]) -> Result<DynamicValue, Error> {
    DynamicValue::numbers([rows.len(), length_of(rows)?], rows.concat())
}

fn length_of<T>(rows: &[Vec<T>]) -> Result<usize, Error> {
    let length = rows.first().map_or(0, Vec::len);
    match rows.iter().find(|row| row.len() != length) {
        Some(row) => Err(Error::mismatch("the words of a row", length, row.len())),
        None => Ok(length),
    }
}

impl TextModel {
    /// Runs a model that takes texts, one per row, and nothing else.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if the model has other inputs, too; those of [`TextLayer::apply`] and
    /// [`DynamicLayer::run`](crate::config::DynamicLayer::run).
    pub fn run<T: AsRef<str>>(&mut self, texts: &[T]) -> Result<DynamicValue, Error> {
        let ([(.., layer)], 1) = (self.text.as_slice(), self.inputs) else {
            return Err(Error::mismatch("the inputs of a model of texts", 1, self.inputs));
        };
        let rows: Vec<Vec<&str>> = texts.iter().map(|text| vec![text.as_ref()]).collect();
        self.model.run(layer.apply(&rows)?)
    }
}

impl TextModel {
    /// Writes the model with its text layers in front: [`save_with_text`](super::save_with_text).
    ///
    /// # Errors
    /// Those of [`save_with_text`](super::save_with_text).
    pub fn save_keras(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        super::save_with_text(path, &self.text, &self.model)
    }
}

fn name_of(layer: &Value) -> &str {
    layer["config"]["name"].as_str().unwrap_or_default()
}

/// Whether a tensor in some `inbound_nodes` is of this layer.
fn refers(nodes: Option<&Value>, name: &str) -> bool {
    match nodes {
        Some(Value::Array(list)) => match list.as_slice() {
            [Value::String(layer), Value::Number(_), ..] => layer == name,
            list => list.iter().any(|inner| refers(Some(inner), name)),
        },
        Some(Value::Object(map)) => map.values().any(|inner| refers(Some(inner), name)),
        _ => false,
    }
}

/// Gives a layer another name in `["a", 0, 0]`, or in lists or objects of such.
fn renamed(ends: &mut Value, old: &Value, name: &str) {
    match ends {
        Value::Array(list) => match list.as_mut_slice() {
            [layer, Value::Number(_), ..] if layer == old => *layer = json!(name),
            list => list.iter_mut().for_each(|inner| renamed(inner, old, name)),
        },
        Value::Object(map) => map.values_mut().for_each(|inner| renamed(inner, old, name)),
        _ => {}
    }
}
