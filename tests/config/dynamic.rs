//! Layers from configs, where no type says which.

use dfdx::{shapes::Shape, tensor::Tape};
use kerata::{
    Activation, Backend, Batch, Cpu, Dense, Element, Embedding, Error, GlobalAveragePooling1d,
    Layer, Length, Linear, Lstm, MaskZero, Masked, Relu, Sequences, Tensor, TimeDistributed,
    config::{
        AnySignal, Config, CustomObjects, DynamicLayer, DynamicValue, Fields, SignalKind,
        layer_from_config,
    },
    io::WeightFile,
    model::Sequential,
    prelude::*,
    signal::MaskTransparent,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{case::Case, files::keras_name};

/// `factor * x`.
#[derive(Debug, Clone, Default)]
struct Scale {
    factor: f64,
}

impl<In: MaskTransparent, E: Element, D: Backend<E>> Layer<In, E, D> for Scale {
    type Out = In;

    fn call<T: Tape<E, D>>(&self, x: In::Data<E, D, T>) -> Result<In::Data<E, D, T>, Error> {
        In::map(x, |x| Ok(x * E::of(self.factor)))
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for Scale {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self::default())
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Scale {}

impl Configured for Scale {
    const CLASS: &'static str = "ScaleLayer";
    type Element = f32;
    type Device = Cpu;

    fn describe(&mut self, fields: &mut Fields) {
        fields.number("factor", &mut self.factor, None);
    }
}

/// `x + 1`.
#[derive(Debug, Clone, Copy, Default)]
struct Next;

impl Activation for Next {
    const NAME: &'static str = "my_act";

    fn apply<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Tensor<S, E, D, T>,
    ) -> Result<Tensor<S, E, D, T>, Error> {
        Ok(x + E::of(1.0))
    }
}

fn objects() -> CustomObjects {
    CustomObjects::new()
        .layer::<Scale, (Batch, Length)>()
        .layer::<Scale, Masked<(Batch, Length, Length)>>()
        .activation::<Next>()
}

fn config(value: Value) -> Config {
    value.try_into().unwrap()
}

fn layer(value: Value) -> Result<DynamicLayer, Error> {
    layer_from_config(&config(value), &objects())
}

fn error(value: Value) -> String {
    layer(value).unwrap_err().to_string()
}

fn sizes(list: &Value) -> Vec<Option<usize>> {
    list.as_array().unwrap().iter().map(|n| n.as_u64().map(|n| n as usize)).collect()
}

fn arrives(class: &str, shape: &Value) -> AnySignal {
    let kind = if class == "Embedding" { SignalKind::Tokens } else { SignalKind::Numbers };
    AnySignal { kind, sizes: sizes(shape) }
}

#[test]
fn layers_have_the_configs_shapes_and_sizes_of_keras() {
    let Some(case) = Case::open("layer_from_config") else { return };
    for entry in case.json["layers"].as_array().unwrap() {
        let class = entry["given"]["class_name"].as_str().unwrap();
        // With the keys of Keras 3, and with two as before.
        let mut two = entry["given"].clone();
        two.as_object_mut().unwrap().retain(|key, _| key == "class_name" || key == "config");
        for given in [&entry["given"], &two] {
            let mut layer =
                layer_from_config(&config(given.clone()), &CustomObjects::new()).unwrap();
            let arrives = arrives(class, &entry["input_shape"]);
            layer.build(&arrives).unwrap();
            assert_eq!(layer.class(), class);
            assert_eq!(
                layer.gives(&arrives).unwrap().sizes,
                sizes(&entry["output_shape"]),
                "{class}"
            );
            assert_eq!(layer.params() as u64, entry["param_count"].as_u64().unwrap(), "{class}");
            let found = Value::from(layer.config().config);
            assert!(
                found == entry["full_config"],
                "{class}\n{found:#}\n{:#}",
                entry["full_config"]
            );
            let again = layer_from_config(&layer.config(), &CustomObjects::new()).unwrap();
            assert_eq!(again.config(), layer.config());
        }
    }
}

#[test]
fn what_keras_refuses_is_refused() {
    let Some(case) = Case::open("layer_from_config") else { return };
    for entry in case.json["special"].as_array().unwrap() {
        let custom = entry["custom_objects"].as_array().unwrap();
        let objects = if custom.is_empty() { CustomObjects::new() } else { objects() };
        let found = layer_from_config(&config(entry["given"].clone()), &objects);
        // The two keys of before, and the name of an activation of one's own, are read here.
        let read = entry["error"].as_str().is_some_and(|message| {
            message.contains("class 'Dense'") || message.ends_with("identifier: my_act")
        });
        let expected = entry["ok"].as_bool().unwrap() || read;
        assert_eq!(found.is_ok(), expected, "{} {found:?}", entry["given"]);
        if entry["class"] == "ScaleLayer" {
            let y = found.unwrap().run(DynamicValue::numbers([1, 2], vec![1.0; 2]).unwrap());
            assert_eq!(y.unwrap().values(), [2.5, 2.5]);
        }
    }
}

#[test]
fn errors_name_the_place_the_value_and_the_nearest_name() {
    let text = error(json!({"class_name": "Dens", "config": {}}));
    assert!(text.starts_with(
        "the layer `Dens` is not known, did you mean `Dense`?; known are Activation, "
    ));
    assert!(text.ends_with(", ZeroPadding2D, ScaleLayer"), "{text}");
    let text = error(json!({"class_name": "Dense", "config": {"units": 1, "activation": "rellu"}}));
    assert_eq!(
        text,
        "the activation `rellu` is not known, did you mean `relu`?; known are linear, relu, sigmoid, \
         softmax, tanh, my_act"
    );
    let text = error(json!({"class_name": "LSTM", "config": {
        "units": -2, "return_sequence": true, "use_bias": 1, "stateful": true, "dropout": 1.5}}));
    assert_eq!(
        text,
        "the config of `LSTM` does not fit:\n  \
         units: a whole number above 0 is needed, the JSON says -2\n  \
         stateful: only false is possible, the JSON says true\n  \
         use_bias: true or false is needed, the JSON says 1\n  \
         dropout: a number from 0 to 1 is needed, the JSON says 1.5\n  \
         return_sequence: `LSTM` has no such key, did you mean `return_sequences`?, the JSON says true"
    );
    let text = error(json!({"class_name": "TimeDistributed", "config": {
        "layer": {"class_name": "Dense", "config": {}}}}));
    assert_eq!(
        text,
        "the config of `Dense` does not fit:\n  units: it is needed, the JSON says nothing"
    );
}

#[test]
fn custom_layers_stand_inside_of_others() {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true,
            "embeddings_initializer": "ones"}},
        {"class_name": "TimeDistributed", "config": {"layer":
            {"class_name": "ScaleLayer", "config": {"factor": 3.0}}}},
        {"class_name": "ScaleLayer", "config": {"factor": 2.0}},
        {"class_name": "Activation", "config": {"activation": "my_act"}},
    ]}}))
    .unwrap();
    let y = model.run(DynamicValue::ids([1, 2], vec![1, 0]).unwrap()).unwrap();
    assert_eq!(y.values(), [7.0; 4]);
    assert_eq!(y.mask().unwrap().row(0), [true, false]);
    let refused = layer(json!({"class_name": "ScaleLayer", "config": {"factor": 2.0}})).unwrap();
    let refused = refused.gives(&AnySignal::numbers([None, None, None])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`scale_layer`: `(Batch, Length)` or `Masked<(Batch, Length, Length)>` is needed here, but \
         `(Batch, Length, Length)` arrives"
    );
}

