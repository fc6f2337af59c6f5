use dfdx::{
    shapes::Rank0,
    tensor::{NoneTape, Tensor},
};

use super::{Loss, LossWeight, Prediction, Reduced, Reduction};
use crate::{
    backend::{Backend, Element},
    error::Error,
    reduce::{Unweighted, Weights},
    signal::Value,
};

/// Computes a loss from tensors.
///
/// ```
/// use kerata::{*, prelude::*, loss::MeanSquaredError, reduce::PerSample};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor([[1.0_f32], [4.0]]);
/// let target = dev.tensor([[0.0_f32], [0.0]]);
/// let loss = MeanSquaredError.compute(prediction.clone(), target.clone())?;
/// assert_eq!(loss.array(), 8.5);
/// let loss = MeanSquaredError.compute_weighted(prediction, target, &PerSample(vec![1.0, 0.5]))?;
/// assert_eq!(loss.array(), 4.5);
/// # Ok::<(), Error>(())
/// ```
pub trait Compute {
    /// The loss of a batch.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if prediction and target have different sizes; others as the loss says.
    fn compute<E, D, P, Y>(
        &self,
        prediction: P,
        target: Y,
    ) -> Result<Tensor<Rank0, E, D, P::Tape>, Error>
    where
        E: Element,
        D: Backend<E>,
        P: Value<E, D>,
        P::Signal: Prediction,
        Y: Value<E, D, Tape = NoneTape>,
        Self: Loss<P::Signal, Y::Signal, E, D> + Sized,
    {
        self.mean(prediction.into_data(), &target.into_data(), &Unweighted)
    }

    /// The loss of a batch with sample weights.
    ///
    /// # Errors
    /// As [`compute`](Compute::compute); and [`Error::Mismatch`] for weights of another size.
    fn compute_weighted<E, D, P, Y, W>(
        &self,
        prediction: P,
        target: Y,
        weights: &W,
    ) -> Result<Tensor<Rank0, E, D, P::Tape>, Error>
    where
        E: Element,
        D: Backend<E>,
        P: Value<E, D>,
        P::Signal: Prediction,
        Y: Value<E, D, Tape = NoneTape>,
        W: Weights<P::Signal>,
        Self: Loss<P::Signal, Y::Signal, E, D> + Sized,
    {
        self.mean(prediction.into_data(), &target.into_data(), weights)
    }

    /// The loss of each position times its weight, `(Positions,)`, 0 where the mask leaves out: Keras's
    /// `reduction="none"`.
    ///
    /// # Errors
    /// As [`compute_weighted`](Compute::compute_weighted).
    ///
    /// ```
    /// use kerata::{*, prelude::*, loss::MeanSquaredError, reduce::Unweighted};
    ///
    /// let dev = Cpu::default();
    /// let (prediction, target) = (dev.tensor([[1.0_f32], [4.0]]), dev.tensor([[0.0_f32], [0.0]]));
    /// let losses = MeanSquaredError.compute_each(prediction, target, &Unweighted)?;
    /// assert_eq!(losses.as_vec(), [1.0, 16.0]);
    /// # Ok::<(), Error>(())
    /// ```
    fn compute_each<E, D, P, Y, W>(
        &self,
        prediction: P,
        target: Y,
        weights: &W,
    ) -> Result<Tensor<(usize,), E, D, P::Tape>, Error>
    where
        E: Element,
        D: Backend<E>,
        P: Value<E, D>,
        P::Signal: Prediction,
        Y: Value<E, D, Tape = NoneTape>,
        W: Weights<P::Signal>,
        Self: Loss<P::Signal, Y::Signal, E, D> + Sized,
    {
        self.each(prediction.into_data(), &target.into_data(), weights)
    }

    /// The same loss with another reduction than the mean over the positions.
    ///
    /// ```
    /// use kerata::{*, prelude::*, loss::{MeanSquaredError, Reduction}};
    ///
    /// let dev = Cpu::default();
    /// let loss = MeanSquaredError.reduced_by(Reduction::Sum);
    /// assert_eq!(loss.compute(dev.tensor([[1.0_f32], [4.0]]), dev.tensor([[0.0_f32], [0.0]]))?.array(), 17.0);
    /// # Ok::<(), Error>(())
    /// ```
    fn reduced_by(self, reduction: Reduction) -> Reduced<Self>
    where
        Self: Sized,
    {
        Reduced { loss: self, reduction }
    }

    /// The same loss, which counts for so much among those of several outputs: Keras's `loss_weights`. What is reported of
    /// it in its own column stays as it is, as in Keras.
    fn with_loss_weight(self, weight: f64) -> LossWeight<Self>
    where
        Self: Sized,
    {
        LossWeight { loss: self, weight }
    }
}

impl<L> Compute for L {}
