//! Text layers put in front of a model's config.

use serde_json::{Map, Value, json};

use super::{super::places::numbered, TextLayer, name_of, refers, renamed};
use crate::{
    data::OutputMode,
    error::{Error, shortened},
    fields::Config,
};

/// A config whose inputs take words where there is a text layer for them.
///
/// # Errors
/// [`Error::Invalid`] for a layer without a table, an input that is not there or has two layers, or a name that is taken;
/// [`Error::Mismatch`] for an input of other sizes than the layer gives.
pub(in crate::keras) fn with_text(
    mut model: Config,
    text: &[(String, usize, TextLayer)],
) -> Result<Config, Error> {
    let Some(Value::Array(mut layers)) = model.config.remove("layers") else {
        return Err(Error::Json("a model with a list of `layers` is needed".to_owned()));
    };
    let inputs = match model.config.get("input_layers") {
        Some(ends) => kerata_format::ends(ends),
        None => {
            let shape = model.config.remove("build_input_shape");
            if layers.first().is_none_or(|layer| layer["class_name"] != "InputLayer") {
                layers.insert(0, input("input_layer", &shape.unwrap_or_default()));
            }
            vec![name_of(&layers[0]).to_owned()]
        }
    };
    // That was for the ids.
    model.build_config = None;
    let mut done = Vec::new();
    for (name, number, layer) in text {
        let expected = "the number of an input of the model, each once";
        let invalid = || Error::invalid("the input of a text layer", *number, expected);
        let of = inputs.get(*number).filter(|of| !done.contains(of)).ok_or_else(invalid)?;
        done.push(of);
        if layers.iter().any(|layer| name_of(layer) == name && name_of(layer) != of) {
            let expected = "a name that no other layer has";
            return Err(Error::invalid("the name of a text layer", shortened(name), expected));
        }
        let at = layers.iter().position(|layer| name_of(layer) == of).ok_or_else(invalid)?;
        insert(&mut layers, at, &mut model.config, name, layer)?;
    }
    model.config.insert("layers".to_owned(), layers.into());
    Ok(model)
}

fn input(name: &str, shape: &Value) -> Value {
    json!({
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": {"batch_shape": shape, "dtype": "float32", "sparse": false, "ragged": false, "name": name},
        "registered_name": null,
    })
}

/// Puts a layer behind the input at a place of the list.
fn insert(
    layers: &mut Vec<Value>,
    at: usize,
    model: &mut Map<String, Value>,
    name: &str,
    layer: &TextLayer,
) -> Result<(), Error> {
    let sizes = kerata_format::sizes(&layers[at]["config"]["batch_shape"]);
    let length = sizes.as_ref().and_then(|sizes| *sizes.get(1)?);
    let (gives, _) = layer.gives(length).map_err(Error::Json)?;
    let takes = sizes.as_deref().unwrap_or_default().get(1..).unwrap_or_default();
    if takes.len() != gives.len()
        || takes.iter().zip(&gives).any(|(takes, gives)| takes.is_some() && takes != gives)
    {
        let what = "what the text layer of an input gives, behind the batch";
        return Err(Error::mismatch(what, format!("{takes:?}"), format!("{gives:?}")));
    }
    let old = json!(name_of(&layers[at]));
    // A model that was read calls its input as the text layer was called.
    let mut words = name_of(&layers[at]).to_owned();
    while words == name || (json!(words) != old && layers.iter().any(|it| name_of(it) == words)) {
        words.push_str("_text");
    }
    let many = |layer: &Value| refers(layer.get("inbound_nodes"), name_of(&layers[at]));
    let is_graph = layers.iter().any(many) || layers[at].get("inbound_nodes").is_some();
    for layer in layers.iter_mut() {
        if let Some(nodes) = layer.get_mut("inbound_nodes") {
            renamed(nodes, &old, name);
        }
    }
    for ends in ["output_layers", "input_layers"] {
        let name = if ends == "input_layers" { &words } else { name };
        if let Some(ends) = model.get_mut(ends) {
            renamed(ends, &old, name);
        }
    }
    let arrives = json!([null, layer.takes(length)]);
    let input = &mut layers[at];
    let dtype = if matches!(layer, TextLayer::IntegerLookup(_)) { "int64" } else { "string" };
    for (key, value) in
        [("batch_shape", &arrives), ("dtype", &json!(dtype)), ("name", &json!(words))]
    {
        input["config"][key] = value.clone();
    }
    let mut own = layer.config(name)?;
    if is_graph {
        input["name"] = json!(words);
        own["name"] = json!(name);
        own["inbound_nodes"] = json!([{
            "args": [{
                "class_name": "__keras_tensor__",
                "config": {"shape": arrives, "dtype": dtype, "keras_history": [words, 0, 0]},
            }],
            "kwargs": {},
        }]);
    }
    layers.insert(at + 1, own);
    Ok(())
}

