//! Single layers, and what is known of them without random draws being equal.

use dfdx::{
    prelude::SumTo,
    tensor::{NoneTape, OwnedTape, PutTape},
};
use kerata::{
    Batch, Const, Cpu, Dense, Dropout, Embedding, Ids, Permute, Sigmoid, Softmax, Tensor,
    TimeDistributed,
    layers::Activation,
    loss::{BinaryCrossentropy, Loss, SparseCategoricalCrossentropy},
    prelude::*,
    reduce::Unweighted,
};
use serde_json::json;

use crate::{
    case::Case,
    from_json::layer,
    harness::{Test, tests},
    models::FromCase,
    report::Report,
    variants::{LOSS, OUTPUT},
};

type Rows<const L: usize, const F: usize> = (Batch, Const<L>, Const<F>);
type Vectors<const F: usize> = (Batch, Const<F>);

/// A softmax along another axis is one along the last, with the axes swapped around it.
fn softmax_axis_call(case: &Case, report: &mut Report) {
    let x: Tensor<Rows<3, 4>, f32, Cpu> = <Rows<3, 4>>::read(case, "call.0.input");
    let layers = (Permute::<2, 1>, Softmax, Permute::<2, 1>);
    case.assert_tensor("forward", "call.0.output.0", &layers.forward(x).unwrap().as_vec());
    report.typed("call.0.output.0");
}

/// Looking a row up is multiplying a one-hot vector.
fn onehot_equals_embedding(case: &Case, report: &mut Report) {
    let dev = Cpu::default();
    let matrix = dev.tensor_from_vec(case.floats("matrix"), (Const, Const));
    let embedding = Embedding::<27, 4>::from_embeddings(matrix.clone());
    let ids: Tensor<(Batch, Const<10>), usize, Cpu> = <Ids<(Batch, Const<10>)>>::read(case, "ids");
    case.assert_tensor("forward", "output", &embedding.forward(ids).unwrap().as_vec());
    report.typed("embedding");
    let mut dense = TimeDistributed::<Dense<27, 4>>::build(&dev).unwrap();
    dense.layer.kernel = matrix;
    let rows: Tensor<Rows<10, 27>, f32, Cpu> = <Rows<10, 27>>::read(case, "onehot");
    case.assert_tensor("forward", "output", &dense.forward(rows).unwrap().as_vec());
    report.typed("dense");
}

/// Keras on TensorFlow goes back to the logits where a softmax or sigmoid stands last. Here that is
/// said, with `from_logits`: loss and gradients are then the same, and not clipped.
fn saturated<const O: usize, A, Y, L>(case: &Case, report: &mut Report, loss: L)
where
    A: Activation,
    Y: FromCase,
    L: Loss<Vectors<O>, Y>,
{
    let mut model = (Dense::<2, O>::build(&Cpu::default()).unwrap(),);
    case.load(&mut model);
    let x: Tensor<Vectors<2>, f32, Cpu> = <Vectors<2>>::read(case, "input");
    let logits = model.forward(x.put_tape(OwnedTape::default())).unwrap();
    let output = A::apply(logits.retaped::<NoneTape>()).unwrap();
    case.assert_tensor("forward", "output", &output.as_vec());
    report.typed(OUTPUT);
    let loss = loss.mean(logits, &Y::read(case, "target"), &Unweighted).unwrap();
    assert!(loss.array() > 16.2, "{}: the loss is that of clipped probabilities", case.name);
    case.assert_tensor("loss", "loss", &[loss.array()]);
    for (weight, gradient) in case.gradients(&model, &mut loss.backward()) {
        case.assert_tensor("grad", &format!("grad.{weight}"), &gradient);
    }
    report.typed(LOSS);
}

fn loss_softmax_saturated(case: &Case, report: &mut Report) {
    let loss = SparseCategoricalCrossentropy::from_logits();
    saturated::<3, Softmax, Ids<(Batch,)>, _>(case, report, loss);
}

fn loss_softmax_activation_layer_saturated(case: &Case, report: &mut Report) {
    loss_softmax_saturated(case, report);
}

fn loss_sigmoid_saturated(case: &Case, report: &mut Report) {
    let loss = BinaryCrossentropy::from_logits();
    saturated::<1, Sigmoid, Vectors<1>, _>(case, report, loss);
}

fn dropout_properties(case: &Case, report: &mut Report) {
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
    report.typed("inference");
    assert_eq!(Dropout::<0>.forward_mut(x.clone()).unwrap().as_vec(), x.as_vec());
    report.typed("rate_0");
    let y = Dropout::<30>.forward_mut(x.clone().put_tape(OwnedTape::default())).unwrap();
    let dropped = y.as_vec();
    let near = |y: f32, value: f32| (y - value).abs() < 1e-5;
    assert!(dropped.iter().all(|&y| near(y, values[0]) || near(y, values[1])));
    let zeros = dropped.iter().filter(|&&y| y == 0.0).count();
    // Four standard deviations around 3000.
    assert!((2817..=3183).contains(&zeros), "{zeros} of 10000 are 0");
    report.typed("values");
    // The same mask and scale on the way back.
    let gradient = y.sum().backward().get_or_alloc_mut(&x).unwrap().to_vec();
    case.assert_close("grad", "the gradient", &gradient, &dropped);
    report.typed("gradient");
    let config =
        json!({"class_name": "Dropout", "config": {"rate": 0.3, "noise_shape": [2, 1, 3]}});
    let mut together = layer(config).unwrap();
    let x = dev.tensor([[[1.0_f32; 3]; 4]; 2]);
    let y = together.forward_mut::<(usize, usize, usize), _>(x).unwrap().as_vec();
    assert!(y.chunks(12).all(|sample| sample.chunks(3).all(|step| step == &sample[..3])));
    report.dynamic("noise_shape");
}

pub(crate) fn tests() -> Vec<Test> {
    tests![
        softmax_axis_call,
        onehot_equals_embedding,
        loss_softmax_saturated,
        loss_softmax_activation_layer_saturated,
        loss_sigmoid_saturated,
        dropout_properties,
    ]
}
