//! Keras's JSON, held against what Keras 3.15 wrote.

use kerata::{
    Batch, BatchNorm, Const, Conv1d, Conv2d, Cpu, Dense, Dropout, Embedding, Error, Flatten,
    GlobalAveragePooling1d, GlobalMaxPooling1d, Ids, LastState, LayerNorm, Linear, Lstm, MaskZero,
    Masking, MaxPool1d, MaxPool2d, Relu, Sequences, Sigmoid, Softmax, Tanh, TimeDistributed,
    model::Sequential,
    prelude::*,
    shape::{Causal, Same},
};
use serde_json::Value;

use crate::case::Case;

fn build<M: Build>() -> M {
    M::build(&Cpu::seed_from_u64(0)).unwrap()
}

/// The model writes what Keras wrote, and finds no difference in it.
fn writes<M: Configured + Build + Clone>(name: &str) {
    let Some(case) = Case::open(name) else { return };
    let mut keras = case.model_json().unwrap();
    keras.as_object_mut().unwrap().remove("compile_config");
    let model = build::<M>();
    model.check_json(&keras.to_string()).unwrap();
    let written: Value = serde_json::from_str(&model.to_json()).unwrap();
    assert!(written == keras, "{name}\n{written:#}\n{keras:#}");
}

type Tokens<const L: usize> = Ids<(Batch, Const<L>)>;
type Words = Embedding<6, 4, MaskZero>;

#[test]
fn models_are_written_as_by_keras() {
    writes::<Sequential<Tokens<10>, (Embedding<28, 5, MaskZero>, Lstm<5, 6>, Dense<6, 1, Sigmoid>)>>(
        "char_embedding_lstm",
    );
    writes::<Sequential<Tokens<4>, (Embedding<5, 5>,)>>("embedding_no_mask");
    writes::<Sequential<Tokens<4>, (Embedding<5, 5, MaskZero>,)>>("embedding_mask_zero");
    writes::<Sequential<(Batch, Const<3>, Const<2>), (Lstm<2, 4>, Dense<4, 2>)>>(
        "lstm_dense_no_input_layer",
    );
    writes::<Sequential<(Batch, Const<10>, Const<27>), (Masking, Lstm<27, 6>, Dense<6, 1, Sigmoid>)>>(
        "onehot_chars_masking_lstm",
    );
    writes::<Sequential<Tokens<5>, (Words, TimeDistributed<Dense<4, 3, Tanh>>)>>("td_dense_masked");
    writes::<
        Sequential<
            Tokens<8>,
            (
                Embedding<20, 6, MaskZero>,
                Dropout<30>,
                Lstm<6, 6, Sequences>,
                Dropout<50>,
                Lstm<6, 3, LastState>,
                Dropout<50>,
                Dense<3, 3, Softmax>,
            ),
        >,
    >("dropout_layers_inference");
    writes::<Sequential<(Batch, Const<2>), (Dense<2, 3>, Softmax)>>(
        "loss_softmax_activation_layer_saturated",
    );
    writes::<Sequential<(Batch, Const<4>), (Dense<4, 6>, LayerNorm<6>, Dense<6, 2>)>>(
        "layernorm_dense",
    );
    writes::<Sequential<(Batch, Const<4>, Const<2>), (GlobalAveragePooling1d, Dense<2, 2>)>>(
        "gap1d_nomask",
    );
}

type Steps = (Batch, Const<7>, Const<2>);
type Image<const H: usize, const W: usize, const C: usize> = (Batch, Const<H>, Const<W>, Const<C>);

