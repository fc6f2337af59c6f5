//! The initial values that a config names.

use kerata::{
    Cpu, Lstm,
    config::{CustomObjects, layer_from_config},
    prelude::*,
};
use serde_json::{Value, json};

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
    assert_eq!(error(json), "`dense`: the dimensions of an identity: expected 2, found [3]");
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
        assert!(text.starts_with("`dense`: the initial value"), "{class}: {text}");
    }
}

fn keras(class: &str, config: Value) -> Value {
    json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null})
}

#[test]
fn an_initializer_keeps_its_class() {
    let written = |how: Value| {
        let found = layer(keras("Dense", json!({"units": 2, "kernel_initializer": how})));
        found.unwrap_or_else(|e| panic!("{how}: {e}")).config().config["kernel_initializer"].clone()
    };
    let whole = |class: &str, config: Value| json!({"module": "keras.initializers", "class_name": class, "config": config, "registered_name": null});
    let axes = |seed: Value| json!({"seed": seed, "input_axes": null, "output_axes": null});
    for (name, class) in [
        ("he_normal", "HeNormal"),
        ("HeUniform", "HeUniform"),
        ("glorot_normal", "GlorotNormal"),
        ("glorot_uniform", "GlorotUniform"),
        ("lecun_normal", "LecunNormal"),
        ("LecunUniform", "LecunUniform"),
    ] {
        assert_eq!(written(name.into()), whole(class, axes(Value::Null)));
        let given = json!({"class_name": class, "config": {"seed": 3}});
        assert_eq!(written(given.clone()), whole(class, axes(3.into())));
        let how = kerata::config::Initializer::parse(&given).unwrap();
        assert_eq!(how.to_json()["class_name"], class);
    }
    for (scale, mode, distribution) in [
        (1.0, "fan_avg", "uniform"),
        (2.0, "fan_in", "truncated_normal"),
        (0.5, "fan_out", "untruncated_normal"),
    ] {
        let config =
            json!({"scale": scale, "mode": mode, "distribution": distribution, "seed": null});
        let mut full = config.clone();
        full["input_axes"] = Value::Null;
        full["output_axes"] = Value::Null;
        assert_eq!(
            written(json!({"class_name": "VarianceScaling", "config": config})),
            whole("VarianceScaling", full)
        );
    }
    for (given, config) in [
        (
            whole("RandomNormal", json!({"stddev": 1})),
            json!({"mean": 0.0, "stddev": 1, "seed": null}),
        ),
        (whole("Orthogonal", json!({"gain": 2, "seed": 4})), json!({"gain": 2, "seed": 4})),
        (whole("Constant", json!({"value": 2})), json!({"value": 2})),
        (whole("Ones", json!({})), json!({})),
        (whole("Identity", json!({"gain": 2.5})), json!({"gain": 2.5})),
        (
            whole("TruncatedNormal", json!({"stddev": 0.02})),
            json!({"mean": 0.0, "stddev": 0.02, "seed": null}),
        ),
        (
            whole("RandomUniform", json!({"minval": -0.1})),
            json!({"minval": -0.1, "maxval": 0.05, "seed": null}),
        ),
    ] {
        assert_eq!(written(given.clone())["config"], config, "{given}");
        assert_eq!(written(given.clone())["class_name"], given["class_name"]);
    }
    // Keras 1 and 2 wrote a number type there; `null` is Keras's own choice.
    assert_eq!(
        written(json!({"class_name": "Zeros", "config": {"dtype": "float32"}})),
        whole("Zeros", json!({}))
    );
    assert_eq!(written(Value::Null), Value::Null);
    let text = error(keras(
        "Dense",
        json!({"units": 2, "kernel_initializer": whole("HeNormal", json!({"input_axes": [0]}))}),
    ));
    assert!(text.contains("`input_axes` of the initializer can only be null"), "{text}");
}
