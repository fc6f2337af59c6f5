//! Gradients in `f64` against central differences, to 1e-6.

use dfdx::{
    prelude::{Backward, SumTo, TryMul},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, SplitTape, TensorFromVec},
};
use kerata::{
    Cpu, Error, Mask, Masked, MultiHeadAttention, Tensor,
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    shape::{Const, HasShape},
    tensor::Gradients,
};

use crate::values;

type Tape = OwnedTape<f64, Cpu>;
type Steps<const F: usize> = (usize, usize, Const<F>);
type Taped<const F: usize> = Tensor<Steps<F>, f64, Cpu, Tape>;

fn steps<const F: usize>(length: usize, seed: usize) -> Tensor<Steps<F>, f64, Cpu> {
    Cpu::default().tensor_from_vec(values(3 * length * F, seed), (3, length, Const))
}

/// Parameters, one after the other: read, written, or their gradients.
enum Access<'a> {
    Read(Vec<f64>),
    Write(&'a [f64]),
    Gradient(&'a mut Gradients<f64, Cpu>, Vec<f64>),
}

impl Visitor<f64, Cpu> for Access<'_> {
    fn visit(&mut self, parameter: Parameter<'_, f64, Cpu>) -> Result<(), Error> {
        let tensor = parameter.tensor;
        match self {
            Access::Read(all) => all.extend(tensor.to_vec()?),
            Access::Write(rest) => {
                let (own, others) = rest.split_at(tensor.len());
                tensor.assign(own)?;
                *rest = others;
            }
            Access::Gradient(gradients, all) => {
                all.extend(tensor.gradient(gradients)?);
            }
        }
        Ok(())
    }
}

/// Looks at every number of what leaves at real steps.
fn loss<const F: usize>(y: Taped<F>) -> Tensor<Rank0, f64, Cpu, Tape> {
    let weights = Cpu::default().tensor_from_vec(values(y.shape().num_elements(), 9), *y.shape());
    y.try_mul(weights).unwrap().square().sum()
}

