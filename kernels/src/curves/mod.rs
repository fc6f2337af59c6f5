//! Functions of each value that are made of exponentials, forward and backward, on slices.
//!
//! They are computed in `f64`, and without a branch: so the loops become vector code, and what is rounded to `f32` in the end
//! has all its digits, also where a result is small because two terms are nearly the same.

mod functions;
mod single;

use std::f64::consts::FRAC_2_SQRT_PI;

use crate::simd::vectorized;
use functions::*;
pub use single::{Functions, Library, Loops};

/// A function of each value.
///
/// The names are not those of the layers, as those of an [`ActivationKind`](crate::activation::ActivationKind) are not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pointwise {
    /// `x`, or below 0 `alpha (exp(x) - 1)`.
    OfElu {
        /// What it ends at.
        alpha: f64,
    },
    /// The error function.
    OfErf,
    /// `exp(x)`.
    OfExponential,
    /// `x` times the share of a normal distribution that is below `x`.
    OfGelu,
    /// That, with the share by a hyperbolic tangent.
    OfGeluByTanh,
    /// `ln(x)`.
    OfLogarithm,
    /// `ln(1 + x)`.
    OfLogarithmOfMore,
    /// `ln(1 / (1 + exp(-x)))`.
    OfLogSigmoid,
    /// `x tanh(ln(1 + exp(x)))`.
    OfMish,
    /// An ELU, `scale` times, whose slope at 0 is that from above.
    OfSelu {
        /// What it ends at, before it is scaled.
        alpha: f64,
        /// The slope above 0.
        scale: f64,
    },
    /// `x / (1 + exp(-x))`.
    OfSilu,
    /// `ln(1 + exp(x))`.
    OfSoftplus,
    /// `(x + sqrt(x x + 4)) / 2`.
    OfSquareplus,
    /// `x - tanh(x)`.
    OfTanhShrink,
}

/// Values that a [`Pointwise`] may be fast for.
pub trait Curved: Sized {
    /// Functions whose results have all digits of the type.
    type Functions: Functions;

    /// Puts the function of each value in its place, if there is a fast one for the type.
    fn curve(curve: Pointwise, values: &mut [Self]) -> bool;
}

impl Curved for f32 {
    type Functions = Loops;

    fn curve(curve: Pointwise, values: &mut [f32]) -> bool {
        curve.apply(values);
        true
    }
}

/// The functions are not exact enough for these.
impl Curved for f64 {
    type Functions = Library;

    fn curve(_: Pointwise, _: &mut [f64]) -> bool {
        false
    }
}

impl Pointwise {
    /// Puts the function of each value in its place.
    pub fn apply(self, values: &mut [f32]) {
        apply(self, values);
    }

    /// Adds the gradient of the argument `x` to `d_x`, given that of the result. What has no gradient adds nothing, whatever its
    /// slope is.
    pub fn add_gradient(self, x: &[f32], d_y: &[f32], d_x: &mut [f32]) {
        add_gradient(self, x, d_y, d_x);
    }
}

/// A function of each value in its place. Macros, and no functions that take one: what calls it would be a function of its own, whose code
/// is that of the baseline.
macro_rules! each {
    ($values:ident, |$x:ident| $result:expr) => {
        for value in $values {
            let $x = f64::from(*value);
            *value = ($result) as f32;
        }
    };
}

/// Adds gradients, by the slope at each value.
macro_rules! add {
    ($values:ident, $d_y:ident, $d_x:ident, |$x:ident| $slope:expr) => {
        for ((d_x, &$x), &d_y) in $d_x.iter_mut().zip($values).zip($d_y) {
            let $x = f64::from($x);
            let more = ($slope) as f32 * d_y;
            *d_x += if d_y == 0.0 { 0.0 } else { more };
        }
    };
}

