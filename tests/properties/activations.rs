//! The derivatives of activations where they are infinite, small, or of no number.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::Rank0,
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{Backend, Cpu, Element, Tensor, config::ActivationFunction};

/// What an activation gives, and its derivative.
fn run<E: Element>(function: ActivationFunction, x: &[f64]) -> Vec<(f64, f64)>
where
    Cpu: Backend<E>,
{
    let x: Vec<E> = x.iter().copied().map(E::of).collect();
    let rows = x.len();
    let x: Tensor<(usize, usize), E, Cpu> = Cpu::default().tensor_from_vec(x, (rows, 1));
    let y = function.apply::<E, Cpu, _>(x.clone().put_tape(OwnedTape::default())).unwrap();
    let values = y.as_vec();
    let slopes = y.sum::<Rank0, _>().backward().get(&x).as_vec();
    values.into_iter().zip(slopes).map(|(y, d_x)| (y.as_f64(), d_x.as_f64())).collect()
}

const SMOOTH: [ActivationFunction; 4] = [
    ActivationFunction::GELU,
    ActivationFunction::MISH,
    ActivationFunction::SILU,
    ActivationFunction::SQUAREPLUS,
];

#[test]
fn slopes_at_both_ends() {
    for function in SMOOTH {
        let found = run::<f32>(function, &[f64::INFINITY, f64::NEG_INFINITY, 3e38, -3e38]);
        // dfdx's own operations have no gradient of what is infinite.
        let ends = match std::env::var("KERATA_BACKEND") {
            Ok(_) => [0.0; 2],
            Err(_) => [1.0, 0.0],
        };
        assert_eq!(found.iter().map(|(_, slope)| *slope).collect::<Vec<_>>()[..2], ends);
        assert_eq!((found[2].1, found[3].1), (1.0, 0.0), "{function}");
        let double = run::<f64>(function, &[1e300, -1e300]);
        assert_eq!((double[0].1, double[1].1), (1.0, 0.0), "{function}");
    }
}

#[test]
fn slopes_that_are_subnormal() {
    // `x exp(x)`, and `1 / x^2`.
    for x in [-90.0_f64, -100.0, -105.0] {
        let right = (1.0 + x) * x.exp();
        for function in [ActivationFunction::MISH, ActivationFunction::SILU] {
            let slope = run::<f32>(function, &[x])[0].1;
            assert!((slope - right).abs() < 5e-45_f64.max(1e-6 * right.abs()), "{function} {x}");
        }
    }
    let slope = run::<f32>(ActivationFunction::SOFTSIGN, &[-3e19])[0].1;
    assert!((slope * 9e38 - 1.0).abs() < 1e-5, "{slope:e}");
}

#[test]
fn nan_stays() {
    for name in [
        "celu",
        "elu",
        "exponential",
        "gelu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softmax",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "sparsemax",
        "squareplus",
        "tanh",
        "tanh_shrink",
    ] {
        let function = ActivationFunction::named(name).unwrap();
        assert!(run::<f32>(function, &[f64::NAN])[0].0.is_nan(), "{name}");
        assert!(run::<f64>(function, &[f64::NAN])[0].0.is_nan(), "{name}");
    }
}
