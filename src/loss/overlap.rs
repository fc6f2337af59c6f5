//! Losses of overlap, of all values together that an option says.

use dfdx::{
    prelude::{GatherTo, HasShape, ReshapeTo, TryAdd, TryMatMul},
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor},
};

use super::{
    EPSILON, Loss, Prediction, PredictionRows, Target, settings::settings, signals::same_rows,
};
use crate::{
    backend::{
        Backend, Element, memory::filled, near, over_ranks, row_means, row_sums, to_values,
        zeros_after,
    },
    distributed,
    error::{Error, OrDevice},
    order::sort_places,
};

/// One less the overlap of prediction and target, `1 - 2 * sum(y * p) / (sum(y) + sum(p) + 1e-7)`: for segmentation,
/// where few pixels belong to a class.
///
/// The sums are over the whole batch, or over the axes that `axis` says. Each position has the loss of all that it is
/// summed with, so that the mean, under weights too, is Keras's; with [`Reduction::Sum`](super::Reduction::Sum) it counts once a position,
/// where Keras without weights has it once for all that is summed. What a mask leaves out is in no sum.
///
/// Keras: [`Dice`](https://keras.io/api/losses/regression_losses/#dice-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// # Errors
/// [`Error::Invalid`] for an axis that is not there or is named twice.
///
/// ```
/// use kerata::{*, prelude::*, loss::Dice};
///
/// let dev = Cpu::default();
/// let (p, y) = (dev.tensor([[0.0_f32, 1.0], [0.0, 1.0]]), dev.tensor([[1.0_f32, 1.0], [0.0, 0.0]]));
/// let loss = Dice::default().compute(p.clone(), y.clone())?;
/// assert!((loss.array() - 0.5).abs() < 1e-6);
/// // Of each sample by itself.
/// let loss = Dice::over([1]).compute(p, y)?;
/// assert!((loss.array() - (1.0 / 3.0 + 1.0) / 2.0).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dice {
    /// The axes that are summed over, the batch among them; negative ones count from the last. Default: all.
    pub axis: Option<Vec<isize>>,
}

impl Dice {
    /// With sums over these axes.
    pub fn over(axis: impl Into<Vec<isize>>) -> Self {
        Self { axis: Some(axis.into()) }
    }
}

/// [`Dice`] in which both kinds of mistakes count as told, `1 - o / (o + alpha * sum(y * (1 - p)) + beta * sum((1 - y) * p) +
/// 1e-7)` with the overlap `o = sum(y * p)` ([Salehi et al. 2017](https://arxiv.org/abs/1706.05721)).
///
/// Keras: [`Tversky`](https://keras.io/api/losses/regression_losses/#tversky-class).
///
/// # Shapes
/// Those of [`Dice`].
///
/// # Errors
/// [`Error::Invalid`] for an axis as in [`Dice`], or for a factor that is negative or not finite.
///
/// ```
/// use kerata::{*, prelude::*, loss::{Dice, Tversky}};
///
/// let dev = Cpu::default();
/// let (p, y) = (dev.tensor([[0.5_f32, 1.0]]), dev.tensor([[1.0_f32, 0.0]]));
/// let loss = Tversky { alpha: 0.25, ..Tversky::default() }.compute(p.clone(), y.clone())?;
/// assert!((loss.array() - (1.0 - 0.5 / (0.5 + 0.25 * 0.5 + 0.5 * 1.0))).abs() < 1e-6);
/// assert!((Tversky::default().compute(p.clone(), y.clone())?.array() - Dice::default().compute(p, y)?.array()).abs() < 1e-6);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tversky {
    /// What counts that is in the target alone. Default 0.5.
    pub alpha: f64,
    /// What counts that is in the prediction alone. Default 0.5.
    pub beta: f64,
    /// The axes that are summed over, the batch among them; negative ones count from the last. Default: all.
    pub axis: Option<Vec<isize>>,
}

impl Default for Tversky {
    fn default() -> Self {
        Self { alpha: 0.5, beta: 0.5, axis: None }
    }
}

