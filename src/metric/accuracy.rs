use dfdx::{
    prelude::HasShape,
    tensor::{NoneTape, Tensor},
};

use super::{Direction, Metric};
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    loss::{Labels, Prediction, Target, check_labels, same_rows},
    reduce::Mean,
    signal::argmax,
};

/// The share of answers on the right side of a threshold. NaN is on neither.
///
/// # Errors
/// [`Error::Invalid`] for a `threshold` that is not in 0..=1.
///
/// Keras: [`BinaryAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#binaryaccuracy-class).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BinaryAccuracy {
    /// An answer above it is a yes.
    pub threshold: f64,
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self { threshold: 0.5 }
    }
}

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Metric<P, Y, E, D> for BinaryAccuracy {
    type State = Mean;

    fn name(&self) -> String {
        "binary_accuracy".into()
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        if !(0.0..=1.0).contains(&self.threshold) {
            return Err(Error::invalid("threshold", self.threshold, "it must be in 0..=1"));
        }
        let target = Y::rows(target)?;
        same_rows(prediction, &target)?;
        let right = |(p, y): (&E, &E)| {
            let yes = if *p > E::of(self.threshold) { E::one() } else { E::zero() };
            f64::from(u8::from(*y == yes && !p.is_nan()))
        };
        let answers = prediction.shape().1.max(1);
        let (prediction, target) = (to_values(prediction)?, to_values(&target)?);
        let rows = prediction.chunks(answers).zip(target.chunks(answers));
        let share = |(p, y): (&[E], &[E])| p.iter().zip(y).map(right).sum::<f64>() / answers as f64;
        mean.add(rows.map(share), weights.iter().copied());
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

/// The share of positions whose most probable class, the first of equals, is that of the one-hot target. Where a
/// probability is NaN, no class is the most probable.
///
/// Keras: [`CategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#categoricalaccuracy-class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CategoricalAccuracy;

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Target<P>, E: Element, D: Backend<E>> Metric<P, Y, E, D>
    for CategoricalAccuracy
{
    type State = Mean;

    fn name(&self) -> String {
        "categorical_accuracy".into()
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        let target = Y::rows(target)?;
        same_rows(prediction, &target)?;
        let classes = prediction.shape().1.max(1);
        let (prediction, target) = (to_values(prediction)?, to_values(&target)?);
        let rows = prediction.chunks(classes).zip(target.chunks(classes));
        let right = |(p, y): (&[E], &[E])| argmax(p).is_some() && argmax(p) == argmax(y);
        mean.add(rows.map(right).map(u8::from).map(f64::from), weights.iter().copied());
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}

/// The share of positions whose most probable class, the first of equals, is the label. Where a probability is NaN, no
/// class is the most probable.
///
/// Keras: [`SparseCategoricalAccuracy`](https://keras.io/api/metrics/accuracy_metrics/#sparsecategoricalaccuracy-class).
///
/// ```
/// use kerata::{*, prelude::*, metric::{SparseCategoricalAccuracy, update}, reduce::{Mean, Unweighted}};
///
/// let dev = Cpu::default();
/// let prediction: Tensor<(Batch, Const<2>), f32, Cpu> = dev.tensor_from_vec(vec![0.9, 0.1, 0.4, 0.6], (2, Const));
/// let labels = dev.tensor_from_vec(vec![0, 0], (2,));
/// let mut mean = Mean::default();
/// update::<(Batch, Const<2>), Ids<(Batch,)>, f32, Cpu, _>(&mut mean, &SparseCategoricalAccuracy, prediction, &labels, &Unweighted)?;
/// assert_eq!(mean.get(), 0.5);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SparseCategoricalAccuracy;

#[diagnostic::do_not_recommend]
impl<P: Prediction, Y: Labels<P>, E: Element, D: Backend<E>> Metric<P, Y, E, D>
    for SparseCategoricalAccuracy
{
    type State = Mean;

    fn name(&self) -> String {
        "sparse_categorical_accuracy".into()
    }

    fn direction(&self) -> Option<Direction> {
        Some(Direction::Up)
    }

    fn update(
        &self,
        mean: &mut Mean,
        prediction: &Tensor<(usize, usize), E, D>,
        target: &Y::Data<E, D, NoneTape>,
        weights: &[f64],
    ) -> Result<(), Error> {
        let labels = Y::labels::<E, D>(target)?;
        let (positions, classes) = *prediction.shape();
        check_labels(&labels, positions, classes)?;
        let prediction = to_values(prediction)?;
        let rows = prediction.chunks(classes.max(1)).zip(labels);
        let right = |(p, label): (&[E], usize)| f64::from(u8::from(argmax(p) == Some(label)));
        mean.add(rows.map(right), weights.iter().copied());
        Ok(())
    }

    fn result(&self, mean: &Mean) -> f64 {
        mean.get()
    }
}
