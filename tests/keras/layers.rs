//! Single layers, and what is known of them without random draws being equal.

use dfdx::{
    prelude::{SumTo, TryMul},
    shapes::Shape,
    tensor::{NoneTape, OwnedTape, PutTape, SplitTape},
};
use kerata::{
    Batch, Const, Conv1d, Conv2d, Cpu, Dense, Dropout, Embedding, Ids, Linear, Lstm, MaskZero,
    Permute, Relu, Sigmoid, Softmax, Tanh, Tensor, TimeDistributed,
    layers::Activation,
    loss::{BinaryCrossentropy, Loss, SparseCategoricalCrossentropy},
    prelude::*,
    reduce::Unweighted,
};
use serde_json::{Value, json};

use crate::{case::Case, models::FromCase};

type Rows<const L: usize, const F: usize> = (Batch, Const<L>, Const<F>);
type Vectors<const F: usize> = (Batch, Const<F>);

/// Output and gradient of the sum that weights the numbers from 0.5 to 1.5.
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

#[test]
fn activations() {
    let Some(case) = Case::open("activations") else { return };
    activation::<Linear, _>(&case, (Const::<30>,), "x");
    activation::<Relu, _>(&case, (Const::<30>,), "x");
    activation::<Sigmoid, _>(&case, (Const::<30>,), "x");
    activation::<Tanh, _>(&case, (Const::<30>,), "x");
    activation::<Softmax, _>(&case, (Const::<3>, Const::<5>), "x2");
}

/// A softmax along another axis is one along the last, with the axes swapped around it.
#[test]
fn softmax_axis_call() {
    let Some(case) = Case::open("softmax_axis_call") else { return };
    let x: Tensor<Rows<3, 4>, f32, Cpu> = <Rows<3, 4>>::read(&case, "call.0.input");
    let layers = (Permute::<2, 1>, Softmax, Permute::<2, 1>);
    case.assert_tensor("forward", "call.0.output.0", &layers.forward(x).unwrap().as_vec());
}

/// Looking a row up is multiplying a one-hot vector.
#[test]
fn onehot_equals_embedding() {
    let Some(case) = Case::open("onehot_equals_embedding") else { return };
    let dev = Cpu::default();
    let matrix = dev.tensor_from_vec(case.floats("matrix"), (Const, Const));
    let embedding = Embedding::<27, 4>::from_embeddings(matrix.clone());
    let ids: Tensor<(Batch, Const<10>), usize, Cpu> = <Ids<(Batch, Const<10>)>>::read(&case, "ids");
    case.assert_tensor("forward", "output", &embedding.forward(ids).unwrap().as_vec());
    let mut dense = TimeDistributed::<Dense<27, 4>>::build(&dev).unwrap();
    dense.layer.kernel = matrix;
    let rows: Tensor<Rows<10, 27>, f32, Cpu> = <Rows<10, 27>>::read(&case, "onehot");
    case.assert_tensor("forward", "output", &dense.forward(rows).unwrap().as_vec());
}

/// Keras on TensorFlow goes back to the logits where a softmax or sigmoid stands last. Here that is
/// said, with `from_logits`: loss and gradients are then the same, and not clipped.
fn saturated<const O: usize, A, Y, L>(name: &str, loss: L)
where
    A: Activation,
    Y: FromCase,
    L: Loss<Vectors<O>, Y>,
{
    let Some(case) = Case::open(name) else { return };
    let mut model = (Dense::<2, O>::build(&Cpu::default()).unwrap(),);
    case.load(&mut model);
    let x: Tensor<Vectors<2>, f32, Cpu> = <Vectors<2>>::read(&case, "input");
    let logits = model.forward(x.put_tape(OwnedTape::default())).unwrap();
    let output = A::apply(logits.retaped::<NoneTape>()).unwrap();
    case.assert_tensor("forward", "output", &output.as_vec());
    let loss = loss.mean(logits, &Y::read(&case, "target"), &Unweighted).unwrap();
    assert!(loss.array() > 16.2, "{name}: the loss is that of clipped probabilities");
    case.assert_tensor("loss", "loss", &[loss.array()]);
    for (weight, gradient) in case.gradients(&model, &mut loss.backward()) {
        case.assert_tensor("grad", &format!("grad.{weight}"), &gradient);
    }
}

