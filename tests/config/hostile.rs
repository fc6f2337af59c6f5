//! Configs that nobody writes in earnest end in an error: they do not panic, and take no memory to speak of.

use std::time::{Duration, Instant};

use kerata::{
    Batch, Cpu, Dense, Error, Lstm, Mask, Relu,
    config::{
        Config, CustomObjects, DynamicValue, MAX_BYTES, MAX_OBJECTS, MAX_VALUES, layer_from_config,
    },
    model::Sequential,
    prelude::*,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dynamic::{error, layer};

#[test]
fn hostile_configs_end_in_an_error() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(matches!(deep.parse::<Config>(), Err(Error::Json(_))));
    let mut nested = json!({"class_name": "Dense", "config": {"units": 1}});
    for _ in 0..25 {
        nested = json!({"class_name": "TimeDistributed", "config": {"layer": nested}});
    }
    assert!(Config::try_from(nested.clone()).is_ok());
    for _ in 0..10 {
        nested = json!({"class_name": "TimeDistributed", "config": {"layer": nested}});
    }
    assert!(matches!(Config::try_from(nested), Err(Error::Json(_))));
    let long = format!("\"{}\"", "a".repeat(20 << 20));
    assert!(long.parse::<Config>().is_err());
    for (class, options) in [
        ("Dense", json!({"units": u64::MAX})),
        ("LSTM", json!({"units": u64::MAX / 2})),
        ("GRU", json!({"units": 1_u64 << 40})),
        ("RepeatVector", json!({"n": u64::MAX})),
        ("ZeroPadding2D", json!({"padding": 1_u64 << 62})),
        ("Conv2D", json!({"filters": 1_u64 << 40, "kernel_size": 3, "padding": "same"})),
        ("Conv1D", json!({"filters": 1, "kernel_size": u64::MAX, "dilation_rate": u64::MAX})),
        ("Conv3D", json!({"filters": 1_u64 << 40, "kernel_size": 1})),
        ("Conv3D", json!({"filters": 1, "kernel_size": [1_u64 << 30, 1, 1], "padding": "same"})),
        ("ConvLSTM2D", json!({"filters": 1_u64 << 62, "kernel_size": 1})),
        ("ConvLSTM2D", json!({"filters": 1, "kernel_size": 1_u64 << 20, "padding": "same"})),
        ("ConvLSTM3D", json!({"filters": 1_u64 << 62, "kernel_size": 1})),
        (
            "ConvLSTM3D",
            json!({"filters": 1, "kernel_size": [1_u64 << 20, 1, 1], "padding": "same"}),
        ),
        ("STFTSpectrogram", json!({"frame_length": u64::MAX})),
        ("STFTSpectrogram", json!({"frame_length": 1_u64 << 40, "fft_length": 1_u64 << 40})),
        (
            "STFTSpectrogram",
            json!({"frame_length": 2, "fft_length": 1_u64 << 28, "padding": "same"}),
        ),
        ("MelSpectrogram", json!({"fft_length": u64::MAX})),
        ("MelSpectrogram", json!({"fft_length": 1_u64 << 14})),
        ("MelSpectrogram", json!({"num_mel_bins": 1_u64 << 40})),
        ("ReversibleEmbedding", json!({"input_dim": 1_u64 << 62, "output_dim": 8})),
        ("EinsumDense", json!({"equation": "ab,bc->ac", "output_shape": 1_u64 << 40})),
        ("MaxPooling3D", json!({"pool_size": [1, 1, 1_u64 << 40], "padding": "same"})),
        ("Resizing", json!({"height": 1, "width": 1_u64 << 40})),
        ("Resizing", json!({"height": 1, "width": 1_u64 << 31, "pad_to_aspect_ratio": true})),
        ("CenterCrop", json!({"height": u64::MAX, "width": 1})),
        ("UpSampling3D", json!({"size": [1, 1_u64 << 40, 1]})),
        ("ZeroPadding3D", json!({"padding": 1_u64 << 62})),
    ] {
        let shape: &[usize] = match class {
            "Conv2D" | "ZeroPadding2D" | "Resizing" | "CenterCrop" => &[2, 3, 3, 2],
            "Conv3D" | "ConvLSTM2D" | "MaxPooling3D" | "UpSampling3D" | "ZeroPadding3D" => {
                &[1, 2, 3, 3, 2]
            }
            "ConvLSTM3D" => &[1, 2, 2, 3, 3, 2],
            "EinsumDense" | "MelSpectrogram" => &[2, 3],
            "Dense" | "RepeatVector" => &[2, 3],
            _ => &[2, 3, 2],
        };
        let x = DynamicValue::numbers(shape, vec![0.0; shape.iter().product()]).unwrap();
        let found =
            layer(json!({"class_name": class, "config": options})).and_then(|mut l| l.run(x));
        assert!(found.is_err(), "{class}");
    }
}

