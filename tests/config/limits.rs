//! Configs that are too large, too slow or too long to be told of end in a short error.

use std::time::{Duration, Instant};

use kerata::{
    Batch, Const, Dense,
    config::{
        Config, CustomObjects, DynamicValue, MAX_BYTES, MAX_OBJECTS, MAX_VALUES, layer_from_config,
    },
    model::Sequential,
    prelude::*,
};
use serde_json::{Value, json};

use crate::dynamic::layer;

/// An error, in no time, whose text is short.
fn refused(json: Value) -> String {
    let start = Instant::now();
    let text = match Config::try_from(json) {
        Ok(config) => layer_from_config(&config, &CustomObjects::new()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(text.len() < 4000, "{} bytes: {}", text.len(), &text[..1000]);
    text
}

#[test]
fn texts_have_limits() {
    let many = |n: usize, value: &str| {
        let list = vec![value; n].join(",");
        format!(r#"{{"class_name": "Sequential", "config": {{"layers": [{list}]}}}}"#)
    };
    for (json, says) in [
        (many(MAX_OBJECTS, "{}"), "131074 objects are too many, 131072 at most"),
        (many(MAX_VALUES, "0"), "values are too many, 1048576 at most"),
        (many(MAX_BYTES, "    "), "bytes are too many, 16777216 at most"),
    ] {
        assert!(json.parse::<Config>().unwrap_err().to_string().contains(says), "{says}");
    }
    let text = refused(serde_json::from_str(&many(100_000, r#"{"class_name":"ReLU"}"#)).unwrap());
    assert!(text.contains("more than 10000 layers"), "{text}");
    let mut most =
        layer(serde_json::from_str(&many(9_999, r#"{"class_name":"ReLU"}"#)).unwrap()).unwrap();
    let y = most.run(DynamicValue::numbers([1, 2], vec![-1.0, 2.0]).unwrap()).unwrap();
    assert_eq!(y.values(), [0.0, 2.0]);
}

#[test]
fn messages_stay_short() {
    let long = "x".repeat(1 << 20);
    let many = |n: usize| (0..n).map(|i| (format!("{long}{i}"), json!(i)));
    let mut dense = json!({"units": 2});
    dense.as_object_mut().unwrap().extend(many(16));
    dense.as_object_mut().unwrap().extend((0..100_000).map(|i| (format!("key{i}"), json!(1))));
    refused(json!({"class_name": "Dense", "config": dense}));
    let build = json!({"input_shape": vec![2; 100_000]});
    for (class, config) in [
        ("Dense", json!({"units": 2, "name": long})),
        ("Dense", json!({"units": long})),
        ("Dense", json!({"units": 2, "activation": long})),
        ("Dense", json!({"units": 2, "activation": {"class_name": long, "config": {}}})),
        (
            "Dense",
            json!({"units": 2, "activation": {"class_name": "ReLU", "config": {long.clone(): long}}}),
        ),
        ("Dense", json!({"units": 2, "kernel_initializer": long})),
        ("Dense", json!({"units": 2, "kernel_initializer": {"class_name": long}})),
        ("Dense", json!({"units": 2, "dtype": long})),
        ("Conv2D", json!({"filters": 2, "kernel_size": vec![2; 100_000]})),
        ("Conv2D", json!({"filters": 2, "kernel_size": 2, "padding": long})),
        ("Reshape", json!({"target_shape": vec![2; 100_000]})),
        ("Permute", json!({"dims": vec![2; 100_000]})),
        ("ZeroPadding2D", json!({"padding": vec![2; 100_000]})),
        ("LayerNormalization", json!({"axis": vec![2; 100_000]})),
        ("TimeDistributed", json!({"layer": {"class_name": long, "config": {}}})),
        ("Bidirectional", json!({"layer": {"class_name": long, "config": {}}})),
        (
            "Sequential",
            json!({"layers": [{"class_name": "Dense", "config": {"units": 2, "name": long}}]}),
        ),
        (&long, json!({})),
    ] {
        refused(json!({"class_name": class, "config": config, "build_config": build}));
    }
    // Where a type reads it.
    type Model = Sequential<(Batch, Const<2>), (Dense<2, 3>, Dense<3, 2>)>;
    let layers = vec![json!({"class_name": "Dense", "config": {"name": long, "units": 5}}); 10];
    let nodes = json!([[[long, 0, 0, {long.clone(): 1}]]]);
    let mut named = layers[0].clone();
    named["inbound_nodes"] = nodes;
    for (class, layers) in [
        ("Sequential", json!(layers)),
        ("Sequential", json!(vec![json!({"class_name": "Flatten"}); 100_000])),
        ("Functional", json!(vec![json!({"class_name": long}); 10])),
        ("Functional", json!(vec![named; 10])),
        ("Functional", json!(vec![json!({"class_name": "Flatten"}); 100_000])),
    ] {
        let json = json!({"class_name": class, "config": {"name": long, "layers": layers,
            "input_layers": [[long, 0, 0]], "output_layers": [[long, 0, 0]]}});
        let text = Model::from_config(&Config::try_from(json).unwrap()).err().unwrap().to_string();
        assert!(text.len() < 8000, "{} bytes: {}", text.len(), &text[..1000]);
    }
}

#[test]
fn what_takes_too_long_is_refused() {
    let shape = json!({"input_shape": [null, 4, 8000]});
    for units in [5_000, 8_000, 16_000, 1_000_000, 1_000_000_000_u64] {
        for class in ["LSTM", "GRU", "SimpleRNN"] {
            let json =
                json!({"class_name": class, "config": {"units": units}, "build_config": shape});
            assert!(refused(json).contains("a weight is ["), "{class} {units}");
        }
    }
    let how = json!({"class_name": "Orthogonal", "config": {}});
    let dense = json!({"class_name": "Dense", "config": {"units": 8000, "kernel_initializer": how},
        "build_config": {"input_shape": [null, 8000]}});
    assert!(refused(dense).contains("at most 2^36 multiplications"));
    // No samples, but very long ones.
    let repeat = json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "RepeatVector", "config": {"n": 1_u64 << 40}},
        {"class_name": "LSTM", "config": {"units": 2}},
    ]}});
    let text =
        layer(repeat).unwrap().run(DynamicValue::numbers([0, 3], vec![]).unwrap()).unwrap_err();
    assert!(text.to_string().contains("more than 2^28 numbers"), "{text}");
}
