//! Models of branches that make no sense, options that are refused, and how such models are trained.

use std::time::{Duration, Instant};

use kerata::{
    Batch, Concatenate, Const, Cpu, Dense, Embedding, Ids, Inputs, Lstm, MaskZero, Relu,
    config::{Config, CustomObjects, DynamicLayer, DynamicValue, layer_from_config},
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use serde_json::{Value, json};

use crate::dynamic::{config, error, layer};

fn dense(name: &str, units: usize, from: Value) -> Value {
    json!({"class_name": "Dense", "name": name, "config": {"name": name, "units": units},
        "inbound_nodes": [from]})
}

fn input(name: &str, more: Value) -> Value {
    let mut config = json!({"name": name, "batch_shape": [null, 4]});
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"class_name": "InputLayer", "name": name, "config": config, "inbound_nodes": []})
}

/// `["name", 0, 0]`, as a call takes it in Keras 2.
fn one(name: &str) -> Value {
    json!([[name, 0, 0, {}]])
}

fn graph(layers: Vec<Value>, inputs: Value, outputs: Value) -> Value {
    json!({"class_name": "Functional", "config": {"name": "net", "layers": layers,
        "input_layers": inputs, "output_layers": outputs}})
}

#[test]
fn graphs_that_make_no_sense_are_refused() {
    let (x, of_x) = (|| input("x", json!({})), json!([["x", 0, 0]]));
    let says = |layers: Vec<Value>, output: &str| {
        error(graph([vec![x()], layers].concat(), of_x.clone(), json!([[output, 0, 0]])))
    };
    let circle = vec![dense("a", 4, one("b")), dense("b", 4, one("a"))];
    assert!(says(circle, "a").ends_with("its output reaches it again"));
    let text = says(vec![dense("a", 4, one("a"))], "a");
    assert_eq!(text, "`a`: its output reaches it again");
    let text = says(vec![dense("a", 4, one("c"))], "a");
    assert_eq!(text, "`c`: there is no layer of this name, but one takes its output");
    let text = says(vec![dense("a", 4, one("x")), dense("a", 4, one("x"))], "a");
    assert_eq!(text, "`a`: two layers have this name");
    let text = says(
        vec![dense("a", 4, json!([["x", 3, 0, {}]])), dense("b", 2, json!([["a", 2, 0, {}]]))],
        "b",
    );
    assert_eq!(text, "`a`: it is called 1 times, but call 2 is needed");
    let text = says(vec![dense("a", 4, json!([["x", 0, 1, {}]]))], "a");
    assert!(text.contains("the outputs of a layer (more than): expected 1, found 1"), "{text}");
    let text = says(vec![dense("a", 4, json!([["x", 0, 0, {"training": true}]]))], "a");
    assert_eq!(text, "`a`: it is called with `training`, which is not known here");
    let text = says(vec![dense("a", 4, json!([["x", 0, 0, {}], ["x", 0, 0, {}]]))], "a");
    assert_eq!(text, "`a`: one input is needed here, but 2 arrive");
    let wrong =
        json!({"class_name": "Dens", "name": "a", "config": {}, "inbound_nodes": [one("x")]});
    assert!(
        says(vec![wrong], "a")
            .starts_with("layer `a`: the layer `Dens` is not known, did you mean `Dense`?")
    );
    let wrong = json!({"class_name": "LSTM", "name": "rnn", "config": {"units": 2, "implementation": 2,
        "noise": 1}, "inbound_nodes": [one("x")]});
    let text = says(vec![wrong], "rnn");
    assert!(
        text.starts_with("layer `rnn`: the config of `LSTM` does not fit:\n  noise: "),
        "{text}"
    );
    let text = error(graph(vec![x()], json!([]), json!([["x", 0, 0]])));
    assert!(text.contains("input_layers: a list of tensors is needed, the JSON says []"), "{text}");
    let text = error(graph(
        vec![x(), input("y", json!({})), dense("a", 2, one("y"))],
        of_x.clone(),
        json!([["a", 0, 0]]),
    ));
    assert_eq!(text, "`y`: it is not among the `input_layers`");
    let text = error(graph(vec![], of_x, json!([])));
    assert!(text.contains("layers: a list of layers is needed"), "{text}");
    // What arrives is not what the inputs say.
    let mut model = layer(graph(
        vec![x(), dense("a", 2, one("x"))],
        json!([["x", 0, 0]]),
        json!([["a", 0, 0]]),
    ))
    .unwrap();
    let values = || DynamicValue::numbers([1, 4], vec![0.0; 4]).unwrap();
    let text = model.run(DynamicValue::several([values(), values()])).unwrap_err().to_string();
    assert_eq!(text, "`net`: 1 inputs are needed here, but 2 arrive");
    let text =
        model.run(DynamicValue::numbers([1, 5], vec![0.0; 5]).unwrap()).unwrap_err().to_string();
    assert_eq!(text, "`net`: `(Batch, 4)` is needed here, but `(Batch, 5)` arrives");
}

