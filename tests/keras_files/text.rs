//! Models with text layers in front: the tables are read, and what Keras answered to texts is answered here.

use std::{fs, path::PathBuf, process::Command};

use kerata::{
    Error,
    config::{Config, CustomObjects, DynamicValue, layer_from_config},
    data::{OutputMode, StringLookup, TextVectorization},
    keras::{self, TextLayer, TextModel},
    prelude::*,
};
use serde_json::{Value, json};

use crate::{
    case::{largest_difference, skipped},
    written::python,
};

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
        assert_near(&found, &expected, name);
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

/// Where a model is written for a moment.
fn temporary(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("kerata-text-{name}-{}.keras", std::process::id()))
}

fn config(layer: &TextLayer) -> Config {
    match layer {
        TextLayer::TextVectorization(layer) => layer.config(),
        TextLayer::StringLookup(lookup) | TextLayer::IntegerLookup(lookup) => lookup.config(),
    }
}

fn assert_near(found: &[f32], expected: &[f32], what: &str) {
    let off = largest_difference(found, expected);
    assert!(off < 1e-5 && found.len() == expected.len(), "{what}: {found:?}, not {expected:?}");
}

const SCRIPT: &str = r#"
import json, sys
import keras, tensorflow as tf
answers = {}
for path, inputs in json.load(open(sys.argv[1])):
    tensor = lambda x: tf.constant(x, dtype=tf.string if isinstance(x[0][0], str) else None)
    x = [tensor(x) for x in inputs]
    y = keras.models.load_model(path)(x[0] if len(x) == 1 else x)
    answers[path] = y.numpy().reshape(-1).tolist()
print(json.dumps(answers))
"#;

/// What is written is read here, and by Keras, with the same answers.
#[test]
fn what_is_written_is_read_again() -> Result<(), Error> {
    let said: Value =
        serde_json::from_slice(&fs::read(folder().join("keras.json")).unwrap()).unwrap();
    let (mut jobs, mut expected) = (Vec::new(), Vec::new());
    for (name, case) in said.as_object().unwrap() {
        let path = folder().join(format!("{name}.keras"));
        let mut model = keras::load_with_text(&path, &CustomObjects::new())?;
        let written = temporary(&format!("written-{name}"));
        model.save_keras(&written)?;
        let mut again = keras::load_with_text(&written, &CustomObjects::new())?;
        assert_eq!(again.text.len(), model.text.len(), "{name}");
        for (again, first) in again.text.iter().zip(&model.text) {
            assert_eq!((&again.0, again.1), (&first.0, first.1), "{name}");
            assert_eq!(config(&again.2), config(&first.2), "{name}");
        }
        let inputs = case["inputs"].as_array().unwrap();
        let answer = answers(&mut model, inputs)?;
        assert_near(&answers(&mut again, inputs)?, &answer, name);
        jobs.push(json!([written, inputs]));
        expected.push((written, answer));
    }
    let has_tensorflow = |python: &PathBuf| {
        let status = Command::new(python).args(["-c", "import tensorflow"]).output();
        status.is_ok_and(|run| run.status.success())
    };
    match python().filter(has_tensorflow) {
        None => skipped("no Keras 3 on TensorFlow is here to read text layers; set KERATA_PYTHON"),
        Some(python) => {
            let list = temporary("jobs");
            fs::write(&list, json!(jobs).to_string()).unwrap();
            let mut run = Command::new(python);
            let run = run.args(["-c", SCRIPT]).arg(&list).env("KERAS_BACKEND", "tensorflow");
            let run = run.output().unwrap();
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            let said = String::from_utf8(run.stdout).unwrap();
            let said: Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
            for (path, expected) in &expected {
                let mut found = Vec::new();
                numbers(&said[path.to_str().unwrap()], &mut found);
                assert_near(&found, expected, &path.display().to_string());
            }
            fs::remove_file(list).unwrap();
        }
    }
    expected.iter().for_each(|(path, _)| fs::remove_file(path).unwrap());
    Ok(())
}

#[test]
fn what_cannot_be_written_leaves_the_file() -> Result<(), Error> {
    let path = temporary("stays");
    fs::write(&path, "before").unwrap();
    let model = keras::load_with_text(folder().join("adapted.keras"), &CustomObjects::new())?;
    let (name, _, layer) = model.text[0].clone();
    let TextLayer::TextVectorization(table) = &layer else { panic!() };
    let shorter = TextVectorization { output_sequence_length: Some(5), ..table.clone() };
    let empty =
        TextVectorization { output_sequence_length: Some(6), ..TextVectorization::default() };
    let vectorization = TextLayer::TextVectorization;
    let cases = [
        (vec![(name.clone(), 1, layer.clone())], "the input of a text layer"),
        (vec![(name.clone(), 0, layer.clone()), (name.clone(), 0, layer.clone())], "each once"),
        (vec![("lstm".to_owned(), 0, layer.clone())], "a name that no other layer has"),
        (vec![(name.clone(), 0, vectorization(shorter))], "[Some(6)]"),
        (vec![(name.clone(), 0, vectorization(empty))], "was adapted"),
    ];
    for (text, expected) in cases {
        let error = keras::save_with_text(&path, &text, &model.model).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"before");
    }
    let weights = path.with_extension("weights.h5");
    let error = keras::save_with_text(weights, &model.text, &model.model).unwrap_err().to_string();
    assert!(error.contains("is written as `.keras`"), "{error}");
    fs::remove_file(path).unwrap();
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
fn vectors_of_words_may_be_longer_than_their_list() -> Result<(), Error> {
    let mut lookup = StringLookup {
        output_mode: OutputMode::MultiHot,
        pad_to_max_tokens: true,
        max_tokens: Some(6),
        ..StringLookup::default()
    };
    lookup.set_vocabulary(["a", "b", "c"])?;
    let text = [("words".to_owned(), 0, TextLayer::StringLookup(lookup))];
    let dense = |inputs: usize| {
        let layers = json!([
            {"class_name": "InputLayer", "config": {"batch_shape": [null, inputs]}},
            {"class_name": "Dense", "config": {"units": 1, "kernel_initializer": "ones"}}]);
        let config = json!({"class_name": "Sequential", "config": {"layers": layers}});
        layer_from_config(&Config::try_from(config)?, &CustomObjects::new())
    };
    let path = temporary("padded");
    keras::save_with_text(&path, &text, &dense(6)?)?;
    let mut read = keras::load_with_text(&path, &CustomObjects::new())?;
    let x = read.text[0].2.apply(&[vec!["a", "z"]])?;
    assert_eq!(x.values(), [1.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!(read.model.run(x)?.values(), [2.0]);
    let error = keras::save_with_text(&path, &text, &dense(4)?).unwrap_err().to_string();
    assert!(error.contains("[Some(4)]") && error.contains("[Some(6)]"), "{error}");
    fs::remove_file(path).unwrap();
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
