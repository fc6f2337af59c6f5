//! Losses of answers that are to stand on the right side by a margin of 1.

use super::row::{Moved, RowLoss, ValueLoss, row_loss};
use crate::backend::Element;

/// If all targets of a batch are 0 or 1, they become -1 and 1, as in Keras.
fn signs<E: Element>(targets: &[E]) -> Moved {
    match targets.iter().all(|&y| y == E::zero() || y == E::one()) {
        true => Moved { times: 2.0, plus: -1.0 },
        false => Moved::NOT,
    }
}

/// By how much an answer misses the margin, and the slope of that.
#[inline(always)]
fn missing(p: f64, y: f64) -> (f64, f64) {
    let missing = 1.0 - y * p;
    // NaN stays.
    if missing <= 0.0 { (0.0, 0.0) } else { (missing, -y) }
}

/// The mean along the last axis of `max(1 - y * p, 0)`. Targets are -1 and 1, or all 0 and 1.
///
/// Keras: [`Hinge`](https://keras.io/api/losses/hinge_losses/#hinge-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::Hinge};
///
/// let dev = Cpu::default();
/// let loss = Hinge.compute(dev.tensor([[0.5_f32, 2.0]]), dev.tensor([[1.0, 0.0]]))?;
/// assert_eq!(loss.array(), (0.5 + 3.0) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hinge;

impl ValueLoss for Hinge {
    fn moved<E: Element>(&self, targets: &[E]) -> Moved {
        signs(targets)
    }

    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        missing(p, y)
    }
}
row_loss!(Hinge, "hinge");

/// The mean along the last axis of `max(1 - y * p, 0)^2`. Targets are -1 and 1, or all 0 and 1.
///
/// Keras: [`SquaredHinge`](https://keras.io/api/losses/hinge_losses/#squaredhinge-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::SquaredHinge};
///
/// let dev = Cpu::default();
/// let loss = SquaredHinge.compute(dev.tensor([[0.5_f32, 2.0]]), dev.tensor([[1.0, 0.0]]))?;
/// assert_eq!(loss.array(), (0.25 + 9.0) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SquaredHinge;

impl ValueLoss for SquaredHinge {
    fn moved<E: Element>(&self, targets: &[E]) -> Moved {
        signs(targets)
    }

    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        let (missing, slope) = missing(p, y);
        (missing * missing, 2.0 * missing * slope)
    }
}
row_loss!(SquaredHinge, "squared_hinge");

/// By how much the largest of the wrong classes comes closer to the right one than 1: `max(wrong - right + 1, 0)`, where
/// `right = sum(y * p)` and `wrong = max((1 - y) * p)`.
///
/// Keras: [`CategoricalHinge`](https://keras.io/api/losses/hinge_losses/#categoricalhinge-class).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::CategoricalHinge};
///
/// let dev = Cpu::default();
/// let loss = CategoricalHinge.compute(dev.tensor([[0.5_f32, 0.25]]), dev.tensor([[1.0, 0.0]]))?;
/// assert_eq!(loss.array(), 0.25 - 0.5 + 1.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CategoricalHinge;

impl RowLoss for CategoricalHinge {
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        let right: f64 = p.iter().zip(y).map(|(p, y)| p * y).sum();
        let wrong = |i: usize| (1.0 - y[i]) * p[i];
        // NaN of any class, as of an infinite right one, is that of all.
        let larger = |a: f64, b: f64| if b < a || a.is_nan() { a } else { b };
        let most = (0..p.len()).map(wrong).fold(f64::NEG_INFINITY, larger);
        let missing = most - right + 1.0;
        if missing <= 0.0 {
            return 0.0;
        }
        // The largest of equals share the slope.
        let largest: Vec<usize> = (0..p.len()).filter(|&i| wrong(i) == most).collect();
        slope.iter_mut().zip(y).for_each(|(slope, y)| *slope = -y);
        for &i in &largest {
            slope[i] += (1.0 - y[i]) / largest.len() as f64;
        }
        missing
    }
}
row_loss!(CategoricalHinge, "categorical_hinge");
