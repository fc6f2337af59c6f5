//! Cross-entropies in which what is answered well already counts less ([Lin et al. 2018](https://arxiv.org/abs/1708.02002)).

use kerata_kernels::curves::Functions;

use super::{
    EPSILON,
    binary::{of_logit, of_probability},
    check_smoothing,
    relative::at_least,
    row::{Moved, RowLoss, ValueLoss, clipped, row_loss},
    settings::settings,
};
use crate::{backend::Element, error::Error};

fn check_focus(alpha: f64, gamma: f64, smoothing: f64) -> Result<(), Error> {
    check_smoothing(smoothing)?;
    for (name, value) in [("alpha", alpha), ("gamma", gamma)] {
        if !(value >= 0.0 && value.is_finite()) {
            return Err(Error::invalid(name, value, "it must be at least 0, and finite"));
        }
    }
    Ok(())
}

/// `x^n` and its slope in `x`, where `0^0` is 1 and has none. The slope of a root, infinite at 0, is bounded by that at 1e-7:
/// an answer that is right beyond doubt would have no gradient but NaN.
#[inline(always)]
fn power(x: f64, n: f64) -> (f64, f64) {
    if n == 2.0 {
        return (x * x, 2.0 * x);
    }
    let from = if n < 1.0 { at_least(x, EPSILON) } else { x };
    (x.powf(n), if n == 0.0 { 0.0 } else { n * from.powf(n - 1.0) })
}

/// The binary cross-entropy of each answer, times `(1 - p_t)^gamma`, where `p_t` is the probability of the right one;
/// averaged along the last axis.
///
/// Where a [`Sigmoid`](crate::layers::Sigmoid) stands last in the model, the loss goes back to its logits: see
/// [`loss`](crate::loss#saturated-outputs).
///
/// Keras: [`BinaryFocalCrossentropy`](https://keras.io/api/losses/probabilistic_losses/#binaryfocalcrossentropy-class).
///
/// # Shapes
/// - prediction `(Batch, .., Answers)`, masked or not; target the same, unmasked, 0 or 1
///
/// # Errors
/// [`Error::Invalid`] for a setting out of its range.
///
/// ```
/// use kerata::{*, prelude::*, loss::BinaryFocalCrossentropy};
///
/// let dev = Cpu::default();
/// let loss = BinaryFocalCrossentropy::default().compute(dev.tensor([[0.75_f32]]), dev.tensor([[1.0_f32]]))?;
/// assert!((loss.array() - 0.0625 * (4.0_f32 / 3.0).ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryFocalCrossentropy {
    /// Whether yes counts `alpha` times, and no `1 - alpha` times. Default no.
    pub apply_class_balancing: bool,
    /// Default 0.25.
    pub alpha: f64,
    /// How much less an answer counts that is nearly right. Default 2.
    pub gamma: f64,
    /// Whether the prediction is logits, to which no sigmoid has been applied. Default no.
    pub from_logits: bool,
    /// How far targets are moved towards 0.5: from 0, not at all, to 1. Default 0.
    pub label_smoothing: f64,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        Self {
            apply_class_balancing: false,
            alpha: 0.25,
            gamma: 2.0,
            from_logits: false,
            label_smoothing: 0.0,
        }
    }
}

impl ValueLoss for BinaryFocalCrossentropy {
    settings!(apply_class_balancing, alpha, gamma, from_logits, label_smoothing);

    fn check(&self) -> Result<(), Error> {
        check_focus(self.alpha, self.gamma, self.label_smoothing)
    }

    fn moved<E: Element>(&self, _: &[E]) -> Moved {
        Moved::smoothed(self.label_smoothing, 2)
    }

