//! The functions in `f64`, with no branch in them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E};

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
pub(super) fn exp_m1(x: f64) -> f64 {
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

/// Half of `erfc(z)`, with all digits where that is little, and `exp(-z z)`; `z` is not negative.
#[inline(always)]
fn beyond(z: f64) -> (f64, f64) {
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

    let e = exp(-z * z);
    let at = (z - 2.5) / (z + 2.5);
    let series = SERIES.iter().fold(0.0, |sum, term| sum * at + term);
    (0.5 * e * series / (1.0 + 2.0 * z), e)
}

/// How much of a normal distribution is below `x`, with all digits where that is little, and its density there.
#[inline(always)]
pub(super) fn normal(x: f64) -> (f64, f64) {
    const SQRT_2_PI: f64 = 2.506_628_274_631_000_5;

    let (beyond, e) = beyond(between(x).abs() * FRAC_1_SQRT_2);
    (if x < 0.0 { beyond } else { 1.0 - beyond }, e / SQRT_2_PI)
}

#[inline(always)]
pub(super) fn erf(x: f64) -> f64 {
    /// The series of it, the last term first: up to a half it has all digits.
    const SERIES: [f64; 9] = [
        1.0 / 685_440.0,
        -1.0 / 75_600.0,
        1.0 / 9360.0,
        -1.0 / 1320.0,
        1.0 / 216.0,
        -1.0 / 42.0,
        1.0 / 10.0,
        -1.0 / 3.0,
        1.0,
    ];
    let square = x * x;
    let small = FRAC_2_SQRT_PI * x * SERIES.iter().fold(0.0, |sum, term| sum * square + term);
    let large = 1.0 - 2.0 * beyond(between(x).abs()).0;
    let large = if x < 0.0 { -large } else { large };
    if x.abs() < 0.5 { small } else { large }
}

/// How much of a value is left, and the derivative of that.
pub(super) struct Share {
    pub(super) share: f64,
    pub(super) slope: f64,
}

/// That of the GELU by a hyperbolic tangent. By the logistic function: of `1 + tanh`, nothing is left where it is little.
#[inline(always)]
pub(super) fn gelu_share(x: f64) -> Share {
    const SCALE: f64 = 2.0 * 0.797_884_560_802_865_4;
    const CUBE: f64 = 0.044_715;

    let x = between(x);
    let e = exp(-SCALE * (x + CUBE * x * x * x));
    let share = 1.0 / (1.0 + e);
    Share { share, slope: share * (e * share) * SCALE * (1.0 + 3.0 * CUBE * x * x) }
}

/// `ln((1 + part) / (1 - part))`, where `part` is from -0.25 to 0.18.
#[inline(always)]
fn ln_of_ratio(part: f64) -> f64 {
    let square = part * part;
    let series = (0..8).rev().fold(0.0, |sum, n| sum * square + 1.0 / f64::from(2 * n + 1));
    2.0 * part * series
}

/// `x` as `2^exponent (1 + part) / (1 - part)`, with `part` as a quotient that `ln_of_ratio` takes: `(exponent, above, below)`.
#[inline(always)]
fn digits(x: f64) -> (f64, f64, f64) {
    /// The square root of a half: where the numbers begin that stand for themselves.
    const FIRST: u64 = 0x3fe6_a09e_667f_3bcd;
    const BIAS: u64 = 1023;
    /// The bits of 2 to the 52: a whole number in its last bits is added to it.
    const WHOLE: u64 = 0x4330_0000_0000_0000;

    let bits = x.to_bits();
    let exponent = bits.wrapping_sub(FIRST).wrapping_add(BIAS << 52) >> 52;
    let digits = f64::from_bits(bits.wrapping_sub(exponent.wrapping_sub(BIAS) << 52));
    let exponent = f64::from_bits(WHOLE | exponent) - (f64::from_bits(WHOLE) + BIAS as f64);
    (exponent, digits - 1.0, digits + 1.0)
}

/// `y`, but for what has no digits.
#[inline(always)]
fn ln_at_ends(x: f64, y: f64) -> f64 {
    let y = if x == 0.0 { f64::NEG_INFINITY } else { y };
    let y = if x > f64::MAX { x } else { y };
    if x >= 0.0 { y } else { f64::NAN }
}

/// Of what is not below the least normal `f64`, as all positive `f32` are, or 0.
#[inline(always)]
pub(super) fn ln(x: f64) -> f64 {
    let (exponent, above, below) = digits(x);
    ln_at_ends(x, exponent * LN_2 + ln_of_ratio(above / below))
}

/// `ln(1 + x)`, with all digits where that is small.
#[inline(always)]
pub(super) fn ln_1p(x: f64) -> f64 {
    let (exponent, above, below) = digits(1.0 + x);
    let small = x.abs() < 0.4;
    let exponent = if small { 0.0 } else { exponent };
    let (above, below) = (if small { x } else { above }, if small { 2.0 + x } else { below });
    ln_at_ends(1.0 + x, exponent * LN_2 + ln_of_ratio(above / below))
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
