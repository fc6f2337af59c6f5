//! Activations that an operation applies to its output by itself, forward and backward.

use num_traits::Float;
use pulp::{Arch, Simd, WithSimd};

use crate::simd::{load, sigmoid, store, tanh, vectorized};

/// An activation that an operation applies to its output by itself, while the values are at hand.
///
/// The names are not those of the layers: of a name that a crate has twice, the compiler shows the path, in each message
/// about a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationKind {
    /// `x`.
    Nothing,
    /// `max(x, 0)`.
    Rectifier,
    /// `tanh(x)`.
    HyperbolicTangent,
    /// `1 / (1 + exp(-x))`.
    Logistic,
}

impl ActivationKind {
    /// Whether there is anything to do.
    pub fn is_fused(self) -> bool {
        self != Self::Nothing
    }

    /// The function of one value.
    pub fn of<E: Float>(self, x: E) -> E {
        match self {
            Self::Nothing => x,
            // A comparison with NaN is false.
            Self::Rectifier if x <= E::zero() => E::zero(),
            Self::Rectifier => x,
            Self::HyperbolicTangent => x.tanh(),
            // `exp` of what is below 0 only: what overflows would make 0 of a value that is none.
            Self::Logistic if x < E::zero() => {
                let e = x.exp();
                e / (E::one() + e)
            }
            Self::Logistic => (E::one() + (-x).exp()).recip(),
        }
    }

    /// Puts the function of each number in its place.
    pub fn apply(self, values: &mut [f32]) {
        Arch::new().dispatch(Apply(self, values));
    }

    /// The gradient of the argument, given the result and its gradient; with `add` it is added to `d_x`.
    pub fn gradient(self, y: &[f32], d_y: &[f32], d_x: &mut [f32], add: bool) {
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