    #[inline(always)]
    fn of_value<E: Element>(&self, x: f64, y: f64) -> (f64, f64) {
        // The probabilities of yes and no, and the slope of the first.
        let (p, q, d_p) = match self.from_logits {
            true => {
                let e = E::Functions::exp(-x.abs());
                let (more, less) = (1.0 / (1.0 + e), e / (1.0 + e));
                let (p, q) = if x < 0.0 { (less, more) } else { (more, less) };
                (p, q, p * q)
            }
            false => (x, 1.0 - x, 1.0),
        };
        let (entropy, d_entropy) = match self.from_logits {
            true => of_logit::<E>(x, y),
            false => of_probability::<E>(x, y),
        };
        let (focus, d_focus) = power(y * q + (1.0 - y) * p, self.gamma);
        let weight = match self.apply_class_balancing {
            true => y * self.alpha + (1.0 - y) * (1.0 - self.alpha),
            false => 1.0,
        };
        let d = focus * d_entropy - d_focus * d_p * (2.0 * y - 1.0) * entropy;
        (weight * focus * entropy, weight * d)
    }
}
row_loss!(BinaryFocalCrossentropy, "binary_focal_crossentropy", SIGMOID);

/// The cross-entropy of class probabilities against one-hot targets, times `alpha * (1 - p)^gamma`:
/// `-sum(alpha * (1 - p)^gamma * y * ln p)`.
///
/// Probabilities are divided by their sum and clipped to `[1e-7, 1 - 1e-7]`.
///
/// Keras: [`CategoricalFocalCrossentropy`](https://keras.io/api/losses/probabilistic_losses/#categoricalfocalcrossentropy-class).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target the same, unmasked
///
/// # Errors
/// [`Error::Invalid`] for a setting out of its range.
///
/// ```
/// use kerata::{*, prelude::*, loss::CategoricalFocalCrossentropy};
///
/// let dev = Cpu::default();
/// let loss = CategoricalFocalCrossentropy::default();
/// let loss = loss.compute(dev.tensor([[0.75_f32, 0.25]]), dev.tensor([[1.0, 0.0]]))?;
/// assert!((loss.array() - 0.25 * 0.0625 * (4.0_f32 / 3.0).ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CategoricalFocalCrossentropy {
    /// How much all counts. Default 0.25.
    pub alpha: f64,
    /// How much less a class counts that is nearly right. Default 2.
    pub gamma: f64,
    /// Whether the prediction is logits, to which no softmax has been applied. Default no.
    pub from_logits: bool,
    /// How far targets are moved towards all classes alike: from 0, not at all, to 1. Default 0.
    pub label_smoothing: f64,
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        Self { alpha: 0.25, gamma: 2.0, from_logits: false, label_smoothing: 0.0 }
    }
}

impl RowLoss for CategoricalFocalCrossentropy {
    settings!(alpha, gamma, from_logits, label_smoothing);

    fn check(&self) -> Result<(), Error> {
        check_focus(self.alpha, self.gamma, self.label_smoothing)
    }

    fn moved<E: Element>(&self, _: &[E], classes: usize) -> Moved {
        Moved::smoothed(self.label_smoothing, classes)
    }

    #[inline(always)]
    fn of_row<E: Element>(&self, x: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        // The exponentials of logits, from the largest on, take the place of probabilities: the sum divides both.
        let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weight = |x: f64| if self.from_logits { (x - most).exp() } else { x };
        let total: f64 = x.iter().map(|&x| weight(x)).sum();
        let (mut sum, mut along) = (0.0, 0.0);
        for ((slope, &x), &y) in slope.iter_mut().zip(x).zip(y) {
            let p = weight(x) / total;
            let clipped = clipped::<E>(p);
            let (focus, d_focus) = power(1.0 - clipped, self.gamma);
            sum -= self.alpha * focus * y * clipped.ln();
            let d = self.alpha * y * (d_focus * clipped.ln() - focus / clipped);
            *slope = if clipped == p { d } else { 0.0 };
            along += *slope * p;
        }
        for (slope, &x) in slope.iter_mut().zip(x) {
            let of_weight = (*slope - along) / total;
            *slope = if self.from_logits { of_weight * weight(x) } else { of_weight };
        }
        sum
    }
}
row_loss!(CategoricalFocalCrossentropy, "categorical_focal_crossentropy");
