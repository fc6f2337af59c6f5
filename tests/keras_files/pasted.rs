//! Structs as `rust_source` writes them for configs and files of Keras: they are written so, compile, and fit their files.

use std::collections::BTreeSet;

use kerata::{
    Add, Average, Batch, BatchNorm, Bidirectional, Concatenate, Conv1d, Conv2d, Cpu, Dense,
    Dropout, Embedding, GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d,
    GlobalMaxPooling2d, Gru, Ids, Inputs, LayerNorm, Lstm, MaskZero, Maximum, Minimum, Multiply,
    Relu, Same, Sequences, Softmax, Subtract, Unmask,
    config::{Config, CustomObjects},
    keras::{self, rust_source},
    model,
    prelude::*,
};

use serde_json::json;

use crate::case::Case;

/// The source without the list of names in front, of which there is one for all models here.
fn structs(config: &Config, name: &str) -> String {
    let source = rust_source(config, name).unwrap();
    source.split_once("\n\n").unwrap().1.replace("pub ", "")
}

fn branches(name: &str) -> Config {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/keras-3.15.1-branches");
    Config::load(format!("{folder}/{name}.json")).unwrap()
}

#[test]
fn the_source_is_what_is_pasted_here() {
    let here = include_str!("pasted.rs").replace("pub(super) ", "");
    for (name, model) in [("mixed", "Mixed"), ("masked", "Padded"), ("net", "Net")] {
        let source = structs(&branches(name), model);
        assert!(here.contains(&source), "pasted.rs has not\n{source}");
    }
    let path = Case::of("legacy2_sequential").path("model.keras");
    let config = keras::load(path, &CustomObjects::new()).unwrap().config();
    let source = structs(&config, "Stack");
    assert!(here.contains(&source), "pasted.rs has not\n{source}");
}

#[test]
fn what_has_no_type_is_said_in_its_place() {
    let config: Config = r#"{"class_name": "Sequential", "config": {"build_input_shape": [null, 3],
        "layers": [{"class_name": "Dense", "config": {"name": "1st layer", "units": 2, "use_bias": false}},
            {"class_name": "Dropout", "config": {"name": "type", "rate": 0.125}},
            {"class_name": "ReLU", "config": {"max_value": 6.0}},
            {"class_name": "Dense", "config": {"name": "4", "units": 3}}]}}"#
        .parse()
        .unwrap();
    let source = rust_source(&config, "Net").unwrap();
    for line in [
        "    #[with(name = \"1st layer\", use_bias = false)]\n    pub layer_1st_layer: Dense<_, 2>,",
        "    // `type_` has no type here: its rate is 12.5 percent, and no whole number below 100.",
        "    #[with(max_value = 6.0)]\n    pub layer_2: ReluLayer,\n    pub layer_4: Dense<_, 3>,",
    ] {
        assert!(source.contains(line), "{source}");
    }
}

/// What keys a layer has, it says itself: its config, with all of them, is the source of its type.
#[test]
fn each_layer_is_known_with_all_its_keys() {
    let dev = Cpu::default();
    let mut seen = BTreeSet::new();
    macro_rules! each {
        ($($sizes:expr => $($layer:ty),*;)*) => {
            $($({
                let layer = <$layer as kerata::parameters::Build>::build(&dev).unwrap();
                let config = layer.config();
                seen.insert(config.class_name.clone());
                let layer = serde_json::to_value(&config).unwrap();
                let model = json!({"class_name": "Sequential", "config": {
                    "layers": [layer], "build_input_shape": $sizes,
                }});
                let source = rust_source(&Config::try_from(model).unwrap(), "Net").unwrap();
                assert!(!source.contains("//"), "{source}");
                let class = stringify!($layer).split('<').next().unwrap().trim();
                let class = class.rsplit("::").next().unwrap().trim();
                assert!(source.contains(class), "{class} is not in\n{source}");
            })*)*
        };
    }
    each! {
        json!([null, 4]) => Dense<4, 3, kerata::Tanh>, Dropout<30>, kerata::GaussianNoise, kerata::GaussianDropout<20>, kerata::AlphaDropout<10>, kerata::UnitNorm, BatchNorm<4>, LayerNorm<4>, kerata::RmsNorm<4>, Relu, Softmax, kerata::Linear, kerata::LeakyReluLayer, kerata::Elu, kerata::PRelu<4>,
            kerata::Normalization<4>, kerata::Rescaling, kerata::Sigmoid, kerata::Tanh, kerata::RepeatVector<2>, kerata::Reshape<(kerata::Const<2>, kerata::Const<2>)>,
            kerata::Reshape<(kerata::Const<4>,)>;
        json!([null, 5]) => Embedding<7, 3>, Embedding<7, 3, MaskZero>;
        json!([null, 5, 4]) => Lstm<4, 3>, Gru<4, 3, Sequences>, Gru<4, 3, kerata::LastState, kerata::ResetBefore>,
            kerata::SimpleRnn<4, 3>, Bidirectional<Lstm<4, 3, Sequences>>, Bidirectional<Gru<4, 3>, kerata::Sum>,
            kerata::TimeDistributed<Dense<4, 2>>, Conv1d<4, 3, 2, Relu, kerata::Causal>, Conv1d<4, 6, 2, Relu, Same, 1, 1, kerata::Groups<2>>, Conv1d<4, 3, 2, kerata::Linear, Same, 2>,
            kerata::MaxPool1d<2>, kerata::AvgPool1d<3, 2, Same>, GlobalAveragePooling1d, GlobalMaxPooling1d, kerata::Permute<2, 1>,
            kerata::Masking, kerata::Flatten<20>, kerata::PRelu1d<4>, kerata::SoftmaxAlong<1>,
            kerata::ZeroPadding1d<1>, kerata::ZeroPadding1d<2, 0>, kerata::Cropping1d<1, 0>, kerata::UpSampling1d<2>, kerata::SpatialDropout1d<20>,
            kerata::DepthwiseConv1d<4, 3>, kerata::DepthwiseConv1d<4, 3, Relu, kerata::Causal, 1, 2, 3>, kerata::SeparableConv1d<4, 3, 2, Relu, Same, 2, 1, 2>,
            kerata::Conv1dTranspose<4, 3, 2, Relu, Same, 2>, kerata::GroupNorm<4, 2>;
        json!([null, 6, 6, 2]) => Conv2d<2, 3, 2>, Conv2d<2, 3, 2, 3, Relu, Same, 1, 2>, Conv2d<2, 4, 2, 3, Relu, Same, 1, 2, kerata::Groups<2>>, kerata::MaxPool2d<2>,
            kerata::AvgPool2d<3, 2, 1, 1, Same>, GlobalAveragePooling2d, GlobalMaxPooling2d, kerata::ZeroPadding2d<1, 2>, kerata::ZeroPadding2d<1, 0, 2>,
            kerata::Cropping2d<1, 2>, kerata::Cropping2d<0, 0, 1, 2>, kerata::UpSampling2d<2, 3>, kerata::SpatialDropout2d<20>,
            kerata::DepthwiseConv2d<2, 3>, kerata::DepthwiseConv2d<2, 3, 2, Relu, Same, 2, 1, 3>, kerata::SeparableConv2d<2, 5, 3, 2, Relu, Same, 2, 1, 3>,
            kerata::Conv2dTranspose<2, 3, 3>, kerata::Conv2dTranspose<2, 3, 3, 2, Relu, Same, 2>, kerata::GroupNorm<2, 1>,
            kerata::RandomFlip, kerata::RandomRotation, kerata::RandomZoom, kerata::RandomCrop<3, 4>,
            kerata::RandomTranslation, kerata::RandomBrightness, kerata::RandomContrast;
    }
    assert!(seen.len() >= 32, "{seen:?}");
}