#[test]
fn what_the_types_refuse_is_refused_in_the_same_words() {
    let refused = |value: Value, shape: &[usize]| {
        let n = shape.iter().product();
        let x = DynamicValue::numbers(shape, vec![0.0; n]).unwrap();
        layer(value).unwrap().run(x).unwrap_err().to_string()
    };
    let text = refused(json!({"class_name": "LSTM", "config": {"units": 2}}), &[2, 4]);
    assert!(text.starts_with(
        "`lstm`: a sequence is needed here, `(Batch, Length, Features)`, but `(Batch, 4)` arrives\n  note: if "
    ));
    let text = refused(
        json!({"class_name": "TimeDistributed", "config": {"layer":
        {"class_name": "Dense", "config": {"units": 2}}}}),
        &[2, 4],
    );
    assert!(
        text.starts_with("`time_distributed`: a sequence is needed here, `(Batch, Length, ..)`")
    );
    let text = refused(
        json!({"class_name": "Embedding", "config": {"input_dim": 2, "output_dim": 2}}),
        &[2, 4],
    );
    assert!(text.starts_with("`embedding`: token ids are needed here"));
    let text = refused(
        json!({"class_name": "Conv2D", "config": {"filters": 1, "kernel_size": 5}}),
        &[1, 4, 4, 1],
    );
    assert!(text.starts_with("`conv2d`: a window of 5 does not fit into `4`"), "{text}");
    let mut dense = layer(json!({"class_name": "Dense", "config": {"units": 2}, "build_config":
        {"input_shape": [null, 4]}}))
    .unwrap();
    let text = dense.run(DynamicValue::numbers([2, 5], vec![0.0; 10]).unwrap()).unwrap_err();
    assert_eq!(text.to_string(), "`dense`: 4 features are needed here, but `5` arrives");
    let ids = DynamicValue::ids([2, 2], vec![0, 1, 5, 1]).unwrap();
    let mut embedding =
        layer(json!({"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2}}))
            .unwrap();
    assert_eq!(
        embedding.run(ids).unwrap_err(),
        Error::IdOutsideVocabulary { id: 5, vocabulary: 5, row: 1, step: 0 }
    );
}

#[test]
fn a_mask_does_not_vanish() {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Embedding", "config": {"input_dim": 5, "output_dim": 2, "mask_zero": true}},
        {"class_name": "Flatten", "config": {}},
    ]}}))
    .unwrap();
    let text = model.run(DynamicValue::ids([1, 2], vec![1, 0]).unwrap()).unwrap_err().to_string();
    assert!(text.starts_with(
        "`flatten`: numbers without a mask are needed here, `(Batch, ..)`, but `Masked<(Batch, 2, 2)>` arrives"
    ), "{text}");
}

