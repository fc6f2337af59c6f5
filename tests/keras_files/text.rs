//! Models with text layers in front: the tables are read, and what Keras answered to texts is answered here.

use std::{fs, path::PathBuf};

use kerata::{
    Error,
    config::{CustomObjects, DynamicValue},
    keras::{self, TextLayer, TextModel},
    prelude::*,
};
use serde_json::Value;

use crate::case::skipped;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases/keras-files/text")
}

fn words(input: &Value) -> Vec<Vec<String>> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let row = |row: &Value| row.as_array().unwrap().iter().map(word).collect();
    input.as_array().unwrap().iter().map(row).collect()
}

fn numbers(value: &Value, found: &mut Vec<f32>) {
    match value {
        Value::Array(list) => list.iter().for_each(|value| numbers(value, found)),
        value => found.push(value.as_f64().unwrap() as f32),
    }
}

fn answers(model: &mut TextModel, inputs: &[Value]) -> Result<Vec<f32>, Error> {
    let mut values = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        values.push(match model.text.iter().find(|(_, at, _)| *at == i) {
            Some((.., layer)) => layer.apply(&words(input))?,
            None => {
                let (mut all, rows) = (Vec::new(), input.as_array().unwrap().len());
                numbers(input, &mut all);
                DynamicValue::numbers([rows, all.len() / rows], all)?
            }
        });
    }
    let x = match values.len() {
        1 => values.remove(0),
        _ => DynamicValue::several(values),
    };
    Ok(model.model.run(x)?.values().to_vec())
}

#[test]
fn texts_are_answered_as_by_keras() -> Result<(), Error> {
    let said: Value =
        serde_json::from_slice(&fs::read(folder().join("keras.json")).unwrap()).unwrap();
    for (name, case) in said.as_object().unwrap() {
        let path = folder().join(format!("{name}.keras"));
        let mut model = keras::load_with_text(&path, &CustomObjects::new())?;
        let found = answers(&mut model, case["inputs"].as_array().unwrap())?;
        let mut expected = Vec::new();
        numbers(&case["output"], &mut expected);
        let off = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off < 1e-5 && found.len() == expected.len(), "{name}: {found:?}, not {expected:?}");
        // Without the words, it is refused by the name of the layer.
        let error = keras::load(&path, &CustomObjects::new()).unwrap_err().to_string();
        assert!(error.contains("use `load_with_text`"), "{error}");
        // What is behind the text is a model like others.
        let again =
            std::env::temp_dir().join(format!("kerata-text-{name}-{}.keras", std::process::id()));
        model.model.save_keras(&again)?;
        assert!(keras::load(&again, &CustomObjects::new()).is_ok(), "{name}");
        fs::remove_file(again).unwrap();
    }
    Ok(())
}

#[test]
fn texts_go_in_and_answers_come_out() -> Result<(), Error> {
    let mut model = keras::load_with_text(folder().join("adapted.keras"), &CustomObjects::new())?;
    let (name, 0, TextLayer::TextVectorization(layer)) = &model.text[0] else { panic!() };
    assert_eq!((name.as_str(), layer.vocabulary_size()), ("text_vectorization", 11));
    assert_eq!(layer.ids(&["the big cat"])?, [[2, 1, 5, 0, 0, 0]]);
    assert_eq!(model.run(&["The cat", "a log", ""])?.sizes(), [3, 1]);
    let mut both = keras::load_with_text(folder().join("integers.keras"), &CustomObjects::new())?;
    let error = both.run(&["5"]).unwrap_err().to_string();
    assert!(error.contains("the inputs of a model of texts: expected 1, found 2"), "{error}");
    let error = both.text[0].2.apply(&[vec!["5"], vec!["7", "9"]]);
    // Of vectors, rows may have any number of words.
    assert_eq!(error?.sizes(), [2, 4]);
    Ok(())
}

#[test]
fn what_is_not_had_is_said_by_name() {
    let path = folder().join("../shared_chain/model.keras");
    if !path.is_file() {
        return skipped("shared_chain is not here");
    }
    let error = keras::load_with_text(&path, &CustomObjects::new()).unwrap_err().to_string();
    assert!(error.contains("no layer of this file takes texts"), "{error}");
}
