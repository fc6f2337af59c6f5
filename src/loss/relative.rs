//! Regression by ratios: of what is predicted to what is true.

use kerata_kernels::curves::Functions;

use super::{
    EPSILON,
    row::{RowLoss, ValueLoss, row_loss},
};
use crate::backend::Element;

/// The mean of the absolute differences along the last axis, in percent of the target: `100 * |y - p| / max(|y|, 1e-7)`.
///
/// Keras: [`MeanAbsolutePercentageError`](https://keras.io/api/losses/regression_losses/#meanabsolutepercentageerror-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::MeanAbsolutePercentageError};
///
/// let dev = Cpu::default();
/// let loss = MeanAbsolutePercentageError.compute(dev.tensor([[1.5_f32, 8.0]]), dev.tensor([[2.0, 10.0]]))?;
/// assert!((loss.array() - 22.5).abs() < 1e-4);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanAbsolutePercentageError;

impl ValueLoss for MeanAbsolutePercentageError {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        let (difference, unit) = (p - y, 100.0 / y.abs().max(EPSILON));
        (difference.abs() * unit, sign(difference) * unit)
    }
}
row_loss!(MeanAbsolutePercentageError, "mean_absolute_percentage_error");

/// The mean along the last axis of `(ln(max(p, 1e-7) + 1) - ln(max(y, 1e-7) + 1))^2`.
///
/// Keras: [`MeanSquaredLogarithmicError`](https://keras.io/api/losses/regression_losses/#meansquaredlogarithmicerror-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::MeanSquaredLogarithmicError};
///
/// let dev = Cpu::default();
/// let loss = MeanSquaredLogarithmicError.compute(dev.tensor([[1.0_f32]]), dev.tensor([[3.0_f32]]))?;
/// assert!((loss.array() - 2.0_f32.ln().powi(2)).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanSquaredLogarithmicError;

impl ValueLoss for MeanSquaredLogarithmicError {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        let log = |x: f64| E::Functions::ln_1p(at_least(x, EPSILON));
        let difference = log(p) - log(y);
        let inside = if p > EPSILON { 1.0 / (p + 1.0) } else { 0.0 };
        (difference * difference, 2.0 * difference * inside)
    }
}
row_loss!(MeanSquaredLogarithmicError, "mean_squared_logarithmic_error");

/// Minus the cosine of the angle between prediction and target along the last axis: -1 where they point the same way.
///
/// Keras: [`CosineSimilarity`](https://keras.io/api/losses/regression_losses/#cosinesimilarity-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::CosineSimilarity};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor([[3.0_f32, 4.0], [0.0, 2.0]]);
/// let loss = CosineSimilarity.compute(prediction, dev.tensor([[6.0_f32, 8.0], [1.0, 0.0]]))?;
/// assert!((loss.array() + 0.5).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CosineSimilarity;

impl RowLoss for CosineSimilarity {
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        let inverse = |row: &[f64]| {
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            // As Keras bounds it, where there is nothing to divide by.
            (1.0 / length).min(1.0 / EPSILON)
        };
        let (of_p, of_y) = (inverse(p), inverse(y));
        let cosine = p.iter().zip(y).map(|(p, y)| p * y).sum::<f64>() * of_p * of_y;
        let turns = if of_p < 1.0 / EPSILON { cosine * of_p * of_p } else { 0.0 };
        for ((slope, p), y) in slope.iter_mut().zip(p).zip(y) {
            *slope = turns * p - y * of_p * of_y;
        }
        -cosine
    }
}
row_loss!(CosineSimilarity, "cosine_similarity");

/// NaN stays, unlike with `max`.
#[inline(always)]
pub(super) fn at_least(x: f64, least: f64) -> f64 {
    if x < least { least } else { x }
}

/// -1, 0 or 1; at 0 a distance has no slope here, as in Keras.
#[inline(always)]
pub(super) fn sign(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
