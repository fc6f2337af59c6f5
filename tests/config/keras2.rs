//! Configs of the older Keras.

use kerata::{
    Batch, BatchNorm, Const, Dense, Dropout, LayerNorm, Length, Linear, Lstm, Relu, Softmax,
    TimeDistributed,
    config::{DynamicValue, KerasJson},
    model,
    model::Sequential,
    prelude::*,
};
use serde_json::{Value, json};

use crate::dynamic::{error, layer};

pub(crate) fn stored(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/configs");
    std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()
}

pub(crate) fn build<M: Build>() -> M {
    M::build(&kerata::Cpu::seed_from_u64(0)).unwrap()
}

#[model(input = (Batch, 3), output = (Batch, 4))]
struct Line {
    a: Dense<_, 4>,
}

#[test]
fn stored_configs_fit() {
    build::<Line>().check_json(&stored("k2_functional_linear")).unwrap();
    type Norm = Sequential<(Batch, Const<3>), (Dense<3, 4>, BatchNorm<4>, Dense<4, 2>)>;
    build::<Norm>().check_json(&stored("k2_bn_axis")).unwrap();
    type Recurrent = Sequential<(Batch, Const<5>, Const<3>), (Lstm<3, 4>,)>;
    let json = stored("k2_lstm_time_major");
    build::<Recurrent>().check_json(&json).unwrap();
    for json in [json, stored("k2_bn_axis")] {
        layer(serde_json::from_str(&json).unwrap()).unwrap();
    }
}

#[test]
fn the_nodes_of_every_dialect_are_read() {
    let whole: Value = serde_json::from_str(&stored("k2_functional_linear")).unwrap();
    let fits = |nodes: Value, ends: Value| {
        let mut json = whole.clone();
        json["config"]["layers"][1]["inbound_nodes"] = nodes;
        json["config"]["input_layers"] = json!({"x": ["input_1", 0, 0]});
        json["config"]["output_layers"] = ends;
        json["class_name"] = "Model".into();
        build::<Line>().check_json(&json.to_string())
    };
    for nodes in [
        json!([[["input_1", 0, 0, {}]]]),
        json!([[["input_1", 0, 0]]]),
        json!([["input_1", 0, 0, {}]]),
        json!([[["input_1", 0, 0, {"training": null, "mask": ["input_1", 0, 0]}]]]),
        json!([[["input_1", 0, 0, {"training": false}]]]),
    ] {
        for ends in [json!([["a", 0, 0]]), json!(["a", 0, 0]), json!({"y": ["a", 0, 0]})] {
            fits(nodes.clone(), ends).unwrap_or_else(|e| panic!("{nodes}: {e}"));
        }
    }
    // A second call, another input, and arguments that are not followed here.
    for (nodes, says) in [
        (json!([[["input_1", 0, 0, {}]], [["input_1", 0, 0, {}]]]), "the JSON says 2: Dense"),
        (
            json!([[["b", 0, 0, {}]]]),
            "inbound_nodes: the type says [\"input_1\"], the JSON says [\"b\"]",
        ),
        (
            json!([[["input_1", 0, 0, {"initial_state": ["b", 0, 0]}]]]),
            "inbound_nodes: the type says [\"input_1\"], the JSON says [\"input_1\",\"b\"]",
        ),
        (
            json!([[["input_1", 0, 0, {"training": true}]]]),
            "inbound_nodes.training: the type says nothing, the JSON says true",
        ),
        (
            json!([{"args": [{"config": {"keras_history": ["input_1", 0, 0]}}], "kwargs": {"training": true}}]),
            "inbound_nodes.training: the type says nothing, the JSON says true",
        ),
    ] {
        let text = fits(nodes.clone(), json!(["a", 0, 0])).unwrap_err().to_string();
        assert!(text.contains(says), "{nodes}: {text}");
    }
}

