use dfdx::{
    shapes::Rank0,
    tensor::{NoneTape, Tape, Tensor},
};

use super::{Loss, LossWeight, Prediction, Reduced, Reduction};
use crate::{
    backend::{Backend, Element},
    error::Error,
    never::{Is, Never, Nobody},
    reduce::{Unweighted, Weights},
    signal::{Signal, Value},
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
    #[rustfmt::skip] // In one line, of which the compiler shows no more.
    fn compute<E: Element, D: Backend<E>, P: Value<E, D>, Y: Value<E, D, Tape = NoneTape>>(&self, prediction: impl Is<P>, target: impl Is<Y>) -> Result<Tensor<Rank0, E, D, P::Tape>, Uncompared<Self, P, Y, E, D>>
    where
        P::Signal: ComparedBy<Self, Y::Signal, E, D>,
        Self: Sized,
    {
        let (prediction, target) = (prediction.unchanged(), target.unchanged());
        P::Signal::mean(self, prediction.into_data(), &target.into_data(), &Unweighted)
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
    ) -> Result<Tensor<Rank0, E, D, P::Tape>, Uncompared<Self, P, Y, E, D>>
    where
        E: Element,
        D: Backend<E>,
        P: Value<E, D>,
        P::Signal: ComparedBy<Self, Y::Signal, E, D>,
        Y: Value<E, D, Tape = NoneTape>,
        W: Weights<P::Signal>,
        Self: Sized,
    {
        P::Signal::mean(self, prediction.into_data(), &target.into_data(), weights)
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
    ) -> Result<Tensor<(usize,), E, D, P::Tape>, Uncompared<Self, P, Y, E, D>>
    where
        E: Element,
        D: Backend<E>,
        P: Value<E, D>,
        P::Signal: ComparedBy<Self, Y::Signal, E, D>,
        Y: Value<E, D, Tape = NoneTape>,
        W: Weights<P::Signal>,
        Self: Sized,
    {
        P::Signal::each(self, prediction.into_data(), &target.into_data(), weights)
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

/// [`Error`], if the loss `L` compares the prediction with the target: else the compiler tells that, and nothing of what is made of it.
type Uncompared<L, P, Y, E, D> =
    <<P as Value<E, D>>::Signal as ComparedBy<L, <Y as Value<E, D>>::Signal, E, D>>::Error;

/// A prediction that the loss `L` compares with targets `Y`.
#[doc(hidden)]
pub trait ComparedBy<L, Y: Signal, E: Element, D: Backend<E>>: Signal + Sized {
    /// [`Error`].
    type Error;

    /// [`Loss::mean`].
    fn mean<T: Tape<E, D>>(
        loss: &L,
        prediction: Self::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<Self>,
    ) -> Result<Tensor<Rank0, E, D, T>, Self::Error>;

    /// [`Loss::each`].
    fn each<T: Tape<E, D>>(
        loss: &L,
        prediction: Self::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<Self>,
    ) -> Result<Tensor<(usize,), E, D, T>, Self::Error>;
}

impl<L, P, Y, E, D> ComparedBy<L, Y, E, D> for P
where
    P: Predicts,
    P::Kind: Compares<L, P, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type Error = Error;

    fn mean<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<Rank0, E, D, T>, Error> {
        P::Kind::mean(loss, prediction, target, weights)
    }

    fn each<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        P::Kind::each(loss, prediction, target, weights)
    }
}

/// A [`Prediction`]: of what is none, its kind is unknown, and nothing is told of a loss of it.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prediction: a loss takes `(Batch, .., Values)` or `Masked<(Batch, Length, .., Values)>`",
    label = "the prediction comes first and the target second: `loss.compute(prediction, target)?`",
    note = "of several outputs each has a loss of its own; ids and shapes of an unknown last size are no predictions either"
)]
pub trait Predicts: Signal {
    /// [`Single`].
    type Kind;
}

#[diagnostic::do_not_recommend]
impl<P: Prediction> Predicts for P {
    type Kind = Single;
}

#[diagnostic::do_not_recommend]
impl<P: Signal> Predicts for P
where
    for<'a> Nobody: Never<'a>,
{
    type Kind = Nobody;
}

/// A single prediction.
#[doc(hidden)]
#[derive(Debug)]
pub struct Single;

/// How a loss `L` compares the prediction `P` with targets `Y`.
#[doc(hidden)]
pub trait Compares<L, P: Signal, Y: Signal, E: Element, D: Backend<E>> {
    fn mean<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<Rank0, E, D, T>, Error>;

    fn each<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error>;
}

impl<L, P, Y, E, D> Compares<L, P, Y, E, D> for Single
where
    L: Loss<P, Y, E, D>,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn mean<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<Rank0, E, D, T>, Error> {
        loss.mean(prediction, target, weights)
    }

    fn each<T: Tape<E, D>>(
        loss: &L,
        prediction: P::Data<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &impl Weights<P>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        loss.each(prediction, target, weights)
    }
}

impl<L, P: Signal, Y: Signal, E: Element, D: Backend<E>> Compares<L, P, Y, E, D> for Nobody
where
    for<'a> Nobody: Never<'a>,
{
    fn mean<T: Tape<E, D>>(
        _: &L,
        _: P::Data<E, D, T>,
        _: &Y::Data<E, D, NoneTape>,
        _: &impl Weights<P>,
    ) -> Result<Tensor<Rank0, E, D, T>, Error> {
        Self::never()
    }

    fn each<T: Tape<E, D>>(
        _: &L,
        _: P::Data<E, D, T>,
        _: &Y::Data<E, D, NoneTape>,
        _: &impl Weights<P>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        Self::never()
    }
}
