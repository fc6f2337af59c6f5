//! Distances of distributions and of counts.

use kerata_kernels::curves::Functions;

use super::{
    EPSILON,
    row::{RowLoss, ValueLoss, row_loss},
};
use crate::backend::Element;

/// The Kullback-Leibler divergence along the last axis, `sum(y * ln(y / p))`. Both are clipped to `[1e-7, 1]`.
///
/// Keras: [`KLDivergence`](https://keras.io/api/losses/probabilistic_losses/#kldivergence-class).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::KLDivergence};
///
/// let dev = Cpu::default();
/// let loss = KLDivergence.compute(dev.tensor([[0.25_f32, 0.75]]), dev.tensor([[0.5, 0.5]]))?;
/// assert!((loss.array() - 0.5 * (4.0_f32 / 3.0).ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KLDivergence;

impl RowLoss for KLDivergence {
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        // The losses first: a sum would make the loop one of single values.
        for ((slope, &p), &y) in slope.iter_mut().zip(p).zip(y) {
            let (p, y) = (p.clamp(EPSILON, 1.0), y.clamp(EPSILON, 1.0));
            *slope = y * E::Functions::ln(y / p);
        }
        let sum = slope.iter().sum();
        for ((slope, &p), &y) in slope.iter_mut().zip(p).zip(y) {
            let inside = (EPSILON..=1.0).contains(&p);
            *slope = if inside { -y.clamp(EPSILON, 1.0) / p } else { 0.0 };
        }
        sum
    }
}
row_loss!(KLDivergence, "kl_divergence");

/// The mean along the last axis of `p - y * ln(p + 1e-7)`, for counts `y` of the expected number `p`.
///
/// Keras: [`Poisson`](https://keras.io/api/losses/probabilistic_losses/#poisson-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::Poisson};
///
/// let dev = Cpu::default();
/// let loss = Poisson.compute(dev.tensor([[2.0_f32]]), dev.tensor([[3.0_f32]]))?;
/// assert!((loss.array() - (2.0 - 3.0 * 2.0_f32.ln())).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Poisson;

impl ValueLoss for Poisson {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        (p - y * E::Functions::ln(p + EPSILON), 1.0 - y / (p + EPSILON))
    }
}
row_loss!(Poisson, "poisson");