#[test]
fn the_axis_counts_from_the_front_too() {
    let norm = |class: &str, axis: Value, shape: Value| {
        let mut json = json!({"class_name": class, "config": {"axis": axis}});
        if !shape.is_null() {
            json["build_config"] = json!({"input_shape": shape});
        }
        json
    };
    for class in ["BatchNormalization", "LayerNormalization"] {
        for axis in [json!([3]), json!(3), json!(-1), json!([-1]), json!([3.0])] {
            for shape in [json!([null, 2, 2, 3]), Value::Null] {
                let json = norm(class, axis.clone(), shape);
                let mut built = layer(json.clone()).unwrap_or_else(|e| panic!("{json}: {e}"));
                let x = DynamicValue::numbers([1, 2, 2, 3], vec![0.5; 12]).unwrap();
                built.run(x).unwrap();
                // What is written is read again.
                layer(serde_json::to_value(built.config()).unwrap()).unwrap();
            }
        }
        for axis in [json!(0), json!([0]), json!(-4), json!(4), json!("a"), json!(u64::MAX)] {
            let text = error(norm(class, axis.clone(), json!([null, 2, 2, 3])));
            let by_name = ["axis: only", "there is no axis"].iter().any(|says| text.contains(says));
            assert!(by_name, "{class} {axis}: {text}");
        }
    }
    let text = error(norm("BatchNormalization", json!([1, 2]), json!([null, 2, 2, 3])));
    assert!(text.contains("axis: one axis behind the batch is needed"), "{text}");
    let mut later = layer(norm("BatchNormalization", json!([2]), Value::Null)).unwrap();
    let x = DynamicValue::numbers([1, 3], vec![0.5; 3]).unwrap();
    assert_eq!(
        later.run(x).unwrap_err().to_string(),
        "`batch_normalization`: there is no axis 2 of 2 dimensions to normalise"
    );
    // A type by itself takes any rank; in a model the rank is known.
    BatchNorm::<3>::from_config(
        &norm("BatchNormalization", json!([3]), Value::Null).try_into().unwrap(),
    )
    .unwrap();
    type Steps =
        Sequential<(Batch, Length, Const<3>), (TimeDistributed<BatchNorm<3>>, LayerNorm<3>)>;
    let model = |first: i32, second: i32| {
        let json = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
            norm("BatchNormalization", json!([first]), Value::Null),
            norm("LayerNormalization", json!([second]), json!([null, null, 3])),
        ]}});
        Steps::from_json(&json.to_string()).map(|_| ())
    };
    model(2, 2).unwrap();
    assert!(model(1, 2).unwrap_err().to_string().contains("axis: the type says -1, the JSON says"));
    assert!(
        model(2, 1).unwrap_err().to_string().contains("axis: the type says [-1], the JSON says")
    );
}

#[test]
fn the_axis_of_a_softmax_counts_from_the_front_too() {
    type Share = Sequential<(Batch, Length, Const<3>), (Softmax,)>;
    let model = |axis: Value| {
        let softmax = json!({"class_name": "Softmax", "config": {"axis": axis}});
        let json =
            json!({"class_name": "Sequential", "config": {"name": "s", "layers": [softmax]}});
        Share::from_json(&json.to_string()).map(|_| ())
    };
    for axis in [json!(-1), json!(2), json!([2])] {
        model(axis.clone()).unwrap_or_else(|e| panic!("{axis}: {e}"));
    }
    for axis in [json!(1), json!(3), json!(-2), json!(i64::MIN)] {
        let error = model(axis.clone()).unwrap_err().to_string();
        assert!(error.contains("axis: the type says -1"), "{axis}: {error}");
    }
}

#[test]
fn keys_of_the_older_keras_that_say_nothing_are_passed_over() {
    let with = |class: &str, needed: Value, key: &str, value: Value| {
        let mut config = needed;
        config[key] = value;
        json!({"module": "keras.layers", "class_name": class, "config": config})
    };
    let units = || json!({"units": 2});
    for (class, config, key, value) in [
        ("LSTM", units(), "time_major", json!(false)),
        ("GRU", units(), "implementation", json!(1)),
        ("SimpleRNN", units(), "input_dtype", json!("float32")),
        ("Dense", units(), "batch_input_shape", json!([null, 3])),
        ("Dense", units(), "input_shape", json!([3])),
        ("Dense", units(), "input_dim", json!(3)),
        ("Dense", units(), "autocast", json!(true)),
        ("Dense", units(), "name", Value::Null),
        ("Dense", units(), "dtype", Value::Null),
        ("LSTM", json!({"units": 2, "input_dim": 3}), "input_length", json!(4)),
        ("BatchNormalization", json!({}), "fused", json!(true)),
        ("BatchNormalization", json!({}), "virtual_batch_size", Value::Null),
        ("Embedding", json!({"input_dim": 5, "output_dim": 2}), "input_length", json!(7)),
        ("Embedding", json!({"input_dim": 5, "output_dim": 2}), "sparse", json!(false)),
    ] {
        let json = with(class, config, key, value);
        let mut found = layer(json.clone()).unwrap_or_else(|e| panic!("{json}: {e}"));
        assert!(!found.name().is_empty(), "{json}");
        if json["config"].to_string().contains("\"input_shape\"") {
            assert_eq!(found.params(), 8, "{json}");
        }
        found = layer(serde_json::to_value(found.config()).unwrap()).unwrap();
        let written = found.config().config;
        assert!(key == "name" || key == "dtype" || !written.contains_key(key), "{json}");
    }
    for (key, value) in [
        ("time_major", json!(true)),
        ("input_shape", json!("wide")),
        ("input_dim", json!(-3)),
        ("autocast", json!(3)),
        ("weights", json!([1.0])),
    ] {
        let text = error(with("LSTM", units(), key, value));
        assert!(text.contains(&format!("{key}: `LSTM` has no such key")), "{text}");
    }
    // The features that a first layer is said to get are those of the type.
    type Two = Sequential<(Batch, Const<3>), (Dense<3, 4, Relu>, Dropout<50>, Dense<4, 2, Linear>)>;
    let model = |key: &str, shape: Value| {
        let mut first = json!({"units": 4, "activation": "relu"});
        first[key] = shape;
        let json = json!({"class_name": "Sequential", "config": [
            {"class_name": "Dense", "config": first},
            {"class_name": "Dropout", "config": {"rate": 0.5}},
            {"class_name": "Dense", "config": {"units": 2}},
        ]});
        Two::from_json(&json.to_string()).map(|_| ()).map_err(|e| e.to_string())
    };
    for (key, fits, wrong) in [
        ("input_shape", json!([3]), json!([4])),
        ("input_dim", json!(3), json!(4)),
        ("batch_input_shape", json!([null, 3]), json!([null, 4])),
    ] {
        model(key, fits).unwrap();
        let text = model(key, wrong).unwrap_err();
        assert!(
            text.contains("input_shape: the type says [null,3], the JSON says [null,4]"),
            "{text}"
        );
    }
}

