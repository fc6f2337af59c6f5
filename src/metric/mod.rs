//! Metrics: what one looks at while a model learns.
//!
//! Each batch is added to what a metric has seen, its [`State`](Metric::State), under the mask and the weights; the
//! [`result`](Metric::result) is of all batches together. Most are a [`Mean`](crate::reduce::Mean) over positions, see [`crate::reduce`].

mod accuracy;
mod auc;
mod bare;
mod counts;
mod f_score;
mod ignore_class;
mod iou;
mod labels;
mod matrix;
mod mean_loss;
mod named;
mod operating_point;
mod precision;
mod reciprocal_rank;
mod regression;
mod rows;
mod state;
mod thresholds;
mod top_k;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use auc::{Auc, Curve, Summation};
#[doc(hidden)]
pub use bare::*;
pub use counts::Counts;
pub use f_score::{ClassAverage, F1Score, FBetaScore};
pub use ignore_class::IgnoreClass;
pub use iou::{BinaryIoU, IoU, MeanIoU, OneHotIoU, OneHotMeanIoU};
pub use matrix::ConfusionMatrix;
pub use mean_loss::MeanLoss;
pub use named::Named;
pub use operating_point::{
    PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use precision::{
    FalseNegatives, FalsePositives, Precision, Recall, TrueNegatives, TruePositives,
};
pub use reciprocal_rank::MeanReciprocalRank;
pub use regression::{
    ConcordanceCorrelation, CosineSimilarity, PearsonCorrelation, R2Score, RootMeanSquaredError,
    Sums, ValueAverage,
};
pub use state::MetricState;
pub use top_k::{SparseTopKCategoricalAccuracy, TopKCategoricalAccuracy};

use dfdx::tensor::{Cpu, NoneTape, Tensor};

use crate::{
    backend::{Backend, Element},
    error::Error,
    just_the_type::name_of,
    loss::{Prediction, Rows},
    reduce::{SampleWeights, position_weights},
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
///     type State = Mean;
///
///     fn name(&self) -> String {
///         "largest_error".into()
///     }
///
///     fn update(
///         &self,
///         mean: &mut Mean,
///         prediction: &Tensor<(usize, usize), f32, Cpu>,
///         target: &Y::Data<f32, Cpu, NoneTape>,
///         weights: &[f64],
///     ) -> Result<(), Error> {
///         let (p, y, columns) = (prediction.as_vec(), Y::rows::<f32, Cpu>(target)?.as_vec(), prediction.shape().1);
///         let errors: Vec<f64> = p.iter().zip(&y).map(|(p, y)| f64::from((p - y).abs())).collect();
///         let largest = errors.chunks(columns).map(|row| row.iter().copied().fold(0.0, f64::max));
///         mean.add(largest, weights.iter().copied());
///         Ok(())
///     }
///
///     fn result(&self, mean: &Mean) -> f64 {
///         mean.get()
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
    /// What it remembers of the batches, such as a [`Mean`](crate::reduce::Mean).
    type State: MetricState;

    /// The name under which it stands in a history. Default: that of the type.
    fn name(&self) -> String {
        name_of::<Self>().to_owned()
    }

    /// Whether more is better, for callbacks that look for the best epoch. Default: it is not known, and such a
    /// callback has to be told.
    fn direction(&self) -> Option<Direction> {
        None
    }

    /// Adds a batch: the rows of the prediction, one for each position, the target, and the weight of each position. Where
    /// that is 0, the position does not count: it may be padding, and the target is 0 there.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if prediction and target have different sizes; others as the metric says.
    fn update(
        &self,
        state: &mut Self::State,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error>;

    /// The metric of all batches that the state has seen.
    fn result(&self, state: &Self::State) -> f64;
}

/// Which values of a metric are the better ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The larger ones, as of an accuracy.
    Up,
    /// The smaller ones, as of a loss.
    Down,
}

/// Adds a batch to the state of a metric.
///
/// With [`Unweighted`](crate::reduce::Unweighted) the mask counts and weights do not, as for Keras's
/// `metrics=`; with the weights of the batch both do, as for its `weighted_metrics=`.
///
/// # Errors
/// Those of the metric and of the weights.
pub fn update<P, Y, E, D, M>(
    state: &mut M::State,
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
    Y::check_real::<E, D>(target, weights.keep.as_deref())?;
    match weights.keep.as_deref() {
        // What stands in the padding may be no class at all.
        Some(keep) => {
            let target = Y::without_padding::<E, D>(target, keep)?;
            metric.update(state, &values, &target, &weights.each)
        }
        None => metric.update(state, &values, target, &weights.each),
    }
}
