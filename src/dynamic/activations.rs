//! Keras's activations that no type has: a function of each value and its derivative.

use dfdx::tensor::{Cpu, NoneTape, Tape};

use super::{custom::Functions, flow::Rows, op::Recorder};
use crate::{
    backend::{log_softmax, map_values},
    error::Error,
};

macro_rules! each {
    ($($($name:literal)|+: $function:expr, $slope:expr;)*) => {
        /// Their names.
        pub(super) const NAMES: &[&str] = &[$($($name,)+)* "log_softmax"];

        /// The activation of this name.
        pub(super) fn activation(name: &str) -> Option<Functions> {
            match name {
                $($($name)|+ => {
                    fn run<T: Tape<f32, Cpu>>(x: Rows<T>) -> Result<Rows<T>, Error> {
                        map_values(x, $function, $slope)
                    }
                    Some(Functions::new(run::<NoneTape>, run::<Recorder>))
                })*
                "log_softmax" => Some(Functions::new(log_softmax, log_softmax)),
                _ => None,
            }
        }
    };
}

each! {
    "celu" | "elu": |x| elu(x, 1.0), |x, y| if x > 0.0 { 1.0 } else { y + 1.0 };
    "exponential": f32::exp, |_, y| y;
    "gelu": |x| x * normal(x), gelu_slope;
    "hard_shrink": |x| if x.abs() > 0.5 { x } else { 0.0 }, |x, _| one_if(x.abs() > 0.5);
    "keras_2_hard_sigmoid": old_hard_sigmoid, |x, _| if x.abs() < 2.5 { 0.2 } else { 0.0 };
    "hard_sigmoid": hard_sigmoid, |x, _| if x.abs() < 3.0 { 1.0 / 6.0 } else { 0.0 };
    "hard_silu" | "hard_swish": |x| x * hard_sigmoid(x), |x, _| match x {
        _ if x <= -3.0 => 0.0,
        _ if x >= 3.0 => 1.0,
        _ => x / 3.0 + 0.5,
    };
    "hard_tanh": |x| x.clamp(-1.0, 1.0), |x, _| one_if(x.abs() <= 1.0);
    "leaky_relu": |x| if x > 0.0 { x } else { 0.2 * x }, |x, _| if x > 0.0 { 1.0 } else { 0.2 };
    "log_sigmoid": |x| -softplus(-x), |x, _| sigmoid(-x);
    "mish": |x| x * softplus(x).tanh(), mish_slope;
    "relu6": |x| x.clamp(0.0, 6.0), |x, _| one_if(x > 0.0 && x < 6.0);
    "selu": |x| SELU_SCALE * elu(x, SELU_ALPHA), |x, y| {
        if x >= 0.0 { SELU_SCALE } else { y + SELU_SCALE * SELU_ALPHA }
    };
    "silu" | "swish": |x| x * sigmoid(x), |x, y| {
        let sigmoid = sigmoid(x);
        sigmoid + y * (1.0 - sigmoid)
    };
    "soft_shrink": |x| x - x.clamp(-0.5, 0.5), |x, _| one_if(x.abs() > 0.5);
    "softplus": softplus, |x, _| sigmoid(x);
    "softsign": |x| x / (1.0 + x.abs()), |x, _| (1.0 + x.abs()).powi(-2);
    "squareplus": |x| 0.5 * (x + x.hypot(2.0)), |x, _| 0.5 * (1.0 + x / x.hypot(2.0));
    "tanh_shrink": |x| x - x.tanh(), |x, _| x.tanh().powi(2);
}

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;

fn one_if(so: bool) -> f32 {
    f32::from(u8::from(so))
}

/// `x`, or below 0 `alpha (exp(x) - 1)`.
pub(super) fn elu(x: f32, alpha: f32) -> f32 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

fn hard_sigmoid(x: f32) -> f32 {
    (x + 3.0).clamp(0.0, 6.0) / 6.0
}

/// That of Keras 2.
fn old_hard_sigmoid(x: f32) -> f32 {
    (0.2 * x + 0.5).clamp(0.0, 1.0)
}

fn softplus(x: f32) -> f32 {
    // `exp` of what is below 0 only, which does not overflow.
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn mish_slope(x: f32, _: f32) -> f32 {
    let tanh = softplus(x).tanh();
    tanh + x * sigmoid(x) * (1.0 - tanh * tanh)
}

/// How much of a normal distribution is below `x`.
fn normal(x: f32) -> f32 {
    (0.5 * (1.0 + erf(f64::from(x) * std::f64::consts::FRAC_1_SQRT_2))) as f32
}

fn gelu_slope(x: f32, _: f32) -> f32 {
    let density = (-0.5 * x * x).exp() * 0.398_942_3;
    normal(x) + x * density
}

/// The error function, by a series whose terms are all of one sign.
fn erf(x: f64) -> f64 {
    if x.is_nan() || x.abs() > 6.0 {
        return if x.is_nan() { x } else { x.signum() };
    }
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > 1e-17 * sum.abs() {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_the_tables() {
        for (x, y) in
            [(0.0, 0.0), (0.5, 0.520_499_877_8), (1.0, 0.842_700_792_9), (3.0, 0.999_977_909_5)]
        {
            assert!((erf(x) - y).abs() < 1e-10 && (erf(-x) + y).abs() < 1e-10, "{x}");
        }
        assert_eq!((erf(f64::INFINITY), erf(-50.0)), (1.0, -1.0));
        assert!(erf(f64::NAN).is_nan());
    }
}
