//! What each layer inside gives, compared with what Keras gave.

use std::fs;

use kerata::{
    Error,
    config::{CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    keras,
};
use serde_json::{Value, json};

use crate::case::{Case, folders};

/// A call of a layer of the model itself, not of one inside of it: which one of the layer's calls it is, and the names of
/// what it gave.
struct Call {
    layer: String,
    count: usize,
    outputs: Vec<String>,
    masks: Vec<String>,
}

fn calls(case: &Case) -> Vec<Call> {
    let texts = |call: &Value, key: &str| -> Vec<String> {
        call[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let mut found: Vec<Call> = Vec::new();
    for call in case.json["inner_calls"].as_array().unwrap() {
        let layer = call["layer"].as_str().unwrap().to_owned();
        if !layer.contains('/') {
            let count = found.iter().filter(|other| other.layer == layer).count();
            let (outputs, masks) = (texts(call, "outputs"), texts(call, "masks"));
            found.push(Call { layer, count, outputs, masks });
        }
    }
    found
}

/// What all calls of a model give.
fn run(model: &DynamicLayer, calls: &[Call], x: DynamicValue) -> Result<Vec<DynamicValue>, Error> {
    if model.class() == "Sequential" {
        let (mut model, mut x, mut all) = (model.clone(), x, Vec::new());
        for layer in model.layers_mut() {
            x = layer.run(x)?;
            all.push(x.clone());
        }
        return Ok(all);
    }
    // The same model with other outputs.
    let mut config = model.config();
    // Keras 3 counts the calls of a model by one more there.
    let is_model = |layer: &str| {
        let layers = config.config["layers"].as_array().unwrap().iter();
        let mut models = layers.filter(|layer| layer["class_name"] == "Functional");
        models.any(|model| model["name"] == layer)
    };
    let outputs = calls.iter().flat_map(|call| {
        let count = call.count + usize::from(is_model(&call.layer));
        (0..call.outputs.len()).map(move |output| json!([call.layer, count, output]))
    });
    let outputs: Value = outputs.collect();
    config.config.insert("output_layers".to_owned(), outputs);
    let mut wider = layer_from_config(&config, &CustomObjects::new().masks_as_keras())?;
    wider.set_weights(model.weights().map(|weight| weight.values))?;
    Ok(wider.run(x)?.into_parts())
}

/// By how much of the tolerance something is off at most.
fn off(case: &Case, name: &str, found: &DynamicValue) -> f64 {
    let (sizes, expected) = case.tensor(name);
    assert_eq!(found.sizes(), sizes, "{name}");
    let tolerance = |key: &str| case.json["tolerance"]["inner"][key].as_f64().unwrap();
    let largest = expected.iter().fold(0.0_f64, |most, b| most.max(f64::from(b.abs())));
    let least = tolerance("atol") + tolerance("of_largest") * largest;
    let each = found.values().iter().zip(&expected).map(|(&a, &b)| {
        let (a, b) = (f64::from(a), f64::from(b));
        if a == b { 0.0 } else { (a - b).abs() / (least + tolerance("rtol") * b.abs()) }
    });
    each.max_by(f64::total_cmp).unwrap_or(0.0)
}

#[test]
fn each_layer_gives_what_it_gave_in_keras() {
    let mut cases: Vec<_> =
        folders().into_iter().flat_map(|all| fs::read_dir(all).unwrap()).collect();
    cases.sort_by_key(|case| case.as_ref().unwrap().path());
    let (mut layers, mut masks, mut worst) = (0, 0, 0.0_f64);
    for folder in cases {
        let folder = folder.unwrap().path();
        if !folder.join("case.json").is_file() {
            continue;
        }
        let case = Case::open(&folder);
        let files = case.json["files"].as_object().cloned().unwrap_or_default();
        if case.json["inner_calls"].is_null() {
            continue;
        }
        let calls = calls(&case);
        for file in files.keys() {
            // Weights without a model, and what is no model, are told of by another test.
            let Ok(model) = keras::load(case.path(file), &CustomObjects::new()) else { continue };
            let names = case.names("inputs");
            let mut inputs: Vec<_> =
                names.iter().map(|name| case.input(&format!("small.{name}"))).collect();
            let x = match inputs.len() {
                1 => inputs.remove(0),
                _ => DynamicValue::several(inputs),
            };
            let found =
                run(&model, &calls, x).unwrap_or_else(|e| panic!("{folder:?}, {file}: {e}"));
            let outputs = calls.iter().flat_map(|call| {
                let masks = call.masks.iter().map(Some).chain(std::iter::repeat(None));
                call.outputs.iter().zip(masks)
            });
            assert_eq!(found.len(), outputs.clone().count(), "{folder:?}, {file}");
            for (found, (name, mask)) in found.iter().zip(outputs) {
                let off = off(&case, name, found);
                assert!(off <= 1.0, "{folder:?}, {file}, {name}: {off} times the tolerance");
                (layers, worst) = (layers + 1, worst.max(off));
                if let Some(mask) = mask {
                    let expected: Vec<bool> =
                        case.tensor(mask).1.iter().map(|&v| v != 0.0).collect();
                    let found = found.mask().unwrap_or_else(|| panic!("{file}: no {mask}"));
                    assert_eq!(found.as_slice(), expected, "{folder:?}, {file}, {mask}");
                    masks += 1;
                }
            }
        }
    }
    eprintln!("{layers} outputs, {masks} masks, at most {worst:.4} of the tolerance");
}
