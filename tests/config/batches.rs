//! A layer that keeps states is written with the size of the batch that its file says: Keras builds it for no other.

use serde_json::{Value, json};

use crate::dynamic::layer;

fn chain(batch: Value, stateful: bool) -> Value {
    json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "InputLayer", "config": {"batch_shape": [batch, 5, 3], "name": "x"}},
        {"class_name": "LSTM", "config": {"units": 4, "stateful": stateful, "name": "lstm"}},
    ]}})
}

fn graph(batch: Value, stateful: bool) -> Value {
    let lstm = json!({"class_name": "LSTM", "config": {"units": 4, "stateful": stateful}});
    json!({"class_name": "Functional", "config": {"name": "net", "layers": [
        {"class_name": "InputLayer", "name": "x",
            "config": {"batch_shape": [batch, 5, 3], "name": "x"}, "inbound_nodes": []},
        {"class_name": "Bidirectional", "name": "both", "config": {"layer": lstm, "name": "both"},
            "inbound_nodes": [[["x", 0, 0, {}]]]},
    ], "input_layers": [["x", 0, 0]], "output_layers": [["both", 0, 0]]}})
}

/// The shapes that the config of a model says for its input and its layer.
fn shapes(config: Value) -> [Value; 2] {
    let written = serde_json::to_value(layer(config).unwrap().config()).unwrap();
    let layers = &written["config"]["layers"];
    [layers[0]["config"]["batch_shape"].clone(), layers[1]["build_config"]["input_shape"].clone()]
}

#[test]
fn a_layer_with_states_keeps_the_batch_of_its_file() {
    let (fixed, any) = (json!([2, 5, 3]), json!([null, 5, 3]));
    for model in [chain, graph] {
        assert_eq!(shapes(model(json!(2), true)), [fixed.clone(), fixed.clone()]);
        assert_eq!(shapes(model(Value::Null, true)), [any.clone(), any.clone()]);
        assert_eq!(shapes(model(json!(2), false))[1], any);
    }
}
