//! What Keras 3.15.1 accepts, and what it refuses: checked with `keras.layers.deserialize`.

use kerata::{
    Add, Batch, Const, Conv2d, Cpu, Dense, Error, MaxPool2d, Relu, Tanh, Valid,
    config::{Config, DynamicValue, KerasJson},
    model,
    model::Sequential,
    prelude::*,
    shape::Same,
};
use serde_json::{Value, json};

use crate::{
    dynamic::{config, error, layer},
    keras2::{build, stored},
};

fn of(class: &str, config: Value) -> Value {
    json!({"module": "keras.layers", "class_name": class, "config": config, "registered_name": null})
}

#[test]
fn stored_configs_are_read() {
    for name in ["data_format_null", "input_shape", "kernel_float", "padding_upper"] {
        layer(serde_json::from_str(&stored(&format!("k3ok_{name}"))).unwrap()).unwrap();
    }
    assert!(layer(of("Dense", json!({"units": 2, "input_shape": [3]}))).unwrap().params() == 8);
}

#[test]
fn sizes_may_be_floats_that_are_whole() {
    for (class, key, float, whole) in [
        ("Conv2D", "kernel_size", json!([3.0, 2.0]), json!([3, 2])),
        ("Conv2D", "kernel_size", json!([3.0, 2]), json!([3, 2])),
        ("Conv1D", "kernel_size", json!([3.0]), json!([3])),
        ("Conv2D", "strides", json!([2.0, 2.0]), json!([2, 2])),
        ("Conv2D", "dilation_rate", json!([2.0, 2.0]), json!([2, 2])),
        ("MaxPooling2D", "pool_size", json!([2.0, 2.0]), json!([2, 2])),
        ("AveragePooling1D", "strides", json!([3.0]), json!([3])),
        ("Reshape", "target_shape", json!([2.0, -1.0]), json!([2, -1])),
        ("Permute", "dims", json!([2.0, 1.0]), json!([2, 1])),
        ("ZeroPadding2D", "padding", json!([[1.0, 1.0], [2, 2.0]]), json!([[1, 1], [2, 2]])),
    ] {
        let mut config = match class {
            "Conv1D" | "Conv2D" => json!({"filters": 2, "kernel_size": 2}),
            _ => json!({}),
        };
        config[key] = float;
        let found = layer(of(class, config.clone())).unwrap_or_else(|e| panic!("{config}: {e}"));
        assert_eq!(found.config().config[key], whole, "{class}");
    }
    for (class, key, value) in [
        ("Conv2D", "kernel_size", json!([3.5, 3])),
        ("Conv2D", "kernel_size", json!([3])),
        ("Conv2D", "kernel_size", json!("3")),
        ("Conv2D", "kernel_size", json!([-3.0, 3])),
        ("Conv2D", "kernel_size", json!([1e300, 3])),
        ("Conv2D", "filters", json!(2.5)),
        ("MaxPooling2D", "pool_size", json!([0.0, 2])),
    ] {
        let mut config =
            if class == "Conv2D" { json!({"filters": 2, "kernel_size": 2}) } else { json!({}) };
        config[key] = value;
        assert!(error(of(class, config)).contains(&format!("{key}: ")), "{class} {key}");
    }
}

