//! Functions of single values and of rows, forward and backward, on slices.

use pulp::{Arch, Simd, WithSimd};

use crate::backend::ActivationKind;

use super::simd::{exp_of_negative, load, sigmoid, store, sum, tanh, vectorized};

impl ActivationKind {
    /// Whether there is anything to do.
    pub(crate) fn is_fused(self) -> bool {
        self != Self::Nothing
    }

    /// Puts the function of each number in its place.
    pub(crate) fn apply(self, values: &mut [f32]) {
        Arch::new().dispatch(Apply(self, values));
    }

    /// The gradient of the argument, given the result and its gradient; with `add` it is added to `d_x`.
    pub(crate) fn gradient(self, y: &[f32], d_y: &[f32], d_x: &mut [f32], add: bool) {
        gradient(self, y, d_y, d_x, add);
    }
}

vectorized! {
    fn gradient<'a>(curve: ActivationKind, y: &'a [f32], d_y: &'a [f32], d_x: &'a mut [f32], add: bool) {
        match curve {
            ActivationKind::Nothing => each(y, d_y, d_x, add, |_, d_y| d_y),
            // Chosen, not multiplied with: what goes no further may be infinite.
            ActivationKind::Rectifier => each(y, d_y, d_x, add, |y, d_y| if y > 0.0 { d_y } else { 0.0 }),
            // Not `1 - y * y`, which has lost its digits where y is close to 1.
            ActivationKind::HyperbolicTangent => each(y, d_y, d_x, add, |y, d_y| d_y * ((1.0 - y) * (1.0 + y))),
            ActivationKind::Logistic => each(y, d_y, d_x, add, |y, d_y| d_y * (y * (1.0 - y))),
        }
    }
}

#[inline(always)]
fn each(y: &[f32], d_y: &[f32], d_x: &mut [f32], add: bool, gradient: impl Fn(f32, f32) -> f32) {
    for ((d_x, &y), &d_y) in d_x.iter_mut().zip(y).zip(d_y) {
        let before = if add { *d_x } else { 0.0 };
        *d_x = before + gradient(y, d_y);
    }
}

struct Apply<'a>(ActivationKind, &'a mut [f32]);

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self(curve, values) = self;
        for at in (0..values.len()).step_by(S::F32_LANES) {
            let x = load(simd, values, at);
            let zero = simd.splat_f32s(0.0);
            let y = match curve {
                ActivationKind::Nothing => x,
                // A comparison with NaN is false.
                ActivationKind::Rectifier => {
                    simd.select_f32s(simd.less_than_or_equal_f32s(x, zero), zero, x)
                }
                ActivationKind::HyperbolicTangent => tanh(simd, x),
                ActivationKind::Logistic => sigmoid(simd, x),
            };
            store(simd, values, at, y);
        }
    }
}

/// Replaces each value by `exp(x - most)`, where `most` is the largest.
struct Exponentials<'a> {
    row: &'a mut [f32],
    most: f32,
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let most = simd.splat_f32s(self.most);
        for at in (0..self.row.len()).step_by(S::F32_LANES) {
            let x = load(simd, self.row, at);
            let difference = simd.sub_f32s(x, most);
            // What rounding took from the difference (Knuth's two-sum): where the difference is -80, that is more
            // than the last digits of its `exp`.
            let change = simd.sub_f32s(difference, x);
            let tail = simd.sub_f32s(
                simd.sub_f32s(x, simd.sub_f32s(difference, change)),
                simd.add_f32s(most, change),
            );
            store(simd, self.row, at, exp_of_negative(simd, difference, Some(tail)));
        }
    }
}

/// Replaces each value of a row by `exp(x - most)`. Gives `most`, the largest.
pub(crate) fn exponentials(row: &mut [f32]) -> f32 {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Arch::new().dispatch(Exponentials { row, most });
    most
}

/// Puts the softmax of a row in its place. All of it is NaN where an element is NaN or infinite, or all are minus infinity.
pub(crate) fn softmax(row: &mut [f32]) {
    exponentials(row);
    let share = 1.0 / sum(row.len(), |i| row[i]);
    row.iter_mut().for_each(|x| *x *= share);
}

/// Adds the gradient of the argument of a softmax, given the result and its gradient.
pub(crate) fn add_softmax_gradient(y: &[f32], d_y: &[f32], d_x: &mut [f32]) {
    let mean = sum(y.len(), |i| y[i] * d_y[i]);
    for ((d_x, &y), &d_y) in d_x.iter_mut().zip(y).zip(d_y) {
        *d_x += y * (d_y - mean);
    }
}
