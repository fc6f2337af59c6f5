//! What becomes of the losses of a batch.

use dfdx::{
    prelude::{HasShape, ReshapeTo, TryMul},
    shapes::Rank0,
    tensor::{NoneTape, Tape, Tensor},
};

use super::{Loss, Prediction, PredictionRows, Rows, input_of, of_loss_within};
use crate::{
    backend::{
        ActivationFunction, Backend, Element, keep_rows, logits::id, row_means, zeros_after,
    },
    distributed,
    error::{Error, OrDevice},
    reduce::{SampleWeights, Unweighted, position_weights},
    signal::Signal,
};

/// What becomes of the losses `l` of the positions of a batch, with weights `w` and the mask `m`.
///
/// The default is [`SumOverBatchSize`](Reduction::SumOverBatchSize), and
/// [`reduced_by`](super::Compute::reduced_by) sets another. The losses by themselves, Keras's `reduction="none"`, are
/// [`compute_each`](super::Compute::compute_each).
///
/// Keras: [losses](https://keras.io/api/losses/), `reduction=`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reduction {
    /// The mean over the positions that the mask leaves, `sum(l * w * m) / sum(m)`; Keras also calls it `mean`.
    #[default]
    SumOverBatchSize,
    /// `sum(l * w * m)`.
    Sum,
    /// `sum(l * w * m) / sum(w * m)`. A weight counts there for each position that it is of.
    MeanWithSampleWeight,
}

/// A loss with a [`Reduction`] of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reduced<L> {
    /// The loss.
    pub loss: L,
    /// What becomes of the losses of a batch.
    pub reduction: Reduction,
}

#[diagnostic::do_not_recommend]
impl<L, P, Y, E, D> Loss<P, Y, E, D> for Reduced<L>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    of_loss_within!();

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn settings(&self) -> Vec<(&'static str, String)> {
        let own = [("reduction", format!("{:?}", self.reduction))];
        own.into_iter().chain(self.loss.settings()).collect()
    }

    fn loss_weight(&self) -> f64 {
        self.loss.loss_weight()
    }
}

/// The losses of the positions times `w * m`, and what their mean is divided by: `w * m` and `sum(m)`.
pub(super) fn each<L, P, Y, E, D, T>(
    loss: &L,
    prediction: P::Data<E, D, T>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(Tensor<(usize,), E, D, T>, Divisors), Error>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let Rows { values, mask, sizes } = P::rows(prediction)?;
    let (values, is_logits) = input_of::<L, P, Y, E, D, T>(loss, values)?;
    let per_batch = |values, target: &_, keep| match is_logits {
        true => loss.per_logits(values, target),
        false => loss.per_batch(values, target, &sizes, keep),
    };
    let dev = values.device().clone();
    // The mask says which positions count; or, where a sample has one loss, what of it is looked at.
    let per_sample = loss.one_per_sample();
    let (units, masked) =
        if per_sample { (&sizes[..1], None) } else { (&sizes[..], mask.as_ref()) };
    let mut weights = position_weights(units, masked, weights)?;
    let counted = loss.counted(target)?;
    let all_count = masked.is_none() && counted.is_none() && !loss.leaves_out_zeros();
    if let Some(counted) = counted {
        weights.leave_out(&counted)?;
    }
    if !per_sample {
        Y::check_real::<E, D>(target, weights.keep.as_deref())?;
    }
    let inside = match &mask {
        Some(mask) if per_sample => position_weights(&sizes, Some(mask), &Unweighted)?.keep,
        _ => None,
    };
    let keep = weights.keep.as_deref();
    // What stands in the padding has a loss and a gradient of its own, be they NaN, or is no class at all. So what
    // every loss can take stands there.
    let mut losses = match (inside, keep) {
        (Some(keep), _) => {
            let values = keep_rows(values, &keep, E::of(0.5))?;
            per_batch(values, target, Some(&keep[..]))?
        }
        (None, Some(keep)) => {
            let values = keep_rows(values, keep, E::of(0.5))?;
            let target = Y::without_padding::<E, D>(target, keep)?;
            per_batch(values, &target, Some(keep))?
        }
        (None, None) => per_batch(values, target, None)?,
    };
    // A loss of the user's may give anything.
    let (expected, found) = (weights.each.len(), losses.shape().0);
    if expected != found {
        let what = match per_sample {
            true => "the losses of a batch, one for each sample",
            false => "the losses of a batch, one for each position",
        };
        return Err(Error::mismatch(what, expected, found));
    }
    if loss.leaves_out_zeros() {
        let counted: Vec<bool> = losses.as_vec().iter().map(|loss| *loss != E::zero()).collect();
        weights.leave_out(&counted)?;
    }
    let keep = weights.keep.as_deref();
    let weighted = weights.each.iter().sum::<f64>();
    let divisors = Divisors { counted: weights.count, all_count, weighted };
    if weights.each.is_empty() {
        return Ok((losses, divisors));
    }
    if let Some(keep) = keep {
        // A loss may be infinite there all the same.
        losses = keep_rows(losses, keep, E::zero())?;
    }
    if weights.each.iter().any(|&w| w != 1.0) {
        let each = weights.each.iter().map(|&w| E::of(w)).collect();
        let each = dev.try_tensor_from_vec(each, (weights.each.len(),)).or_device()?;
        losses = losses.try_mul(each).or_device()?;
    }
    Ok((losses, divisors))
}

/// What a sum of losses may be divided by.
pub(super) struct Divisors {
    /// `sum(m)`.
    counted: usize,
    /// Whether that is the number of positions, whatever the values are.
    all_count: bool,
    /// `sum(w * m)`.
    weighted: f64,
}

/// The loss of a batch.
pub(super) fn reduced<L, P, Y, E, D, T>(
    loss: &L,
    prediction: P::Data<E, D, T>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<Tensor<Rank0, E, D, T>, Error>
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let (losses, divisors) = each::<L, P, Y, E, D, T>(loss, prediction, target, weights)?;
    let positions = losses.shape().0;
    let pass = distributed::current();
    // The losses of all ranks add up to that of the whole batch. Which positions a mask leaves each rank knows of its share alone.
    let divisor = match (loss.reduction(), &pass) {
        (Reduction::Sum, _) => 1.0,
        (Reduction::SumOverBatchSize, None) => divisors.counted as f64,
        (Reduction::SumOverBatchSize, Some(pass)) if divisors.all_count => {
            pass.rows_of_all(divisors.counted)?
        }
        (Reduction::SumOverBatchSize, Some(pass)) => pass.divisor(divisors.counted as f64)?,
        (Reduction::MeanWithSampleWeight, None) => divisors.weighted,
        (Reduction::MeanWithSampleWeight, Some(pass)) => pass.divisor(divisors.weighted)?,
    };
    let mean = if positions == 0 || pass.as_ref().is_some_and(|pass| !pass.share.counts) {
        zeros_after(losses, &())?
    } else {
        // The mean is over all positions, so what a masked one would have is spread over the others.
        let share = if divisor == 0.0 { 0.0 } else { positions as f64 / divisor };
        let losses = losses.try_reshape_like(&(1, positions)).or_device()?;
        let mean = row_means(losses)?.try_reshape_like(&()).or_device()?;
        if share == 1.0 { mean } else { mean.try_mul(E::of(share)).or_device()? }
    };
    if pass.is_some() {
        distributed::keep_share(id(&mean));
    }
    Ok(mean)
}