/// `1 - factor * o / (o * overlap + sum(y) * target + sum(p) * prediction + 1e-7)`.
struct Ratio {
    factor: f64,
    overlap: f64,
    target: f64,
    prediction: f64,
}

impl Ratio {
    /// The loss of these sums, and its derivative in a value of the prediction by its target.
    fn of(&self, [overlap, target, prediction]: [f64; 3]) -> (f64, impl Fn(f64) -> f64) {
        let divisor =
            overlap * self.overlap + target * self.target + prediction * self.prediction + EPSILON;
        let share = self.factor * overlap / divisor;
        (1.0 - share, move |y| {
            (share * (y * self.overlap + self.prediction) - self.factor * y) / divisor
        })
    }
}

/// Which values are summed together, by their place: there are `count` groups of one size.
struct AxisGroups {
    of: Vec<usize>,
    count: usize,
}

impl AxisGroups {
    fn new(axis: Option<&[isize]>, sizes: &[usize]) -> Result<Self, Error> {
        let rank = sizes.len();
        let mut summed = vec![axis.is_none(); rank];
        for &axis in axis.unwrap_or_default() {
            let place = if axis < 0 { axis + rank as isize } else { axis };
            match usize::try_from(place).ok().and_then(|place| summed.get_mut(place)) {
                Some(summed) if !*summed => *summed = true,
                Some(_) => return Err(Error::invalid("axis", axis, "it is named twice")),
                None => {
                    let value = format!("{axis} of {rank}");
                    return Err(Error::invalid("axis", value, "it must be one of the prediction"));
                }
            }
        }
        let (mut of, mut count) = (vec![0], 1);
        for (&size, summed) in sizes.iter().zip(summed) {
            let step = if summed { 0 } else { 1 };
            let wide = if summed { 1 } else { size };
            of = of.iter().flat_map(|g| (0..size).map(move |i| g * wide + i * step)).collect();
            count *= wide;
        }
        Ok(Self { of, count })
    }

    /// The places of the values, group by group; nothing if they are in that order.
    fn order(&self) -> Option<Vec<usize>> {
        let mut order: Vec<usize> = (0..self.of.len()).collect();
        sort_places(&mut order, |a, b| self.of[a].cmp(&self.of[b]));
        (!order.is_sorted()).then_some(order)
    }
}

