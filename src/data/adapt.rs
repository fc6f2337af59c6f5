//! Layers that are adapted to data.

use dfdx::{
    shapes::Shape,
    tensor::{Cpu, NoneTape},
};

use super::Samples;
use crate::{
    backend::{Backend, Element, assign, to_values},
    error::Error,
    layers::Normalization,
    shape::HasShape,
    signal::{LastAxis, MaskTransparent, Signal},
};

/// How many samples are looked at together.
const ROWS: usize = 256;

/// Samples whose last axis are features: those that a [`Normalization`] can be adapted to.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no features that could be normalised",
    label = "no vectors of features",
    note = "a `Normalization` is adapted to samples such as `Vec<[f32; 8]>`, `Vec<[[f32; 8]; 10]>` or `Ragged<[f32; 8]>`"
)]
pub trait Adapts: Samples {
    /// The features of some samples, step by step, and how many there are; of a padded sequence the real steps.
    ///
    /// # Errors
    /// Those of [`Samples::batch`].
    fn features(&self, rows: &[usize]) -> Result<(Vec<f64>, usize), Error>;
}

impl<X: Samples + ?Sized> Adapts for X
where
    X::Signal: LastAxis,
{
    fn features(&self, rows: &[usize]) -> Result<(Vec<f64>, usize), Error> {
        let batch = self.batch::<f64, Cpu>(rows, &Cpu::default())?;
        let mask = X::Signal::mask::<f64, Cpu, NoneTape>(&batch).cloned();
        let (mut values, mut features) = (Vec::new(), 0);
        X::Signal::map::<f64, Cpu, NoneTape>(batch, |x| {
            features = x.shape().concrete().as_ref().last().copied().unwrap_or(0);
            values = to_values(&x)?;
            Ok(x)
        })?;
        if let Some(mask) = mask {
            let each = values.len().checked_div(mask.as_slice().len()).unwrap_or(0).max(1);
            let steps = values.chunks(each).zip(mask.as_slice());
            values = steps.filter(|(_, keep)| **keep).flat_map(|(step, _)| step).copied().collect();
        }
        Ok((values, features))
    }
}

impl<const F: usize, E: Element, D: Backend<E>> Normalization<F, E, D> {
    /// Measures mean and variance of each feature on samples, over all their positions: Keras's `adapt`. What was measured
    /// before is forgotten.
    ///
    /// Steps of padding do not count. Of samples in a file a few rows at a time are in memory.
    ///
    /// # Errors
    /// [`Error::Empty`] if there is nothing to measure, [`Error::Mismatch`] for another number of features,
    /// [`Error::NonFinite`] if a value is not finite; those of the samples. Then the layer is as it was.
    pub fn adapt<X: Adapts + ?Sized>(&mut self, samples: &X) -> Result<(), Error> {
        samples.check()?;
        let (mut count, mut mean, mut squares) = (0.0, vec![0.0; F], vec![0.0; F]);
        for start in (0..samples.count()).step_by(ROWS) {
            let rows: Vec<usize> = (start..samples.count().min(start + ROWS)).collect();
            let (values, features) = samples.features(&rows)?;
            if features != F && !values.is_empty() {
                return Err(Error::mismatch("the number of features", F, features));
            }
            if let Some(at) = values.iter().position(|value| !value.is_finite()) {
                let (what, value) = ("feature", values[at]);
                return Err(Error::NonFinite { what, index: at % F.max(1), value });
            }
            // Welford's sums, which lose nothing where the mean is large.
            for row in values.chunks_exact(F.max(1)) {
                count += 1.0;
                for ((mean, squares), value) in mean.iter_mut().zip(&mut squares).zip(row) {
                    let distance = value - *mean;
                    *mean += distance / count;
                    *squares += distance * (value - *mean);
                }
            }
        }
        if count == 0.0 {
            return Err(Error::Empty("the data to adapt to"));
        }
        let elements = |what: &'static str, values: &mut dyn Iterator<Item = f64>| {
            let checked = values.enumerate().map(|(index, value)| {
                let element = E::checked(value).filter(|_| value.is_finite());
                element.ok_or(Error::Overflow { what, index, value })
            });
            checked.collect::<Result<Vec<E>, _>>()
        };
        let mean = elements("the mean of feature", &mut mean.into_iter())?;
        let mut variance = squares.into_iter().map(|squares| squares / count);
        let variance = elements("the variance of feature", &mut variance)?;
        assign(&mut self.mean, &mean)?;
        assign(&mut self.variance, &variance)
    }
}
