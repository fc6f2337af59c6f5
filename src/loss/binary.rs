use dfdx::{
    prelude::{HasShape, TryAdd, TryMul},
    tensor::{NoneTape, Tape, Tensor},
};

use super::{
    EPSILON, Loss, Prediction, PredictionRows, Target, check_smoothing,
    logits::by_logits,
    row::{RowLoss, of_rows},
    settings::settings,
    signals::same_rows,
};
use crate::{
    backend::{Backend, Element, log_1p, row_means, to_values, zeros_after},
    error::{Error, OrDevice},
};

/// The cross-entropy of yes-or-no answers, averaged along the last axis.
///
/// Probabilities are clipped to `[1e-7, 1 - 1e-7]` before the logarithm. Where a [`Sigmoid`](crate::layers::Sigmoid) stands last in
/// the model, the loss goes back to its logits, and clips nothing: see [`loss`](crate::loss#saturated-outputs).
///
/// # Errors
/// [`Error::Invalid`] for a `label_smoothing` or a target that is not in 0..=1.
///
/// Keras: [`BinaryCrossentropy`](https://keras.io/api/losses/probabilistic_losses/#binarycrossentropy-class).
///
/// # Shapes
/// - prediction `(Batch, .., Answers)`, masked or not; target the same, unmasked, 0 or 1, as numbers or `bool`; with one answer
///   `Ids<(Batch, ..)>` too
///
/// ```
/// use kerata::{*, prelude::*, loss::BinaryCrossentropy};
///
/// let dev = Cpu::default();
/// let target = dev.tensor([[1.0_f32], [0.0]]);
/// let loss = BinaryCrossentropy::default().compute(dev.tensor([[0.5_f32], [0.5]]), target.clone())?;
/// assert!((loss.array() - 2.0_f32.ln()).abs() < 1e-6);
/// let loss = BinaryCrossentropy::from_logits().compute(dev.tensor([[0.0_f32], [0.0]]), target)?;
/// assert!((loss.array() - 2.0_f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BinaryCrossentropy {
    /// Whether the prediction is logits, to which no sigmoid has been applied.
    pub from_logits: bool,
    /// How far targets are moved towards 0.5: from 0, not at all, to 1.
    pub label_smoothing: f64,
}

impl BinaryCrossentropy {
    /// For predictions without a sigmoid.
    pub fn from_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }
}

/// Checks that each target is from 0, no, to 1, yes: a class id above that is none of them.
fn check_answers<E: Element, D: Backend<E>>(
    target: &Tensor<(usize, usize), E, D>,
) -> Result<(), Error> {
    match to_values(target)?.iter().find(|y| **y < E::zero() || **y > E::one()) {
        None => Ok(()),
        Some(y) => {
            let expected =
                "it must be in 0..=1; class ids above 1 go with `SparseCategoricalCrossentropy`";
            Err(Error::invalid("a target of `BinaryCrossentropy`", y.as_f64(), expected))
        }
    }
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D>
    for BinaryCrossentropy
{
    fn name(&self) -> &'static str {
        "binary_crossentropy"
    }

    settings!(from_logits, label_smoothing);

    by_logits!(SIGMOID);

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        let target = Y::rows(target)?;
        same_rows(&prediction, &target)?;
        let (positions, answers) = *target.shape();
        if positions * answers == 0 {
            return zeros_after(prediction, &(positions,));
        }
        check_smoothing(self.label_smoothing)?;
        check_answers(&target)?;
        if self.from_logits {
            let (keep, half) = (1.0 - self.label_smoothing, 0.5 * self.label_smoothing);
            return of_rows(&OfLogits { keep, half }, prediction, &target);
        }
        let (keep, half) = (E::of(1.0 - self.label_smoothing), E::of(0.5 * self.label_smoothing));
        let target = target.try_mul(keep).or_device()?.try_add(half).or_device()?;
        let p = prediction.try_clamp(EPSILON, 1.0 - EPSILON).or_device()?;
        let other = p.retaped::<T>().try_negate().or_device()?;
        let no = target.clone().try_negate().or_device()?.try_add(E::one()).or_device()?;
        let no = log_1p(other)?.try_mul(no).or_device()?;
        let yes = p.try_ln().or_device()?.try_mul(target).or_device()?;
        row_means(yes.try_add(no).or_device()?.try_negate().or_device()?)
    }
}

/// The cross-entropy of each answer, of targets that are moved, and its derivative by the logit.
pub(super) fn of_logit(x: f64, y: f64) -> (f64, f64) {
    // `|x| w + ln(1 + exp(-|x|))`, where `w` is how far the target is from the side that `x` is on: no overflow at either
    // end, and nothing to cancel where the answer is right.
    let e = (-x.abs()).exp();
    let (less, sign) = (e / (1.0 + e), if x < 0.0 { -1.0 } else { 1.0 });
    let away = if x < 0.0 { y } else { 1.0 - y };
    (x.abs() * away + e.ln_1p(), sign * (away - less))
}

/// The mean of [`of_logit`].
struct OfLogits {
    keep: f64,
    half: f64,
}

impl RowLoss for OfLogits {
    fn of_row<E: Element>(&self, x: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        Self::mean_of(x, y, slope, |x, y| of_logit(x, y * self.keep + self.half))
    }
}
