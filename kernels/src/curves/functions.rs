//! The functions in `f64`, with no branch in them.

use std::f64::consts::{FRAC_1_SQRT_2, LN_2, LOG2_E};

/// Where all that is asked for here ends: `exp` of more is too large for any `f32`, and of less too small.
const FAR: f64 = 700.0;

/// `x` from `-far` to `far`. NaN stays, here and below: all comparisons with it are false.
#[inline(always)]
pub(super) fn within(x: f64, far: f64) -> f64 {
    let x = if x < -far { -far } else { x };
    if x > far { far } else { x }
}

#[inline(always)]
pub(super) fn between(x: f64) -> f64 {
    within(x, FAR)
}

/// `x`, not below `-FAR`: an infinity times 0 would be NaN.
#[inline(always)]
pub(super) fn above(x: f64) -> f64 {
    if x < -FAR { -FAR } else { x }
}

/// A power of 2 and what `exp(x)` has beside it: `exp(x) = power + power * more`.
#[inline(always)]
fn powers(x: f64) -> (f64, f64) {
    /// The terms of the series from the second on: up to half of `ln 2` they leave less than 1e-11.
    const TERMS: [f64; 8] = [
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
    ];
    /// What a number is added to, to be rounded to a whole one, which then stands in the last bits.
    const SHIFT: f64 = 6_755_399_441_055_744.0;

    let exponent = between(x) * LOG2_E;
    let shifted = exponent + SHIFT;
    let x = (exponent - (shifted - SHIFT)) * LN_2;
    let series = TERMS.iter().fold(0.0, |sum, term| sum * x + term);
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    (power, x + x * x * series)
}

#[inline(always)]
pub(super) fn exp(x: f64) -> f64 {
    let (power, more) = powers(x);
    power + power * more
}

/// `exp(x) - 1`, with all digits where that is small.
#[inline(always)]
fn exp_m1(x: f64) -> f64 {
    let (power, more) = powers(x);
    power * more + (power - 1.0)
}

#[inline(always)]
pub(super) fn elu(x: f64, alpha: f64) -> f64 {
    let below = alpha * exp_m1(x);
    if x > 0.0 { x } else { below }
}

#[inline(always)]
pub(super) fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(super) fn tanh(x: f64) -> f64 {
    let more = exp_m1(2.0 * x);
    more / (more + 2.0)
}

#[inline(always)]
pub(super) fn softplus(x: f64) -> f64 {
    // `ln(1 + e)` by the series of the hyperbolic tangent's inverse, whose argument is a third at most.
    let e = exp(-x.abs());
    let part = e / (2.0 + e);
    let square = part * part;
    let series = (0..11).rev().fold(0.0, |sum, n| sum * square + 1.0 / f64::from(2 * n + 1));
    let positive = if x < 0.0 { 0.0 } else { x };
    positive + 2.0 * part * series
}

/// What `part / (part + rest)` is a hyperbolic tangent of.
pub(super) struct Ratio {
    pub(super) part: f64,
    pub(super) rest: f64,
}

/// That of the softplus of `x`: `n / (n + 2)` with `n = exp(x) (exp(x) + 2)`, without an exponential that overflows.
#[inline(always)]
pub(super) fn ratio(x: f64) -> Ratio {
    let e = exp(-x.abs());
    let below = x < 0.0;
    Ratio {
        part: if below { e * (e + 2.0) } else { 1.0 + 2.0 * e },
        rest: if below { 2.0 } else { 2.0 * e * e },
    }
}

/// How much of a normal distribution is below `x`, with all digits where that is little, and its density there.
#[inline(always)]
pub(super) fn normal(x: f64) -> (f64, f64) {
    /// `exp(z z) erfc(z) (1 + 2 z)` by the powers of `(z - 2.5) / (z + 2.5)`, the last one first: fitted to 3e-11 for `z` up to 30.
    const SERIES: [f64; 15] = [
        2.152_052_421_782_803e-6,
        1.374_731_368_446_9e-5,
        3.108_367_082_954_073e-6,
        -1.047_577_609_343_979e-4,
        -8.410_446_369_206_453e-5,
        6.275_337_801_687_55e-4,
        4.894_033_782_826_342e-4,
        -4.380_749_200_414_93e-3,
        9.325_674_900_737_303e-4,
        3.276_068_945_941_134e-2,
        -0.102_967_142_143_453_1,
        0.157_629_933_326_111_6,
        -9.902_453_550_620_391e-2,
        -0.122_356_763_386_485_88,
        1.264_838_184_335_863_4,
    ];
    const SQRT_2_PI: f64 = 2.506_628_274_631_000_5;

    let z = between(x).abs() * FRAC_1_SQRT_2;
    let e = exp(-z * z);
    let at = (z - 2.5) / (z + 2.5);
    let series = SERIES.iter().fold(0.0, |sum, term| sum * at + term);
    let beyond = 0.5 * e * series / (1.0 + 2.0 * z);
    (if x < 0.0 { beyond } else { 1.0 - beyond }, e / SQRT_2_PI)
}

/// The function, and half of the root in it.
#[inline(always)]
pub(super) fn squareplus(x: f64) -> (f64, f64) {
    let (half, root) = (0.5 * x, 0.5 * (x * x + 4.0).sqrt());
    // Below 0 by the reciprocal, which takes nothing away.
    let below = 1.0 / (root - half);
    (if x < 0.0 { below } else { half + root }, root)
}

#[inline(always)]
pub(super) fn tanh_shrink(x: f64) -> f64 {
    /// The series of it, the last term first: up to 0.15 it has all digits, where the difference has lost most.
    const SERIES: [f64; 6] = [
        -21_844.0 / 6_081_075.0,
        1382.0 / 155_925.0,
        -62.0 / 2835.0,
        17.0 / 315.0,
        -2.0 / 15.0,
        1.0 / 3.0,
    ];
    let square = x * x;
    let small = x * square * SERIES.iter().fold(0.0, |sum, term| sum * square + term);
    let large = x - tanh(x);
    if x.abs() < 0.15 { small } else { large }
}
