//! Distances of distributions and of counts.

use super::{
    EPSILON,
    row::{RowLoss, row_loss},
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
        let mut sum = 0.0;
        for ((slope, &p), &y) in slope.iter_mut().zip(p).zip(y) {
            let (clipped, y) = (p.clamp(EPSILON, 1.0), y.clamp(EPSILON, 1.0));
            sum += y * (y / clipped).ln();
            *slope = if (EPSILON..=1.0).contains(&p) { -y / p } else { 0.0 };
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

impl RowLoss for Poisson {
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        Self::mean_of(p, y, slope, |p, y| (p - y * (p + EPSILON).ln(), 1.0 - y / (p + EPSILON)))
    }
}
row_loss!(Poisson, "poisson");
