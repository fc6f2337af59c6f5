//! Metrics: what one looks at while a model learns.
//!
//! A metric is the mean over all positions of all batches, under the mask; see [`crate::reduce`].

mod accuracy;
mod mean_loss;

pub use accuracy::{BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use mean_loss::MeanLoss;

use dfdx::tensor::{Cpu, NoneTape, Tensor};

use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::{Prediction, Rows},
    reduce::{Mean, SampleWeights, position_weights},
    signal::Signal,
};

/// A metric of the prediction `P` against the target `Y`.
///
/// ```
/// use kerata::{Batch, Const, Cpu, Error, Tensor, loss::{Prediction, Target}, prelude::*, reduce::{Mean, Unweighted}};
/// use kerata::{metric::{Metric, update}, tensor::NoneTape};
///
/// /// The largest difference of each position.
/// struct LargestError;
///
/// impl<P: Prediction, Y: Target<P>> Metric<P, Y> for LargestError {
///     fn name(&self) -> String {
///         "largest_error".into()
///     }
///
///     fn per_position(
///         &self,
///         prediction: &Tensor<(usize, usize), f32, Cpu>,
///         target: &Y::Data<f32, Cpu, NoneTape>,
///     ) -> Result<Vec<f64>, Error> {
///         let (p, y, columns) = (prediction.as_vec(), Y::rows::<f32, Cpu>(target)?.as_vec(), prediction.shape().1);
///         let errors: Vec<f64> = p.iter().zip(&y).map(|(p, y)| f64::from((p - y).abs())).collect();
///         Ok(errors.chunks(columns).map(|row| row.iter().copied().fold(0.0, f64::max)).collect())
///     }
/// }
/// # use kerata::tensor::HasShape;
///
/// type Rows = (Batch, Const<2>);
/// let rows = |values: [f32; 4]| Cpu::default().tensor_from_vec(values.to_vec(), (2, Const::<2>));
/// let (mut mean, target) = (Mean::default(), rows([0.0; 4]));
/// let prediction = rows([1.0, -3.0, 0.0, 1.0]);
/// update::<Rows, Rows, f32, Cpu, _>(&mut mean, &LargestError, prediction, &target, &Unweighted)?;
/// assert_eq!(mean.get(), (3.0 + 1.0) / 2.0);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot compare the prediction `{P}` with the target `{Y}`",
    label = "class ids, `Ids<..>`, go with `SparseCategoricalAccuracy`, one-hot rows with `CategoricalAccuracy`; other targets have the shape of the prediction"
)]
pub trait Metric<P: Prediction, Y: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The name under which it stands in a history.
    fn name(&self) -> String;

    /// Whether more is better, for callbacks that look for the best epoch. Default: it is not known, and such a
    /// callback has to be told.
    fn direction(&self) -> Option<Direction> {
        None
    }

    /// The value of each position.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if prediction and target have different sizes; others as the metric says.
    fn per_position(
        &self,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
    ) -> Result<Vec<f64>, Error>;
}

/// Which values of a metric are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The larger ones, as of an accuracy.
    Up,
    /// The smaller ones, as of a loss.
    Down,
}

/// Adds a batch to the mean of a metric.
///
/// With [`Unweighted`](crate::reduce::Unweighted) the mask counts and weights do not, as for Keras's
/// `metrics=`; with the weights of the batch both do, as for its `weighted_metrics=`.
///
/// # Errors
/// Those of the metric and of the weights.
pub fn update<P, Y, E, D, M>(
    mean: &mut Mean,
    metric: &M,
    prediction: P::Data<E, D, NoneTape>,
    target: &Y::Data<E, D, NoneTape>,
    weights: &impl SampleWeights,
) -> Result<(), Error>
where
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
    M: Metric<P, Y, E, D> + ?Sized,
{
    let Rows { values, mask, sizes } = P::rows(prediction)?;
    let weights = position_weights(&sizes, mask.as_ref(), weights)?;
    let values = match weights.keep.as_deref() {
        // What stands in the padding may be no class at all.
        Some(keep) => metric.per_position(&values, &Y::without_padding::<E, D>(target, keep)?),
        None => metric.per_position(&values, target),
    };
    mean.add(values?, weights.each);
    Ok(())
}