vectorized! {
    fn apply<'a>(curve: Pointwise, values: &'a mut [f32]) {
        match curve {
            Pointwise::OfElu { alpha } => each!(values, |x| elu(x, alpha)),
            Pointwise::OfErf => each!(values, |x| erf(x)),
            Pointwise::OfExponential => each!(values, |x| exp(x)),
            Pointwise::OfGelu => each!(values, |x| above(x) * normal(x).0),
            Pointwise::OfGeluByTanh => each!(values, |x| above(x) * gelu_share(x).share),
            Pointwise::OfLogarithm => each!(values, |x| ln(x)),
            Pointwise::OfLogarithmOfMore => each!(values, |x| ln_1p(x)),
            Pointwise::OfLogSigmoid => each!(values, |x| -softplus(-x)),
            Pointwise::OfMish => each!(values, |x| {
                let Ratio { part, rest } = ratio(x);
                above(x) * part / (part + rest)
            }),
            Pointwise::OfSelu { alpha, scale } => each!(values, |x| scale * elu(x, alpha)),
            Pointwise::OfSilu => each!(values, |x| above(x) / (1.0 + exp(-x))),
            Pointwise::OfSoftplus => each!(values, |x| softplus(x)),
            Pointwise::OfSquareplus => each!(values, |x| squareplus(x).0),
            Pointwise::OfTanhShrink => each!(values, |x| tanh_shrink(x)),
        }
    }
}

