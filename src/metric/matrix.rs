use super::MetricState;
use crate::{error::Error, memory::filled};

/// How often a position of one class was predicted to be of another, with weights.
///
/// ```
/// use kerata::metric::ConfusionMatrix;
///
/// let (labels, predicted) = ([0, 1, 1, 2], [0, 1, 0, 2]);
/// let matrix = ConfusionMatrix::of(3, &labels, &predicted)?;
/// assert_eq!(matrix.rows(), [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
/// # Ok::<(), kerata::Error>(())
/// ```
///
/// It is also what the metrics of intersection over union remember: after [`update`](super::update) of [`MeanIoU`](super::MeanIoU) with batches,
/// masks and weights, [`rows`](ConfusionMatrix::rows) has the counts.
///
/// ```
/// use kerata::{Batch, Const, Cpu, Ids, metric::{ConfusionMatrix, MeanIoU, update}, prelude::*, reduce::Unweighted};
///
/// let dev = Cpu::default();
/// let prediction = dev.tensor_from_vec(vec![0.9_f32, 0.1, 0.4, 0.6, 0.7, 0.3], (3, Const::<2>));
/// let labels = dev.tensor_from_vec(vec![0_usize, 1, 1], (3,));
/// let mut matrix = ConfusionMatrix::default();
/// update::<(Batch, Const<2>), Ids<(Batch,)>, f32, Cpu, _>(&mut matrix, &MeanIoU, prediction, &labels, &Unweighted)?;
/// assert_eq!(matrix.rows(), [[1.0, 0.0], [1.0, 1.0]]);
/// # Ok::<(), kerata::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<f64>,
}

impl ConfusionMatrix {
    /// The counts of classes, of which there are so many, and of what was predicted in their place: `argmax` of the answers.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are more of one than of the other; [`Error::LabelOutOfRange`] for a label or prediction beyond the last class.
    pub fn of(classes: usize, labels: &[usize], predicted: &[usize]) -> Result<Self, Error> {
        if labels.len() != predicted.len() {
            return Err(Error::mismatch("the predicted classes", labels.len(), predicted.len()));
        }
        let mut matrix = Self::default();
        matrix.reserve(classes)?;
        for (position, (&label, &predicted)) in labels.iter().zip(predicted).enumerate() {
            if let Some(label) = [label, predicted].into_iter().find(|&class| class >= classes) {
                return Err(Error::LabelOutOfRange { label, classes, position });
            }
            matrix.add(label, predicted, 1.0);
        }
        Ok(matrix)
    }

    /// For how many classes it counts; 0 before the first batch.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The counts, one row per class that is true, one column per class that is predicted.
    pub fn rows(&self) -> Vec<Vec<f64>> {
        self.counts.chunks(self.classes.max(1)).map(<[f64]>::to_vec).collect()
    }

    /// Makes room for so many classes.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if it counts for another number; [`Error::Device`] without memory.
    pub(super) fn reserve(&mut self, classes: usize) -> Result<(), Error> {
        if self.classes == 0 {
            *self = Self { classes, counts: filled(&[classes, classes], 0.0)? };
        }
        if self.classes != classes {
            return Err(Error::mismatch("the classes of a metric", self.classes, classes));
        }
        Ok(())
    }

    /// Counts one position.
    pub(super) fn add(&mut self, label: usize, predicted: usize, weight: f64) {
        self.counts[label * self.classes + predicted] += weight;
    }

    /// The intersection over union of a class; none where it is neither true nor predicted.
    pub(super) fn iou(&self, class: usize) -> Option<f64> {
        let row: f64 = self.counts[class * self.classes..][..self.classes].iter().sum();
        let column: f64 = self.counts[class..].iter().step_by(self.classes).sum();
        let both = self.counts[class * self.classes + class];
        let union = row + column - both;
        (union > 0.0).then(|| both / union)
    }
}

impl MetricState for ConfusionMatrix {
    fn merge(&mut self, other: &Self) {
        if self.classes == 0 {
            self.clone_from(other);
        } else {
            self.counts.iter_mut().zip(&other.counts).for_each(|(ours, theirs)| *ours += theirs);
        }
    }

    fn to_values(&self) -> Vec<f64> {
        self.counts.clone()
    }

    fn from_values(counts: Vec<f64>) -> Result<Self, Error> {
        let classes = counts.len().isqrt();
        if classes * classes != counts.len() {
            return Err(Error::mismatch(
                "the values of a confusion matrix",
                "a square",
                counts.len(),
            ));
        }
        Ok(Self { classes, counts })
    }
}