#[test]
fn words_may_be_in_capitals_and_the_data_format_null() {
    for (padding, whole) in [("SAME", "same"), ("Valid", "valid")] {
        for (class, mut config) in [
            ("Conv2D", json!({"filters": 2, "kernel_size": 3})),
            ("Conv1D", json!({"filters": 2, "kernel_size": 3})),
            ("MaxPooling1D", json!({})),
            ("AveragePooling2D", json!({})),
        ] {
            config["padding"] = padding.into();
            config["data_format"] = Value::Null;
            let found = layer(of(class, config)).unwrap().config().config;
            assert_eq!(
                (&found["padding"], &found["data_format"]),
                (&json!(whole), &json!("channels_last"))
            );
        }
    }
    for class in ["Flatten", "ZeroPadding2D", "GlobalAveragePooling1D", "GlobalMaxPooling2D"] {
        for format in [Value::Null, json!("Channels_Last")] {
            layer(of(class, json!({"data_format": format}))).unwrap();
        }
        let first = layer(of(class, json!({"data_format": "Channels_First"}))).unwrap();
        assert_eq!(first.config().config["data_format"], "channels_first");
        let text = error(of(class, json!({"data_format": "channels_middle"})));
        let words = "one of [\"channels_last\",\"channels_first\"] is needed";
        let expected = format!("data_format: {words}, the JSON says \"channels_middle\"");
        assert!(text.contains(&expected), "{text}");
    }
    layer(of("Conv1D", json!({"filters": 2, "kernel_size": 3, "padding": "CAUSAL"}))).unwrap();
    assert!(
        error(of("Conv2D", json!({"filters": 2, "kernel_size": 3, "padding": "CAUSAL"})))
            .contains("padding: one of")
    );
    // Where the type says it, too.
    let conv = of(
        "Conv2D",
        json!({"filters": 2, "kernel_size": [3.0, 3.0], "padding": "SAME", "data_format": null}),
    );
    Conv2d::<1, 2, 3, 3, kerata::Linear, Same>::from_config(&config(conv.clone())).unwrap();
    let text = Conv2d::<1, 2, 3, 3, kerata::Linear, Valid>::from_config(&config(conv)).unwrap_err();
    assert!(
        text.to_string().contains("padding: the type says \"valid\", the JSON says \"same\""),
        "{text}"
    );
    MaxPool2d::<2>::from_config(&config(of(
        "MaxPooling2D",
        json!({"padding": "VALID", "data_format": null}),
    )))
    .unwrap();
}

