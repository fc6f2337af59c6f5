//! Counts at many thresholds at once.

use super::{counts::Counts, rows::Batch};
use crate::{
    backend::Element,
    error::Error,
    memory::{elements, filled},
};

/// Thresholds between 0 and 1, at equal distances or as they are given.
#[derive(Debug, Clone)]
pub(super) struct Thresholds {
    values: Vec<f64>,
    even: bool,
    /// Whether every value is above the first.
    open: bool,
}

/// The most thresholds that there may be: their counts are sums over all of them, after each batch.
const MOST: usize = 1 << 20;

/// # Errors
/// [`Error::Invalid`] for fewer than `least`, or for more than are ever useful.
pub(super) fn check_count(count: usize, least: usize) -> Result<(), Error> {
    let expected = match (count < least, count > MOST) {
        (true, _) if least == 1 => "it must be at least 1",
        (true, _) => "it must be at least 2",
        (_, true) => "it must be at most 1048576",
        _ => return Ok(()),
    };
    Err(Error::invalid("num_thresholds", count, expected))
}

impl Thresholds {
    /// So many at equal distances, of which the first is below 0 and the last above 1.
    pub(super) fn open(count: usize) -> Self {
        Self { values: Self::spaced(count), even: true, open: true }
    }

    /// So many at equal distances from 0 to 1; one alone is 0.5.
    pub(super) fn closed(count: usize) -> Self {
        match count {
            1 => Self { values: vec![0.5], even: false, open: false },
            _ => Self { values: Self::spaced(count), even: true, open: false },
        }
    }

    /// These, with one below 0 and one above 1.
    pub(super) fn given(values: &[f64]) -> Self {
        let mut values = values.to_vec();
        values.sort_by(f64::total_cmp);
        values.insert(0, f64::NEG_INFINITY);
        values.push(f64::INFINITY);
        Self { values, even: false, open: true }
    }

    fn spaced(count: usize) -> Vec<f64> {
        (0..count).map(|i| i as f64 / (count - 1) as f64).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// How many of the first thresholds a value is above.
    fn below<E: Element>(&self, value: E) -> usize {
        if !self.even {
            return self.values.partition_point(|threshold| value > E::of(*threshold));
        }
        // As Keras calculates it, in the number type of the prediction.
        let last = E::of((self.len() - 1) as f64);
        let value = value.max(E::zero()).min(E::one());
        let below = (value * last).ceil().as_f64() as usize;
        if self.open { below.max(1) } else { below }
    }

    /// Adds a batch to counts of which there are `labels` for each threshold, threshold by threshold.
    ///
    /// # Errors
    /// [`Error::NonFinite`] for a prediction that is NaN: it is on no side of a threshold.
    pub(super) fn count<E: Element>(
        &self,
        counts: &mut Counts,
        batch: &Batch<E>,
        labels: usize,
        each: impl Fn(usize, E) -> (E, f64),
    ) -> Result<(), Error> {
        counts.reserve(elements(&[self.len(), labels])?)?;
        // The weights of true and of false values, by how many thresholds they are above.
        let mut above = filled(&[self.len() + 1, labels], [0.0; 2])?;
        for (row, (p, y, weight)) in batch.rows().enumerate() {
            for (class, (p, y)) in p.iter().zip(y).enumerate() {
                let (value, of_label) = each(class, *p);
                if value.is_nan() {
                    let value = value.as_f64();
                    return Err(Error::NonFinite {
                        what: "the prediction at position",
                        index: row,
                        value,
                    });
                }
                let label = if labels == 1 { 0 } else { class };
                above[self.below(value) * labels + label][usize::from(!y.is_zero())] +=
                    weight * of_label;
            }
        }
        for label in 0..labels {
            let of = |below: usize| above[below * labels + label];
            let total = (0..=self.len()).map(of).fold([0.0; 2], |[a, b], [x, y]| [a + x, b + y]);
            let mut predicted = [0.0; 2];
            for at in (0..self.len()).rev() {
                let [wrong, right] = of(at + 1);
                predicted = [predicted[0] + wrong, predicted[1] + right];
                let place = at * labels + label;
                counts.false_positives[place] += predicted[0];
                counts.true_positives[place] += predicted[1];
                counts.true_negatives[place] += total[0] - predicted[0];
                counts.false_negatives[place] += total[1] - predicted[1];
            }
        }
        Ok(())
    }
}
