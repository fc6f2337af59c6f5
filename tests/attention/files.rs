//! Models with attention as Keras's JSON and files, and back; as dynamic models, and as source.

use dfdx::tensor::TensorFromVec;
use kerata::{
    Add, Batch, Cpu, Dense, GlobalAveragePooling1d, Inputs, LayerNorm, MultiHeadAttention, Relu,
    Tensor, TimeDistributed,
    config::{Config, CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    keras::rust_source,
    model,
    prelude::*,
    shape::Const,
};

use crate::values;

#[model(input = Inputs<((Batch, 5, 8), (Batch, 3, 6))>, output = (Batch, 2))]
struct Decoder {
    #[from(input.0)]
    #[with(use_causal_mask = true)]
    itself: MultiHeadAttention<_, 2, 3>,
    #[from(input.0, itself)]
    sum1: Add,
    norm1: LayerNorm<_>,
    #[from(norm1, input.1)]
    #[with(use_bias = false, dropout = 0.25)]
    cross: MultiHeadAttention<_, 2, 3, 4, 8, 6>,
    #[from(norm1, cross)]
    sum2: Add,
    dense: TimeDistributed<Dense<_, 8, Relu>>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

/// Without a branch: Keras has no `Sequential` with an attention all the same.
#[model(input = (Batch, 5, 8), output = (Batch, 2))]
struct Chain {
    attention: MultiHeadAttention<_, 2, 3>,
    mean: GlobalAveragePooling1d,
    head: Dense<_, 2>,
}

fn floats(n: usize, seed: usize) -> Vec<f32> {
    values(n, seed).into_iter().map(|x| x as f32).collect()
}

fn inputs()
-> (Tensor<(usize, Const<5>, Const<8>), f32, Cpu>, Tensor<(usize, Const<3>, Const<6>), f32, Cpu>) {
    let dev = Cpu::default();
    (
        dev.tensor_from_vec(floats(2 * 5 * 8, 1), (2, Const, Const)),
        dev.tensor_from_vec(floats(2 * 3 * 6, 2), (2, Const, Const)),
    )
}

fn decoder() -> Decoder {
    Decoder::build(&Cpu::seed_from_u64(4)).unwrap()
}

fn close(found: &[f32], right: &[f32]) {
    assert_eq!(found.len(), right.len());
    let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
    assert!(found.iter().zip(right).all(close), "{found:?}, {right:?}");
}

#[test]
fn a_typed_model_is_a_dynamic_one_and_back() {
    let model = decoder();
    let right = model.forward(inputs()).unwrap().as_vec();
    let mut dynamic = DynamicLayer::from_layer(&model).unwrap();
    let (x, y) = inputs();
    let both = DynamicValue::several([DynamicValue::from(x), DynamicValue::from(y)]);
    close(dynamic.run(both).unwrap().values(), &right);
    let again: Decoder = dynamic.try_into().unwrap();
    assert!(again.itself.use_causal_mask && !again.cross.use_causal_mask && !again.cross.use_bias);
    assert_eq!(again.cross.dropout, 0.25);
    assert_eq!(again.forward(inputs()).unwrap().as_vec(), right);
}

#[test]
fn a_layer_by_itself_is_a_dynamic_one() {
    type Layer = MultiHeadAttention<8, 2, 3, 4, 5, 6, 8>;
    let mut layer = Layer::build(&Cpu::seed_from_u64(4)).unwrap();
    layer.use_causal_mask = true;
    let (x, y) = inputs();
    let key = Cpu::default().tensor_from_vec(floats(2 * 3 * 8, 3), (2, Const::<3>, Const::<8>));
    let mut dynamic = DynamicLayer::from_layer(&layer).unwrap();
    let three = [
        DynamicValue::from(x.clone()),
        DynamicValue::from(y.clone()),
        DynamicValue::from(key.clone()),
    ];
    let found = dynamic.run(DynamicValue::several(three)).unwrap();
    close(found.values(), &layer.forward((x, y, key)).unwrap().as_vec());
    let again: Layer = dynamic.try_into().unwrap();
    assert_eq!(again.value_kernel.as_vec(), layer.value_kernel.as_vec());
}

#[test]
fn the_json_is_that_of_keras() {
    let json = decoder().to_json();
    decoder().check_json(&json).unwrap();
    let config: Config = json.parse().unwrap();
    let layers = config.config["layers"].as_array().unwrap();
    let node = |name: &str| {
        let layer = layers.iter().find(|layer| layer["name"] == name).unwrap();
        layer["inbound_nodes"][0].clone()
    };
    let history =
        |node: &serde_json::Value, i: usize| node["args"][i]["config"]["keras_history"][0].clone();
    let itself = node("itself");
    assert_eq!([history(&itself, 0), history(&itself, 1)], ["input_layer", "input_layer"]);
    assert_eq!(itself["kwargs"]["use_causal_mask"], true);
    let cross = node("cross");
    assert_eq!([history(&cross, 0), history(&cross, 1)], ["norm1", "input_layer_1"]);
    assert_eq!(cross["kwargs"], serde_json::json!({}));
    layer_from_config(&config, &CustomObjects::new()).unwrap();

    let mut other = decoder();
    other.itself.use_causal_mask = false;
    let text = other.check_json(&json).unwrap_err().to_string();
    assert!(text.contains("use_causal_mask") && text.contains("the layer says false"), "{text}");
    let without = json.replace("\"use_causal_mask\":true", "\"use_causal_mask\":false");
    assert_ne!(without, json);
    let text = decoder().check_json(&without).unwrap_err().to_string();
    assert!(text.contains("use_causal_mask"), "{text}");
    assert!(!Decoder::from_json(&without).unwrap().itself.use_causal_mask);
    let other = json.replace("\"use_causal_mask\":true", "\"training\":true");
    assert!(decoder().check_json(&other).unwrap_err().to_string().contains("training"));
}

#[test]
fn a_chain_is_no_sequential() {
    let model = Chain::build(&Cpu::seed_from_u64(2)).unwrap();
    let json = model.to_json();
    model.check_json(&json).unwrap();
    let config: Config = json.parse().unwrap();
    assert_eq!(config.class_name, "Functional");
    let x = inputs().0;
    let mut dynamic = DynamicLayer::from_layer(&model).unwrap();
    let found = dynamic.run(DynamicValue::from(x.clone())).unwrap();
    close(found.values(), &model.forward(x).unwrap().as_vec());
}

#[test]
fn the_source_of_a_config() {
    let config: Config = decoder().to_json().parse().unwrap();
    let source = rust_source(&config, "Decoder").unwrap();
    for line in [
        "    #[with(use_causal_mask = true)]\n    pub itself: MultiHeadAttention<_, 2, 3>,",
        "    #[from(norm1, input.1)]\n    #[with(use_bias = false, dropout = 0.25)]\n    pub cross: MultiHeadAttention<_, 2, 3, 4, 8, 6>,",
    ] {
        assert!(source.contains(line), "{source}");
    }
}

#[test]
fn the_file_of_weights_and_config() {
    let folder = std::env::temp_dir().join(format!("kerata-attention-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("decoder.keras");
    let model = decoder();
    model.save_keras(&path).unwrap();
    let mut other = Decoder::build(&Cpu::seed_from_u64(9)).unwrap();
    other.load_keras(&path).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        other.forward(inputs()).unwrap().as_vec(),
        model.forward(inputs()).unwrap().as_vec()
    );
}

/// What is true of a call is no key of a config.
#[test]
fn a_layer_by_itself_stays_causal() {
    let mut typed = MultiHeadAttention::<8, 2, 3>::build(&Cpu::seed_from_u64(1)).unwrap();
    typed.use_causal_mask = true;
    let dynamic = DynamicLayer::from_layer(&typed).unwrap();
    let again: MultiHeadAttention<8, 2, 3> = dynamic.try_into().unwrap();
    assert!(again.use_causal_mask);
    let x = inputs().0;
    close(&again.forward(x.clone()).unwrap().as_vec(), &typed.forward(x).unwrap().as_vec());
}