#[test]
fn slopes_are_shared_along_axes_that_there_are() {
    let run = |axes: Value| {
        let x = DynamicValue::numbers([2, 3, 4], vec![-1.0; 24]).unwrap();
        let prelu = json!({"class_name": "PReLU", "config": {"shared_axes": axes}});
        layer(prelu).and_then(|mut prelu| prelu.run(x))
    };
    assert!(run(json!([1, 2])).is_ok());
    for (axes, axis) in [(json!(3), "3"), (json!([1, 99]), "99"), (json!([u64::MAX]), "1844")] {
        let error = run(axes).unwrap_err().to_string();
        assert!(error.contains(&format!("there is no axis {axis}")), "{error}");
    }
}

#[test]
fn sizes_do_not_overflow() {
    let huge = 1_u64 << 40;
    for (class, options, sizes) in [
        ("Flatten", json!({}), json!([null, huge, huge])),
        ("Reshape", json!({"target_shape": [-1, 2]}), json!([null, huge, huge])),
        ("Reshape", json!({"target_shape": [huge, huge]}), json!([null, 4])),
        ("Dense", json!({"units": 2}), json!([null, u64::MAX])),
        ("BatchNormalization", json!({}), json!([null, huge])),
        ("ZeroPadding2D", json!({"padding": u64::MAX / 2}), json!([null, 3, 3, 1])),
        (
            "Conv1D",
            json!({"filters": 1, "kernel_size": u64::MAX, "padding": "same"}),
            json!([null, 3, 1]),
        ),
        ("MaxPooling2D", json!({"pool_size": u64::MAX, "padding": "same"}), json!([null, 3, 3, 1])),
    ] {
        let config =
            json!({"class_name": class, "config": options, "build_config": {"input_shape": sizes}});
        assert!(layer(config).is_err(), "{class}");
    }
    let mut pool = layer(json!({"class_name": "MaxPooling1D", "config":
        {"pool_size": huge, "padding": "same"}}))
    .unwrap();
    let text = pool.run(DynamicValue::numbers([1, 3, 1], vec![0.0; 3]).unwrap()).unwrap_err();
    assert_eq!(
        text.to_string(),
        "`max_pooling1d`: a window of 1099511627776 places, 1 apart, reaches too far beyond 3"
    );
    let mut repeat =
        layer(json!({"class_name": "RepeatVector", "config": {"n": 1_u64 << 27}})).unwrap();
    let text = repeat.run(DynamicValue::numbers([1, 3], vec![0.0; 3]).unwrap()).unwrap_err();
    assert_eq!(
        text.to_string(),
        "`repeat_vector`: `(Batch, 134217728, 3)` would leave it, more than 2^28 numbers"
    );
    // The ends of the range of the initialiser.
    let uniform =
        json!({"class_name": "RandomUniform", "config": {"minval": 0.0, "maxval": f64::MAX}});
    let text = error(
        json!({"class_name": "Dense", "config": {"units": 1, "kernel_initializer": uniform}}),
    );
    assert!(text.contains("`minval` must be at most `maxval`, and not too far from it"), "{text}");
}

