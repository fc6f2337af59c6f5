use super::{
    Direction, MetricState,
    rows::{Batch, RowMetric, row_metrics},
};
use crate::{backend::Element, error::Error, loss::EPSILON, reduce::Mean};

/// The square root of the mean of the squared differences.
///
/// Keras: [`RootMeanSquaredError`](https://keras.io/api/metrics/regression_metrics/#rootmeansquarederror-class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RootMeanSquaredError;

impl RowMetric for RootMeanSquaredError {
    type State = Mean;
    const NAME: &'static str = "root_mean_squared_error";
    const DIRECTION: Option<Direction> = Some(Direction::Down);

    fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
        add_each(mean, batch, |p, y| {
            p.iter().zip(y).map(|(p, y)| (p - y).powi(2)).sum::<f64>() / p.len() as f64
        });
        Ok(())
    }

    fn value(&self, mean: &Mean) -> f64 {
        mean.get().sqrt()
    }
}

/// Writes a mean over positions of how alike prediction and target are.
macro_rules! likeness {
    ($(
        $(#[$doc:meta])*
        $metric:ident, $name:literal, $of:ident;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $metric;

        impl RowMetric for $metric {
            type State = Mean;
            const NAME: &'static str = $name;

            fn add<E: Element>(&self, mean: &mut Mean, batch: &Batch<E>) -> Result<(), Error> {
                add_each(mean, batch, $of);
                Ok(())
            }

            fn value(&self, mean: &Mean) -> f64 {
                mean.get()
            }
        }

        row_metrics!($metric: Mean);
    )*};
}

likeness! {
    /// The cosine of the angle between prediction and target: 1 if they point the same way. The
    /// [loss](crate::loss::CosineSimilarity) of this name is its negative.
    ///
    /// Keras: [`CosineSimilarity`](https://keras.io/api/metrics/regression_metrics/#cosinesimilarity-class).
    CosineSimilarity, "cosine_similarity", cosine;
    /// Pearson's correlation of the values of each position, from -1 to 1; NaN where all values are equal.
    ///
    /// Keras: [`PearsonCorrelation`](https://keras.io/api/metrics/correlation_metrics/#pearsoncorrelation-class).
    PearsonCorrelation, "pearson_correlation", pearson;
    /// Lin's concordance of the values of each position, by the formula that Keras has for it.
    ///
    /// Keras: [`ConcordanceCorrelation`](https://keras.io/api/metrics/correlation_metrics/#concordancecorrelation-class).
    ConcordanceCorrelation, "concordance_correlation", concordance;
}

fn add_each<E: Element>(mean: &mut Mean, batch: &Batch<E>, of: impl Fn(&[f64], &[f64]) -> f64) {
    let wide = |row: &[E]| row.iter().map(|value| value.as_f64()).collect::<Vec<f64>>();
    for (p, y, weight) in batch.rows() {
        mean.add([of(&wide(p), &wide(y))], [weight]);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(p: &[f64], y: &[f64]) -> f64 {
    let norm = |row: &[f64]| dot(row, row).sqrt().max(1e-6);
    dot(p, y) / (norm(p) * norm(y))
}

/// The mean of the values, and each without it.
fn centred(row: &[f64]) -> (f64, Vec<f64>) {
    let mean = row.iter().sum::<f64>() / row.len() as f64;
    (mean, row.iter().map(|value| value - mean).collect())
}

fn pearson(p: &[f64], y: &[f64]) -> f64 {
    let ((_, p), (_, y)) = (centred(p), centred(y));
    dot(&p, &y) / (dot(&p, &p) * dot(&y, &y)).sqrt()
}

fn concordance(p: &[f64], y: &[f64]) -> f64 {
    let ((p_mean, p_rest), (y_mean, y_rest)) = (centred(p), centred(y));
    let count = p.len() as f64;
    let norm = (dot(&p_rest, &p_rest) + dot(&y_rest, &y_rest)) / count + (y_mean - p_mean).powi(2);
    // Keras takes the mean of the prediction from the target too.
    let covariance: f64 = y.iter().zip(&p_rest).map(|(y, p)| (y - p_mean) * p).sum();
    2.0 * covariance / count / (norm + EPSILON)
}

/// How the scores of several values become one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ValueAverage {
    /// Their mean.
    #[default]
    Uniform,
    /// Their mean by the variance of the targets.
    VarianceWeighted,
}

/// The coefficient of determination, `1 - sum((y - p)^2) / sum((y - mean(y))^2)`.
///
/// Keras: [`R2Score`](https://keras.io/api/metrics/regression_metrics/#r2score-class).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct R2Score {
    /// Default [`ValueAverage::Uniform`].
    pub class_aggregation: ValueAverage,
    /// How many independent values the model has, for the adjusted score. Default 0: the score itself. Positions without
    /// weight do not count for it, as those of the padding.
    pub num_regressors: usize,
}

/// The sums that [`R2Score`] is made of, one per value of a position.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sums {
    /// `[sum(w), sum(w y), sum(w y^2), sum(w (y - p)^2)]`.
    of_values: Vec<[f64; 4]>,
    /// How many values there were.
    count: f64,
}