/// The model of a case, from Keras's JSON and weights, gives what it gave in Keras.
fn runs(name: &str) {
    let Some(json) = Case::model_json(name) else { return };
    let Some(case) = Case::open(name) else { return };
    let mut model = layer_from_config(&config(json.clone()), &CustomObjects::new()).unwrap();
    let weights = WeightFile::from_bytes(case.read("tensors.safetensors")).unwrap();
    model.load(weights.rename(keras_name)).unwrap();
    let sizes = case.shape("input").to_vec();
    let ids = json["config"]["layers"][1]["class_name"] == "Embedding";
    let x = match ids {
        true => DynamicValue::ids(sizes, case.ids("input")),
        false => DynamicValue::numbers(sizes, case.floats("input")),
    };
    let y = model.run(x.unwrap()).unwrap();
    assert_eq!(y.sizes(), case.shape("output"), "{name}");
    case.assert_tensor("forward", "output", y.values());
    let mask = case.has("output_mask").then(|| case.flags("output_mask"));
    assert_eq!(y.mask().map(|mask| mask.as_slice().to_vec()), mask, "{name}");
}

#[test]
fn models_give_what_they_give_in_keras() {
    let cells = ["lstm", "gru", "simplernn"];
    let mut names: Vec<String> = cells
        .iter()
        .flat_map(|cell| {
            ["last", "seq", "last_go_backwards"].map(|how| format!("rnn_{cell}_{how}"))
        })
        .collect();
    let more = [
        "activation_dropout_masked",
        "batchnorm_inference",
        "bidirectional_gru_mul_seq",
        "bidirectional_gru_sum_last",
        "bidirectional_lstm_concat_last",
        "bidirectional_lstm_concat_seq",
        "bidirectional_simplernn_ave_seq",
        "bidirectional_stack_dense_softmax",
        "char_embedding_lstm",
        "conv1d_causal",
        "conv1d_pool_gmp_dense",
        "conv1d_same",
        "conv1d_stride2_same",
        "conv2d_same_even_kernel",
        "conv2d_same_stride2",
        "conv2d_valid_pool_flatten_dense",
        "conv2d_valid_stride2",
        "dense_masked",
        "dropout_layers_inference",
        "embedding_mask_zero",
        "embedding_no_mask",
        "flatten_24_24_32",
        "gap1d_lstm_masked_dense",
        "gap1d_masked",
        "gap1d_nomask",
        "import_conv_bn",
        "import_embedding_lstm",
        "layernorm_dense",
        "layernorm_masked",
        "lstm_dense_no_input_layer",
        "masking_dense",
        "masking_gru_seq",
        "masking_lstm_last",
        "maxpool_same",
        "maxpool_stride1",
        "onehot_chars_lstm",
        "onehot_chars_masking_lstm",
        "rnn_gru_last_go_backwards_no_reset_after",
        "rnn_gru_last_no_reset_after",
        "rnn_gru_seq_no_reset_after",
        "rnn_lstm_last_no_use_bias",
        "rnn_lstm_seq_zero_output_for_mask",
        "rnn_nomask_gru_reset_before",
        "rnn_stack_lstm_gru_dense",
        "td_dense_masked",
        "two_dropout_lstms_softmax_masked",
    ];
    names.extend(more.map(str::to_owned));
    names.iter().for_each(|name| runs(name));
}