#[test]
fn texts_that_are_no_json_or_say_a_thing_twice() {
    for text in [
        "",
        "{",
        "[]",
        r#"{"class_name": 3, "config": {}}"#,
        r#"{"class_name": "Masking", "config": {"mask_value": NaN}}"#,
        r#"{"class_name": "Masking", "config": {"mask_value": 1e999}}"#,
        r#"{"class_name": "Dense", "config": 3}"#,
    ] {
        assert!(matches!(text.parse::<Config>(), Err(Error::Json(_))), "{text}");
    }
    let text = r#"{"class_name": 3}"#.parse::<Config>().unwrap_err().to_string();
    assert_eq!(text, "not a JSON that can be read: `class_name` of a config is a text");
    // The bounds hold where serde reads a config inside of something else, too.
    let deep = format!(
        r#"{{"class_name": "A", "config": {{"x": {}1{}}}}}"#,
        "[".repeat(70),
        "]".repeat(70)
    );
    let text = serde_json::from_str::<Vec<Config>>(&format!("[{deep}]")).unwrap_err().to_string();
    assert!(text.contains("nested more than 64 deep"), "{text}");
    // As in Python, the last one counts.
    let twice: Config =
        r#"{"class_name": "A", "class_name": "B", "config": {"x": 1, "x": 2}}"#.parse().unwrap();
    assert_eq!((twice.class_name.as_str(), twice.config["x"].as_u64()), ("B", Some(2)));
    let long = "x".repeat(1 << 20);
    assert!(error(json!({"class_name": long, "config": {}})).len() < 2000);
    assert!(error(json!({"class_name": "Flatten", "config": {long: 1}})).len() < 1000);
}

#[test]
fn values_that_are_not_what_their_sizes_say_are_refused() {
    let mut lstm = layer(json!({"class_name": "LSTM", "config": {"units": 2}})).unwrap();
    let short = DynamicValue::Numbers { sizes: vec![2, 3, 4], values: vec![0.0; 5], mask: None };
    assert_eq!(
        lstm.run(short).unwrap_err().to_string(),
        "the numbers of a value: expected [2, 3, 4], found 5"
    );
    let mask = Mask::from_bools(vec![true; 6], 3, 2).unwrap();
    let mask =
        DynamicValue::Numbers { sizes: vec![2, 3, 1], values: vec![0.0; 6], mask: Some(mask) };
    assert_eq!(
        lstm.run(mask).unwrap_err().to_string(),
        "the batch and length of a mask: expected [2, 3, 1], found [3, 2]"
    );
    let mut table = layer(json!({"class_name": "Embedding", "config":
        {"input_dim": 2, "output_dim": 2, "mask_zero": true}}))
    .unwrap();
    assert!(table.run(DynamicValue::Tokens { sizes: vec![2, 3], ids: vec![1] }).is_err());
}

