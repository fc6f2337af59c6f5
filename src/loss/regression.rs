use dfdx::{
    prelude::{HasShape, TrySub},
    tensor::{NoneTape, Tape, Tensor},
};

use super::{Loss, Prediction, PredictionRows, Target, signals::same_rows};
use crate::{
    backend::{Backend, Element, apart, row_means, zeros_after},
    error::{Error, OrDevice},
};

/// The mean along the last axis of what `f` makes of the differences.
fn mean_difference<P, Y, E, D, T>(
    prediction: PredictionRows<E, D, T>,
    target: &Y::Data<E, D, NoneTape>,
    f: impl FnOnce(PredictionRows<E, D, T>) -> Result<PredictionRows<E, D, T>, D::Err>,
) -> Result<Tensor<(usize,), E, D, T>, Error>
where
    P: Prediction,
    Y: Target<P>,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let target = Y::rows(target)?;
    same_rows(&prediction, &target)?;
    let (positions, values) = *target.shape();
    if positions * values == 0 {
        return zeros_after(prediction, &(positions,));
    }
    // What a model hands on as it is may be prediction and target both.
    let target = apart(&prediction, target)?;
    let difference = prediction.try_sub(target).or_device()?;
    row_means(f(difference).or_device()?)
}

/// The mean of the squared differences along the last axis.
///
/// Keras: [`MeanSquaredError`](https://keras.io/api/losses/regression_losses/#meansquarederror-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::MeanSquaredError};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor([[[1.0_f32], [2.0], [9.0], [9.0]]]);
/// let prediction = Masked::new(prediction, Mask::from_ids(&[1, 2, 0, 0], 1, 4)?)?;
/// let target = dev.tensor([[[0.0_f32], [0.0], [0.0], [0.0]]]);
/// // The mean over the first two steps only.
/// assert_eq!(MeanSquaredError.compute(prediction, target)?.array(), (1.0 + 4.0) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanSquaredError;

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D> for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean_squared_error"
    }

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        mean_difference::<P, Y, E, D, T>(prediction, target, |x| x.try_square())
    }
}

/// The mean of the absolute differences along the last axis.
///
/// Keras: [`MeanAbsoluteError`](https://keras.io/api/losses/regression_losses/#meanabsoluteerror-class).
///
/// # Shapes
/// - prediction `(Batch, .., Values)`, masked or not; target the same, unmasked
///
/// ```
/// use kerata::{*, prelude::*, loss::MeanAbsoluteError};
///
/// let dev = Cpu::default();
/// let loss = MeanAbsoluteError.compute(dev.tensor([[1.0_f32, -3.0]]), dev.tensor([[0.0, 0.0]]))?;
/// assert_eq!(loss.array(), 2.0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeanAbsoluteError;

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Loss<P, Y, E, D>
    for MeanAbsoluteError
{
    fn name(&self) -> &'static str {
        "mean_absolute_error"
    }

    fn per_position<T: Tape<E, D>>(
        &self,
        prediction: PredictionRows<E, D, T>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Tensor<(usize,), E, D, T>, Error> {
        mean_difference::<P, Y, E, D, T>(prediction, target, |x| x.try_abs())
    }
}
