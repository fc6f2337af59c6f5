use super::{
    labels::{LabelBatch, LabelMetric, label_metrics},
    matrix::ConfusionMatrix,
    rows::{Batch, RowMetric, check_threshold, row_metrics},
};
use crate::{backend::Element, error::Error, signal::argmax};

/// The mean of those that there are: classes that are neither true nor predicted have no value.
fn mean(ious: impl Iterator<Item = Option<f64>>) -> f64 {
    let (sum, count) = ious.flatten().fold((0.0, 0), |(sum, count), iou| (sum + iou, count + 1));
    if count == 0 { 0.0 } else { sum / f64::from(count) }
}

/// The classes that the mean is over: these, or all.
fn chosen(matrix: &ConfusionMatrix, classes: Option<&[usize]>) -> f64 {
    match classes {
        Some(classes) => {
            let known = classes.iter().filter(|class| **class < matrix.classes());
            mean(known.map(|&class| matrix.iou(class)))
        }
        None => mean((0..matrix.classes()).map(|class| matrix.iou(class))),
    }
}

fn check_classes(classes: &[usize], count: usize) -> Result<(), Error> {
    match classes.iter().find(|class| **class >= count) {
        Some(class) => {
            let expected = "they must be less than the number of classes";
            Err(Error::invalid("target_class_ids", format!("{class} of {count}"), expected))
        }
        None => Ok(()),
    }
}

/// Writes a metric of labels, and one of one-hot rows, that are the same.
macro_rules! iou {
    (
        $(#[$doc:meta])* $sparse:ident, $sparse_name:literal,
        $(#[$hot_doc:meta])* $hot:ident, $hot_name:literal,
        [$($body:tt)*], |$this:ident| $classes:expr
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $sparse $($body)*

        impl LabelMetric for $sparse {
            type State = ConfusionMatrix;
            const NAME: &'static str = $sparse_name;

            fn check(&self, classes: usize) -> Result<(), Error> {
                let $this = self;
                let chosen: Option<&[usize]> = $classes;
                check_classes(chosen.unwrap_or_default(), classes)
            }

            fn add<E: Element>(
                &self,
                matrix: &mut ConfusionMatrix,
                batch: &LabelBatch<E>,
            ) -> Result<(), Error> {
                batch.check_classes()?;
                matrix.reserve(batch.width)?;
                for (row, label, weight) in batch.labelled() {
                    if let Some(predicted) = argmax(row) {
                        matrix.add(label, predicted, weight);
                    }
                }
                Ok(())
            }

            fn value(&self, matrix: &ConfusionMatrix) -> f64 {
                let $this = self;
                chosen(matrix, $classes)
            }
        }

        label_metrics!($sparse: ConfusionMatrix);

        $(#[$hot_doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct $hot $($body)*

        impl RowMetric for $hot {
            type State = ConfusionMatrix;
            const NAME: &'static str = $hot_name;

            fn check(&self, width: usize) -> Result<(), Error> {
                let $this = self;
                let classes: Option<&[usize]> = $classes;
                check_classes(classes.unwrap_or_default(), width)
            }

            fn add<E: Element>(
                &self,
                matrix: &mut ConfusionMatrix,
                batch: &Batch<E>,
            ) -> Result<(), Error> {
                matrix.reserve(batch.width)?;
                for (p, y, weight) in batch.rows() {
                    if let (Some(predicted), Some(label)) = (argmax(p), argmax(y)) {
                        matrix.add(label, predicted, weight);
                    }
                }
                Ok(())
            }

            fn value(&self, matrix: &ConfusionMatrix) -> f64 {
                let $this = self;
                chosen(matrix, $classes)
            }
        }

        row_metrics!($hot: ConfusionMatrix);
    };
}

iou! {
    /// The intersection over union, `tp / (tp + fp + fn)`, as the mean over all classes that are true or predicted
    /// somewhere. Targets are labels, predictions probabilities of classes. [`IgnoreClass`](super::IgnoreClass) leaves out a label,
    /// as Keras's `ignore_class`. Weights count as they are; Keras, whose counts are whole numbers here unless it is given a `dtype`, cuts
    /// them, 0.9 to 0.
    ///
    /// # Errors
    /// [`Error::LabelOutOfRange`] for a label without a class.
    ///
    /// Keras: [`MeanIoU`](https://keras.io/api/metrics/segmentation_metrics/#meaniou-class), with `sparse_y_pred=False`.
    MeanIoU, "mean_io_u",
    /// [`MeanIoU`] of one-hot targets.
    ///
    /// Keras: [`OneHotMeanIoU`](https://keras.io/api/metrics/segmentation_metrics/#onehotmeaniou-class).
    OneHotMeanIoU, "one_hot_mean_io_u",
    [;], |_this| None
}

iou! {
    /// The intersection over union, `tp / (tp + fp + fn)`, as the mean over some classes. Targets are labels, predictions
    /// probabilities of classes. [`IgnoreClass`](super::IgnoreClass) leaves out a label, as Keras's `ignore_class`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a class that there is not, [`Error::LabelOutOfRange`] for a label without one.
    ///
    /// Keras: [`IoU`](https://keras.io/api/metrics/segmentation_metrics/#iou-class), with `sparse_y_pred=False`.
    IoU, "io_u",
    /// [`IoU`] of one-hot targets.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a class that there is not.
    ///
    /// Keras: [`OneHotIoU`](https://keras.io/api/metrics/segmentation_metrics/#onehotiou-class).
    OneHotIoU, "one_hot_io_u",
    [{
        /// The classes that the mean is over.
        pub target_class_ids: Vec<usize>,
    }], |this| Some(&this.target_class_ids)
}

/// The intersection over union of yes and no, of which each value is one.
///
/// # Errors
/// [`Error::Invalid`] for a `threshold` that is not in 0..=1, or a class other than 0 and 1.
///
/// Keras: [`BinaryIoU`](https://keras.io/api/metrics/segmentation_metrics/#binaryiou-class).
#[derive(Debug, Clone, PartialEq)]
pub struct BinaryIoU {
    /// The classes that the mean is over; 0 is no. Default both.
    pub target_class_ids: Vec<usize>,
    /// A value that is not below it is a yes. Default 0.5.
    pub threshold: f64,
}

impl Default for BinaryIoU {
    fn default() -> Self {
        Self { target_class_ids: vec![0, 1], threshold: 0.5 }
    }
}

impl RowMetric for BinaryIoU {
    type State = ConfusionMatrix;
    const NAME: &'static str = "binary_io_u";

    fn check(&self, _: usize) -> Result<(), Error> {
        check_classes(&self.target_class_ids, 2)?;
        check_threshold(Some(self.threshold))
    }

    fn add<E: Element>(&self, matrix: &mut ConfusionMatrix, batch: &Batch<E>) -> Result<(), Error> {
        matrix.reserve(2)?;
        for (p, y, weight) in batch.rows() {
            for (p, y) in p.iter().zip(y).filter(|(p, _)| !p.is_nan()) {
                let predicted = usize::from(*p >= E::of(self.threshold));
                matrix.add(usize::from(!y.is_zero()), predicted, weight);
            }
        }
        Ok(())
    }

    fn value(&self, matrix: &ConfusionMatrix) -> f64 {
        chosen(matrix, Some(&self.target_class_ids))
    }
}

row_metrics!(BinaryIoU: ConfusionMatrix);