#[test]
fn layers_inside_that_make_no_sense_are_refused() {
    let text = error(json!({"class_name": "Sequential", "config": {"layers": {"a": 1}}}));
    assert_eq!(
        text,
        "the config of `Sequential` does not fit:\n  \
         layers: a list of layers is needed, the JSON says {\"a\":1}"
    );
    let text = error(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "InputLayer", "config": {"batch_input_shape": [null, true, 3]}}]}}));
    assert!(
        text.ends_with(
            "InputLayer.batch_input_shape: a list of sizes is needed, the JSON says [null,true,3]"
        ),
        "{text}"
    );
    let text = error(json!({"class_name": "TimeDistributed", "config": {"layer": null}}));
    assert!(text.ends_with("layer: a layer is needed, the JSON says null"), "{text}");
    let text = error(json!({"class_name": "Permute", "config": {"dims": [1, 3]}}));
    assert!(
        text.ends_with("dims: an order of the dimensions is needed, the JSON says [1,3]"),
        "{text}"
    );
    let text = error(json!({"class_name": "LayerNormalization", "config": {"axis": [2, 0]},
        "build_config": {"input_shape": [null, 4, 3]}}));
    assert!(text.ends_with("there is no axis 0 of 3 dimensions to normalise"), "{text}");
    for wrong in [json!([]), json!("last"), json!([1.5]), json!([1, 2, 3, 4, 5])] {
        let text = error(json!({"class_name": "LayerNormalization", "config": {"axis": wrong}}));
        assert!(text.contains("axis: "), "{text}");
    }
    let lstm = json!({"class_name": "LSTM", "config": {"units": 2}});
    let both = |backward| {
        error(
            json!({"class_name": "Bidirectional", "config": {"layer": lstm, "backward_layer": backward}}),
        )
    };
    let text = both(json!({"class_name": "Flatten", "config": {}}));
    assert!(
        text.ends_with(
            "backward_layer: a recurrent layer is needed, LSTM, GRU, SimpleRNN or RNN, the JSON says \"Flatten\""
        ),
        "{text}"
    );
    let text = both(lstm.clone());
    assert!(
        text.ends_with(
            "backward_layer.go_backwards: true is needed, as `layer` goes the other way, the JSON says false"
        ),
        "{text}"
    );
}

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
    type Model = Sequential<(Batch, kerata::Const<2>), (Dense<2, 3>, Dense<3, 2>)>;
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

#[test]
fn batches_of_nothing_run() {
    for (class, options, shape) in [
        ("Dense", json!({"units": 2, "activation": "softmax"}), &[0, 3][..]),
        ("LSTM", json!({"units": 2}), &[0, 3, 2]),
        ("GRU", json!({"units": 2, "return_sequences": true}), &[2, 0, 2]),
        ("Conv2D", json!({"filters": 2, "kernel_size": 2}), &[0, 3, 3, 2]),
        ("MaxPooling2D", json!({}), &[0, 4, 4, 2]),
        ("GlobalAveragePooling1D", json!({}), &[0, 4, 2]),
        ("GlobalMaxPooling1D", json!({}), &[0, 4, 2]),
        ("BatchNormalization", json!({}), &[0, 3]),
        ("Masking", json!({}), &[0, 3, 2]),
        ("Permute", json!({"dims": [2, 1]}), &[0, 3, 2]),
        ("Flatten", json!({}), &[0, 3, 2]),
        ("ZeroPadding2D", json!({}), &[0, 3, 2, 1]),
        ("RepeatVector", json!({"n": 3}), &[0, 2]),
        (
            "Bidirectional",
            json!({"layer": {"class_name": "LSTM", "config": {"units": 2}}}),
            &[0, 3, 2],
        ),
    ] {
        let x = DynamicValue::numbers(shape, Vec::new()).unwrap();
        let y = layer(json!({"class_name": class, "config": options})).unwrap().run(x);
        assert_eq!(y.unwrap_or_else(|e| panic!("{class}: {e}")).values().len() % 2, 0, "{class}");
    }
}

proptest! {
    /// Whatever is changed in the JSON of a model: it is read, or it ends in an error.
    #[test]
    fn mutated_configs_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), " -~"), 1..8),
    ) {
        type Model = Sequential<(Batch, kerata::Const<4>, kerata::Const<2>),
            (Lstm<2, 3>, Dense<3, 2, Relu>)>;
        let model = Model::build(&Cpu::default()).unwrap();
        let mut json = model.to_json().into_bytes();
        for (at, with) in changes {
            let at = at.index(json.len());
            json[at] = with.as_bytes()[0];
        }
        let json = String::from_utf8(json).unwrap();
        let _ = model.check_json(&json);
        if let Ok(config) = json.parse() {
            let x = DynamicValue::numbers([1, 4, 2], vec![0.5; 8]).unwrap();
            let _ = layer_from_config(&config, &CustomObjects::new()).and_then(|mut l| l.run(x));
        }
    }
}
