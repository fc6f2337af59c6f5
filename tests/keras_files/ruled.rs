//! Regularizers and constraints on the way from a config to a type and back.

use kerata::{
    Cpu, Error,
    config::{Config, CustomObjects, DynamicLayer, layer_from_config},
    keras::rust_source,
    model, optim,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
};

const PATH: &str = "tests/cases/keras-3.15.1-regularizers/typed.json";

/// What Keras says its penalties are, without those of what leaves a layer: `make_typed.py`.
const PENALTY: f64 = 2.0712396316230297;

#[model(keras = "tests/cases/keras-3.15.1-regularizers/typed.json")]
struct Ruled;

struct Ramp;

impl Visitor<f32, Cpu> for Ramp {
    fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
        let count = parameter.tensor.len();
        let values: Vec<f32> = (0..count).map(|i| (i as f32 % 7.0 - 3.0) / 5.0 + 0.05).collect();
        parameter.tensor.assign(&values)?;
        Ok(())
    }
}

fn penalty<M: Parameters + Clone>(model: &M) -> f64 {
    optim::penalty(model).unwrap()
}

fn config() -> Config {
    Config::load(PATH).unwrap()
}

#[test]
fn a_model_from_a_file_has_the_rules_of_its_file() -> Result<(), Error> {
    let mut model = Ruled::build(&Cpu::default())?;
    Ruled::from_json(&std::fs::read_to_string(PATH).unwrap())?;
    model.visit(&mut Ramp)?;
    assert!((penalty(&model) - PENALTY).abs() < 1e-5, "{}", penalty(&model));

    // To a dynamic one and back.
    let dynamic = DynamicLayer::from_layer(&model)?;
    assert!((penalty(&dynamic) - PENALTY).abs() < 1e-5, "{}", penalty(&dynamic));
    let again: Ruled = dynamic.try_into()?;
    assert_eq!(penalty(&again), penalty(&model));
    assert_eq!(again.to_json(), model.to_json());
    Ok(())
}

#[test]
fn another_rule_is_a_difference() {
    let text = std::fs::read_to_string(PATH).unwrap();
    // Of the second direction alone.
    let (first, second) = text.split_once("\"backward_layer\"").unwrap();
    let changed = second.replacen("\"UnitNorm\"", "\"NonNeg\"", 1);
    assert_ne!(second, changed);
    let other: Config = format!("{first}\"backward_layer\"{changed}").parse().unwrap();
    let dynamic = layer_from_config(&other, &CustomObjects::new()).unwrap();
    let error = dynamic.try_into::<Ruled>().unwrap_err().to_string();
    assert!(error.contains("recurrent_constraint: the type says"), "{error}");
}

#[test]
fn the_source_says_the_rules() {
    let source = rust_source(&config(), "Net").unwrap();
    for line in [
        "#[with(embeddings_regularizer = L2(0.01), embeddings_constraint = MaxNorm { max_value: 3.0, axis: 1 }, activity_regularizer = L1(0.03))]",
        "kernel_regularizer = L1L2 { l1: 1e-5, l2: 0.1 }, kernel_constraint = UnitNorm { axis: [0] }, bias_constraint = NonNeg",
        "gamma_regularizer = L1(0.2), beta_constraint = NonNeg",
        "#[with(bias_regularizer = L2(0.7))]\n    pub each: TimeDistributed<Dense<_, 4>>",
        "OrthogonalRegularizer { factor: 0.3, mode: OrthogonalMode::Columns }",
        "kernel_constraint = MinMaxNorm { min_value: 0.4, max_value: 0.8, rate: 0.5, axis: 0 }",
    ] {
        assert!(source.contains(line), "{line} is not in\n{source}");
    }
    let text = std::fs::read_to_string(PATH).unwrap().replace("\"L1L2\"", "\"Mine\"");
    let source = rust_source(&text.parse().unwrap(), "Net").unwrap();
    let why = "none of Keras's regularizers";
    assert!(source.contains("// `conv` has no type here") && source.contains(why), "{source}");
}