#[test]
fn loss_softmax_saturated() {
    let loss = SparseCategoricalCrossentropy::from_logits();
    saturated::<3, Softmax, Ids<(Batch,)>, _>("loss_softmax_saturated", loss);
    saturated::<3, Softmax, Ids<(Batch,)>, _>("loss_softmax_activation_layer_saturated", loss);
}

#[test]
fn loss_sigmoid_saturated() {
    let loss = BinaryCrossentropy::from_logits();
    saturated::<1, Sigmoid, Vectors<1>, _>("loss_sigmoid_saturated", loss);
}

#[test]
fn dropout_properties() {
    let Some(case) = Case::open("dropout_properties") else { return };
    assert_eq!(case.json["rate"], 0.3);
    let values: Vec<f32> = case.json["values"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v.as_f64().unwrap() as f32)
        .collect();
    let dev = Cpu::seed_from_u64(0);
    let x: Tensor<(Const<100>, Const<100>), f32, Cpu> =
        dev.tensor_from_vec(vec![1.0; 10_000], (Const, Const));
    assert_eq!(Dropout::<30>.forward(x.clone()).unwrap().as_vec(), x.as_vec());
    assert_eq!(Dropout::<0>.forward_mut(x.clone()).unwrap().as_vec(), x.as_vec());
    let y = Dropout::<30>.forward_mut(x.clone().put_tape(OwnedTape::default())).unwrap();
    let dropped = y.as_vec();
    let near = |y: f32, value: f32| (y - value).abs() < 1e-5;
    assert!(dropped.iter().all(|&y| near(y, values[0]) || near(y, values[1])));
    let zeros = dropped.iter().filter(|&&y| y == 0.0).count();
    // Four standard deviations around 3000.
    assert!((2817..=3183).contains(&zeros), "{zeros} of 10000 are 0");
    // The same mask and scale on the way back.
    let gradient = y.sum().backward().get_or_alloc_mut(&x).unwrap().to_vec();
    case.assert_close("grad", "the gradient", &gradient, &dropped);
}

/// Bounds and structure of the initial values.
#[test]
fn initializers() {
    let Some(case) = Case::open("initializers") else { return };
    let dev = Cpu::seed_from_u64(0);
    let limits = case.json["variance_scaling"].as_array().unwrap();
    let within = |layer: &str, shape: &[usize], numbers: Vec<f32>| {
        let fits = |row: &&Value| row["for"] == layer && row["shape"] == json!(shape);
        let row = limits.iter().find(fits).unwrap_or_else(|| panic!("no {layer} {shape:?}"));
        let limit = row["glorot_uniform_limit"].as_f64().unwrap() as f32;
        spread(layer, &numbers, limit);
    };
    within("Dense", &[7, 4], Dense::<7, 4>::build(&dev).unwrap().kernel.as_vec());
    within("Conv2D", &[3, 3, 2, 5], Conv2d::<2, 5, 3, 3>::build(&dev).unwrap().kernel.as_vec());
    within("Conv1D", &[4, 3, 6], Conv1d::<3, 6, 4>::build(&dev).unwrap().kernel.as_vec());
    let lstm = Lstm::<5, 3>::build(&dev).unwrap();
    within("LSTM kernel", &[5, 12], lstm.kernel.as_vec());
    case.assert_tensor("forward", "lstm3.initial_bias", &lstm.bias.as_vec());
    let recurrent = lstm.recurrent_kernel.as_vec();
    for (i, a) in recurrent.chunks(12).enumerate() {
        for (j, b) in recurrent.chunks(12).enumerate() {
            let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            let expected = if i == j { 1.0 } else { 0.0 };
            assert!((dot - expected).abs() < 1e-5, "rows {i} and {j}: {dot}");
        }
    }
    let table = Embedding::<40, 5, MaskZero>::build(&dev).unwrap().embeddings.as_vec();
    spread("Embedding", &table, 0.05);
    assert!(table[..5].iter().all(|&x| x != 0.0), "row 0 is initialised like any other");
}

/// Within the limit, and not huddled around 0.
fn spread(what: &str, numbers: &[f32], limit: f32) {
    let largest = numbers.iter().fold(0.0, |a: f32, x| a.max(x.abs()));
    assert!(largest <= limit, "{what}: {largest} is beyond {limit}");
    assert!(largest > 0.8 * limit, "{what}: {largest} is far below {limit}");
}
