//! The functions of one value, with all their digits, and slopes that are longer than a line.

use crate::backend::{ActivationKind, Element};

pub(super) const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
pub(super) const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

pub(super) fn of<E: Element>(value: f64) -> E {
    E::of(value)
}

pub(super) fn zero<E: Element>() -> E {
    E::zero()
}

pub(super) fn one<E: Element>() -> E {
    E::one()
}

pub(super) fn one_if<E: Element>(so: bool) -> E {
    if so { E::one() } else { E::zero() }
}

/// A slope that ends at 0 on one side and at 1 on the other, where it may be calculated of an infinity and 0.
pub(super) fn or_step<E: Element>(x: E, slope: E) -> E {
    if x.is_infinite() { one_if(x > zero()) } else { slope }
}

/// NaN stays.
pub(super) fn clamp<E: Element>(x: E, least: f64, most: f64) -> E {
    num_traits::clamp(x, of(least), of(most))
}

/// `x`, or below 0 `alpha (exp(x) - 1)`.
pub(crate) fn elu<E: Element>(x: E, alpha: E) -> E {
    if x > E::zero() { x } else { alpha * x.exp_m1() }
}

pub(super) fn sigmoid<E: Element>(x: E) -> E {
    ActivationKind::Logistic.of(x)
}

pub(super) fn hard_sigmoid<E: Element>(x: E) -> E {
    clamp(x + of(3.0), 0.0, 6.0) / of(6.0)
}

pub(super) fn softplus<E: Element>(x: E) -> E {
    // `exp` of what is below 0 only, which does not overflow.
    let positive = if x < E::zero() { E::zero() } else { x };
    positive + (-x.abs()).exp().ln_1p()
}

pub(super) fn hard_silu<E: Element>(x: E) -> E {
    // Not by the product: that of minus infinity and 0 is NaN.
    if x <= of(-3.0) { zero() } else { x * hard_sigmoid(x) }
}

/// `x exp(x)` of `x` below 0, with all digits where `exp(x)` alone has lost some or is 0.
pub(super) fn times_exp<E: Element>(x: E) -> E {
    let half = (x * of(0.5)).exp();
    if x == E::neg_infinity() { zero() } else { x * half * half }
}

pub(super) fn silu<E: Element>(x: E) -> E {
    if x < zero() { times_exp(x) / (one::<E>() + x.exp()) } else { x * sigmoid(x) }
}

/// `x tanh(softplus(x))`, where the hyperbolic tangent is `n / (n + 2)` with `n = exp(x) (exp(x) + 2)`.
pub(super) fn mish<E: Element>(x: E) -> E {
    let e = (-x.abs()).exp();
    if x < zero() {
        return times_exp(x) * (e + of(2.0)) / (e * (e + of(2.0)) + of(2.0));
    }
    let n = one::<E>() + of::<E>(2.0) * e;
    x * n / (n + of::<E>(2.0) * e * e)
}

pub(super) fn softsign<E: Element>(x: E) -> E {
    if x.is_infinite() { x.signum() } else { x / (one::<E>() + x.abs()) }
}

/// 0 up to -1, `x` from 1 on, and `(x + 1)^2 / 4` between them.
pub(super) fn sparse_plus<E: Element>(x: E) -> E {
    match x {
        x if x >= one() => x,
        x if x <= -one::<E>() => zero(),
        x => ((x + one()) * of(0.5)).powi(2),
    }
}

/// `(x + sqrt(x^2 + 4)) / 2`, below 0 by the reciprocal, which takes nothing away.
pub(super) fn squareplus<E: Element>(x: E) -> E {
    let (half, root) = (x * of(0.5), x.hypot(of(2.0)) * of(0.5));
    if x < zero() { (root - half).recip() } else { half + root }
}

/// `x - tanh(x)`, by its series where nearly all digits would be taken away.
pub(super) fn tanh_shrink<E: Element>(x: E) -> E {
    const SERIES: [f64; 8] = [
        1.0 / 3.0,
        -2.0 / 15.0,
        17.0 / 315.0,
        -62.0 / 2835.0,
        1382.0 / 155_925.0,
        -21_844.0 / 6_081_075.0,
        929_569.0 / 638_512_875.0,
        -6_404_582.0 / 10_854_718_875.0,
    ];
    let wide = x.as_f64();
    if wide.abs() >= 0.15 || wide.is_nan() {
        return of(wide - wide.tanh());
    }
    let square = wide * wide;
    of(wide * square * SERIES.iter().rev().fold(0.0, |sum, term| sum * square + term))
}

pub(super) fn mish_slope<E: Element>(x: E, _: E) -> E {
    let tanh = softplus(x).tanh();
    or_step(x, tanh + silu(x) * (E::one() - tanh * tanh))
}

/// How much of a normal distribution is below `x`.
fn normal(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

pub(super) fn gelu<E: Element>(x: E) -> E {
    let wide = x.as_f64();
    if x == E::neg_infinity() { zero() } else { of(wide * normal(wide)) }
}

pub(super) fn gelu_slope<E: Element>(x: E, _: E) -> E {
    let wide = x.as_f64();
    let density = (-0.5 * wide * wide).exp() * 0.398_942_280_401_432_7;
    or_step(x, of(normal(wide) + wide * density))
}

/// What the error function lacks to 1, with all digits where that is little.
fn erfc(x: f64) -> f64 {
    if x.is_nan() || x < 2.0 {
        return 1.0 - erf(x);
    }
    // Where the result is not 0, a continued fraction, from its inside.
    let terms = (20.0 + 200.0 / (x * x)) as u32;
    let fraction = (1..terms).rev().fold(0.0, |sum, n| f64::from(n) * 0.5 / (x + sum));
    (-x * x).exp() * std::f64::consts::FRAC_2_SQRT_PI * 0.5 / (x + fraction)
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