/// A model that calls one inside twice, which calls one inside twice, and so on.
#[test]
fn models_that_call_each_other_often_are_refused() {
    let mut inner = dense("a", 4, one("x"));
    for depth in 0..24 {
        let mut model =
            graph(vec![input("x", json!({})), inner], json!([["x", 0, 0]]), json!([["a", 0, 0]]));
        if depth == 0 {
            model["config"]["layers"][1]["inbound_nodes"] = json!([one("x"), one("a")]);
            model["config"]["output_layers"] = json!([["a", 1, 0]]);
        } else {
            model["config"]["layers"][1]["inbound_nodes"] = json!([one("x"), [["a", 1, 0, {}]]]);
            model["config"]["output_layers"] = json!([["a", 2, 0]]);
        }
        model["config"]["name"] = "a".into();
        model["name"] = "a".into();
        inner = model;
    }
    let start = Instant::now();
    let text = match Config::try_from(inner) {
        Ok(config) => layer_from_config(&config, &CustomObjects::new()).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    };
    assert!(
        text.contains("more than 10000 calls of layers") || text.contains("nested more than"),
        "{text}"
    );
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn options_that_are_not_there_are_refused() {
    let of_input = |more: Value| {
        let layers = vec![input("x", more), dense("a", 2, one("x"))];
        error(graph(layers, json!([["x", 0, 0]]), json!([["a", 0, 0]])))
    };
    for (more, says) in [
        (json!({"ragged": true}), "InputLayer.ragged: only false is possible, the JSON says true"),
        (json!({"sparse": true}), "InputLayer.sparse: only false is possible, the JSON says true"),
        (json!({"dtype": "string"}), "InputLayer.dtype: the name of a number type is needed"),
        (json!({"batch_shape": [null, "a"]}), "InputLayer.batch_shape: a list of sizes is needed"),
    ] {
        let text = of_input(more.clone());
        assert!(text.contains(says), "{text}");
        // In a chain of layers as well.
        let mut config = json!({"name": "x", "batch_shape": [null, 4]});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let first = json!({"class_name": "InputLayer", "config": config});
        let text = error(json!({"class_name": "Sequential", "config": {"layers": [first]}}));
        assert!(text.contains(says), "{text}");
    }
    for (class, options, says) in [
        ("Dense", json!({"units": 2, "name": 5}), "name: a text is needed, the JSON says 5"),
        (
            "LSTM",
            json!({"units": 2, "unroll": 7}),
            "unroll: true or false is needed, the JSON says 7",
        ),
        (
            "Dropout",
            json!({"rate": 0.5, "seed": "x"}),
            "seed: a whole number is needed, the JSON says \"x\"",
        ),
        ("Dense", json!({"units": 2, "trainable": "no"}), "trainable: true or false is needed"),
        (
            "Dense",
            json!({"units": 2, "dtype": "mixed_float16"}),
            "dtype: only \"float32\" is possible",
        ),
        (
            "Conv1D",
            json!({"filters": 2, "kernel_size": 2.5}),
            "kernel_size: 1 whole numbers above 0 are needed",
        ),
        (
            "UpSampling2D",
            json!({"interpolation": "area"}),
            "interpolation: one of [\"nearest\",\"bilinear\",",
        ),
        (
            "Conv2DTranspose",
            json!({"filters": 2, "kernel_size": 2, "output_padding": [1, 1, 1]}),
            "output_padding",
        ),
        (
            "RNN",
            json!({"cell": {"class_name": "ConvLSTMCell", "config": {}}}),
            "cell: a cell is needed",
        ),
    ] {
        let text = error(json!({"class_name": class, "config": options}));
        assert!(text.contains(says), "{text}");
        let named = json!({"class_name": "Sequential", "config": {"layers": [{"class_name": class,
            "config": {"name": "it"}}]}});
        let mut named = named;
        named["config"]["layers"][0]["config"]
            .as_object_mut()
            .unwrap()
            .extend(options.as_object().unwrap().clone());
        let text = error(named);
        assert!(text.starts_with("layer `it`: ") || options.get("name").is_some(), "{text}");
    }
}

/// The names of layers are compared, but for those that Keras makes of their classes.
#[test]
fn other_names_are_told() {
    let model = Both::build(&Cpu::default()).unwrap();
    let json = model.to_json();
    model.check_json(&json).unwrap();
    let text = model.check_json(&json.replace("\"lstm\"", "\"reader\"")).unwrap_err().to_string();
    assert!(text.contains("name: the type says \"lstm\", the JSON says \"reader\""), "{text}");
    for auto in ["lstm_7", "lstm_12"] {
        model.check_json(&json.replace("\"lstm\"", &format!("\"{auto}\""))).unwrap();
    }
    // To read weights into it, names do not matter.
    Both::from_json(&json.replace("\"lstm\"", "\"reader\"")).unwrap();
}

/// Words and numbers.
#[model(input = Inputs<(Ids<(Batch, 4)>, (Batch, 3))>, output = (Batch, 2))]
struct Both {
    #[from(input.0)]
    embed: Embedding<9, 5, MaskZero>,
    lstm: Lstm<_, 4>,
    #[from(input.1)]
    dense: Dense<_, 4, Relu>,
    #[from(lstm, dense)]
    both: Concatenate<_>,
    head: Dense<_, 2>,
}

fn weights<M: Parameters>(model: &M) -> Vec<f32> {
    struct All(Vec<f32>);
    impl kerata::parameters::Visitor<f32, Cpu> for All {
        fn visit(
            &mut self,
            parameter: kerata::parameters::Parameter<'_, f32, Cpu>,
        ) -> Result<(), kerata::Error> {
            self.0.extend(parameter.tensor.to_vec()?);
            Ok(())
        }
    }
    let mut all = All(Vec::new());
    model.clone().visit(&mut all).unwrap();
    all.0
}

/// A model of two inputs is trained as the typed one.
#[test]
fn branches_are_trained_as_the_typed_ones() {
    type In = Inputs<(Ids<(Batch, Const<4>)>, (Batch, Const<3>))>;
    let typed = Both::build(&Cpu::seed_from_u64(2)).unwrap();
    let dynamic = DynamicLayer::from_layer(&typed).unwrap();
    let dynamic = dynamic.typed::<In, (Batch, Const<2>)>().unwrap();
    let words = vec![[1_usize, 2, 0, 0], [3, 4, 5, 6], [7, 8, 0, 0], [2, 0, 0, 0]];
    let numbers = vec![[0.1_f32, 0.2, -0.3], [1.0, -1.0, 0.5], [0.0, 0.4, 0.2], [-0.6, 0.1, 0.9]];
    let data = InMemory::new((words, numbers), vec![0_usize, 1, 1, 0]).unwrap();
    let loss = SparseCategoricalCrossentropy::from_logits();
    let optimizer = Adam { learning_rate: 0.02.into(), ..Adam::default() };
    let mut a = Trainer::new(typed, loss, optimizer.clone()).unwrap();
    let mut b = Trainer::new(dynamic, loss, optimizer).unwrap();
    let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(15) };
    let (first, second) = (a.fit(&data, &fit).unwrap(), b.fit(&data, &fit).unwrap());
    let losses = first.get("loss").unwrap();
    assert!(losses.last() < losses.first());
    for (a, b) in losses.iter().zip(second.get("loss").unwrap()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    for (a, b) in weights(&a.model).iter().zip(weights(&b.model)) {
        assert!((a - b).abs() < 1e-5, "{a} {b}");
    }
    let back: Both = b.model.layer.clone().try_into().unwrap();
    assert_eq!(weights(&back), weights(&b.model));
}

/// Several outputs are a pair of signals.
#[test]
fn several_outputs_are_several_signals() {
    let two = json!([["a", 0, 0], ["b", 0, 0]]);
    let layers = vec![input("x", json!({})), dense("a", 2, one("x")), dense("b", 3, one("a"))];
    let mut model = layer(graph(layers, json!([["x", 0, 0]]), two)).unwrap();
    let x = || Cpu::default().tensor([[0.5_f32, -1.0, 2.0, 0.0]]);
    let found = model.run(x()).unwrap();
    let [a, b] = found.parts() else { panic!("{found:?}") };
    type Out = Inputs<((Batch, Const<2>), (Batch, Const<3>))>;
    let text =
        model.clone().typed::<(Batch, Const<4>), (Batch, Const<2>)>().unwrap_err().to_string();
    assert_eq!(text, "`net`: it has 2 outputs, not 1");
    let typed = model.typed::<(Batch, Const<4>), Out>().unwrap();
    let x: kerata::Tensor<(usize, Const<4>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![0.5, -1.0, 2.0, 0.0], (1, Const));
    let (first, second) = typed.forward(x).unwrap();
    assert_eq!((first.as_vec(), second.as_vec()), (a.values().to_vec(), b.values().to_vec()));
}

/// A custom layer of a config can be frozen, and may have two inputs.
#[test]
fn custom_layers_can_be_frozen() {
    type In = (Batch, Const<3>);
    let objects = CustomObjects::new().layer::<Dense<3, 2>, In>();
    let json = |trainable: Value| {
        json!({"class_name": "Dense", "config": {"units": 2, "trainable": trainable},
            "build_config": {"input_shape": [null, 3]}})
    };
    let trained = |flag: Value| {
        let layer = layer_from_config(&config(json(flag)), &objects).unwrap();
        let typed = layer.clone().typed::<In, (Batch, Const<2>)>().unwrap();
        (layer.summary().trainable(), typed.parameters().len())
    };
    assert_eq!(trained(json!(true)), (8, 2));
    assert_eq!(trained(json!(false)), (0, 2));
    let text = layer_from_config(&config(json(json!("no"))), &objects).unwrap_err().to_string();
    assert!(text.contains("trainable: true or false is needed, the JSON says \"no\""), "{text}");
    let sums = CustomObjects::new().layer::<kerata::Add, Inputs<(In, In)>>();
    let mut sum =
        layer_from_config(&config(json!({"class_name": "Add", "config": {}})), &sums).unwrap();
    let x = || DynamicValue::numbers([1, 3], vec![1.0, 2.0, 3.0]).unwrap();
    let y = sum.run(DynamicValue::several([x(), x()])).unwrap();
    assert_eq!(y.values(), [2.0, 4.0, 6.0]);
}

/// Several inputs are a tuple, and rows that do not agree are counted.
#[test]
fn several_inputs_are_a_tuple() {
    let config = config(json!({"class_name": "Add", "config": {"name": "sum"}}));
    let mut sum = layer_from_config(&config, &CustomObjects::new()).unwrap();
    let (dev, ones) = (Cpu::default(), [1.0_f32, 1.0]);
    let y = sum.run((dev.tensor([ones]), dev.tensor([[2.0, 3.0]]))).unwrap();
    assert_eq!(y.values(), [3.0, 4.0]);
    let text = sum.run((dev.tensor([ones; 2]), dev.tensor([ones; 3]))).unwrap_err().to_string();
    assert!(text.contains("inputs of as many rows are needed here, but 2 and 3 arrive"), "{text}");
}