impl MetricState for Sums {
    fn merge(&mut self, other: &Self) {
        let values = self.of_values.len().max(other.of_values.len());
        self.of_values.resize(values, [0.0; 4]);
        for (ours, theirs) in self.of_values.iter_mut().zip(&other.of_values) {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours += theirs);
        }
        self.count += other.count;
    }

    fn to_values(&self) -> Vec<f64> {
        std::iter::once(self.count).chain(self.of_values.as_flattened().iter().copied()).collect()
    }

    fn from_values(values: Vec<f64>) -> Result<Self, Error> {
        match values.split_first() {
            Some((&count, rest)) if rest.len().is_multiple_of(4) => {
                Ok(Self { of_values: rest.as_chunks().0.to_vec(), count })
            }
            _ => Err(Error::mismatch("the values of sums", "a multiple of 4, and 1", values.len())),
        }
    }
}

impl RowMetric for R2Score {
    type State = Sums;
    const NAME: &'static str = "r2_score";

    fn add<E: Element>(&self, sums: &mut Sums, batch: &Batch<E>) -> Result<(), Error> {
        sums.of_values.resize(sums.of_values.len().max(batch.width), [0.0; 4]);
        for (p, y, weight) in batch.rows() {
            sums.count += batch.width as f64;
            for ((p, y), sums) in p.iter().zip(y).zip(&mut sums.of_values) {
                let (p, y) = (p.as_f64(), y.as_f64());
                let more = [1.0, y, y * y, (y - p).powi(2)];
                sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += weight * more);
            }
        }
        Ok(())
    }

    fn value(&self, sums: &Sums) -> f64 {
        // Below what the sums are rounded by, all values are equal.
        let rounding = 4.0 * f64::EPSILON * sums.count.sqrt();
        let variance = |[w, y, squares, _]: &[f64; 4]| {
            let variance = squares - y * y / w;
            if variance <= rounding * squares { 0.0 } else { variance }
        };
        let variances = || sums.of_values.iter().map(variance);
        let scores = sums.of_values.iter().zip(variances()).map(|([.., error], variance)| {
            let score = 1.0 - error / variance;
            if score.is_infinite() { 0.0 } else { score }
        });
        let score = match self.class_aggregation {
            _ if sums.of_values.is_empty() => 0.0,
            ValueAverage::Uniform => scores.sum::<f64>() / sums.of_values.len() as f64,
            ValueAverage::VarianceWeighted => {
                let weighted = scores.zip(variances()).map(|(score, variance)| score * variance);
                weighted.sum::<f64>() / variances().sum::<f64>()
            }
        };
        let regressors = self.num_regressors as f64;
        // With more of them than values there is no adjusted score.
        if self.num_regressors == 0 || regressors >= sums.count - 1.0 {
            return score;
        }
        1.0 - (1.0 - score) * (sums.count - 1.0) / (sums.count - regressors - 1.0)
    }
}

row_metrics!(RootMeanSquaredError: Mean, R2Score: Sums);
