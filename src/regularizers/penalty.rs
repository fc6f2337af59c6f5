use std::fmt::Debug;

use serde_json::Value;

use crate::error::Error;

/// A penalty on the values of a weight, which is added to the loss.
///
/// ```
/// use kerata::regularizers::{L2, Regularizer};
///
/// let (weight, mut gradient) = ([1.0, -2.0], [0.0; 2]);
/// assert_eq!(L2(0.1).penalty(&weight, &[2])?, 0.5);
/// L2(0.1).add_gradient(&weight, &[2], &mut gradient)?;
/// assert_eq!(gradient, [0.2, -0.4]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no regularizer of a weight",
    label = "no regularizer",
    note = "a regularizer is a value, such as `L2(1e-4)` or `L1(1e-5)`"
)]
pub trait Regularizer: Debug {
    /// The penalty of a weight with these values, in the order of their indices, and sizes.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a setting that makes no sense, or for sizes that it is not for.
    fn penalty(&self, weight: &[f64], sizes: &[usize]) -> Result<f64, Error>;

    /// Adds the derivative of the penalty for each value.
    ///
    /// # Errors
    /// Those of [`penalty`](Regularizer::penalty).
    fn add_gradient(
        &self,
        weight: &[f64],
        sizes: &[usize],
        gradient: &mut [f64],
    ) -> Result<(), Error>;

    /// Whether the penalty is a sum of one for each value, as that of [`L2`](super::L2) is. If it is not, ranks that share an activity send each
    /// other all of it. Default: no.
    fn is_sum(&self) -> bool {
        false
    }

    /// What Keras's JSON says of it; none for one of your own.
    fn config(&self) -> Option<Value> {
        None
    }
}
