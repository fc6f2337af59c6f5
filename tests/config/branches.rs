//! Models of branches, held against the `Functional` that Keras 3.15 wrote for them.

use kerata::{
    Add, Average, Batch, BatchNorm, Concatenate, Conv1d, Conv2d, Cpu, Dense, Embedding,
    GlobalAveragePooling1d, GlobalAveragePooling2d, GlobalMaxPooling1d, GlobalMaxPooling2d, Ids,
    Inputs, LayerNorm, Lstm, MaskZero, Maximum, Minimum, Multiply, Relu, Sequences, Subtract,
    Unmask,
    config::{CustomObjects, DynamicLayer, DynamicValue, FromDynamic, layer_from_config},
    model,
    model::{Model, Sequential},
    prelude::*,
    shape::Same,
};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Words and numbers, and a field that has the name which Keras gives to inputs.
#[model(input = Inputs<(Ids<(Batch, 8)>, (Batch, 4))>, output = (Batch, 3))]
struct Mixed {
    #[from(input.0)]
    embed: Embedding<20, 6, MaskZero>,
    lstm: Lstm<_, 5>,
    #[from(input.1)]
    dense: Dense<_, 5, Relu>,
    #[from(dense, lstm)]
    product: Multiply,
    #[from(product, lstm)]
    both: Concatenate<_>,
    input_layer: Dense<_, 3>,
}

/// Masks go through the branches; Keras needs no layer in place of `Unmask`.
#[model(input = Ids<(Batch, 8)>, output = (Batch, 3))]
struct Masked {
    embed: Embedding<20, 6, MaskZero>,
    lstm: Lstm<_, 6, Sequences>,
    #[from(lstm, embed)]
    sum: Add,
    #[from(sum, lstm)]
    mean: Average,
    norm: LayerNorm<_>,
    pool: GlobalAveragePooling1d,
    #[from(sum)]
    unmask: Unmask,
    conv: Conv1d<_, 3, 3>,
    most: GlobalMaxPooling1d,
    #[from(most, pool)]
    both: Concatenate<_>,
    head: Dense<_, 3>,
}

#[model(input = (Batch, 6, 6, 2), output = (Batch, 6, 6, 4))]
struct Block {
    conv: Conv2d<_, 4, 3, 3, Relu, Same>,
    norm: BatchNorm<_>,
    #[from(input)]
    short: Conv2d<_, 4, 1>,
    #[from(norm, short)]
    sum: Add,
    act: Relu,
}

/// A model of branches in a model of branches.
#[model(input = (Batch, 6, 6, 2), output = (Batch, 3))]
struct Net {
    block: Block,
    pool: GlobalAveragePooling2d,
    #[from(block)]
    most: GlobalMaxPooling2d,
    #[from(pool, most)]
    largest: Maximum,
    #[from(largest, pool)]
    less: Minimum,
    #[from(less, most)]
    minus: Subtract,
    head: Dense<_, 3>,
}

type Chain = Sequential<(Batch, kerata::Const<4>), (Dense<4, 3, Relu>, Dense<3, 3>)>;

fn build<M: Build>() -> M {
    M::build(&Cpu::seed_from_u64(0)).unwrap()
}

fn keras(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/keras-3.15.1-branches");
    std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap()
}

#[test]
fn what_keras_writes_is_read() {
    build::<Mixed>().check_json(&keras("mixed")).unwrap();
    build::<Masked>().check_json(&keras("masked")).unwrap();
    build::<Net>().check_json(&keras("net")).unwrap();
    // A chain may be a `Functional`, too.
    build::<Chain>().check_json(&keras("chain")).unwrap();
    Mixed::from_json(&keras("mixed")).unwrap();
}

