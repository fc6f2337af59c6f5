use super::{
    counts::Counts,
    rows::{Batch, RowMetric, check_threshold, row_metrics},
};
use crate::{backend::Element, error::Error, loss::EPSILON};

/// How the scores of several classes become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClassAverage {
    /// The mean over the classes.
    #[default]
    Macro,
    /// One score of the counts of all classes together.
    Micro,
    /// The mean over the classes by how often each is true.
    Weighted,
}

/// The harmonic mean of precision and recall, `(1 + beta^2) * p * r / (beta^2 * p + r)`, of each class.
///
/// Without a threshold, the largest value of a position is its yes. Keras's own default is no average, which gives a value
/// for each class: [`per_class`](FBetaScore::per_class).
///
/// # Errors
/// [`Error::Invalid`] for a `beta` that is not above 0, or a `threshold` that is not in 0..=1.
///
/// Keras: [`FBetaScore`](https://keras.io/api/metrics/classification_metrics/#fbetascore-class).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FBetaScore {
    /// Default [`ClassAverage::Macro`].
    pub average: ClassAverage,
    /// How much recall counts against precision. Default 1.
    pub beta: f64,
    /// A value above it is a yes. Default none.
    pub threshold: Option<f64>,
}

impl Default for FBetaScore {
    fn default() -> Self {
        Self { average: ClassAverage::default(), beta: 1.0, threshold: None }
    }
}

impl FBetaScore {
    /// The score of each class.
    pub fn per_class(&self, counts: &Counts) -> Vec<f64> {
        (0..counts.len()).map(|class| self.score(counts.at(class))).collect()
    }

    fn score(&self, [tp, fp, _, missed]: [f64; 4]) -> f64 {
        let (precision, recall) = (tp / (tp + fp + EPSILON), tp / (tp + missed + EPSILON));
        let square = self.beta * self.beta;
        precision * recall / (square * precision + recall + EPSILON) * (1.0 + square)
    }
}

impl RowMetric for FBetaScore {
    type State = Counts;
    const NAME: &'static str = "fbeta_score";

    fn check(&self, _: usize) -> Result<(), Error> {
        if !(self.beta > 0.0 && self.beta.is_finite()) {
            return Err(Error::invalid("beta", self.beta, "it must be finite and above 0"));
        }
        check_threshold(self.threshold)
    }

    fn add<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
        counts.reserve(batch.width)?;
        for (p, y, weight) in batch.rows() {
            let largest = p.iter().copied().fold(E::neg_infinity(), E::max);
            for (class, (p, y)) in p.iter().zip(y).enumerate() {
                let predicted = match self.threshold {
                    Some(threshold) => *p > E::of(threshold),
                    // Where all are 0, none is a yes.
                    None => *p >= largest && p.abs() > E::of(1e-9),
                };
                // A target between 0 and 1 is a share of both.
                let share = y.as_f64();
                counts.add(class, predicted, true, weight * share);
                counts.add(class, predicted, false, weight * (1.0 - share));
            }
        }
        Ok(())
    }

    fn value(&self, counts: &Counts) -> f64 {
        let classes = 0..counts.len();
        match self.average {
            _ if counts.len() == 0 => 0.0,
            ClassAverage::Macro => self.per_class(counts).iter().sum::<f64>() / counts.len() as f64,
            ClassAverage::Micro => {
                let add = |a: [f64; 4], b: [f64; 4]| std::array::from_fn(|i| a[i] + b[i]);
                self.score(classes.map(|class| counts.at(class)).fold([0.0; 4], add))
            }
            ClassAverage::Weighted => {
                let of = |class| {
                    let [tp, _, _, missed] = counts.at(class);
                    tp + missed
                };
                let total = classes.clone().map(of).sum::<f64>() + EPSILON;
                let scores = self.per_class(counts);
                classes.map(|class| scores[class] * of(class) / total).sum()
            }
        }
    }
}

/// [`FBetaScore`] with a `beta` of 1.
///
/// Keras: [`F1Score`](https://keras.io/api/metrics/classification_metrics/#f1score-class).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct F1Score {
    /// Default [`ClassAverage::Macro`].
    pub average: ClassAverage,
    /// A value above it is a yes. Default none.
    pub threshold: Option<f64>,
}

impl F1Score {
    /// The score of each class.
    pub fn per_class(&self, counts: &Counts) -> Vec<f64> {
        self.general().per_class(counts)
    }

    fn general(&self) -> FBetaScore {
        FBetaScore { average: self.average, beta: 1.0, threshold: self.threshold }
    }
}

impl RowMetric for F1Score {
    type State = Counts;
    const NAME: &'static str = "f1_score";

    fn check(&self, width: usize) -> Result<(), Error> {
        self.general().check(width)
    }

    fn add<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
        self.general().add(counts, batch)
    }

    fn value(&self, counts: &Counts) -> f64 {
        self.general().value(counts)
    }
}

row_metrics!(FBetaScore: Counts, F1Score: Counts);