#[test]
fn another_number_type_is_refused_by_its_name() {
    let policy = |name: &str| json!({"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": null});
    let dense = |dtype: Value| of("Dense", json!({"units": 2, "dtype": dtype}));
    for dtype in [
        "float32".into(),
        Value::Null,
        policy("float32"),
        json!({"class_name": "Policy", "config": {"name": "float32"}}),
    ] {
        let found = layer(dense(dtype.clone())).unwrap().config().config;
        assert_eq!(found["dtype"], policy("float32"));
        Dense::<3, 2>::from_config(&config(dense(dtype))).unwrap();
    }
    for (dtype, says) in [
        (json!("int8"), "\"int8\""),
        (json!([1, 2]), "[1,2]"),
        (json!(3), "3"),
        (json!("float16"), "\"float16\""),
        (json!("mixed_bfloat16"), "\"mixed_bfloat16\""),
        (policy("mixed_float16"), "\"mixed_float16\""),
        (json!({"class_name": "DTypePolicy", "config": {}}), "DTypePolicy"),
        (policy("float64"), "\"float64\""),
    ] {
        for class in ["Dense", "ReLU", "Flatten", "TimeDistributed", "Sequential"] {
            let config = match class {
                "Dense" => json!({"units": 2, "dtype": dtype}),
                "TimeDistributed" => json!({"layer": dense("float32".into()), "dtype": dtype}),
                "Sequential" => json!({"layers": [of("Flatten", json!({"dtype": dtype}))]}),
                _ => json!({"dtype": dtype}),
            };
            let text = error(of(class, config));
            assert!(
                text.contains("dtype: only \"float32\" is possible") && text.contains(says),
                "{text}"
            );
        }
        let text = Dense::<3, 2>::from_config(&config(dense(dtype))).unwrap_err().to_string();
        assert!(text.contains("dtype: the type says \"float32\"") && text.contains(says), "{text}");
    }
    for name in ["dtype_int8", "dtype_list"] {
        assert!(
            error(serde_json::from_str(&stored(name)).unwrap()).contains("dtype: only"),
            "{name}"
        );
    }
    // A type in f64, and layers that calculate in any.
    let wide = config(dense("float64".into()));
    Dense::<3, 2, kerata::Linear, f64>::from_config(&wide).unwrap();
    Relu::from_config(&config(of("ReLU", json!({"dtype": "float64"})))).unwrap();
    assert!(Relu::from_config(&config(of("ReLU", json!({"dtype": "float16"})))).is_err());
    type Wide = Sequential<(Batch, Const<3>), (Dense<3, 2, kerata::Linear, f64>, Relu), f64>;
    let json = Wide::build(&Cpu::default()).unwrap().to_json();
    Wide::from_json(&json).unwrap();
    let narrow = json.replace(r#""class_name":"Activation","config":{"activation":"relu","dtype":{"class_name":"DTypePolicy","config":{"name":"float64"}"#,
        r#""class_name":"Activation","config":{"activation":"relu","dtype":{"class_name":"DTypePolicy","config":{"name":"float32"}"#);
    assert_ne!(json, narrow);
    let text = Wide::from_json(&narrow).err().unwrap().to_string();
    assert!(text.contains("dtype: the type says \"float64\""), "{text}");
    // An input may be of any kind of number, but not of texts.
    let input = |dtype: &str| {
        type One = Sequential<(Batch, Const<3>), (Dense<3, 2>,)>;
        let json = json!({"class_name": "Sequential", "config": {"layers": [
            of("InputLayer", json!({"batch_shape": [null, 3], "dtype": dtype})), dense("float32".into()),
        ]}});
        One::from_json(&json.to_string()).map(|_| ())
    };
    input("int8").unwrap();
    assert!(input("string").unwrap_err().to_string().contains("InputLayer.dtype"));
}

#[test]
fn a_layer_may_be_an_activation() {
    let run = |activation: &Value| {
        let dense = of(
            "Dense",
            json!({"units": 2, "activation": activation, "kernel_initializer": "ones"}),
        );
        let mut dense = layer(dense)?;
        let y = dense.run(DynamicValue::numbers([2, 1], vec![9.0, -2.0]).unwrap())?;
        let again = layer(serde_json::to_value(dense.config()).unwrap())?;
        assert_eq!(again.config().config["activation"], dense.config().config["activation"]);
        Ok::<_, Error>(y.values().to_vec())
    };
    for (activation, y) in [
        (of("ReLU", json!({})), [9.0, 9.0, 0.0, 0.0]),
        (of("ReLU", json!({"max_value": 6.0, "negative_slope": 0.5})), [6.0, 6.0, -1.0, -1.0]),
        (of("Activation", json!({"activation": "relu"})), [9.0, 9.0, 0.0, 0.0]),
        (
            of("Activation", json!({"activation": of("ReLU", json!({"max_value": 6}))})),
            [6.0, 6.0, 0.0, 0.0],
        ),
        (of("Identity", json!({})), [9.0, 9.0, -2.0, -2.0]),
        (of("LeakyReLU", json!({})), [9.0, 9.0, -2.0 * 0.3, -2.0 * 0.3]),
        (of("LeakyReLU", json!({"alpha": 0.5})), [9.0, 9.0, -1.0, -1.0]),
        (of("LeakyReLU", json!({"negative_slope": 0.0})), [9.0, 9.0, 0.0, 0.0]),
        (of("Softmax", json!({})), [0.5; 4]),
        (json!({"class_name": "ReLU", "config": {}}), [9.0, 9.0, 0.0, 0.0]),
        (
            json!({"module": "keras.activations", "class_name": "relu", "config": {}, "registered_name": null}),
            [9.0, 9.0, 0.0, 0.0],
        ),
        (
            json!({"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "function"}),
            [9.0, 9.0, 0.0, 0.0],
        ),
        (Value::Null, [9.0, 9.0, -2.0, -2.0]),
    ] {
        assert_eq!(
            run(&activation).unwrap_or_else(|e| panic!("{activation}: {e}")),
            y,
            "{activation}"
        );
        let layer = of("Activation", json!({"activation": activation}));
        crate::dynamic::layer(layer).unwrap();
    }
    for (activation, says) in [
        (of("PReLU", json!({})), "`PReLU` is no layer that can be an activation here"),
        (of("LeakyReLU", json!({"negative_slope": -1})), "negative_slope"),
        (of("Dense", json!({"units": 2})), "`Dense` is no layer"),
        (of("ReLU", json!({"max_value": -1})), "max_value"),
        (of("ReLU", json!({"slope": 1})), "slope"),
        (of("Softmax", json!({"axis": 1})), "axis"),
        (of("Activation", json!({"activation": "rellu"})), "rellu"),
        (json!(3), "activation"),
        (json!([]), "activation"),
    ] {
        let text = run(&activation).unwrap_err().to_string();
        assert!(text.contains(says), "{text}");
    }
    let gru = of(
        "GRU",
        json!({"units": 2, "activation": of("ReLU", json!({"max_value": 1})), "recurrent_activation": "sigmoid"}),
    );
    let y =
        layer(gru).unwrap().run(DynamicValue::numbers([1, 9, 2], vec![50.0; 18]).unwrap()).unwrap();
    assert!(y.values().iter().all(|y| (0.0..=1.0).contains(y)), "{y:?}");
    // A type takes the layer that does what it does.
    let dense = |activation: Value| {
        Dense::<1, 2, Relu>::from_config(&config(of(
            "Dense",
            json!({"units": 2, "activation": activation}),
        )))
    };
    dense(of("ReLU", json!({}))).unwrap();
    assert!(dense(of("ReLU", json!({"max_value": 6}))).is_err());
    assert!(
        Dense::<1, 2, Tanh>::from_config(&config(of(
            "Dense",
            json!({"units": 2, "activation": of("ReLU", json!({}))})
        )))
        .is_err()
    );
}

#[test]
fn a_relu_has_options() {
    let x = || DynamicValue::numbers([1, 4], vec![-2.0, 0.5, 3.0, 9.0]).unwrap();
    let json = of("ReLU", json!({"max_value": 6, "negative_slope": 0.25, "threshold": 1.0}));
    let mut relu = layer(json.clone()).unwrap();
    // Keras 3.15.1
    assert_eq!(relu.run(x()).unwrap().values(), [-0.75, -0.125, 3.0, 6.0]);
    let written = relu.config().config;
    assert_eq!((&written["max_value"], &written["threshold"]), (&json!(6), &json!(1.0)));
    for (key, value) in [
        ("max_value", json!(-1)),
        ("threshold", json!(-1)),
        ("negative_slope", Value::Null),
        ("negative_slope", json!("a")),
    ] {
        let text = error(of("ReLU", json!({key: value})));
        assert!(text.contains(&format!("{key}: a number of at least 0 is needed")), "{text}");
    }
    let text = Relu::from_config(&config(json)).unwrap_err().to_string();
    assert!(text.contains("max_value: the type says null, the JSON says 6"), "{text}");
}

#[model(input = (Batch, 3), output = (Batch, 2))]
struct Plus {
    a: Dense<_, 4>,
    #[from(input)]
    b: Dense<_, 4>,
    #[from(a, b)]
    sum: Add,
    c: Dense<_, 2>,
}

#[test]
fn a_sum_of_tensors_is_an_add() {
    let json = stored("plus");
    build::<Plus>().check_json(&json).unwrap();
    let text = build::<Plus>().check_json(&json.replace("\"Add\"", "\"Divide\"")).unwrap_err();
    assert!(
        text.to_string().contains("layer `sum`: the type says Add, the JSON says nothing"),
        "{text}"
    );
}

#[test]
fn a_byte_order_mark_is_skipped_and_nan_is_told() {
    let config: Config = stored("json_bom").parse().unwrap();
    assert_eq!(config.class_name, "Dense");
    let text = stored("json_nan").parse::<Config>().unwrap_err().to_string();
    assert!(text.contains("`NaN` at line 1, column "), "{text}");
    for name in ["NaN", "Infinity", "-Infinity"] {
        let json =
            format!("{{\"class_name\": \"Masking\",\n \"config\": {{\"mask_value\": {name}}}}}");
        let text = json.parse::<Config>().unwrap_err().to_string();
        assert!(text.contains(&format!("`{name}` at line 2, column ")), "{text}");
    }
}

/// In a legacy `.h5` of Keras 3 a function has no module, but perhaps a number type: here those of a mask.
#[test]
fn a_function_without_a_module_is_no_layer() {
    let tensor = |layer: &str| {
        json!({"class_name": "__keras_tensor__", "config": {"shape": [null, 3], "dtype": "float32",
            "keras_history": [layer, 0, 0]}})
    };
    let node = |args: Value| json!([{"args": args, "kwargs": {}}]);
    let mut model = layer(json!({"class_name": "Functional", "config": {"name": "legacy",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_shape": [null, 3], "name": "x"}, "name": "x",
                "inbound_nodes": []},
            {"class_name": "ZerosLike", "config": {"dtype": "bool", "name": "zeros_like"},
                "name": "zeros_like", "inbound_nodes": node(json!([tensor("x")]))},
            {"class_name": "LogicalOr", "config": {"name": "or"}, "name": "or",
                "inbound_nodes": node(json!([tensor("x"), tensor("zeros_like")]))}],
        "input_layers": [["x", 0, 0]], "output_layers": [["or", 0, 0]]}}))
    .unwrap();
    let x = DynamicValue::numbers([1, 3], vec![0.0, 2.0, 1.0]).unwrap();
    assert_eq!(model.run(x).unwrap().values(), [0.0, 1.0, 1.0]);
}