#[test]
fn models_of_images_are_written_as_by_keras() {
    writes::<Sequential<Steps, (Conv1d<2, 3, 3, Linear, Causal>,)>>("conv1d_causal");
    writes::<
        Sequential<
            Steps,
            (Conv1d<2, 4, 3, Relu>, MaxPool1d<2>, GlobalMaxPooling1d, Dense<4, 1, Sigmoid>),
        >,
    >("conv1d_pool_gmp_dense");
    writes::<
        Sequential<
            Image<8, 8, 2>,
            (Conv2d<2, 3, 3, 3, Relu>, MaxPool2d<2>, Flatten<27>, Dense<27, 4, Softmax>),
        >,
    >("conv2d_valid_pool_flatten_dense");
    writes::<Sequential<Image<6, 7, 2>, (Conv2d<2, 3, 3, 3, Tanh, Same, 2>,)>>(
        "conv2d_same_stride2",
    );
    writes::<Sequential<Image<5, 5, 1>, (Conv2d<1, 2, 2, 4, Linear, Same>,)>>(
        "conv2d_same_even_kernel",
    );
    writes::<Sequential<Image<5, 5, 2>, (MaxPool2d<2, 2, 2, 2, Same>,)>>("maxpool_same");
    writes::<Sequential<Image<24, 24, 32>, (Flatten<18432>,)>>("flatten_24_24_32");
    writes::<
        Sequential<
            Image<7, 6, 2>,
            (Conv2d<2, 3, 3, 3, Relu>, BatchNorm<3>, MaxPool2d<2>, Flatten<12>, Dense<12, 2>),
        >,
    >("import_conv_bn");
}

#[test]
fn a_dense_on_a_sequence_is_time_distributed() {
    let Some(case) = Case::open("masking_dense") else { return };
    let json = case.model_json().unwrap().to_string();
    type Model<D> = Sequential<(Batch, Const<4>, Const<2>), (Masking, TimeDistributed<D>)>;
    build::<Model<Dense<2, 3, Relu>>>().check_json(&json).unwrap();
    let wrong = build::<Model<Dense<2, 4, Tanh>>>().check_json(&json).unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "the config of `Sequential` does not fit:\n  \
         layer 1 `dense`, units: the type says 4, the JSON says 3\n  \
         layer 1 `dense`, activation: the type says \"tanh\", the JSON says \"relu\""
    );
}

#[test]
fn differences_come_in_one_report() {
    let json = r#"{"class_name": "Dense", "config": {
        "units": 10, "activation": "relu", "unit": 3, "use_bias": false, "kernel_initializer": "glorot",
        "trainable": false, "dtype": "float64", "batch_input_shape": [null, 100]}}"#;
    let error = Dense::<128, 2>::from_json(json).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the config of `Dense` does not fit:\n  \
         dtype: the type says \"float32\", the JSON says \"float64\"\n  \
         input_shape: the type says [null,128], the JSON says [null,100]\n  \
         units: the type says 2, the JSON says 10\n  \
         activation: the type says \"linear\", the JSON says \"relu\"\n  \
         kernel_initializer: the name of an initializer of Keras is needed, the JSON says \"glorot\"\n  \
         trainable: the type says true, the JSON says false\n  \
         unit: `Dense` has no such key, did you mean `units`?, the JSON says 3"
    );
    assert!(matches!(error, Error::Differences { differences, .. } if differences.len() == 7));
}

#[kerata::model(input = Ids<(Batch, 8)>, output = (Batch, 3))]
struct Sentiment {
    embed: Embedding<20, 6, MaskZero>,
    first: Lstm<_, 6, Sequences>,
    drop: Dropout<50>,
    second: Lstm<_, 5>,
    head: Dense<_, 3, Softmax>,
}

#[test]
fn a_model_struct_is_a_sequential() {
    let model = build::<Sentiment>();
    let json = model.to_json();
    model.check_json(&json).unwrap();
    Sentiment::from_json(&json).unwrap();
    let value: Value = serde_json::from_str(&json).unwrap();
    let layers = value["config"]["layers"].as_array().unwrap();
    let names: Vec<_> =
        layers.iter().map(|layer| layer["config"]["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["input_layer", "embed", "first", "drop", "second", "head"]);
    assert_eq!(layers[4]["build_config"]["input_shape"], serde_json::json!([null, 8, 6]));
}
