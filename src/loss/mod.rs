//! Losses: how far a prediction is from its target.
//!
//! Each takes plain and masked predictions, with or without sample weights; see [`crate::reduce`] for
//! the mean. They follow Keras's [losses](https://keras.io/api/losses/).
//!
//! # Saturated outputs
//! Where a model ends in a [`Softmax`](crate::layers::Softmax) or [`Sigmoid`](crate::layers::Sigmoid), be it as a layer or as
//! that of a [`Dense`](crate::layers::Dense) or a convolution, [`CategoricalCrossentropy`] and [`SparseCategoricalCrossentropy`],
//! or [`BinaryCrossentropy`] and [`BinaryFocalCrossentropy`], go back to its logits. So an answer that is wrong and certain has
//! its gradient, and its loss is not clipped. It is the same for nested models, [`TimeDistributed`](crate::layers::TimeDistributed)
//! and dynamic ones, and as Keras does it on TensorFlow; on its other backends Keras clips.
//!
//! The gradient goes to the logits then, and none to the probabilities. The logits are known on a tape, as in training, and in [`evaluate`](crate::train::Trainer::evaluate) and the validation. A
//! prediction that something else was done to, or one without a tape, is clipped as the loss says.

mod bare;
mod binary;
mod categorical;
mod circle;
mod compute;
mod ctc;
mod divergence;
mod focal;
mod generalized;
mod hinge;
mod logits;
mod loss_weight;
mod overlap;
mod reduction;
mod regression;
mod relative;
mod robust;
mod row;
mod settings;
mod signals;
mod sparse;

#[doc(hidden)]
pub use bare::*;
pub use binary::BinaryCrossentropy;
pub use categorical::CategoricalCrossentropy;
pub use circle::Circle;
pub use compute::Compute;
pub use ctc::{Ctc, LabelSequence};
pub use divergence::{KLDivergence, Poisson};
pub use focal::{BinaryFocalCrossentropy, CategoricalFocalCrossentropy};
pub use generalized::CategoricalGeneralizedCrossEntropy;
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub(crate) use logits::input_of;
pub use loss_weight::LossWeight;
pub use overlap::{Dice, Tversky};
pub use reduction::{Reduced, Reduction};
pub use regression::{MeanAbsoluteError, MeanSquaredError};
pub use relative::{CosineSimilarity, MeanAbsolutePercentageError, MeanSquaredLogarithmicError};
pub use robust::{Huber, LogCosh};
pub use signals::{Labels, Prediction, Rows, Target};
pub(crate) use signals::{check_labels, same_rows};
pub use sparse::SparseCategoricalCrossentropy;

use dfdx::{
    shapes::Rank0,
    tensor::{Cpu, NoneTape, Tape, Tensor},
};

use crate::{
    backend::{ActivationFunction, Backend, Element},
    error::Error,
    just_the_type::name_of,
    reduce::Weights,
    signal::Signal,
};

/// The smallest probability that a cross-entropy takes the logarithm of, as in Keras.
pub(crate) const EPSILON: f64 = 1e-7;

/// Checks how far targets are moved.
pub(crate) fn check_smoothing(share: f64) -> Result<(), Error> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::invalid("label_smoothing", share, "it must be in 0..=1"))
}

