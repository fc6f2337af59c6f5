//! The model of every case, from Keras's JSON and weights, gives what it gave in Keras.

use kerata::{
    Error,
    config::{Config, CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    io::WeightFile,
};
use serde_json::Value;

use crate::{
    case::Case,
    harness::Test,
    json_gradients,
    reasons::DROPPED_MASK,
    report::Report,
    variants::{self, JSON_GRADIENTS, JSON_OUTPUT, JSON_WEIGHTS},
};

/// Keras drops the mask in silence; here that is an error.
const REFUSED: [&str; 3] = ["conv1d_drops_mask", "flatten_drops_mask", "gmp1d_ignores_mask"];

/// A row that is all padding: NaN in Keras, 0 here.
const NOTHING_TO_AVERAGE: &str = "gap1d_masked_all_masked_row";

/// The layer that a config describes.
pub(crate) fn layer(config: Value) -> Result<DynamicLayer, Error> {
    layer_from_config(&Config::try_from(config)?, &CustomObjects::new())
}

/// The model with those weights of the case whose names begin so.
fn load(case: &Case, start: &str) -> Result<DynamicLayer, Error> {
    load_json(case, case.model_json().unwrap(), start)
}

/// The same for a model of this config.
pub(crate) fn load_json(case: &Case, json: Value, start: &str) -> Result<DynamicLayer, Error> {
    let mut model = layer(json)?;
    let weights = WeightFile::from_bytes(case.read("tensors.safetensors"))?;
    // `0.lstm.kernel`, as the cases have it, is `0.kernel`; what is no weight is left out.
    model.load(weights.rename(|name| {
        let (layer, rest) = name.strip_prefix(start)?.split_once('.')?;
        layer.parse::<usize>().ok()?;
        Some(format!("{layer}.{}", rest.split_once('.')?.1))
    }))?;
    Ok(model)
}

fn input(case: &Case) -> DynamicValue {
    let sizes = case.shape("input").to_vec();
    let json = case.model_json().unwrap();
    let value = match json["config"]["layers"][1]["class_name"] == "Embedding" {
        true => DynamicValue::ids(sizes, case.ids("input")),
        false => DynamicValue::numbers(sizes, case.floats("input")),
    };
    value.unwrap()
}

/// Builds the model of a case, gives it its weights, and compares what it gives.
fn run(case: &Case, report: &mut Report) {
    let name = case.name.as_str();
    if REFUSED.contains(&name) {
        let error = load(case, "").unwrap_err();
        assert!(matches!(error, Error::Wiring { .. }), "{name}: {error}");
        for variant in variants::of_json(case) {
            report.refused(variant, load(case, ""), &DROPPED_MASK);
        }
        return;
    }
    // Of a `fit` the weights and predictions behind it are known.
    let fit = case.has("predict_after");
    let (start, output) = if fit { ("final.", "predict_after") } else { ("", "output") };
    let mut model = load(case, start).unwrap_or_else(|e| panic!("{name}: {e}"));
    report.dynamic(JSON_WEIGHTS);
    if case.has(output) {
        // The test of the gradients compares the training pass.
        if !variants::is_training(case) {
            compare(case, &mut model, output);
        }
        report.dynamic(JSON_OUTPUT);
    }
    if json_gradients::is_here(case) {
        json_gradients::run(case);
        report.dynamic(JSON_GRADIENTS);
    }
}

pub(crate) fn compare(case: &Case, model: &mut DynamicLayer, output: &str) {
    let name = case.name.as_str();
    let y = model.run(input(case)).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(y.sizes(), case.shape(output), "{name}");
    let mut expected = case.floats(output);
    if name == NOTHING_TO_AVERAGE {
        expected.iter_mut().filter(|v| v.is_nan()).for_each(|v| *v = 0.0);
    }
    // |a - b| <= 1e-5 + 1e-5 |b|; behind a training 2e-5 + 1e-4 |b|.
    let group = if output == "predict_after" { "train" } else { "forward" };
    case.assert_close(group, output, y.values(), &expected);
    if case.json["kind"] == "model" {
        let mask = case.has("output_mask").then(|| case.flags("output_mask"));
        assert_eq!(y.mask().map(|mask| mask.as_slice().to_vec()), mask, "{name}");
    }
}

/// A test for each case that has a model in JSON.
pub(crate) fn tests() -> Vec<Test> {
    let cases = Case::names().into_iter().filter_map(|name| Case::find(&name));
    let cases = cases.filter(|case| case.model_json().is_some());
    cases.map(|case| Test::new(format!("json_{}", case.name), case.name, run)).collect()
}
