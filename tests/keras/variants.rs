//! All variants of a case, as its files tell them: what the tests have to account for.

use serde_json::Value;

use crate::{case::Case, json_gradients};

/// Output and masks of the model and of each of its layers, at inference.
pub(crate) const OUTPUT: &str = "output";
/// The loss and the gradient of each weight.
pub(crate) const LOSS: &str = "loss and gradients";
/// Output, loss, gradients and moving statistics of the training pass.
pub(crate) const TRAINING: &str = "training pass";
/// Losses and weights of a number of steps of an optimiser.
pub(crate) const STEPS: &str = "steps";
/// History, weights and predictions of `fit`.
pub(crate) const FIT: &str = "fit";
/// The model is built from its JSON and takes its weights.
pub(crate) const JSON_WEIGHTS: &str = "JSON: weights";
/// The model that was built from its JSON gives the outputs of Keras.
pub(crate) const JSON_OUTPUT: &str = "JSON: output";
/// The loss of the model that was built from its JSON has the gradients of Keras, and its training pass is that of Keras.
pub(crate) const JSON_GRADIENTS: &str = "JSON: gradients";
/// The only variant of a case.
pub(crate) const ALL: &str = "all";

/// Whether a model was stored in training mode.
pub(crate) fn is_training(case: &Case) -> bool {
    case.json["training_flag_of_forward_and_gradients"] == true
}

/// What is to be run from the JSON of the case, by layers without a type.
pub(crate) fn of_json(case: &Case) -> Vec<String> {
    let mut variants = Vec::new();
    if case.model_json().is_some() {
        variants.push(JSON_WEIGHTS.to_owned());
        if case.has("output") || case.has("predict_after") {
            variants.push(JSON_OUTPUT.to_owned());
        }
        if json_gradients::is_here(case) {
            variants.push(JSON_GRADIENTS.to_owned());
        }
    }
    variants
}

/// What is to be run besides.
pub(crate) fn of_types(case: &Case) -> Vec<String> {
    let list = |key: &str| case.json[key].as_array().unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let names = |key: &str| list(key).iter().map(|row| text(row, "name")).collect();
    let keys = |key: &str| case.json[key].as_object().unwrap().keys().cloned().collect();
    let strings = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    match case.json["kind"].as_str().unwrap() {
        "model" | "train" => {
            let mut variants = Vec::new();
            if is_training(case) {
                variants.push(TRAINING);
            } else {
                variants.push(OUTPUT);
                variants.extend(case.has("loss").then_some(LOSS));
            }
            variants.extend(case.has("step_losses").then_some(STEPS));
            strings(&variants)
        }
        "fit" => strings(&[FIT]),
        "evaluate" => list("evaluate").iter().map(batch_size).collect(),
        // The JSON is counted by itself.
        "import" => {
            let files: Vec<String> = keys("files");
            let others = files.into_iter().filter(|file| file != "model.json");
            others.chain([OUTPUT.to_owned()]).collect()
        }
        "layer" => {
            let calls = list("calls").iter();
            let outputs = calls.flat_map(|call| call["outputs"].as_array().unwrap());
            outputs.map(|output| text(output, "output")).collect()
        }
        "loss" => {
            let both = |row: &Value| [text(row, "value"), text(row, "gradient_wrt_y_pred")];
            list("variants").iter().flat_map(both).collect()
        }
        "loss_clipping" => strings(&["sparse", "categorical", "binary"]),
        "reduction_conventions" => list("rows").iter().map(reduction).collect(),
        "metric" => list("results").iter().map(metric).collect(),
        "activation" => names("activations"),
        "errors" => names("errors"),
        "optimizer" | "duplicate_ids" => keys("optimizers"),
        "schedule" => keys("schedules"),
        "initializer" => {
            let kinds = list("variance_scaling").iter().flat_map(variance_scalings);
            let defaults: Vec<String> = keys("layer_defaults");
            kinds.chain(defaults).chain(["orthogonal".to_owned()]).collect()
        }
        "config" => {
            let each = |key: &str| (0..list(key).len()).map(|i| format!("{key}.{i}")).collect();
            let [layers, special]: [Vec<String>; 2] = [each("layers"), each("special")];
            [layers, special].concat()
        }
        "property" => strings(&["values", "inference", "gradient", "rate_0", "noise_shape"]),
        "equivalence" => strings(&["embedding", "dense"]),
        "worked_example" | "word_vectors" => strings(&[ALL]),
        other => panic!("{}: no variants of the kind `{other}` are known", case.name),
    }
}

/// The variant of a row of `evaluate`.
pub(crate) fn batch_size(row: &Value) -> String {
    format!("batch_size {}", row["batch_size"])
}

/// The variant of a row of reductions.
pub(crate) fn reduction(row: &Value) -> String {
    format!("mask {}, weights {}", row["mask"], row["weights"])
}

/// The variant of a row of metrics.
pub(crate) fn metric(row: &Value) -> String {
    let (name, weights) = (&row["metric"], &row["sample_weight"]);
    format!("{name}, mask {}, weights {weights}", row["use_mask"])
}

/// The variants of a row of initializers: a layer's kernel, and its values by each rule.
pub(crate) fn variance_scalings(row: &Value) -> Vec<String> {
    let rules = row.as_object().unwrap().keys();
    let rules = rules.filter_map(|key| {
        key.strip_suffix("_limit").or_else(|| key.strip_suffix("_stddev")).map(str::to_owned)
    });
    rules.map(|rule| variance_scaling(row, &rule)).collect()
}

pub(crate) fn variance_scaling(row: &Value, rule: &str) -> String {
    format!("{}, {rule}", row["for"].as_str().unwrap())
}
