use super::MetricState;
use crate::{error::Error, memory::lengthened};

/// How often a prediction was right and wrong, by its sign and with weights; for each of several thresholds or classes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Counts {
    /// Predicted and true.
    pub true_positives: Vec<f64>,
    /// Predicted but not true.
    pub false_positives: Vec<f64>,
    /// Neither predicted nor true.
    pub true_negatives: Vec<f64>,
    /// True but not predicted.
    pub false_negatives: Vec<f64>,
}

impl Counts {
    fn all(&self) -> [&Vec<f64>; 4] {
        [&self.true_positives, &self.false_positives, &self.true_negatives, &self.false_negatives]
    }

    fn all_mut(&mut self) -> [&mut Vec<f64>; 4] {
        let Self { true_positives, false_positives, true_negatives, false_negatives } = self;
        [true_positives, false_positives, true_negatives, false_negatives]
    }

    /// Makes room for so many thresholds or classes.
    ///
    /// # Errors
    /// [`Error::Device`] without memory.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), Error> {
        self.all_mut().into_iter().try_for_each(|counts| lengthened(counts, count, 0.0))
    }

    /// Counts one value.
    pub(super) fn add(&mut self, at: usize, predicted: bool, is_true: bool, weight: f64) {
        let counts = match (predicted, is_true) {
            (true, true) => &mut self.true_positives,
            (true, false) => &mut self.false_positives,
            (false, false) => &mut self.true_negatives,
            (false, true) => &mut self.false_negatives,
        };
        counts[at] += weight;
    }

    /// `[true positives, false positives, true negatives, false negatives]` of one threshold or class.
    pub(super) fn at(&self, at: usize) -> [f64; 4] {
        self.all().map(|counts| counts.get(at).copied().unwrap_or(0.0))
    }

    /// For how many thresholds or classes it counts.
    pub(super) fn len(&self) -> usize {
        self.true_positives.len()
    }
}

impl MetricState for Counts {
    fn merge(&mut self, other: &Self) {
        for counts in self.all_mut() {
            counts.resize(counts.len().max(other.len()), 0.0);
        }
        for (ours, theirs) in self.all_mut().into_iter().zip(other.all()) {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        }
    }

    fn to_values(&self) -> Vec<f64> {
        self.all().into_iter().flatten().copied().collect()
    }

    fn from_values(values: Vec<f64>) -> Result<Self, Error> {
        if !values.len().is_multiple_of(4) {
            return Err(Error::mismatch("the values of counts", "a multiple of 4", values.len()));
        }
        let count = values.len() / 4;
        let part = |i: usize| values[i * count..(i + 1) * count].to_vec();
        Ok(Self {
            true_positives: part(0),
            false_positives: part(1),
            true_negatives: part(2),
            false_negatives: part(3),
        })
    }
}

/// `a / b`, and 0 where `b` is 0.
pub(super) fn ratio(a: f64, b: f64) -> f64 {
    if b == 0.0 { 0.0 } else { a / b }
}
