use dfdx::{
    shapes::HasShape,
    tensor::{NoneTape, Tape, Tensor},
};

use kerata_kernels::curves::Functions;

use super::{
    Loss, Prediction, PredictionRows, Target, check_smoothing,
    logits::by_logits,
    row::{Moved, ValueLoss, clipped, of_rows},
    settings::settings,
    signals::same_rows,
};
use crate::{
    backend::{Backend, Element, to_values, zeros_after},
    error::Error,
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
        let moved = Moved::smoothed(self.label_smoothing, 2);
        if self.from_logits {
            return of_rows(&Answers::<true> { moved }, prediction, &target);
        }
        of_rows(&Answers::<false> { moved }, prediction, &target)
    }
}

/// The cross-entropy of an answer and its derivative by the logit.
#[inline(always)]
pub(super) fn of_logit<E: Element>(x: f64, y: f64) -> (f64, f64) {
    // `|x| w + ln(1 + exp(-|x|))`, where `w` is how far the target is from the side that `x` is on: no overflow at either
    // end, and nothing to cancel where the answer is right.
    let e = E::Functions::exp(-x.abs());
    let (less, sign) = (e / (1.0 + e), if x < 0.0 { -1.0 } else { 1.0 });
    let away = if x < 0.0 { y } else { 1.0 - y };
    (x.abs() * away + E::Functions::softplus(-x.abs()), sign * (away - less))
}

/// The cross-entropy of a clipped probability, and its derivative.
#[inline(always)]
pub(super) fn of_probability<E: Element>(p: f64, y: f64) -> (f64, f64) {
    let clipped = clipped::<E>(p);
    let inside = clipped == p;
    let entropy = -(y * E::Functions::ln(clipped) + (1.0 - y) * E::Functions::ln_1p(-clipped));
    (entropy, if inside { (clipped - y) / (clipped * (1.0 - clipped)) } else { 0.0 })
}

/// The cross-entropy of answers that are logits or probabilities: known to the compiler, or the loop would have a branch in it.
struct Answers<const LOGITS: bool> {
    moved: Moved,
}

impl<const LOGITS: bool> ValueLoss for Answers<LOGITS> {
    fn moved<E: Element>(&self, _: &[E]) -> Moved {
        self.moved
    }

    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        if LOGITS { of_logit::<E>(p, y) } else { of_probability::<E>(p, y) }
    }
}
