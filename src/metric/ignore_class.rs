use dfdx::tensor::{NoneTape, Tensor};

use super::{Direction, Metric};
use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::{Labels, Prediction},
};

/// A metric without the positions of one label, such as 255 for the pixels of a segmentation that nobody labelled. The label
/// need not be a class.
///
/// It is Keras's `ignore_class` of [`MeanIoU`](super::MeanIoU) and [`IoU`](super::IoU), and goes with any metric of labels, so that it is measured
/// on what [`SparseCategoricalCrossentropy`](crate::loss::SparseCategoricalCrossentropy) with the same `ignore_class` is trained on. Keras's
/// `SparseCategoricalAccuracy` has no such setting, and counts these positions as wrong.
///
/// ```
/// use kerata::metric::{IgnoreClass, MeanIoU, SparseCategoricalAccuracy, update};
/// use kerata::{Batch, Const, Cpu, Ids, prelude::*, reduce::{Mean, Unweighted}};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor_from_vec(vec![0.9_f32, 0.1, 0.4, 0.6, 0.7, 0.3], (3, Const::<2>));
/// let labels = dev.tensor_from_vec(vec![0_usize, 1, 255], (3,));
/// let (mut mean, accuracy) = (Mean::default(), IgnoreClass(255, SparseCategoricalAccuracy));
/// update::<(Batch, Const<2>), Ids<(Batch,)>, f32, Cpu, _>(&mut mean, &accuracy, prediction, &labels, &Unweighted)?;
/// assert_eq!(mean.get(), 1.0);
/// let mean_iou = IgnoreClass(255, MeanIoU);
/// # let _ = mean_iou;
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IgnoreClass<M>(pub usize, pub M);

#[diagnostic::do_not_recommend]
impl<M, P, Y, E, D> Metric<P, Y, E, D> for IgnoreClass<M>
where
    M: Metric<P, Y, E, D>,
    P: Prediction,
    Y: Labels<P>,
    E: Element,
    D: Backend<E>,
{
    type State = M::State;

    fn name(&self) -> String {
        self.1.name()
    }

    fn direction(&self) -> Option<Direction> {
        self.1.direction()
    }

    fn update(
        &self,
        state: &mut M::State,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        let labels = Y::labels::<E, D>(target)?;
        if labels.len() != weights.len() {
            return Err(Error::mismatch("the number of labels", weights.len(), labels.len()));
        }
        let counted: Vec<bool> = labels.into_iter().map(|label| label != self.0).collect();
        let target = Y::without_padding::<E, D>(target, &counted)?;
        let weights = weights.iter().zip(counted).map(|(&w, counts)| if counts { w } else { 0.0 });
        self.1.update(state, prediction, &target, &weights.collect::<Vec<f64>>())
    }

    fn result(&self, state: &M::State) -> f64 {
        self.1.result(state)
    }
}
