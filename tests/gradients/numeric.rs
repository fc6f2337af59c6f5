//! Central differences.

use dfdx::{
    shapes::Rank0,
    tensor::{Gradients, OwnedTape, TensorFromVec, Trace},
    tensor_ops::Backward,
};
use kerata::{
    Cpu, Error, Tensor,
    parameters::{Parameter, Parameters, Visitor},
    shape::{HasShape, Shape},
};

pub(crate) type Tape = OwnedTape<f64, Cpu>;
pub(crate) type Loss = Tensor<Rank0, f64, Cpu, Tape>;

/// The step of the differences, and how far a gradient may be off.
const STEP: f64 = 1e-5;
const TOLERANCE: f64 = 1e-6;

/// Numbers in [-1, 1] that look random and are always the same.
pub(crate) fn numbers(n: usize, seed: usize) -> Vec<f64> {
    let number = |i: usize| ((i * 7919 + seed * 104_729 + 13) % 2003) as f64 / 1001.0 - 1.0;
    (0..n).map(number).collect()
}

pub(crate) fn tensor<S: Shape>(shape: S, seed: usize) -> Tensor<S, f64, Cpu> {
    Cpu::default().tensor_from_vec(numbers(shape.num_elements(), seed), shape)
}

/// All parameters of a model, one after the other: read, written, or their gradients.
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

fn read<M: Parameters<f64, Cpu>>(model: &M) -> Vec<f64> {
    let mut access = Access::Read(Vec::new());
    model.clone().visit(&mut access).unwrap();
    let Access::Read(all) = access else { unreachable!() };
    all
}

/// Checks the gradients of `loss` with respect to the input and to every parameter.
pub(crate) fn check<M, S>(
    mut model: M,
    x: Tensor<S, f64, Cpu>,
    loss: impl Fn(&M, Tensor<S, f64, Cpu, Tape>) -> Loss,
) where
    M: Parameters<f64, Cpu>,
    S: Shape,
{
    // Away from the initial zeros, so that a misplaced bias shows.
    let start: Vec<f64> =
        read(&model).iter().zip(numbers(10_000, 5)).map(|(p, n)| p + 0.3 * n).collect();
    model.visit(&mut Access::Write(&start)).unwrap();

    let mut gradients = loss(&model, x.leaky_trace()).backward();
    let of_input = gradients.get_or_alloc_mut(&x).unwrap().to_vec();
    let mut access = Access::Gradient(&mut gradients, Vec::new());
    model.clone().visit(&mut access).unwrap();
    let Access::Gradient(_, of_parameters) = access else { unreachable!() };

    let shape = *x.shape();
    let value = |model: &M, x: &[f64]| {
        let x = Cpu::default().tensor_from_vec(x.to_vec(), shape);
        loss(model, x.leaky_trace()).as_vec()[0]
    };
    let at = x.as_vec();
    for i in 0..at.len() {
        let moved = |step: f64| {
            let mut x = at.clone();
            x[i] += step;
            value(&model, &x)
        };
        close("input", i, of_input[i], (moved(STEP) - moved(-STEP)) / (2.0 * STEP));
    }
    for i in 0..start.len() {
        let mut moved = |step: f64| {
            let mut parameters = start.clone();
            parameters[i] += step;
            model.visit(&mut Access::Write(&parameters)).unwrap();
            value(&model, &at)
        };
        close("parameter", i, of_parameters[i], (moved(STEP) - moved(-STEP)) / (2.0 * STEP));
    }
    assert!(start.is_empty() || of_parameters.iter().any(|g| g.abs() > 1e-4), "no gradient at all");
}

fn close(what: &str, i: usize, found: f64, expected: f64) {
    let close = (found - expected).abs() <= TOLERANCE * (1.0 + expected.abs());
    assert!(close, "the gradient of {what} {i} is {found}, by differences {expected}");
}
