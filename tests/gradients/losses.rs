//! The losses, with masks and weights, with respect to the prediction.

use dfdx::tensor::{NoneTape, TensorFromVec};
use kerata::{
    Batch, Cpu, Error, Ids, Mask, Masked, Sigmoid, Softmax, Tensor,
    loss::{
        BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, Loss,
        MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy,
    },
    parameters::Parameters,
    prelude::*,
    reduce::{PerSample, PerStep},
    shape::Const,
    signal::Signal,
};

use crate::numeric::{Tape, check, numbers, tensor};

type Steps = (Batch, Const<4>, Const<3>);
type Vectors = (Batch, Const<3>);

#[derive(Clone)]
struct Nothing;
impl Parameters<f64, Cpu> for Nothing {}

/// Plain, masked, and masked with weights.
fn check_loss<Y, L>(loss: L, target: <Y as Signal>::Data<f64, Cpu, NoneTape>, probabilities: bool)
where
    Y: Signal,
    L: Loss<Steps, Y, f64, Cpu> + Loss<Masked<Steps>, Y, f64, Cpu>,
{
    let x = if probabilities {
        let positive = numbers(24, 1).into_iter().map(|n| 0.05 + 0.4 * n.abs()).collect();
        Cpu::default().tensor_from_vec(positive, (2, Const, Const))
    } else {
        tensor((2, Const, Const), 1)
    };
    let mask = Mask::from_lengths(&[2, 3], 4).unwrap();
    let weights = PerStep::from(vec![[1.0, 0.0, 2.0, 5.0], [0.5, 1.5, 1.0, 9.0]]);
    type Traced = Tensor<Steps, f64, Cpu, Tape>;
    let none = kerata::reduce::Unweighted;
    check(Nothing, x.clone(), |_, x: Traced| {
        Loss::<Steps, Y, f64, Cpu>::mean(&loss, x, &target, &none).unwrap()
    });
    check(Nothing, x.clone(), |_, x: Traced| {
        let x = Masked::new(x, mask.clone()).unwrap();
        Loss::<Masked<Steps>, Y, f64, Cpu>::mean(&loss, x, &target, &none).unwrap()
    });
    check(Nothing, x, |_, x: Traced| {
        let x = Masked::new(x, mask.clone()).unwrap();
        Loss::<Masked<Steps>, Y, f64, Cpu>::mean(&loss, x, &target, &weights).unwrap()
    });
}

/// One vector per sample, plain and with weights; and weights of samples on a masked sequence.
fn check_rows<Y, L>(loss: L, target: <Y as Signal>::Data<f64, Cpu, NoneTape>, probabilities: bool)
where
    Y: Signal,
    L: Loss<Vectors, Y, f64, Cpu>,
{
    let numbers = numbers(6, 1).into_iter();
    let numbers = if probabilities {
        numbers.map(|n| 0.05 + 0.4 * n.abs()).collect()
    } else {
        numbers.collect()
    };
    let x = Cpu::default().tensor_from_vec(numbers, (2, Const));
    type Traced = Tensor<Vectors, f64, Cpu, Tape>;
    check(Nothing, x.clone(), |_, x: Traced| {
        Loss::<Vectors, Y, f64, Cpu>::mean(&loss, x, &target, &kerata::reduce::Unweighted).unwrap()
    });
    check(Nothing, x, |_, x: Traced| {
        let weights = PerSample(vec![0.25, 3.0]);
        Loss::<Vectors, Y, f64, Cpu>::mean(&loss, x, &target, &weights).unwrap()
    });
}

#[test]
fn one_vector_a_sample() {
    let dev = Cpu::default();
    let yes = || dev.tensor_from_vec(vec![0.0, 1.0, 0.0, 1.0, 0.0, 0.0], (2, Const));
    let labels = || dev.tensor_from_vec(vec![1, 0], (2,));
    check_rows::<Vectors, _>(MeanSquaredError, yes(), false);
    check_rows::<Vectors, _>(MeanAbsoluteError, yes(), false);
    check_rows::<Vectors, _>(BinaryCrossentropy::default(), yes(), true);
    let smooth = BinaryCrossentropy { label_smoothing: 0.2, ..BinaryCrossentropy::from_logits() };
    check_rows::<Vectors, _>(smooth, yes(), false);
    check_rows::<Vectors, _>(CategoricalCrossentropy::default(), yes(), true);
    check_rows::<Vectors, _>(CategoricalCrossentropy::from_logits(), yes(), false);
    check_rows::<Ids<(Batch,)>, _>(SparseCategoricalCrossentropy::default(), labels(), true);
    check_rows::<Ids<(Batch,)>, _>(SparseCategoricalCrossentropy::from_logits(), labels(), false);
}

