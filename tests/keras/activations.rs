//! Activations by themselves: value and gradient.

use dfdx::{
    prelude::{SumTo, TryMul},
    shapes::Shape,
    tensor::{OwnedTape, PutTape, SplitTape},
};
use kerata::{
    Const, Cpu, Linear, Relu, Sigmoid, Softmax, Tanh, Tensor, layers::Activation, prelude::*,
};
use serde_json::json;

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    reasons::ACTIVATION,
    report::Report,
};

/// The activations that are to be refused until someone writes them.
const MISSING: [&str; 15] = [
    "elu",
    "selu",
    "gelu",
    "softplus",
    "softsign",
    "silu",
    "hard_sigmoid",
    "hard_tanh",
    "leaky_relu",
    "relu6",
    "exponential",
    "mish",
    "hard_silu",
    "log_sigmoid",
    "log_softmax",
];

/// Output and gradient of the sum that weights the values from 0.5 to 1.5.
fn activation<A: Activation, S: Shape>(case: &Case, shape: S, input: &str) {
    let dev = Cpu::default();
    let x: Tensor<S, f32, Cpu> = dev.tensor_from_vec(case.floats(input), shape);
    let n = shape.num_elements();
    let weights = (0..n).map(|i| 0.5 + i as f32 / (n - 1) as f32).collect();
    let weights = dev.tensor_from_vec(weights, shape);
    let y = A::apply(x.clone().put_tape(OwnedTape::default())).unwrap();
    let (y, tape) = y.split_tape();
    case.assert_tensor("forward", A::NAME, &y.as_vec());
    let sum = y.put_tape(tape).try_mul(weights).unwrap().sum();
    let gradient = sum.backward().get_or_alloc_mut(&x).unwrap().to_vec();
    case.assert_tensor("grad", &format!("grad.{}", A::NAME), &gradient);
}

fn activations(case: &Case, report: &mut Report) {
    for row in case.json["activations"].as_array().unwrap() {
        let name = row["name"].as_str().unwrap();
        match name {
            "linear" => activation::<Linear, _>(case, (Const::<30>,), "x"),
            "relu" => activation::<Relu, _>(case, (Const::<30>,), "x"),
            "sigmoid" => activation::<Sigmoid, _>(case, (Const::<30>,), "x"),
            "tanh" => activation::<Tanh, _>(case, (Const::<30>,), "x"),
            "softmax" => activation::<Softmax, _>(case, (Const::<3>, Const::<5>), "x2"),
            other => assert!(MISSING.contains(&other), "`{other}` is neither run nor listed"),
        }
        if MISSING.contains(&name) {
            let config = json!({"class_name": "Activation", "config": {"activation": name}});
            report.refused(name, layer(config), &ACTIVATION);
        } else {
            report.typed(name);
        }
    }
}

pub(crate) fn tests() -> Vec<Test> {
    tests![activations]
}
