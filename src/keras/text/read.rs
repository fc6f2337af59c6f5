//! Text layers taken off the front of a file.

use serde_json::{Map, Value, json};

use super::{
    super::{from_parts, open::KerasFile, places::numbered},
    TextLayer, TextModel, name_of, refers, renamed,
};
use crate::{
    data::{StringLookup, TextVectorization},
    dynamic::CustomObjects,
    error::{Error, shortened},
    fields::Config,
};

/// The classes that take texts, or categories that are looked up.
const CLASSES: [&str; 3] = ["TextVectorization", "StringLookup", "IntegerLookup"];

/// The text layers that a config has, by name.
pub(in crate::keras) fn names(config: &Config) -> Vec<&str> {
    let layers = config.config.get("layers").and_then(Value::as_array);
    let text = layers.into_iter().flatten().filter(|layer| is_text(layer));
    text.map(name_of).collect()
}

fn is_text(layer: &Value) -> bool {
    layer["class_name"].as_str().is_some_and(|class| CLASSES.contains(&class))
}

/// Takes the text layers off a file: what is left of its config, and the layers.
pub(in crate::keras) fn load(
    mut file: KerasFile,
    custom: &CustomObjects,
) -> Result<TextModel, Error> {
    let path = file.path.clone();
    let wrong = |message: String| Error::File { path: path.clone(), message };
    let config = file.config.take();
    let mut config = config.ok_or_else(|| wrong("this file holds no architecture".to_owned()))?;
    let Some(Value::Array(list)) = config.config.remove("layers") else {
        return Err(wrong("a model with a list of `layers` is needed".to_owned()));
    };
    let (mut text, mut kept) = (Vec::new(), Vec::new());
    for (layer, group) in numbered(&list, "layers".to_owned()) {
        if !is_text(layer) {
            kept.push(layer.clone());
            continue;
        }
        let name = name_of(layer).to_owned();
        let said = |e: String| wrong(format!("the layer `{}`: {e}", shortened(&name)));
        let weights = file.idf_weights(&group).map_err(said)?;
        let made = text_layer(layer, &group, &file.assets, &weights);
        let made = made.map_err(|e| said(e.to_string()))?;
        let at = in_front(&mut kept, &mut config.config, layer, &name, &made).map_err(said)?;
        file.passed_over.push(group);
        text.push((name, at, made));
    }
    if text.is_empty() {
        let message = "no layer of this file takes texts: `keras::load` reads it";
        return Err(wrong(message.to_owned()));
    }
    let inputs = kept.iter().filter(|layer| layer["class_name"] == "InputLayer").count().max(1);
    config.config.insert("layers".to_owned(), kept.into());
    // That was for the words.
    config.build_config = None;
    file.config = Some(config);
    Ok(TextModel { text, inputs, model: from_parts(&file, custom)? })
}

/// A layer with its table: in the config, if it was given to it, or else in the archive.
fn text_layer(
    layer: &Value,
    group: &str,
    assets: &[(String, String)],
    idf_weights: &[f32],
) -> Result<TextLayer, Error> {
    let mut config = Config::try_from(layer.clone())?;
    let class = config.class_name.clone();
    if class == "IntegerLookup" {
        // A number is the word of its digits.
        let digits = |value: &Value| {
            if value.is_number() { json!(value.to_string()) } else { value.clone() }
        };
        for key in ["mask_token", "oov_token"] {
            if let Some(value) = config.config.get_mut(key) {
                *value = digits(value);
            }
        }
        if let Some(Value::Array(list)) = config.config.get_mut("vocabulary") {
            list.iter_mut().for_each(|value| *value = digits(value));
        }
        config.class_name = "StringLookup".to_owned();
    }
    let known = ["build_config", "batch_shape"];
    known.iter().for_each(|key| drop(config.config.remove(*key)));
    if config.config.get("vocabulary").is_none_or(Value::is_null) {
        let file = format!("assets/{group}/vocabulary.txt");
        let words = assets.iter().find(|(name, _)| *name == file);
        let missing = "its vocabulary is neither in its config nor in an archive `.keras`";
        let (_, words) = words.ok_or_else(|| Error::Json(missing.to_owned()))?;
        let words: Vec<Value> = words.split('\n').map(|word| json!(word)).collect();
        config.config.insert("vocabulary".to_owned(), words.into());
        if !idf_weights.is_empty() {
            config.config.insert("idf_weights".to_owned(), json!(idf_weights));
        }
    }
    Ok(match class.as_str() {
        "TextVectorization" => {
            TextLayer::TextVectorization(TextVectorization::from_config(&config)?)
        }
        "StringLookup" => TextLayer::StringLookup(StringLookup::from_config(&config)?),
        _ => TextLayer::IntegerLookup(StringLookup::from_config(&config)?),
    })
}

/// Makes the input that a text layer takes what the layer gives; the number of that input.
fn in_front(
    kept: &mut [Value],
    model: &mut Map<String, Value>,
    layer: &Value,
    name: &str,
    made: &TextLayer,
) -> Result<usize, String> {
    let needed =
        || "it is read where it takes an input of the model, and nothing else does".to_owned();
    let nodes = layer.get("inbound_nodes").filter(|nodes| !nodes.is_null());
    let at = match nodes {
        // In a `Sequential` it is the first layer.
        None => match kept {
            [] => None,
            [first] if first["class_name"] == "InputLayer" => Some(0),
            _ => return Err(needed()),
        },
        Some(nodes) => {
            let inputs = |layer: &Value| {
                layer["class_name"] == "InputLayer" && refers(Some(nodes), name_of(layer))
            };
            let at = kept.iter().position(inputs).ok_or_else(needed)?;
            let calls = nodes.as_array().map_or(0, Vec::len);
            let of = name_of(&kept[at]);
            if calls != 1 || kept.iter().any(|layer| refers(layer.get("inbound_nodes"), of)) {
                return Err(needed());
            }
            Some(at)
        }
    };
    let shape = |value: &Value| kerata_format::sizes(value);
    let arrives = at.and_then(|at| {
        let config = &kept[at]["config"];
        shape(&config["batch_shape"]).or_else(|| shape(&config["batch_input_shape"]))
    });
    let arrives = arrives.or_else(|| shape(model.get("build_input_shape")?));
    let (gives, are_vectors) = made.gives(arrives.and_then(|sizes| *sizes.get(1)?))?;
    let sizes: Vec<Option<usize>> = [vec![None], gives].concat();
    if nodes.is_none() || model.contains_key("build_input_shape") {
        model.insert("build_input_shape".to_owned(), json!(sizes));
    }
    let Some(at) = at else { return Ok(0) };
    let input = kept[at]["config"].as_object_mut().ok_or_else(needed)?;
    input.remove("batch_input_shape");
    input.insert("batch_shape".to_owned(), json!(sizes));
    input.insert("dtype".to_owned(), json!(if are_vectors { "float32" } else { "int32" }));
    // The input is called as the layer was, so that all that names that is right.
    let old = input.insert("name".to_owned(), json!(name)).unwrap_or_default();
    if kept[at].get("name").is_some() {
        kept[at]["name"] = json!(name);
    }
    let mut number = 0;
    if let Some(ends) = model.get_mut("input_layers") {
        renamed(ends, &old, name);
        number = kerata_format::ends(ends).iter().position(|end| end == name).unwrap_or(0);
    }
    Ok(number)
}
