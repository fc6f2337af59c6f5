//! Cross-entropies keep their digits over the whole range of `f32`.

use dfdx::{shapes::Rank0, tensor::TensorFromVec};
use kerata::{
    Backend, Cpu, Element, Tensor,
    loss::{BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy},
    prelude::*,
    shape::Const,
};

use crate::elementwise::{Tape, close, logistic, run};

/// The loss of one row and its gradient.
fn loss<const N: usize, E: Element>(
    row: [f64; N],
    loss: impl Fn(Tensor<(Const<1>, Const<N>), E, Cpu, Tape<E>>) -> Tensor<Rank0, E, Cpu, Tape<E>>,
) -> (f64, Vec<f64>)
where
    Cpu: Backend<E>,
{
    let x = Cpu::default().tensor_from_vec(row.map(E::of).to_vec(), (Const, Const));
    let (y, d_x) = run(&x, loss);
    (y[0], d_x)
}

fn binary<E: Element>(limit: f64)
where
    Cpu: Backend<E>,
{
    for x in [0.0, 1e-8, 0.3, 1.0, 10.0, 17.0, 50.0, 80.0] {
        for (x, y) in [(x, 1.0), (x, 0.0), (-x, 1.0), (-x, 0.0), (x, 0.25), (-x, 0.25)] {
            let x = E::of(x).as_f64();
            let target = || Cpu::default().tensor([[E::of(y)]]);
            let logits = BinaryCrossentropy::from_logits();
            let (value, d_x) = loss([x], |x| logits.compute(x, target()).unwrap());
            let right = y * (-x).max(0.0) + (1.0 - y) * x.max(0.0) + (-x.abs()).exp().ln_1p();
            close("binary", &(x, y), value, right, limit);
            let slope = if y == 1.0 { -logistic(-x) } else { logistic(x) - y };
            if y == 0.25 {
                // A difference of two numbers that may be close to each other.
                assert!((d_x[0] - slope).abs() < limit, "{} is not {slope}", d_x[0]);
            } else {
                close("the slope of binary", &(x, y), d_x[0], slope, limit);
            }
        }
    }
    // Where Keras has them, infinite logits give what Keras gives.
    for (x, y, right) in [(f64::INFINITY, 0.0, f64::INFINITY), (f64::INFINITY, 1.0, f64::NAN)] {
        let target = || Cpu::default().tensor([[E::of(y)]]);
        let logits = BinaryCrossentropy::from_logits();
        close("binary", &x, loss([x], |x| logits.compute(x, target()).unwrap()).0, right, 0.0);
    }
    for p in [2e-7, 1e-6, 1e-3, 0.3, 0.5, 0.75] {
        let p = E::of(p).as_f64();
        let target = || Cpu::default().tensor([[E::zero()]]);
        let (value, d_x) = loss([p], |x| {
            BinaryCrossentropy::default().compute::<E, _, _, _>(x, target()).unwrap()
        });
        close("binary of a probability", &p, value, -(-p).ln_1p(), limit);
        close("its slope", &p, d_x[0], 1.0 / (1.0 - p), limit);
    }
}

#[test]
fn binary_crossentropies() {
    binary::<f32>(4e-7);
    binary::<f64>(1e-14);
}

/// Losses of three classes, sparse and one-hot, against the formula.
fn classes<E: Element>(limit: f64)
where
    Cpu: Backend<E>,
{
    let rows = [
        [0.0, 0.0, 0.0],
        [20.0, 0.0, -3.0],
        [0.0, 50.0, 0.0],
        [-80.0, 1e-3, 0.0],
        [1.0, 2.0, 3.0],
        [60.0, 0.0, 59.0],
        [1e-7, 0.0, 40.0],
    ];
    let one_hot = |label| {
        let values = (0..3).map(|i| if i == label { E::one() } else { E::zero() }).collect();
        Cpu::default().tensor_from_vec(values, (Const::<1>, Const::<3>))
    };
    let sparse = |label: usize| Cpu::default().tensor([label]);
    for row in rows.map(|row| row.map(|x| E::of(x).as_f64())) {
        for label in 0..3 {
            let others = |of: usize| -> f64 {
                (0..3).filter(|&i| i != of).map(|i| (row[i] - row[of]).exp()).sum()
            };
            let share = |i: usize| 1.0 / (1.0 + others(i));
            let logits = SparseCategoricalCrossentropy::from_logits();
            let one = loss(row, |x| logits.compute(x, sparse(label)).unwrap());
            let logits = CategoricalCrossentropy::from_logits();
            let two = loss(row, |x| logits.compute(x, one_hot(label)).unwrap());
            for (value, d_x) in [one, two] {
                close("of logits", &(row, label), value, others(label).ln_1p(), limit);
                for (i, d_x) in d_x.into_iter().enumerate() {
                    let right = if i == label { -others(i) * share(i) } else { share(i) };
                    close("the slope of logits", &(row, label, i), d_x, right, 2.0 * limit);
                }
            }
        }
    }
    // Probabilities, well inside the clipping.
    for row in [[0.999_99, 6e-6, 4e-6], [0.2, 0.3, 0.5], [1.0, 2.0, 3e-7]] {
        let row = row.map(|p: f64| E::of(p.min(0.999_999)).as_f64());
        for label in 0..3 {
            let (value, d_x) = loss(row, |x| {
                SparseCategoricalCrossentropy::default().compute(x, sparse(label)).unwrap()
            });
            let sum: f64 = row.iter().sum();
            let others: f64 = (0..3).filter(|&i| i != label).map(|i| row[i]).sum();
            close("of shares", &(row, label), value, (others / row[label]).ln_1p(), limit);
            for (i, d_x) in d_x.into_iter().enumerate() {
                let right = if i == label { -others / sum / row[i] } else { 1.0 / sum };
                close("the slope of shares", &(row, label, i), d_x, right, 2.0 * limit);
            }
        }
    }
}

#[test]
fn categorical_crossentropies() {
    classes::<f32>(4e-7);
    classes::<f64>(1e-13);
}

#[test]
fn logits_that_are_infinite() {
    let infinity = f64::INFINITY;
    let logits = SparseCategoricalCrossentropy::from_logits();
    for (row, label, right) in [
        ([-infinity, 0.0], 0, infinity),
        ([-infinity, 0.0], 1, 0.0),
        ([-infinity, -infinity], 1, f64::NAN),
        ([infinity, 0.0], 0, f64::NAN),
        ([f64::NAN, 0.0], 1, f64::NAN),
    ] {
        let value = |label: usize| {
            loss::<2, f32>(row, |x| logits.compute(x, Cpu::default().tensor([label])).unwrap()).0
        };
        close("sparse", &(row, label), value(label), right, 0.0);
    }
}