fn of_groups<E: Element, D: Backend<E>, T: Tape<E, D>>(
    ratio: &Ratio,
    axis: Option<&[isize]>,
    prediction: PredictionRows<E, D, T>,
    target: &Tensor<(usize, usize), E, D, NoneTape>,
    (sizes, keep): (&[usize], Option<&[bool]>),
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    same_rows(&prediction, target)?;
    let (positions, width) = *target.shape();
    let sizes: Vec<usize> = sizes.iter().copied().chain([width]).collect();
    let groups = AxisGroups::new(axis, &sizes)?;
    let over_batch =
        axis.is_none_or(|axis| axis.iter().any(|&a| a == 0 || a == -(sizes.len() as isize)));
    let len = positions * width;
    if len == 0 {
        return zeros_after(prediction, &(positions,));
    }
    let dev = prediction.device().clone();
    let (x, tape) = prediction.split_tape();
    let (values, targets) = (to_values(&x)?, to_values(target)?);
    let counts = |at: usize| keep.is_none_or(|keep| keep[at / width]);
    let mut sums = filled(&[groups.count], [0.0; 3])?;
    for at in (0..len).filter(|&at| counts(at)) {
        let (p, y) = (values[at].as_f64(), targets[at].as_f64());
        for (sum, more) in sums[groups.of[at]].iter_mut().zip([y * p, y, p]) {
            *sum += more;
        }
    }
    // What other ranks have of a group is in its sums, too.
    let pass = distributed::current().filter(|_| over_batch);
    if let Some(pass) = &pass {
        pass.sum(sums.as_flattened_mut())?;
    }
    let of_sums: Vec<_> = sums.into_iter().map(|sums| ratio.of(sums)).collect();
    let mut slopes = filled(&[len], E::zero())?;
    let counted = pass.is_none_or(|pass| pass.share.counts);
    for at in (0..len).filter(|&at| counted && counts(at)) {
        slopes[at] = E::of(of_sums[groups.of[at]].1(targets[at].as_f64()));
    }
    let moved = near(x.put_tape(tape), values, slopes)?;
    let mut moved = moved.try_reshape_like(&(len,)).or_device()?;
    let order = groups.order();
    if let Some(order) = &order {
        moved = moved
            .try_gather(dev.try_tensor_from_vec(order.clone(), (len,)).or_device()?)
            .or_device()?;
    }
    let each = len / groups.count;
    let moved = row_sums(moved.try_reshape_like(&(groups.count, each)).or_device()?)?;
    let moved = if over_batch { over_ranks(moved)? } else { moved };
    let losses = of_sums.iter().map(|(loss, _)| E::of(*loss)).collect();
    let losses = dev.try_tensor_from_vec(losses, (groups.count,)).or_device()?;
    let losses =
        moved.try_add(losses).or_device()?.try_reshape_like(&(groups.count, 1)).or_device()?;
    // A product and no broadcast: the gradient of that is a running sum.
    let ones = dev.try_tensor_from_vec(filled(&[each], E::one())?, (1, each)).or_device()?;
    let mut losses = losses.try_matmul(ones).or_device()?.try_reshape_like(&(len,)).or_device()?;
    if let Some(order) = order {
        let mut back = filled(&[len], 0)?;
        order.into_iter().enumerate().for_each(|(to, from)| back[from] = to);
        losses =
            losses.try_gather(dev.try_tensor_from_vec(back, (len,)).or_device()?).or_device()?;
    }
    row_means(losses.try_reshape_like(&(positions, width)).or_device()?)
}

macro_rules! overlap_loss {
    ($loss:ty, $name:literal, $($field:ident),*) => {
        #[diagnostic::do_not_recommend]
        impl<P, Y, E, D> Loss<P, Y, E, D> for $loss
        where
            P: Prediction,
            Y: Target<P>,
            E: Element,
            D: Backend<E>,
        {
            fn name(&self) -> &'static str {
                $name
            }

            settings!($($field),*);

            fn per_position<T: Tape<E, D>>(
                &self,
                prediction: PredictionRows<E, D, T>,
                target: &Y::Data<E, D, NoneTape>,
            ) -> Result<Tensor<(usize,), E, D, T>, Error> {
                let sizes = [prediction.shape().0];
                Loss::<P, Y, E, D>::per_batch(self, prediction, target, &sizes, None)
            }

            fn per_batch<T: Tape<E, D>>(
                &self,
                prediction: PredictionRows<E, D, T>,
                target: &Y::Data<E, D, NoneTape>,
                sizes: &[usize],
                keep: Option<&[bool]>,
            ) -> Result<Tensor<(usize,), E, D, T>, Error> {
                let (ratio, axis) = (self.ratio()?, self.axis.as_deref());
                of_groups(&ratio, axis, prediction, &Y::rows(target)?, (sizes, keep))
            }
        }
    };
}
overlap_loss!(Dice, "dice", axis);
overlap_loss!(Tversky, "tversky", alpha, beta, axis);

impl Dice {
    fn ratio(&self) -> Result<Ratio, Error> {
        Ok(Ratio { factor: 2.0, overlap: 0.0, target: 1.0, prediction: 1.0 })
    }
}

impl Tversky {
    fn ratio(&self) -> Result<Ratio, Error> {
        let Self { alpha, beta, .. } = *self;
        for (name, value) in [("alpha", alpha), ("beta", beta)] {
            if !(value >= 0.0 && value.is_finite()) {
                return Err(Error::invalid(name, value, "it must be at least 0, and finite"));
            }
        }
        Ok(Ratio { factor: 1.0, overlap: 1.0 - alpha - beta, target: alpha, prediction: beta })
    }
}
