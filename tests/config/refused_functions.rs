//! Functions between layers, on what they do not take.

use kerata::{
    Error,
    config::{CustomObjects, DynamicValue, layer_from_config},
};
use serde_json::{Value, json};

use crate::{dynamic::config, kinds::zeros};

/// A function of `x`, which is `(Batch, 4, 6)`, and of `y`, which is `(Batch, 6, 3)`.
fn function(class: &str, options: Value, args: &[Value]) -> Result<DynamicValue, Error> {
    let input = |name: &str, sizes: Value| {
        json!({"class_name": "InputLayer", "name": name, "inbound_nodes": [],
            "config": {"name": name, "batch_shape": sizes}})
    };
    let mut own = options;
    own["name"] = "it".into();
    let node = json!({"module": "keras.src.ops.numpy", "class_name": class, "name": "it",
        "config": own, "inbound_nodes": [{"args": args, "kwargs": {}}]});
    let layers = [input("x", json!([null, 4, 6])), input("y", json!([null, 6, 3])), node];
    let model = json!({"class_name": "Functional", "config": {"name": "net", "layers": layers,
        "input_layers": [["x", 0, 0], ["y", 0, 0]], "output_layers": [["it", 0, 0]]}});
    let mut model = layer_from_config(&config(model), &CustomObjects::new())?;
    model.run(DynamicValue::several([zeros(&[2, 4, 6]), zeros(&[2, 6, 3])]))
}

fn tensor(name: &str) -> Value {
    json!({"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}})
}

#[test]
fn functions_that_do_not_fit_are_refused_by_name() {
    let (x, y) = (tensor("x"), tensor("y"));
    let huge = 1_u64 << 60;
    for (class, options, args, says) in [
        ("Matmul", json!({}), vec![y.clone(), x.clone()], "of an equation is 3 and 4 values long"),
        ("Stack", json!({"axis": 1}), vec![json!([x, y])], "cannot be one"),
        ("Stack", json!({"axis": 0}), vec![json!([x, x])], "along the batch"),
        (
            "Split",
            json!({"indices_or_sections": 4, "axis": 2}),
            vec![x.clone()],
            "4 makes no parts",
        ),
        ("Split", json!({"indices_or_sections": huge, "axis": 2}), vec![x.clone()], "no parts"),
        ("Split", json!({"indices_or_sections": 2, "axis": 0}), vec![x.clone()], "along the batch"),
        ("Unstack", json!({"num": 5, "axis": 1}), vec![x.clone()], "`num` 5 makes no parts"),
        ("Einsum", json!({"subscripts": "bij,bik->bjk"}), vec![x.clone(), y.clone()], "4 and 6"),
        ("Einsum", json!({"subscripts": "bij->bik"}), vec![x.clone()], "that no value has"),
        ("Einsum", json!({"subscripts": "b1"}), vec![x.clone()], "other signs than letters"),
        ("Tile", json!({"repeats": [1, huge, 1]}), vec![x.clone()], "too large"),
        ("Tile", json!({"repeats": [1, 1 << 20, 1 << 20]}), vec![x.clone()], "more than 2^28"),
        ("Repeat", json!({"repeats": huge, "axis": 1}), vec![x.clone()], "too large"),
        ("Repeat", json!({"repeats": -1, "axis": 1}), vec![x.clone()], "-1 times"),
        ("Pad", json!({"pad_width": [[0, 0], [huge, huge], [0, 0]]}), vec![x.clone()], "too large"),
        ("Pad", json!({"pad_width": 1}), vec![x.clone()], "along the batch"),
        ("Pad", json!({"pad_width": [[0, 0], [1, 1]]}), vec![x.clone()], "`pad_width`"),
        (
            "Pad",
            json!({"pad_width": [[0, 0], [1, 1], [0, 0]], "mode": "reflect"}),
            vec![x.clone()],
            "`mode` \"reflect\"",
        ),
        ("Take", json!({"axis": 1}), vec![x.clone(), json!([4])], "there is no 4 in an axis of 4"),
        ("Flip", json!({"axis": null}), vec![x.clone()], "`axis` of a function has to be given"),
        ("Mean", json!({"axis": 0}), vec![x.clone()], "along the batch"),
        ("Clip", json!({"x_min": "a", "x_max": 1}), vec![x.clone()], "`x_min` \"a\""),
        ("Where", json!({}), vec![x.clone(), x.clone()], "a function of other values"),
        ("Add", json!({}), vec![x.clone(), json!([[[[1.0]]]])], "of more dimensions than values"),
        ("Glu", json!({"axis": 0}), vec![x.clone()], "along the batch"),
        ("Normalize", json!({"axis": 1, "order": 3}), vec![x.clone()], "`order` 3"),
        ("GetItem", json!({}), vec![x.clone(), json!([null, 1])], "is not known here"),
        ("Moveaxis", json!({"source": 0, "destination": 1}), vec![x.clone()], "the batch first"),
        ("Sum", json!({"axis": [1, 1]}), vec![x.clone()], "each once"),
        ("Sum", json!({"axis": 1, "keepdims": 1}), vec![x.clone()], "`keepdims` 1"),
        ("Norm", json!({"axis": [1], "ord": 1}), vec![x.clone()], "`ord` 1"),
        ("OneHot", json!({"num_classes": 3, "axis": "x"}), vec![x.clone()], "no axis \"x\""),
        ("OneHot", json!({"num_classes": 3, "axis": 0}), vec![x.clone()], "along the batch"),
        ("Tril", json!({"k": 0.5}), vec![x.clone()], "`k` 0.5"),
        ("DepthToSpace", json!({"block_size": 2}), vec![x.clone()], "no images"),
        ("TopK", json!({"k": 7}), vec![x.clone()], "`k` 7 of a function is not in 1..=6"),
        ("TopK", json!({"k": 0}), vec![x.clone()], "`k` 0"),
        ("Resize", json!({"size": [5, "x", 6]}), vec![x.clone()], "`size` [5,\"x\",6]"),
        ("Resize", json!({"size": [5]}), vec![x.clone()], "`size` [5]"),
        ("Cumprod", json!({"axis": 1}), vec![x.clone()], "the function `Cumprod` is not known"),
    ] {
        let text = match function(class, options, &args) {
            Ok(value) => panic!("{class} gives {:?}", value.sizes()),
            Err(error) => error.to_string(),
        };
        assert!(text.contains("`it`") && text.contains(says), "{class}: {text}");
    }
}

#[test]
fn the_usual_option_of_squareplus_is_taken() {
    let args = [tensor("x")];
    assert!(function("Squareplus", json!({"b": 4}), &args).is_ok());
    let error = function("Squareplus", json!({"b": 2}), &args).unwrap_err().to_string();
    assert!(error.contains("`b` 2 of a function is not known here"), "{error}");
    assert!(!error.contains("``"), "{error}");
}
