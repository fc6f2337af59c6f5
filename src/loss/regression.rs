use super::{
    relative::sign,
    row::{ValueLoss, row_loss},
};
use crate::backend::Element;

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

impl ValueLoss for MeanSquaredError {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        ((p - y) * (p - y), 2.0 * (p - y))
    }
}
row_loss!(MeanSquaredError, "mean_squared_error");

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

impl ValueLoss for MeanAbsoluteError {
    #[inline(always)]
    fn of_value<E: Element>(&self, p: f64, y: f64) -> (f64, f64) {
        ((p - y).abs(), sign(p - y))
    }
}
row_loss!(MeanAbsoluteError, "mean_absolute_error");
