//! Activations by themselves: value and gradient.

use dfdx::{
    prelude::{SumTo, TryMul},
    tensor::{OwnedTape, PutTape, SplitTape},
};
use kerata::{
    Const, Cpu, Linear, Relu, Sigmoid, Softmax, Tanh, Tensor, layers::Activation, prelude::*,
    shape::Shape,
};
use serde_json::json;

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    report::Report,
};

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

/// The same of an activation that no type has.
fn from_config(case: &Case, name: &str, clipped: bool) {
    let (dev, input) = (Cpu::default(), if name == "log_softmax" { "x2" } else { "x" });
    let width = case.shape(input).last().copied().unwrap_or(1);
    let most = if clipped { 6.0 } else { f32::INFINITY };
    let numbers: Vec<f32> = case.floats(input).into_iter().map(|x| x.clamp(-most, most)).collect();
    let shape = (numbers.len() / width, width);
    let config = json!({"class_name": "Activation", "config": {"activation": name}});
    let mut layer = layer(config).unwrap();
    let n = numbers.len();
    let x: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(numbers, shape);
    let weights = (0..n).map(|i| 0.5 + i as f32 / (n - 1) as f32).collect();
    let weights = dev.tensor_from_vec(weights, shape);
    let taped = x.clone().put_tape(OwnedTape::default());
    let (y, tape) = layer.forward_mut::<(usize, usize), _>(taped).unwrap().split_tape();
    case.assert_tensor("forward", name, &y.as_vec());
    let sum = y.put_tape(tape).try_mul(weights).unwrap().sum();
    let gradient = sum.backward().get_or_alloc_mut(&x).unwrap().to_vec();
    case.assert_tensor("grad", &format!("grad.{name}"), &gradient);
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
            other => {
                from_config(case, other, row["input_clipped_to_6"] == true);
                report.dynamic(other);
                continue;
            }
        }
        report.typed(name);
    }
}

pub(crate) fn tests() -> Vec<Test> {
    tests![activations]
}