vectorized! {
    fn add_gradient<'a>(curve: Pointwise, x: &'a [f32], d_y: &'a [f32], d_x: &'a mut [f32]) {
        match curve {
            Pointwise::OfElu { alpha } => add!(x, d_y, d_x, |x| if x > 0.0 { 1.0 } else { alpha * exp(x) }),
            Pointwise::OfErf => add!(x, d_y, d_x, |x| FRAC_2_SQRT_PI * exp(-x * x)),
            Pointwise::OfExponential => add!(x, d_y, d_x, |x| exp(x)),
            Pointwise::OfGelu => add!(x, d_y, d_x, |x| {
                let (share, density) = normal(x);
                share + between(x) * density
            }),
            Pointwise::OfGeluByTanh => add!(x, d_y, d_x, |x| {
                let Share { share, slope } = gelu_share(x);
                share + between(x) * slope
            }),
            Pointwise::OfLogarithm => add!(x, d_y, d_x, |x| 1.0 / x),
            Pointwise::OfLogarithmOfMore => add!(x, d_y, d_x, |x| 1.0 / (1.0 + x)),
            Pointwise::OfLogSigmoid => add!(x, d_y, d_x, |x| sigmoid(-x)),
            Pointwise::OfMish => add!(x, d_y, d_x, |x| {
                let Ratio { part, rest } = ratio(x);
                let all = part + rest;
                part / all + between(x) * sigmoid(x) * (rest * (2.0 * part + rest)) / (all * all)
            }),
            Pointwise::OfSelu { alpha, scale } => add!(x, d_y, d_x, |x| {
                if x >= 0.0 { scale } else { scale * alpha * exp(x) }
            }),
            Pointwise::OfSilu => add!(x, d_y, d_x, |x| {
                let e = exp(-x);
                let share = 1.0 / (1.0 + e);
                share + between(x) * share * (e * share)
            }),
            Pointwise::OfSoftplus => add!(x, d_y, d_x, |x| sigmoid(x)),
            Pointwise::OfSquareplus => add!(x, d_y, d_x, |x| {
                // The square of more is infinite.
                let (y, root) = squareplus(within(x, 1e100));
                0.5 * y / root
            }),
            Pointwise::OfTanhShrink => add!(x, d_y, d_x, |x| tanh(x) * tanh(x)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Those of all numbers.
    const ALL: [Pointwise; 12] = [
        Pointwise::OfElu { alpha: 0.5 },
        Pointwise::OfErf,
        Pointwise::OfExponential,
        Pointwise::OfGelu,
        Pointwise::OfGeluByTanh,
        Pointwise::OfLogSigmoid,
        Pointwise::OfMish,
        Pointwise::OfSelu { alpha: 1.5, scale: 1.25 },
        Pointwise::OfSilu,
        Pointwise::OfSoftplus,
        Pointwise::OfSquareplus,
        Pointwise::OfTanhShrink,
    ];

    fn of(curve: Pointwise, x: f32) -> f32 {
        // More than one vector, and an end.
        let mut values = [x; 19];
        curve.apply(&mut values);
        let same = |y: &f32| y.total_cmp(&values[0]).is_eq() || y.is_nan() && values[0].is_nan();
        assert!(values.iter().all(same), "{curve:?}");
        values[0]
    }

    fn slope(curve: Pointwise, x: f32) -> f32 {
        let mut sums = [0.5_f32; 19];
        curve.add_gradient(&[x; 19], &[1.0; 19], &mut sums);
        sums[18] - 0.5
    }

    fn agree(found: f32, right: f64, what: &str) {
        let error = (f64::from(found) - right).abs();
        // What is less than the least normal number has fewer digits.
        assert!(error <= 1.2e-7 * right.abs() + 1.5e-45, "{what}: {found:e}, not {right:e}");
    }

    #[test]
    fn all_digits_are_kept() {
        let magnitudes = (0..300).map(|i| 1e-6 * 1.07_f32.powi(i)).chain([1e-30, 1e-42, 0.15]);
        for x in magnitudes.flat_map(|x| [x, -x]).filter(|x| x.abs() < 87.0) {
            let wide = f64::from(x);
            let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
            let root = (wide * wide + 4.0).sqrt();
            let inner = (8.0 / std::f64::consts::PI).sqrt() * (wide + 0.044_715 * wide.powi(3));
            for (curve, right) in [
                (Pointwise::OfElu { alpha: 0.5 }, if x > 0.0 { wide } else { 0.5 * wide.exp_m1() }),
                (Pointwise::OfExponential, wide.exp()),
                (Pointwise::OfGeluByTanh, wide / (1.0 + (-inner).exp())),
                (Pointwise::OfLogSigmoid, -softplus(-wide)),
                (Pointwise::OfMish, wide * softplus(wide).tanh()),
                (Pointwise::OfSilu, wide / (1.0 + (-wide).exp())),
                (Pointwise::OfSoftplus, softplus(wide)),
                (
                    Pointwise::OfSquareplus,
                    if x < 0.0 { 2.0 / (root - wide) } else { 0.5 * (wide + root) },
                ),
            ] {
                agree(of(curve, x), right, &format!("{curve:?} of {x:e}"));
            }
            if x.abs() > 0.1 {
                agree(of(Pointwise::OfTanhShrink, x), wide - wide.tanh(), "the rest of a tanh");
            }
        }
        agree(
            of(Pointwise::OfTanhShrink, 1e-3),
            3.333_332e-10 + 1.583e-17,
            "the rest of a small tanh",
        );
    }

    /// By 40 digits.
    #[test]
    fn a_gelu_has_all_its_digits() {
        for (x, y, d) in [
            (-13.25, -2.989_221_650_1e-39, -3.960_468_708_7e-38),
            (-9.5, -9.969_789_321_6e-21, -9.469_093_473_8e-20),
            (-5.0, -1.433_257_859_4e-6, -7.146_946_001_8e-6),
            (-2.5, -0.015_524_163_314, -0.037_611_085_908),
            (-1.0, -0.158_655_253_93, -0.083_315_470_588),
            (-0.25, -0.100_323_418_58, 0.304_626_645_12),
            (-1e-3, -0.000_499_601_081_5, 0.499_202_115_67),
            (1e-20, 4.999_999_841_3e-21, 0.5),
            (0.5, 0.345_731_230_64, 0.867_495_124_66),
            (1.0, 0.841_344_746_07, 1.083_315_470_6),
            (3.0, 2.995_950_305_9, 1.011_945_647_2),
            (8.0, 8.0, 1.0),
        ] {
            agree(of(Pointwise::OfGelu, x), y, &format!("at {x}"));
            assert!((f64::from(slope(Pointwise::OfGelu, x)) - d).abs() < 2e-7, "the slope at {x}");
        }
    }

    /// By 20 digits.
    #[test]
    fn an_error_function_has_all_its_digits() {
        for (x, y) in [
            (1e-30, 1.128_379_167_1e-30),
            (1e-3, 1.128_378_844_564e-3),
            (0.25, 0.276_326_390_168_24),
            (0.499, 0.519_620_667_314_8),
            (0.501, 0.521_378_209_551_8),
            (1.0, 0.842_700_792_949_7),
            (2.5, 0.999_593_047_982_6),
            (8.0, 1.0),
        ] {
            agree(of(Pointwise::OfErf, x), y, &format!("at {x}"));
            agree(of(Pointwise::OfErf, -x), -y, &format!("at -{x}"));
        }
    }

    #[test]
    fn slopes_are_central_differences() {
        for curve in ALL {
            for i in -40..40 {
                let x = i as f32 * 0.21 + 0.05;
                let [above, below] = [x + 0.01, x - 0.01].map(|x| f64::from(of(curve, x)));
                let difference = (above - below) / (f64::from(x + 0.01) - f64::from(x - 0.01));
                let error = (f64::from(slope(curve, x)) - difference).abs();
                assert!(error < 2e-4 * (1.0 + difference.abs()), "{curve:?} at {x}");
            }
        }
    }

    #[test]
    fn far_away_and_nan() {
        let infinity = f32::INFINITY;
        for (curve, low, high) in [
            (Pointwise::OfElu { alpha: 0.5 }, -0.5, infinity),
            (Pointwise::OfErf, -1.0, 1.0),
            (Pointwise::OfExponential, 0.0, infinity),
            (Pointwise::OfGelu, 0.0, infinity),
            (Pointwise::OfGeluByTanh, 0.0, infinity),
            (Pointwise::OfLogSigmoid, -infinity, 0.0),
            (Pointwise::OfMish, 0.0, infinity),
            (Pointwise::OfSelu { alpha: 1.5, scale: 1.25 }, -1.875, infinity),
            (Pointwise::OfSilu, 0.0, infinity),
            (Pointwise::OfSoftplus, 0.0, infinity),
            (Pointwise::OfSquareplus, 0.0, infinity),
            (Pointwise::OfTanhShrink, -infinity, infinity),
        ] {
            assert_eq!([of(curve, -infinity), of(curve, infinity)], [low, high], "{curve:?}");
            assert!(of(curve, f32::NAN).is_nan() && slope(curve, f32::NAN).is_nan(), "{curve:?}");
            if curve != Pointwise::OfExponential {
                let slopes = [-infinity, -1e5, 1e5, infinity].map(|x| slope(curve, x));
                let right = match curve {
                    Pointwise::OfErf => [0.0; 4],
                    Pointwise::OfLogSigmoid => [1.0, 1.0, 0.0, 0.0],
                    Pointwise::OfSelu { .. } => [0.0, 0.0, 1.25, 1.25],
                    Pointwise::OfTanhShrink => [1.0; 4],
                    _ => [0.0, 0.0, 1.0, 1.0],
                };
                assert_eq!(slopes, right, "{curve:?}");
            }
            // What has no gradient adds none.
            let mut sums = [0.5];
            curve.add_gradient(&[infinity], &[0.0], &mut sums);
            assert_eq!(sums, [0.5], "{curve:?}");
        }
    }
    #[test]
    fn logarithms() {
        let (ln, ln_1p) = (Pointwise::OfLogarithm, Pointwise::OfLogarithmOfMore);
        let magnitudes = (0..1500).map(|i| 1e-38 * 1.12_f32.powi(i)).filter(|x| x.is_finite());
        let near = (-60..60).map(|i| 1.0 + i as f32 * 0.007);
        for x in magnitudes.chain(near).chain([1e-45, 1.0, 4.0, f32::MAX]) {
            let wide = f64::from(x);
            agree(of(ln, x), wide.ln(), &format!("the logarithm of {x:e}"));
            for x in [x, -x].into_iter().filter(|&x| x > -1.0) {
                let wide = f64::from(x);
                agree(of(ln_1p, x), wide.ln_1p(), &format!("the logarithm of 1 and {x:e}"));
                agree(slope(ln_1p, x) + 0.5, 1.0 / (1.0 + wide) + 0.5, &format!("slope at {x:e}"));
            }
        }
        assert_eq!(
            [slope(ln, 0.25), slope(ln, -8.0), slope(ln, 0.0)],
            [4.0, -0.125, f32::INFINITY]
        );
        for (curve, zero) in [(ln, 0.0), (ln_1p, -1.0)] {
            assert_eq!(of(curve, zero), f32::NEG_INFINITY);
            assert_eq!(of(curve, f32::INFINITY), f32::INFINITY);
            let none = [zero - 1e-6, -2.0, f32::NEG_INFINITY, f32::NAN];
            assert!(none.iter().all(|&x| of(curve, x).is_nan()), "{curve:?}");
        }
        assert_eq!([of(ln, 1.0), of(ln_1p, 0.0)], [0.0; 2]);
    }
}
