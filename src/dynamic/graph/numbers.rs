//! What Keras's functions of numbers calculate, and their derivatives.

use std::f64::consts::{LN_2, PI};

pub(super) use super::super::merge::each as each_pair;
use super::super::merge::slopes;

/// A function of each two values.
pub(super) type Both = fn([&[f32]; 2], &mut [f32]);

/// A function of two values, as one of slices: so it is compiled into the loop.
macro_rules! both {
    (|$a:ident, $b:ident| $result:expr) => {
        |both, y| each_pair(|$a, $b| $result)(both, y)
    };
    ($function:path) => {
        both!(|a, b| $function(a, b))
    };
}
pub(super) use both;

/// A gradient back to one of two values, by its place among them, times the slope there.
pub(super) type Back = fn(usize, [&[f32]; 2], &mut [f32]);

/// One by the slopes to both: compiled into the loops, so that the slope to the other one costs nothing.
macro_rules! back {
    ($slopes:expr) => {
        |i, both, d| finite_slopes($slopes)(i, both, d)
    };
}
pub(super) use back;

/// What is not finite has no gradient.
pub(super) fn finite_slopes(
    of: impl Fn(f32, f32) -> [f32; 2] + Copy,
) -> impl Fn(usize, [&[f32]; 2], &mut [f32]) {
    let finite = |slope: f32| if slope.is_finite() { slope } else { 0.0 };
    slopes(move |a, b| finite(of(a, b)[0]), move |a, b| finite(of(a, b)[1]))
}

/// A power. Squares are what most of them are.
pub(super) fn power(a: f32, b: f32) -> f32 {
    if b == 2.0 { a * a } else { a.powf(b) }
}

/// A function of each value, in its place.
pub(super) fn in_place(values: &mut [f32], function: impl Fn(f32) -> f32) {
    values.iter_mut().for_each(|x| *x = function(*x));
}

/// The sign, 0 of 0, which is the derivative of what is taken without it.
pub(super) fn sign(x: f32) -> f32 {
    if x > 0.0 {
        1.0
    } else if x < 0.0 {
        -1.0
    } else {
        x
    }
}

/// Rounded, halves to the even number.
pub(super) fn rounded(x: f32) -> f32 {
    x.round_ties_even()
}

/// The remainder, with the sign of what is divided by.
pub(super) fn modulo(a: f32, b: f32) -> f32 {
    let rest = a % b;
    if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
}

/// The largest whole number that is at most the quotient, be that beyond the digits or below the range of `f32`. Of an
/// infinity there is none.
pub(super) fn whole_quotient(a: f32, b: f32) -> f32 {
    if b == 0.0 {
        return a / b;
    }
    let (a, b) = (f64::from(a), f64::from(b));
    let rest = a % b;
    let down = rest != 0.0 && (rest < 0.0) != (b < 0.0);
    (((a - rest) / b).round() - if down { 1.0 } else { 0.0 }) as f32
}

/// The derivative of the arc sine. What is near 1 keeps its digits in the product.
pub(super) fn arc_slope(x: f32) -> f32 {
    ((1.0 - x) * (1.0 + x)).sqrt().recip()
}

/// The derivatives of a function of two numbers, in double precision: on the way to them, squares may leave the range of
/// the other.
macro_rules! slopes {
    ($($name:ident: |$a:ident, $b:ident| $slopes:expr;)*) => {
        $(#[inline]
        pub(super) fn $name(a: f32, b: f32) -> [f32; 2] {
            let ($a, $b) = (f64::from(a), f64::from(b));
            $slopes.map(|slope: f64| slope as f32)
        })*
    };
}
slopes! {
    quotient_slopes: |a, b| [1.0 / b, -a / (b * b)];
    angle_slopes: |a, b| [b / (a * a + b * b), -a / (a * a + b * b)];
    hypot_slopes: |a, b| [a / a.hypot(b), b / a.hypot(b)];
    power_slopes: |a, b| [
        if b == 0.0 { 0.0 } else if b == 2.0 { 2.0 * a } else { b * a.powf(b - 1.0) },
        if a > 0.0 { a.powf(b) * a.ln() } else { 0.0 },
    ];
}

/// `sin(pi x) / (pi x)`.
pub(super) fn sinc(x: f32) -> f32 {
    let angle = PI * f64::from(x);
    if angle == 0.0 { 1.0 } else { (angle.sin() / angle) as f32 }
}

pub(super) fn sinc_slope(x: f32, _: f32) -> f32 {
    let (x, angle) = (f64::from(x), PI * f64::from(x));
    // Near 0 the difference of both terms has no digits left.
    if angle.abs() < 1e-3 {
        return (-PI * angle / 3.0) as f32;
    }
    ((angle.cos() - angle.sin() / angle) / x) as f32
}

/// The logarithm of the sum of the exponentials, to a base with this logarithm.
pub(super) fn log_add_exp(a: f32, b: f32, base: f64) -> f32 {
    if a.is_nan() || b.is_nan() {
        return f32::NAN;
    }
    let (most, least) = (f64::from(a.max(b)), f64::from(a.min(b)));
    if most == least || most.is_infinite() {
        return (most + if most.is_finite() { LN_2 / base } else { 0.0 }) as f32;
    }
    (most + ((least - most) * base).exp().ln_1p() / base) as f32
}

/// How much each counts in that.
pub(super) fn log_add_exp_slopes(a: f32, b: f32, base: f64) -> [f32; 2] {
    let share = 1.0 / (1.0 + ((f64::from(b) - f64::from(a)) * base).exp());
    [share as f32, (1.0 - share) as f32]
}

/// The slopes of the one of two numbers that is taken: half of each where both are equal.
pub(super) fn taken(first: bool, equal: bool) -> [f32; 2] {
    match (first, equal) {
        (_, true) => [0.5; 2],
        (first, _) => [flag(first), flag(!first)],
    }
}

pub(super) fn flag(is: bool) -> f32 {
    f32::from(u8::from(is))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_stays_none() {
        for base in [1.0, LN_2] {
            for (a, b) in [(f32::NAN, 0.0), (1.0, f32::NAN), (f32::INFINITY, f32::NAN)] {
                assert!(log_add_exp(a, b, base).is_nan());
            }
            assert_eq!(log_add_exp(f32::INFINITY, f32::INFINITY, base), f32::INFINITY);
            assert_eq!(log_add_exp(f32::NEG_INFINITY, 3.0, base), 3.0);
        }
        assert_eq!(log_add_exp(3.0, 3.0, LN_2), 4.0);
        assert_eq!((sinc(0.0), sinc_slope(0.0, 1.0)), (1.0, 0.0));
        assert_eq!((taken(true, false), taken(false, true)), ([1.0, 0.0], [0.5; 2]));
    }
}
