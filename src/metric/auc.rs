use super::{
    counts::{Counts, ratio},
    rows::{Batch, RowMetric, row_metrics},
    thresholds::{Thresholds, check_count},
};
use crate::{backend::Element, error::Error};

/// Which curve an area is under.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Curve {
    /// Recall against the rate of false positives.
    #[default]
    Roc,
    /// Precision against recall.
    Pr,
    /// The gain of precision against the gain of recall.
    PrGain,
}

/// How an area is summed up between two thresholds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Summation {
    /// By the middle; for [`Curve::Pr`] by the formula of Davis and Goadrich.
    #[default]
    Interpolation,
    /// By the smaller height.
    Minoring,
    /// By the larger height.
    Majoring,
}

/// The area under a curve of the receiver operating characteristic, or another [`Curve`], by counts at many thresholds.
///
/// # Errors
/// [`Error::Invalid`] for fewer than 2 thresholds, and for label weights that are not as many as there are labels;
/// [`Error::NonFinite`] for a prediction that is NaN.
///
/// Keras: [`AUC`](https://keras.io/api/metrics/classification_metrics/#auc-class).
#[derive(Debug, Clone, PartialEq)]
pub struct Auc {
    /// How many thresholds there are, at equal distances. Default 200.
    pub num_thresholds: usize,
    /// These thresholds, in place of those at equal distances. Default none.
    pub thresholds: Option<Vec<f64>>,
    /// Default [`Curve::Roc`].
    pub curve: Curve,
    /// Default [`Summation::Interpolation`].
    pub summation_method: Summation,
    /// Whether each label has its own curve, of whose areas the mean is taken. Default no: all are of one curve.
    pub multi_label: bool,
    /// What each label counts for. Default: the same.
    pub label_weights: Option<Vec<f64>>,
    /// Whether predictions are logits, and not probabilities. Default no.
    pub from_logits: bool,
}

impl Default for Auc {
    fn default() -> Self {
        Self {
            num_thresholds: 200,
            thresholds: None,
            curve: Curve::default(),
            summation_method: Summation::default(),
            multi_label: false,
            label_weights: None,
            from_logits: false,
        }
    }
}

impl RowMetric for Auc {
    type State = Counts;
    const NAME: &'static str = "auc";

    fn check(&self, width: usize) -> Result<(), Error> {
        if self.thresholds.is_none() {
            check_count(self.num_thresholds, 2)?;
        }
        let outside = |t: &&f64| !(0.0..=1.0).contains(*t);
        if let Some(threshold) = self.thresholds.iter().flatten().find(outside) {
            return Err(Error::invalid("thresholds", threshold, "they must be in 0..=1"));
        }
        match &self.label_weights {
            Some(weights) if weights.len() != width => {
                Err(Error::mismatch("the number of label weights", width, weights.len()))
            }
            Some(weights) => match weights.iter().find(|w| !(**w >= 0.0 && w.is_finite())) {
                Some(weight) => {
                    let expected = "they must be at least 0, and finite";
                    Err(Error::invalid("label_weights", weight, expected))
                }
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn add<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
        let labels = if self.multi_label { batch.width } else { 1 };
        let weights = self.label_weights.as_deref().filter(|_| !self.multi_label);
        self.at().count(counts, batch, labels, |label, value| {
            let value =
                if self.from_logits { E::one() / (E::one() + (-value).exp()) } else { value };
            (value, weights.map_or(1.0, |weights| weights[label]))
        })
    }

    fn value(&self, counts: &Counts) -> f64 {
        let thresholds = self.at().len();
        let labels = counts.len() / thresholds;
        if labels == 0 {
            return 0.0;
        }
        let areas = (0..labels).map(|label| {
            let at = (0..thresholds).map(|at| counts.at(at * labels + label));
            self.area(&at.collect::<Vec<_>>())
        });
        match &self.label_weights {
            Some(weights) if self.multi_label => {
                let sum = areas.zip(weights).map(|(area, weight)| area * weight).sum();
                ratio(sum, weights.iter().sum())
            }
            _ => areas.sum::<f64>() / labels as f64,
        }
    }
}

impl Auc {
    fn at(&self) -> Thresholds {
        match &self.thresholds {
            Some(thresholds) => Thresholds::given(thresholds),
            None => Thresholds::open(self.num_thresholds),
        }
    }

    fn area(&self, counts: &[[f64; 4]]) -> f64 {
        if (self.curve, self.summation_method) == (Curve::Pr, Summation::Interpolation) {
            return counts.windows(2).map(|pair| interpolated(pair[0], pair[1])).sum();
        }
        let points: Vec<(f64, f64)> = counts.iter().map(|at| self.point(*at)).collect();
        let strip = |pair: &[(f64, f64)]| {
            let ((x, y), (next_x, next_y)) = (pair[0], pair[1]);
            let height = match self.summation_method {
                Summation::Interpolation => (y + next_y) / 2.0,
                Summation::Minoring => y.min(next_y),
                Summation::Majoring => y.max(next_y),
            };
            (x - next_x) * height
        };
        points.windows(2).map(strip).sum()
    }

    /// The point of the curve at one threshold.
    fn point(&self, [tp, fp, tn, missed]: [f64; 4]) -> (f64, f64) {
        match self.curve {
            Curve::Roc => (ratio(fp, fp + tn), ratio(tp, tp + missed)),
            Curve::Pr => (ratio(tp, tp + missed), ratio(tp, tp + fp)),
            Curve::PrGain if tp == 0.0 => (0.0, 1.0),
            Curve::PrGain => {
                let scale = ratio(tp + missed, tn + fp);
                ((1.0 - scale * ratio(missed, tp)).max(0.0), 1.0 - scale * ratio(fp, tp))
            }
        }
    }
}

/// The area under precision and recall between two thresholds, where both true positives and predicted ones change
/// linearly.
fn interpolated([tp, fp, ..]: [f64; 4], [next_tp, next_fp, _, missed]: [f64; 4]) -> f64 {
    let (p, next_p) = (tp + fp, next_tp + next_fp);
    let slope = ratio(tp - next_tp, (p - next_p).max(0.0));
    let intercept = next_tp - slope * next_p;
    let log = if p > 0.0 && next_p > 0.0 { (p / next_p).ln() } else { 0.0 };
    ratio(slope * (tp - next_tp + intercept * log), (next_tp + missed).max(0.0))
}

row_metrics!(Auc: Counts);