/// Probabilities far beyond where they are clipped, plain and masked: the losses go back to the logits.
#[test]
fn saturated_heads() {
    type Traced = Tensor<Steps, f64, Cpu, Tape>;
    let mask = || Mask::from_lengths(&[2, 3], 4).unwrap();
    let yes = yes_or_no();
    let labels = || Cpu::default().tensor_from_vec(vec![1, 0, 2, 9, 0, 0, 1, 9], (2, Const::<4>));
    let x = || tensor::<Steps>((2, Const, Const), 1);
    check(Nothing, x(), |_, x: Traced| {
        let p = Softmax.forward(Masked::new(x * 40.0, mask()).unwrap()).unwrap();
        SparseCategoricalCrossentropy::default().compute(p, labels()).unwrap()
    });
    check(Nothing, x(), |_, x: Traced| {
        let smooth = CategoricalCrossentropy { label_smoothing: 0.1, ..Default::default() };
        smooth.compute(Softmax.forward(x * 40.0).unwrap(), yes.clone()).unwrap()
    });
    check(Nothing, x(), |_, x: Traced| {
        let p = Sigmoid.forward(Masked::new(x * 40.0, mask()).unwrap()).unwrap();
        let weights = PerSample(vec![0.25, 3.0]);
        BinaryCrossentropy::default().compute_weighted(p, yes.clone(), &weights).unwrap()
    });
    check(Nothing, x(), |_, x: Traced| {
        let focal = BinaryFocalCrossentropy { gamma: 1.5, ..Default::default() };
        focal.compute(Sigmoid.forward(x * 40.0).unwrap(), yes.clone()).unwrap()
    });
}

#[test]
fn weights_of_samples_on_steps() {
    let target: Tensor<Steps, f64, Cpu> = tensor((2, Const, Const), 2);
    check(Nothing, tensor((2, Const, Const), 1), |_, x: Tensor<Steps, f64, Cpu, Tape>| {
        let x = Masked::new(x, Mask::from_lengths(&[2, 3], 4).unwrap()).unwrap();
        let weights = PerSample(vec![0.25, 3.0]);
        MeanSquaredError.compute_weighted(x, target.clone(), &weights).unwrap()
    });
}

fn yes_or_no() -> Tensor<Steps, f64, Cpu> {
    let answers = numbers(24, 7).iter().map(|&n| f64::from(u8::from(n > 0.0))).collect();
    Cpu::default().tensor_from_vec(answers, (2, Const, Const))
}

#[test]
fn regression() {
    check_loss::<Steps, _>(MeanSquaredError, tensor((2, Const, Const), 2), false);
    check_loss::<Steps, _>(MeanAbsoluteError, tensor((2, Const, Const), 2), false);
}

#[test]
fn binary() -> Result<(), Error> {
    check_loss::<Steps, _>(BinaryCrossentropy::default(), yes_or_no(), true);
    check_loss::<Steps, _>(BinaryCrossentropy::from_logits(), yes_or_no(), false);
    Ok(())
}

#[test]
fn categorical() {
    let smooth = CategoricalCrossentropy { label_smoothing: 0.2, ..Default::default() };
    check_loss::<Steps, _>(CategoricalCrossentropy::default(), yes_or_no(), true);
    check_loss::<Steps, _>(smooth, yes_or_no(), true);
    check_loss::<Steps, _>(CategoricalCrossentropy::from_logits(), yes_or_no(), false);
}

#[test]
fn sparse() {
    let labels = Cpu::default().tensor_from_vec(vec![0, 2, 1, 1, 2, 2, 0, 1], (2, Const));
    type Labels = Ids<(Batch, Const<4>)>;
    check_loss::<Labels, _>(SparseCategoricalCrossentropy::default(), labels.clone(), true);
    check_loss::<Labels, _>(SparseCategoricalCrossentropy::from_logits(), labels, false);
}