#[model(input = Inputs<(Ids<(Batch, 8)>, (Batch, 4))>)]
struct Mixed {
    #[from(input.0)]
    embedding_1: Embedding<20, 6, MaskZero>,
    #[from(input.1)]
    dense_4: Dense<_, 5, Relu>,
    #[from(embedding_1)]
    lstm_2: Lstm<_, 5>,
    #[from(dense_4, lstm_2)]
    multiply: Multiply,
    #[from(multiply, lstm_2)]
    concatenate_2: Concatenate<_>,
    dense_5: Dense<_, 3>,
}

#[model(input = Ids<(Batch, 8)>)]
struct Padded {
    embedding_2: Embedding<20, 6, MaskZero>,
    lstm_3: Lstm<_, 6, Sequences>,
    #[from(lstm_3, embedding_2)]
    add_2: Add,
    #[from(add_2, lstm_3)]
    average_1: Average,
    #[from(add_2)]
    conv1d_unmasked: Unmask,
    conv1d: Conv1d<_, 3, 3>,
    #[from(average_1)]
    layer_normalization: LayerNorm<_>,
    #[from(conv1d)]
    global_max_pooling1d: GlobalMaxPooling1d,
    #[from(layer_normalization)]
    global_average_pooling1d: GlobalAveragePooling1d,
    #[from(global_max_pooling1d, global_average_pooling1d)]
    concatenate_3: Concatenate<_>,
    dense_7: Dense<_, 3>,
}

#[model(input = (Batch, 6, 6, 2))]
struct NetFunctional4 {
    conv2d_1: Conv2d<_, 4, 3, 3, Relu, Same>,
    batch_normalization: BatchNorm<_>,
    #[from(input)]
    conv2d: Conv2d<_, 4, 1>,
    #[from(batch_normalization, conv2d)]
    add_1: Add,
    re_lu: Relu,
}

#[model(input = (Batch, 6, 6, 2))]
struct Net {
    functional_4: NetFunctional4,
    global_average_pooling2d: GlobalAveragePooling2d,
    #[from(functional_4)]
    global_max_pooling2d: GlobalMaxPooling2d,
    #[from(global_average_pooling2d, global_max_pooling2d)]
    maximum: Maximum,
    #[from(maximum, global_average_pooling2d)]
    minimum: Minimum,
    #[from(minimum, global_max_pooling2d)]
    subtract: Subtract,
    dense_6: Dense<_, 3>,
}

#[model(input = Ids<(Batch, 9)>)]
struct Stack {
    embedding: Embedding<21, 7, MaskZero>,
    lstm: Lstm<_, 6, Sequences>,
    gru: Gru<_, 5, Sequences>,
    bn: BatchNorm<_>,
    bidirectional: Bidirectional<Lstm<_, 4>>,
    dropout: Dropout<30>,
    dense: Dense<_, 3, Softmax>,
}

#[test]
fn each_fits_its_config() {
    let dev = Cpu::default();
    Mixed::build(&dev).unwrap().check_config(&branches("mixed")).unwrap();
    Padded::build(&dev).unwrap().check_config(&branches("masked")).unwrap();
    Net::build(&dev).unwrap().check_config(&branches("net")).unwrap();
    let mut stack = Stack::build(&dev).unwrap();
    stack.load_keras(Case::of("legacy2_sequential").path("model.keras")).unwrap();
}