#[test]
fn other_names_of_classes_are_those_of_keras() {
    let image = || DynamicValue::numbers([1, 4, 4, 2], vec![0.5; 32]).unwrap();
    let steps = || DynamicValue::numbers([1, 4, 2], vec![0.5; 8]).unwrap();
    let pool = || json!({"pool_size": 2});
    let window = || json!({"filters": 2, "kernel_size": 2});
    for (alias, class, config, x) in [
        ("MaxPool1D", "MaxPooling1D", pool(), steps()),
        ("MaxPool2D", "MaxPooling2D", pool(), image()),
        ("AvgPool1D", "AveragePooling1D", pool(), steps()),
        ("AvgPool2D", "AveragePooling2D", pool(), image()),
        ("GlobalMaxPool1D", "GlobalMaxPooling1D", json!({}), steps()),
        ("GlobalMaxPool2D", "GlobalMaxPooling2D", json!({}), image()),
        ("GlobalAvgPool1D", "GlobalAveragePooling1D", json!({}), steps()),
        ("GlobalAvgPool2D", "GlobalAveragePooling2D", json!({}), image()),
        ("Convolution1D", "Conv1D", window(), steps()),
        ("Convolution2D", "Conv2D", window(), image()),
        ("Convolution2DTranspose", "Conv2DTranspose", window(), image()),
        ("SeparableConvolution2D", "SeparableConv2D", window(), image()),
        ("CuDNNLSTM", "LSTM", json!({"units": 2}), steps()),
        ("CuDNNGRU", "GRU", json!({"units": 2}), steps()),
    ] {
        for module in [Value::Null, json!("keras.layers")] {
            let json =
                |class: &str| json!({"module": module, "class_name": class, "config": config});
            let (mut found, mut right) = (layer(json(alias)).unwrap(), layer(json(class)).unwrap());
            assert_eq!(
                found.run(x.clone()).unwrap().sizes(),
                right.run(x.clone()).unwrap().sizes()
            );
            assert_eq!(found.config().class_name, class);
            // In each step, and in a model.
            let model = json!({"class_name": "Sequential", "config": {"layers": [json(alias)]}});
            layer(model).unwrap().run(x.clone()).unwrap();
        }
    }
    layer(json!({"class_name": "Bidirectional", "config": {"layer":
        {"class_name": "CuDNNGRU", "config": {"units": 2}}}}))
    .unwrap()
    .run(steps())
    .unwrap();
    type Recurrent = Sequential<(Batch, Const<5>, Const<3>), (Lstm<3, 4>,)>;
    let model = json!({"class_name": "Sequential", "config": {"name": "s", "layers": [
        {"class_name": "CuDNNLSTM", "config": {"units": 4, "batch_input_shape": [null, 5, 3]}}]}});
    Recurrent::from_json(&model.to_string()).unwrap();
}

/// What Keras 3.15.1 takes, though it never writes it.
#[test]
fn keys_that_say_nothing() {
    let x = || DynamicValue::numbers([1, 4], vec![0.5; 4]).unwrap();
    let map = json!({"class_name": "DTypePolicyMap", "config": {"default_policy": "float32", "policy_map": {}}});
    for config in [
        json!({"class_name": "Dense", "config": {"units": 2, "dtype": map}}),
        json!({"class_name": "Dense", "config": {"units": 2, "lora_rank": null, "lora_alpha": null}}),
        json!({"class_name": "Reshape", "config": {"target_shape": [null, 2]}}),
        json!({"class_name": "Sequential", "config": {"layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [null, 4], "input_tensor": null}},
            {"class_name": "Dense", "config": {"units": 2}}]}}),
    ] {
        let sizes = layer(config.clone()).unwrap().run(x()).unwrap().sizes().to_vec();
        assert_eq!(sizes[1], 2, "{config}");
    }
    let embedding =
        json!({"input_dim": 5, "output_dim": 2, "lora_rank": null, "quantization_config": null});
    layer(json!({"class_name": "Embedding", "config": embedding})).unwrap();
    let text = error(
        json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "lora_rank": 2}}),
    );
    assert!(text.contains("lora_rank"), "{text}");
    let other = json!({"class_name": "DTypePolicyMap", "config": {"default_policy": "float32", "policy_map": {"a": "float16"}}});
    let text = error(json!({"class_name": "Dense", "config": {"units": 2, "dtype": other}}));
    assert!(text.contains("dtype"), "{text}");
}