#[test]
fn a_dynamic_layer_becomes_the_typed_one() {
    type Model = Sequential<
        kerata::Ids<(Batch, kerata::Const<4>)>,
        (
            Embedding<5, 3, MaskZero>,
            Lstm<3, 2, Sequences>,
            GlobalAveragePooling1d,
            Dense<2, 4, Relu>,
        ),
    >;
    let model = Model::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut dynamic = layer_from_config(&model.config(), &CustomObjects::new()).unwrap();
    let ids = Cpu::default().tensor_from_vec(vec![1_usize, 2, 0, 0], (1, kerata::Const::<4>));
    let y = dynamic.run(ids.clone()).unwrap();
    let typed: Model = dynamic.try_into().unwrap();
    let z = typed.forward(ids).unwrap();
    for (a, b) in y.values().iter().zip(z.as_vec()) {
        approx::assert_relative_eq!(*a, b, epsilon = 1e-6);
    }

    let dense = |activation: &str| {
        let config = json!({"class_name": "Dense", "config": {"units": 4, "activation": activation},
            "build_config": {"input_shape": [null, 3]}});
        layer(config).unwrap()
    };
    let typed: Dense<3, 4, Relu> = dense("relu").try_into().unwrap();
    assert_eq!(typed.kernel.as_vec().len(), 12);
    let wrong = dense("relu").try_into::<Dense<2, 4, Linear>>().unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the config of `Dense` does not fit:\n  \
         input_shape: the type says [null,2], the JSON says [null,3]\n  \
         activation: the type says \"linear\", the JSON says \"relu\""
    );
    let scale: Scale = layer(json!({"class_name": "ScaleLayer", "config": {"factor": 3.0}}))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(scale.factor, 3.0);
    let steps: TimeDistributed<Dense<3, 4>> =
        layer(json!({"class_name": "Dense", "config": {"units": 4},
            "build_config": {"input_shape": [null, 7, 3]}}))
        .unwrap()
        .try_into()
        .unwrap();
    assert_eq!(steps.layer.bias.array(), [0.0; 4]);
}

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
    ] {
        let shape: &[usize] = match class {
            "Conv2D" | "ZeroPadding2D" => &[2, 3, 3, 2],
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
