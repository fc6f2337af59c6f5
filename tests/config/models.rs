//! The model of every stored case, from Keras's JSON and weights, gives what it gave in Keras.

use kerata::{
    Error,
    config::{CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    io::WeightFile,
};
use serde_json::Value;

use crate::{case::Case, dynamic::config, files::keras_name};

/// Keras drops the mask in silence; here that is an error.
const REFUSED: [&str; 3] = ["conv1d_drops_mask", "flatten_drops_mask", "gmp1d_ignores_mask"];

/// Models that Keras ran in training only, or not at all: here they take their weights, no more.
const LOADED: [&str; 6] = [
    "batchnorm_conv_training",
    "batchnorm_masked_training",
    "batchnorm_train_5_steps",
    "batchnorm_training_forward",
    "embedding_word_vectors",
    "evaluate_uneven_batches",
];

/// A row that is all padding: NaN in Keras, 0 here.
const NOTHING_TO_AVERAGE: &str = "gap1d_masked_all_masked_row";

/// The model with those weights of the case whose names begin so.
fn load(case: &Case, json: &Value, start: &str) -> Result<DynamicLayer, Error> {
    let mut model = layer_from_config(&config(json.clone()), &CustomObjects::new())?;
    let weights = WeightFile::from_bytes(case.read("tensors.safetensors"))?;
    model.load(weights.rename(|name| keras_name(name.strip_prefix(start)?)))?;
    Ok(model)
}

fn input(case: &Case, json: &Value) -> DynamicValue {
    let sizes = case.shape("input").to_vec();
    let value = match json["config"]["layers"][1]["class_name"] == "Embedding" {
        true => DynamicValue::ids(sizes, case.ids("input")),
        false => DynamicValue::numbers(sizes, case.floats("input")),
    };
    value.unwrap()
}

/// Runs the model of a case, and compares; says whether there was something to compare with.
fn runs(case: &Case, json: &Value) -> bool {
    let name = case.name.as_str();
    // Of a `fit` the weights and predictions behind it are known.
    let fit = case.has("predict_after");
    let (start, output) = if fit { ("final.", "predict_after") } else { ("", "output") };
    let mut model = load(case, json, start).unwrap_or_else(|e| panic!("{name}: {e}"));
    // Dynamic layers calculate as at inference.
    let training = case.json["training_flag_of_forward_and_gradients"] == true;
    if training || !case.has("input") || !case.has(output) {
        return false;
    }
    let y = model.run(input(case, json)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(y.sizes(), case.shape(output), "{name}");
    let mut expected = case.floats(output);
    if name == NOTHING_TO_AVERAGE {
        expected.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
    }
    // |a - b| <= 1e-5 + 1e-5 |b|; behind a training 2e-5 + 1e-4 |b|.
    case.assert_close(if fit { "train" } else { "forward" }, output, y.values(), &expected);
    if case.json["kind"] == "model" {
        let mask = case.has("output_mask").then(|| case.flags("output_mask"));
        assert_eq!(y.mask().map(|mask| mask.as_slice().to_vec()), mask, "{name}");
    }
    true
}

#[test]
fn all_stored_models_give_what_they_give_in_keras() {
    let (mut compared, mut refused, mut loaded) = (Vec::new(), Vec::new(), Vec::new());
    for case in Case::names().iter().filter_map(|name| Case::open(name)) {
        let Some(json) = case.model_json() else { continue };
        if REFUSED.contains(&case.name.as_str()) {
            let error = load(&case, &json, "").unwrap_err();
            assert!(matches!(error, Error::Wiring { .. }), "{}: {error}", case.name);
            refused.push(case.name);
        } else if runs(&case, &json) {
            compared.push(case.name);
        } else {
            loaded.push(case.name);
        }
    }
    let count = compared.len();
    println!("{count} models compared, {} refused, {} only loaded", refused.len(), loaded.len());
    assert!(count >= 10, "only {count} models were compared");
    if Case::all_are_here() {
        assert!(count >= 86, "only {count} models were compared");
        assert_eq!(
            (refused, loaded),
            (REFUSED.map(str::to_owned).into(), LOADED.map(str::to_owned).into())
        );
        assert!(compared.iter().any(|name| name == NOTHING_TO_AVERAGE));
    }
}