/// The arrays that the text layers of a config have, by their paths: Keras takes these from there, whatever its config says.
pub(in crate::keras) fn idf_weights(
    config: &Config,
    text: &[(String, usize, TextLayer)],
) -> Vec<(String, Vec<f32>)> {
    let layers = config.config.get("layers").and_then(Value::as_array);
    let groups = numbered(layers.map(Vec::as_slice).unwrap_or_default(), "layers".to_owned());
    let mut arrays = Vec::new();
    for (layer, group) in groups {
        let Some((.., text)) = text.iter().find(|(name, ..)| name_of(layer) == name) else {
            continue;
        };
        let (lookup, places) = match text {
            TextLayer::TextVectorization(text) => (&text.vocabulary, &["", "/_lookup_layer"][..]),
            TextLayer::StringLookup(lookup) | TextLayer::IntegerLookup(lookup) => {
                (lookup, &[""][..])
            }
        };
        let Some(weights) = lookup.idf_weights() else { continue };
        let path = |place: &&str| (format!("{group}{place}/vars"), weights.to_vec());
        arrays.extend(places.iter().map(path));
    }
    arrays
}

impl TextLayer {
    /// How many words, or texts, a row has that becomes so many ids.
    fn takes(&self, length: Option<usize>) -> Option<usize> {
        match self {
            Self::TextVectorization(_) => Some(1),
            Self::StringLookup(lookup) | Self::IntegerLookup(lookup) => match lookup.output_mode {
                OutputMode::Int => length,
                OutputMode::OneHot => Some(1),
                _ => None,
            },
        }
    }

    /// In Keras's form, with its table.
    fn config(&self, name: &str) -> Result<Value, Error> {
        let mut config = match self {
            Self::TextVectorization(layer) => layer.config(),
            Self::StringLookup(lookup) | Self::IntegerLookup(lookup) => lookup.config(),
        };
        let keys = &mut config.config;
        if keys.get("vocabulary").is_none_or(Value::is_null) {
            let expected = "a layer that was adapted, or given a vocabulary";
            return Err(Error::invalid("the table of a text layer", shortened(name), expected));
        }
        if let Self::IntegerLookup(_) = self {
            config.class_name = "IntegerLookup".to_owned();
            keys.remove("encoding");
            keys.insert("vocabulary_dtype".to_owned(), json!("int64"));
            let wrong = |word: &Value| {
                let expected = "whole numbers, as of an `IntegerLookup`";
                Error::invalid("the words of a text layer", shortened(&word.to_string()), expected)
            };
            let number = |word: &Value| -> Result<Value, Error> {
                let parsed = word.as_str().map(str::parse::<i64>);
                parsed.map_or_else(|| Ok(word.clone()), |n| Ok(json!(n.map_err(|_| wrong(word))?)))
            };
            for key in ["mask_token", "oov_token"] {
                if let Some(word) = keys.get_mut(key) {
                    *word = number(word)?;
                }
            }
            if let Some(Value::Array(words)) = keys.get_mut("vocabulary") {
                for word in words {
                    *word = number(word)?;
                }
            }
        }
        keys.insert("name".to_owned(), json!(name));
        serde_json::to_value(&config).map_err(|e| Error::Json(e.to_string()))
    }
}
