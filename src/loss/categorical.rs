use dfdx::{
    shapes::HasShape,
    tensor::{NoneTape, Tape, Tensor},
};

use kerata_kernels::curves::Functions;

use super::{
    Loss, Prediction, PredictionRows, Target, check_smoothing,
    logits::by_logits,
    row::{Moved, RowLoss, clipped, of_rows},
    settings::settings,
    signals::same_rows,
};
use crate::{
    backend::{Backend, Element, zeros_after},
    error::Error,
};

/// The cross-entropy of class probabilities against one-hot targets, `-sum(y * ln p)`.
///
/// Probabilities are divided by their sum and clipped to `[1e-7, 1 - 1e-7]` before the logarithm.
///
/// # Errors
/// [`Error::Invalid`] for a `label_smoothing` that is not in 0..=1.
///
/// Keras: [`CategoricalCrossentropy`](https://keras.io/api/losses/probabilistic_losses/#categoricalcrossentropy-class).
/// Where a [`Softmax`](crate::layers::Softmax) stands last in the model, the loss goes back to its logits, and clips nothing: see
/// [`loss`](crate::loss#saturated-outputs).
///
/// # Shapes
/// - prediction `(Batch, .., Classes)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::CategoricalCrossentropy};
///
/// let dev = Cpu::default();
/// let target = dev.tensor([[0.0_f32, 1.0]]);
/// let loss = CategoricalCrossentropy::default().compute(dev.tensor([[0.75_f32, 0.25]]), target)?;
/// assert!((loss.array() - 4.0_f32.ln()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct CategoricalCrossentropy {
    /// Whether the prediction is logits, to which no softmax has been applied.
    pub from_logits: bool,
    /// How far targets are moved towards all classes alike: from 0, not at all, to 1.
    pub label_smoothing: f64,
}

impl CategoricalCrossentropy {
    /// For predictions without a softmax.
    pub fn from_logits() -> Self {
        Self { from_logits: true, ..Self::default() }
    }
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D>
    for CategoricalCrossentropy
{
    fn name(&self) -> &'static str {
        "categorical_crossentropy"
    }

    settings!(from_logits, label_smoothing);

    by_logits!(SOFTMAX);

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        let target = Y::rows(target)?;
        same_rows(&prediction, &target)?;
        let (positions, classes) = *target.shape();
        if positions * classes == 0 {
            return zeros_after(prediction, &(positions,));
        }
        check_smoothing(self.label_smoothing)?;
        let moved = Moved::smoothed(self.label_smoothing, classes);
        if self.from_logits {
            return of_rows(&OfLogits { moved }, prediction, &target);
        }
        of_rows(&OfProbabilities { moved }, prediction, &target)
    }
}

/// `sum(y * (ln(sum(exp(x))) - x))`, of targets that are moved.
struct OfLogits {
    moved: Moved,
}

impl RowLoss for OfLogits {
    fn moved<E: Element>(&self, _: &[E], _: usize) -> Moved {
        self.moved
    }

    #[inline(always)]
    fn of_row<E: Element>(&self, x: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        let first = (1..x.len()).fold(0, |best, i| if x[i] > x[best] { i } else { best });
        // The largest is left out of the sum, and 1 taken from nothing: a loss that is nearly 0 keeps its digits.
        let most = x[first];
        for (slope, &x) in slope.iter_mut().zip(x) {
            *slope = E::Functions::exp(x - most);
        }
        let rest =
            slope[..first].iter().chain(&slope[first + 1..]).sum::<f64>() + (slope[first] - 1.0);
        let (log, total) = (rest.ln_1p(), y.iter().sum::<f64>());
        let share = total / (1.0 + rest);
        let mut sum = 0.0;
        for (i, (slope, (&x_i, &y))) in slope.iter_mut().zip(x.iter().zip(y)).enumerate() {
            sum += y * (most - x_i + log);
            *slope = if i == first { (total - y) - share * rest } else { *slope * share - y };
        }
        // What is not a number makes all of the row none.
        if rest.is_nan() { rest } else { sum }
    }
}

/// `-sum(y * ln(p / sum(p)))`, of targets that are moved and clipped shares.
struct OfProbabilities {
    moved: Moved,
}

impl RowLoss for OfProbabilities {
    fn moved<E: Element>(&self, _: &[E], _: usize) -> Moved {
        self.moved
    }

    #[inline(always)]
    fn of_row<E: Element>(&self, p: &[f64], y: &[f64], slope: &mut [f64]) -> f64 {
        let total: f64 = p.iter().sum();
        let (mut sum, mut along) = (0.0, 0.0);
        for (slope, &p) in slope.iter_mut().zip(p) {
            *slope = E::Functions::ln(clipped::<E>(p / total));
        }
        for ((slope, &p), &y) in slope.iter_mut().zip(p).zip(y) {
            let share = p / total;
            let clipped = clipped::<E>(share);
            sum -= y * *slope;
            *slope = if clipped == share { -y / clipped } else { 0.0 };
            along += *slope * share;
        }
        slope.iter_mut().for_each(|slope| *slope = (*slope - along) / total);
        sum
    }
}