/// What a loss is computed from: the prediction as rows, one a position, `(Positions, Values)`.
pub type PredictionRows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// A loss between the prediction `P` and the target `Y`.
///
/// ```
/// use kerata::{Cpu, Error, Tensor, loss::{Loss, Prediction, PredictionRows, Target}, prelude::*};
/// use kerata::tensor::{Axis, NoneTape, SumTo, Tape, TrySub};
///
/// /// The sum of the squared differences, where [`MeanSquaredError`] takes their mean.
/// struct SumOfSquares;
///
/// impl<P: Prediction, Y: Target<P>> Loss<P, Y> for SumOfSquares {
///     fn name(&self) -> &'static str {
///         "sum_of_squares"
///     }
///
///     fn per_position<T: Tape<f32, Cpu>>(
///         &self,
///         prediction: PredictionRows<f32, Cpu, T>,
///         target: &Y::Data<f32, Cpu, NoneTape>,
///     ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
///         let difference = prediction.try_sub(Y::rows(target)?)?;
///         Ok(difference.try_square()?.try_sum::<_, Axis<1>>()?)
///     }
/// }
///
/// let dev = Cpu::default();
/// let loss = SumOfSquares.compute(dev.tensor([[1.0, 2.0], [0.0, 1.0]]), dev.tensor([[0.0_f32; 2]; 2]))?;
/// assert_eq!(loss.array(), (5.0 + 1.0) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot compare the prediction `{P}` with the target `{Y}`",
    label = "the target does not fit the loss",
    note = "class ids, `Ids<..>`, go with `SparseCategoricalCrossentropy`, one-hot rows with `CategoricalCrossentropy`; other targets have the shape of the prediction"
)]
pub trait Loss<P: Prediction, Y: Signal, E: Element = f32, D: Backend<E> = Cpu>:
    Sized + Send
{
    /// The name that Keras gives it. Default: that of the type.
    fn name(&self) -> &'static str {
        name_of::<Self>()
    }

    /// The loss of each position, `(Positions,)`: not yet masked, weighted or averaged. At masked positions
    /// [`mean`](Loss::mean) has put 0.5 for what is predicted and 0 for the target, so that what stands in the padding
    /// matters to no loss.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if prediction and target have different sizes; others as the loss says.
    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error>;

    /// The loss of each position, for a loss in which positions of a batch are compared together: with the `sizes` of the
    /// axes of positions, and with what the mask leaves. By default that of each by itself.
    ///
    /// # Errors
    /// Those of [`per_position`](Loss::per_position).
    fn per_batch<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        _sizes: &[usize],
        _keep: Option<&[bool]>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.per_position(prediction, target)
    }

    /// The activation whose logits the loss goes back to, where the prediction came straight out of it. Default: none, the loss
    /// is computed from the prediction as it is.
    fn activation(&self) -> Option<ActivationFunction> {
        None
    }

    /// The loss of each position by the logits, what [`activation`](Loss::activation) was applied to.
    ///
    /// # Errors
    /// Those of [`per_position`](Loss::per_position).
    fn per_logits<T: Tape<E, D>>(
        &self,
        logits: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        self.per_position(logits, target)
    }

    /// Whether it compares all of a sample at once and has one loss for it, so that a weight is one of a sample: then
    /// [`per_batch`](Loss::per_batch) gives `(Batch,)`, and takes the target as it is. Default: there is one loss for each position.
    fn one_per_sample(&self) -> bool {
        false
    }

    /// Which positions count, by their target; `None`, the default, means all.
    ///
    /// # Errors
    /// Those of the target.
    fn counted(&self, _target: &Y::Data<E, D, NoneTape>) -> Result<Option<Vec<bool>>, Error> {
        Ok(None)
    }

    /// Whether a position whose loss is 0 does not count, as if a mask left it out. Default: it counts.
    fn leaves_out_zeros(&self) -> bool {
        false
    }

    /// What becomes of the losses of a batch; by default their mean.
    fn reduction(&self) -> Reduction {
        Reduction::SumOverBatchSize
    }

    /// What the loss counts for among those of several outputs: Keras's `loss_weights`. Default 1.
    fn loss_weight(&self) -> f64 {
        1.0
    }

    /// Its settings by name, which a training that is [resumed](crate::train::Trainer::resume) must have too. Default none.
    fn settings(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The loss of each position times its weight, `(Positions,)`, 0 where the mask leaves out; `(Batch,)` if there is
    /// [one per sample](Loss::one_per_sample).
    ///
    /// # Errors
    /// Those of [`per_position`](Loss::per_position) and of the weights.
    fn each<T: Tape<E, D>, W: Weights<P>>(
        &self,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &W,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        Ok(reduction::each(self, prediction, target, weights)?.0)
    }

    /// The loss of a batch: by default the mean over its positions, under the mask of the prediction and the weights.
    ///
    /// # Errors
    /// Those of [`per_position`](Loss::per_position) and of the weights.
    fn mean<T: Tape<E, D>, W: Weights<P>>(
        &self,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &W,
    ) -> Result<Tensor<Rank0, E, D, T>, Error> {
        reduction::reduced(self, prediction, target, weights)
    }
}

/// What a loss around another, `self.loss`, leaves as it is.
macro_rules! of_loss_within {
    () => {
        fn name(&self) -> &'static str {
            self.loss.name()
        }

        fn per_position<T: Tape<E, D>>(
            &self,
            prediction: PredictionRows<E, D, T>,
            target: &Y::Data<E, D, NoneTape>,
        ) -> Result<Tensor<(usize,), E, D, T>, Error> {
            self.loss.per_position(prediction, target)
        }

        fn per_batch<T: Tape<E, D>>(
            &self,
            prediction: PredictionRows<E, D, T>,
            target: &Y::Data<E, D, NoneTape>,
            sizes: &[usize],
            keep: Option<&[bool]>,
        ) -> Result<Tensor<(usize,), E, D, T>, Error> {
            self.loss.per_batch(prediction, target, sizes, keep)
        }

        fn activation(&self) -> Option<ActivationFunction> {
            self.loss.activation()
        }

        fn per_logits<T: Tape<E, D>>(
            &self,
            logits: PredictionRows<E, D, T>,
            target: &Y::Data<E, D, NoneTape>,
        ) -> Result<Tensor<(usize,), E, D, T>, Error> {
            self.loss.per_logits(logits, target)
        }

        fn counted(&self, target: &Y::Data<E, D, NoneTape>) -> Result<Option<Vec<bool>>, Error> {
            self.loss.counted(target)
        }

        fn one_per_sample(&self) -> bool {
            self.loss.one_per_sample()
        }

        fn leaves_out_zeros(&self) -> bool {
            self.loss.leaves_out_zeros()
        }
    };
}
use of_loss_within;