/// The same model as an older Keras writes it.
fn older(name: &str) -> String {
    let mut json: Value = serde_json::from_str(&keras(name)).unwrap();
    fn model(json: &mut Value) {
        json["class_name"] = "Model".into();
        json.as_object_mut().unwrap().retain(|key, _| {
            key == "class_name" || key == "config" || key == "inbound_nodes" || key == "name"
        });
        let layers = json["config"]["layers"].as_array_mut().unwrap();
        // There, a mask is no node.
        layers.retain(|layer| !layer["module"].as_str().unwrap().starts_with("keras.src.ops"));
        for layer in layers {
            let nodes = layer["inbound_nodes"].as_array().unwrap().iter().map(|node| {
                let args = &node["args"];
                let tensors = if args[0].is_array() { &args[0] } else { args };
                let history = |t: &Value| t["config"]["keras_history"].clone();
                let tensor = |t: &Value| json!([history(t)[0], 0, 0, {"mask": null}]);
                tensors.as_array().unwrap().iter().map(tensor).collect::<Value>()
            });
            layer["inbound_nodes"] = nodes.collect();
            if layer["class_name"] == "Functional" {
                model(layer);
            }
        }
    }
    model(&mut json);
    json.to_string()
}

#[test]
fn what_an_older_keras_writes_is_read() {
    build::<Mixed>().check_json(&older("mixed")).unwrap();
    build::<Masked>().check_json(&older("masked")).unwrap();
    build::<Net>().check_json(&older("net")).unwrap();
    build::<Chain>().check_json(&older("chain")).unwrap();
    let older = older("mixed");
    let wrong = older.replacen(r#"[[["dense_4",0,0,"#, r#"[[["embedding_1",0,0,"#, 1);
    assert_ne!(wrong, older);
    let text = build::<Mixed>().check_json(&wrong).unwrap_err().to_string();
    assert!(text.contains("inbound_nodes: the type says ["), "{text}");
}

#[test]
fn what_is_written_is_read() {
    fn again<M: Configured + Build<M::Element, M::Device> + Parameters<M::Element, M::Device>>() {
        let json = M::build(&M::Device::default()).unwrap().to_json();
        M::from_json(&json).unwrap().check_json(&json).unwrap();
    }
    again::<Mixed>();
    again::<Masked>();
    again::<Net>();
    again::<Sequential<Inputs<((Batch, kerata::Const<4>), (Batch, kerata::Const<4>))>, (Average,)>>(
    );
}

/// The key `key` of each layer, with its name.
fn nodes(json: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let layers = json["config"]["layers"].as_array().unwrap();
    let from = |layer: &Value| {
        let args = &layer["inbound_nodes"][0]["args"];
        let tensors = if args[0].is_array() { &args[0] } else { args };
        let tensors = tensors.as_array().map(Vec::as_slice).unwrap_or_default();
        tensors.iter().map(|t| text(&t["config"]["keras_history"][0])).collect()
    };
    layers.iter().map(|layer| (text(&layer["name"]), from(layer))).collect()
}

#[test]
fn the_layers_say_what_reaches_them() {
    let json: Value = serde_json::from_str(&build::<Mixed>().to_json()).unwrap();
    let (mine, theirs) = (&json, &serde_json::from_str::<Value>(&keras("mixed")).unwrap());
    for key in ["module", "class_name", "registered_name"] {
        assert_eq!(mine[key], theirs[key]);
    }
    assert_eq!(
        nodes(mine),
        [
            ("input_layer_", &[][..]),
            ("input_layer_1", &[]),
            ("embed", &["input_layer_"]),
            ("lstm", &["embed"]),
            ("dense", &["input_layer_1"]),
            ("product", &["dense", "lstm"]),
            ("both", &["product", "lstm"]),
            ("input_layer", &["both"]),
        ]
        .map(|(name, from)| (name.to_owned(), from.iter().map(|&f| f.to_owned()).collect()))
    );
    assert_eq!(
        mine["config"]["input_layers"],
        json!([["input_layer_", 0, 0], ["input_layer_1", 0, 0]])
    );
    assert_eq!(mine["config"]["output_layers"], json!(["input_layer", 0, 0]));
    let both = &mine["config"]["layers"][6];
    assert_eq!(both["build_config"], json!({"input_shape": [[null, 5], [null, 5]]}));
    let tensor = &mine["config"]["layers"][2]["inbound_nodes"][0]["args"][0]["config"];
    assert_eq!((&tensor["shape"], &tensor["dtype"]), (&json!([null, 8]), &json!("int32")));
}

#[test]
fn another_wiring_is_told() {
    let model = build::<Mixed>();
    let json = model.to_json();
    let differs = |from: &str, to: &str| {
        assert!(json.contains(from), "{from} is not in {json}");
        let text = model.check_json(&json.replace(from, to)).unwrap_err().to_string();
        text.strip_prefix("the config of `Functional` does not fit:\n").unwrap().to_owned()
    };
    assert_eq!(
        differs(r#""keras_history":["product",0,0]"#, r#""keras_history":["dense",0,0]"#),
        "  layer 4 `both`, inbound_nodes: the type says [\"product\",\"lstm\"], the JSON says [\"dense\",\"lstm\"]"
    );
    assert_eq!(
        differs(r#""output_layers":["input_layer",0,0]"#, r#""output_layers":["both",0,0]"#),
        "  output_layers: the type says [\"input_layer\"], the JSON says [\"both\"]"
    );
    assert_eq!(
        differs(r#""batch_shape":[null,8]"#, r#""batch_shape":[null,9]"#),
        "  input_layers `input_layer_`: the type says [null,8], the JSON says [null,9]"
    );
    assert_eq!(
        differs(r#""units":3"#, r#""units":4"#),
        "  layer 5 `input_layer`, units: the type says 3, the JSON says 4"
    );
    let text = build::<Mixed>().check_json(&keras("masked")).unwrap_err().to_string();
    assert!(text.contains("input_layers: the type says 2, the JSON says 1"), "{text}");
    assert!(
        text.contains("layer `product`: the type says Multiply, the JSON says nothing"),
        "{text}"
    );
    let text = build::<Chain>().check_json(&keras("mixed")).unwrap_err().to_string();
    assert!(text.contains("layers: the type says 2, the JSON says "), "{text}");
    // One that is no list of layers at all.
    let text =
        build::<Net>().check_json(r#"{"class_name": "Functional", "config": {"layers": 3}}"#);
    assert!(
        text.unwrap_err()
            .to_string()
            .contains("layer `block`: the type says Functional, the JSON says nothing")
    );
}

/// The dynamic model of a typed one, and that of what Keras wrote, become the typed one again.
#[test]
fn a_dynamic_model_becomes_the_typed_one() {
    fn there_and_back<M>(name: &str, x: impl Fn() -> DynamicValue)
    where
        M: Build + Parameters + Configured<Element = f32, Device = Cpu>,
        M: Model<Input: FromDynamic, Output: FromDynamic>,
    {
        let model = build::<M>();
        let run = |model: &M| {
            let y = model.call(M::Input::from_dynamic(x()).unwrap()).unwrap();
            M::Output::into_dynamic(y)
        };
        let mut dynamic = DynamicLayer::from_layer(&model).unwrap();
        let expected = run(&model);
        assert_eq!(dynamic.run(x()).unwrap(), expected, "{name}");
        let back: M = dynamic.try_into().unwrap();
        assert_eq!(run(&back), expected, "{name}");

        let mut theirs =
            layer_from_config(&keras(name).parse().unwrap(), &CustomObjects::new()).unwrap();
        let expected = theirs.run(x()).unwrap();
        let typed: M = theirs.try_into().unwrap();
        for (a, b) in run(&typed).values().iter().zip(expected.values()) {
            assert!((a - b).abs() <= 1e-6, "{name}: {a} {b}");
        }
    }
    let words =
        || DynamicValue::ids([2, 8], (0..16).map(|i| i * 7 % 20).collect::<Vec<_>>()).unwrap();
    let numbers = |sizes: &[usize]| {
        let count = sizes.iter().product();
        DynamicValue::numbers(sizes, (0..count).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap()
    };
    there_and_back::<Mixed>("mixed", || DynamicValue::several([words(), numbers(&[2, 4])]));
    there_and_back::<Masked>("masked", words);
    there_and_back::<Net>("net", || numbers(&[2, 6, 6, 2]));
    there_and_back::<Chain>("chain", || numbers(&[2, 4]));
}

proptest! {
    /// Whatever is changed in the JSON of a model of branches: it is read, or it ends in an error.
    #[test]
    fn mutated_branches_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), " -~"), 1..8),
    ) {
        let mut json = keras("mixed").into_bytes();
        for (at, with) in changes {
            let at = at.index(json.len());
            json[at] = with.as_bytes()[0];
        }
        let _ = build::<Mixed>().check_json(&String::from_utf8(json).unwrap());
    }
}
