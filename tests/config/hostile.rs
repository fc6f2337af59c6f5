//! Configs that nobody writes in earnest end in an error: they do not panic, and take no memory to speak of.

use kerata::{
    Batch, Cpu, Dense, Error, Lstm, Mask, Relu,
    config::{Config, CustomObjects, DynamicValue, layer_from_config},
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