/// Checks the gradients with respect to the parameters and to both inputs, of which the second may not be used.
fn check<M: Parameters<f64, Cpu>, const F: usize, const G: usize>(
    mut model: M,
    (x, y): (Tensor<Steps<F>, f64, Cpu>, Tensor<Steps<G>, f64, Cpu>),
    run: impl Fn(&M, Taped<F>, Taped<G>) -> Tensor<Rank0, f64, Cpu, Tape>,
) {
    let mut access = Access::Read(Vec::new());
    model.visit(&mut access).unwrap();
    let Access::Read(read) = access else { unreachable!() };
    let start: Vec<f64> = read.iter().zip(values(10_000, 5)).map(|(p, n)| p + 0.3 * n).collect();
    let all = [start, x.as_vec(), y.as_vec()].concat();
    let result = |all: &[f64], model: &mut M| {
        let (parameters, inputs) = all.split_at(read.len());
        model.visit(&mut Access::Write(parameters)).unwrap();
        let (of_x, of_y) = inputs.split_at(x.shape().num_elements());
        let (mut x, mut y) = (x.clone(), y.clone());
        x.copy_from(of_x);
        y.copy_from(of_y);
        let loss =
            run(model, x.clone().put_tape(Tape::default()), y.clone().put_tape(Tape::default()));
        (loss, x, y)
    };
    let (loss, of_x, of_y) = result(&all, &mut model);
    let mut gradients = loss.backward();
    let mut access = Access::Gradient(&mut gradients, Vec::new());
    model.visit(&mut access).unwrap();
    let Access::Gradient(_, mut found) = access else { unreachable!() };
    found.extend_from_slice(gradients.get_or_alloc_mut(&of_x).unwrap());
    found.extend_from_slice(gradients.get_or_alloc_mut(&of_y).unwrap());
    assert_eq!(found.len(), all.len());
    assert!(found.iter().filter(|slope| **slope != 0.0).count() > found.len() / 4);
    for (i, found) in found.into_iter().enumerate() {
        let mut at = |step: f64| {
            let mut moved = all.clone();
            moved[i] += step;
            result(&moved, &mut model).0.split_tape().0.as_vec()[0]
        };
        let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((found - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{i}: {found}, {slope}");
    }
}

fn mask(rows: [&str; 3]) -> Mask {
    let keep: Vec<bool> = rows.concat().chars().map(|c| c == '#').collect();
    let length = rows[0].len();
    Mask::from_bools(keep, 3, length).unwrap()
}

fn masked<const F: usize>(x: Taped<F>, rows: [&str; 3]) -> Masked<Taped<F>> {
    Masked::new(x, mask(rows)).unwrap()
}

/// What leaves at real steps.
fn real<const F: usize>(y: Masked<Taped<F>>) -> Taped<F> {
    let (y, mask) = y.into_parts();
    kerata::tensor::fill_padding(y, Some(&mask), 0.0).unwrap()
}

#[test]
fn of_a_sequence() {
    type Layer = MultiHeadAttention<3, 2, 2, 2, 3, 3, 3, f64>;
    for causal in [false, true] {
        let mut layer = Layer::build(&Cpu::seed_from_u64(3)).unwrap();
        layer.use_causal_mask = causal;
        check(layer, (steps::<3>(4, 1), steps::<1>(1, 2)), |layer, x, _| {
            loss(layer.forward(x).unwrap())
        });
    }
}

#[test]
fn under_a_mask() {
    type Layer = MultiHeadAttention<3, 2, 2, 3, 4, 3, 3, f64>;
    let layer = Layer::build(&Cpu::seed_from_u64(3)).unwrap();
    check(layer, (steps::<3>(4, 1), steps::<1>(1, 2)), |layer, x, _| {
        loss(real(layer.forward(masked(x, ["####", "#.#.", "...."])).unwrap()))
    });
}

#[test]
fn of_a_query_and_a_value() {
    type Layer = MultiHeadAttention<3, 2, 2, 3, 4, 2, 2, f64>;
    let mut layer = Layer::build(&Cpu::seed_from_u64(3)).unwrap();
    let x = (steps::<3>(4, 1), steps::<2>(3, 2));
    check(layer.clone(), x.clone(), |layer, x, y| loss(layer.forward((x, y)).unwrap()));
    layer.use_bias = false;
    layer.use_causal_mask = true;
    check(layer, x, |layer, x, y| {
        let x = masked(x, ["####", "#.#.", ".##."]);
        loss(real(layer.forward((x, masked(y, ["##.", ".##", "..."]))).unwrap()))
    });
}

#[test]
fn of_a_query_a_value_and_a_key() {
    type Layer = MultiHeadAttention<3, 2, 2, 3, 4, 2, 3, f64>;
    let layer = Layer::build(&Cpu::seed_from_u64(3)).unwrap();
    check(layer, (steps::<3>(3, 1), steps::<2>(3, 2)), |layer, x, y| {
        // The query is the key too.
        let key = x.retaped::<Tape>();
        loss(layer.forward((x, y, key)).unwrap())
    });
}

/// Of all that drops nothing is seen, and nothing goes back.
#[test]
fn all_may_drop() {
    let mut layer =
        MultiHeadAttention::<2, 1, 2, 2, 2, 2, 2, f64>::build(&Cpu::seed_from_u64(1)).unwrap();
    layer.dropout = 1.0;
    let x: Tensor<(usize, usize, Const<2>), f64, Cpu> =
        Cpu::default().tensor_from_vec(vec![0.5, -1.0], (1, 1, Const));
    let y = layer.forward_mut(x.clone().put_tape(OwnedTape::<f64, Cpu>::default())).unwrap();
    let mut gradients = y.sum::<Rank0, _>().backward();
    gradients.try_alloc_for(&x).unwrap();
    assert!(gradients.get(&x).as_vec().iter().all(|d| *d == 0.0));
}
