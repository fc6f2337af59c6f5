//! The initial values that a config names.

use kerata::{
    Cpu, Lstm,
    config::{CustomObjects, layer_from_config},
    prelude::*,
};
use serde_json::json;

use crate::dynamic::{config, error, layer};

#[test]
fn initializers_are_followed() {
    let config = config(json!({"class_name": "LSTM", "config": {"units": 2, "kernel_initializer":
        {"class_name": "Constant", "config": {"value": 0.5}}, "recurrent_initializer": "ones",
        "unit_forget_bias": false}, "build_config": {"input_shape": [null, null, 3]}}));
    let dynamic = layer_from_config(&config, &CustomObjects::new()).unwrap();
    let values: Vec<_> = dynamic.weights().map(|weight| weight.values.clone()).collect();
    assert_eq!(values, [vec![0.5; 24], vec![1.0; 16], vec![0.0; 8]]);
    let typed = Lstm::<3, 2>::from_config(&config).unwrap();
    assert_eq!(typed.kernel.as_vec(), [0.5; 24]);
    assert_eq!(typed.recurrent_kernel.as_vec(), [1.0; 16]);
    assert_eq!(typed.bias.as_vec(), [0.0; 8]);
}

#[test]
fn the_bias_of_the_forget_gate_is_one_whatever_the_initializer() {
    let json = json!({"class_name": "LSTM", "config": {"units": 2, "bias_initializer":
        {"class_name": "Constant", "config": {"value": 0.5}}}, "build_config": {"input_shape": [null, null, 3]}});
    let lstm = layer(json.clone()).unwrap();
    let bias = lstm.weights().last().unwrap().values.clone();
    assert_eq!(bias, [0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]);
    // The typed one has no such start, and no start is what it is compared by.
    Lstm::<3, 2>::build(&Cpu::default()).unwrap().check_config(&config(json.clone())).unwrap();
    let text = Lstm::<3, 2>::from_config(&config(json)).unwrap_err().to_string();
    assert_eq!(
        text,
        "the config of `LSTM` does not fit:\n  unit_forget_bias: only false is possible with this \
         `bias_initializer`, the JSON says true"
    );
}

#[test]
fn the_identity_is_an_initializer() {
    let json = json!({"class_name": "Dense", "config": {"units": 3, "kernel_initializer":
        {"class_name": "Identity", "config": {"gain": 2.0}}}, "build_config": {"input_shape": [null, 2]}});
    let kernel = layer(json).unwrap().weights().next().unwrap().values.clone();
    assert_eq!(kernel, [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    let json = json!({"class_name": "Dense", "config": {"units": 3, "bias_initializer": "identity"},
        "build_config": {"input_shape": [null, 2]}});
    assert_eq!(error(json), "the dimensions of an identity: expected 2, found [3]");
}

#[test]
fn a_value_that_is_too_large_is_refused() {
    for (class, config) in [
        ("Constant", json!({"value": 1e39})),
        ("RandomNormal", json!({"stddev": 1e300})),
        ("RandomUniform", json!({"minval": -1e300, "maxval": 1e300})),
        ("VarianceScaling", json!({"scale": 1e300, "distribution": "uniform"})),
        ("VarianceScaling", json!({"scale": 1e300})),
        ("Orthogonal", json!({"gain": 1e300})),
        ("Identity", json!({"gain": 1e300})),
    ] {
        let text =
            error(json!({"class_name": "Dense", "config": {"units": 3, "kernel_initializer":
            {"class_name": class, "config": config}}, "build_config": {"input_shape": [null, 2]}}));
        assert!(text.starts_with("the initial value"), "{class}: {text}");
    }
}
