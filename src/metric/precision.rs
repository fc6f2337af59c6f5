use std::cmp::Ordering;

use super::{
    Direction,
    counts::{Counts, ratio},
    rows::{Batch, RowMetric, check_class, check_threshold, row_metrics},
};
use crate::{backend::Element, error::Error, order::sort_places};

/// Writes a metric that counts how often yes and no were right.
macro_rules! counting {
    ($(
        $(#[$doc:meta])*
        $metric:ident, $name:literal, $direction:expr, |$counts:pat_param| $value:expr;
    )*) => {$(
        $(#[$doc])*
        ///
        /// A value above the threshold is a yes, and a target that is not 0.
        ///
        /// # Errors
        /// [`Error::Invalid`] for a `threshold` that is not in 0..=1, and a `top_k` or `class_id` that there are not so many
        /// classes for.
        #[derive(Debug, Clone, Copy, Default, PartialEq)]
        pub struct $metric {
            /// A value above it is a yes. Default 0.5; with `top_k`, none.
            pub threshold: Option<f64>,
            /// Only so many of the largest values of each position can be a yes.
            pub top_k: Option<usize>,
            /// Only this class counts.
            pub class_id: Option<usize>,
        }

        impl RowMetric for $metric {
            type State = Counts;
            const NAME: &'static str = $name;
            const DIRECTION: Option<Direction> = $direction;

            fn check(&self, width: usize) -> Result<(), Error> {
                self.asked().check(width)
            }

            fn add<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
                self.asked().count(counts, batch)
            }

            fn value(&self, counts: &Counts) -> f64 {
                let $counts = counts.at(0);
                $value
            }
        }

        impl $metric {
            fn asked(&self) -> Asked {
                Asked { threshold: self.threshold, top_k: self.top_k, class_id: self.class_id }
            }
        }

        row_metrics!($metric: Counts);
    )*};
}

counting! {
    /// How many of those that are predicted are true: `tp / (tp + fp)`, 0 where nothing is predicted.
    ///
    /// Keras: [`Precision`](https://keras.io/api/metrics/classification_metrics/#precision-class).
    ///
    /// ```
    /// use kerata::{Batch, Const, Cpu, metric::{Metric, Precision, update}, prelude::*, reduce::Unweighted};
    ///
    /// type One = (Batch, Const<1>);
    /// let column = |values: [f32; 4]| Cpu::default().tensor_from_vec(values.to_vec(), (4, Const::<1>));
    /// let (precision, mut counts) = (Precision::default(), Default::default());
    /// let (prediction, target) = (column([0.9, 0.8, 0.2, 0.6]), column([1.0, 0.0, 1.0, 1.0]));
    /// update::<One, One, f32, Cpu, _>(&mut counts, &precision, prediction, &target, &Unweighted)?;
    /// assert_eq!(Metric::<One, One>::result(&precision, &counts), 2.0 / 3.0);
    /// # Ok::<(), kerata::Error>(())
    /// ```
    Precision, "precision", Some(Direction::Up), |[tp, fp, ..]| ratio(tp, tp + fp);
    /// How many of those that are true are predicted: `tp / (tp + fn)`, 0 where nothing is true.
    ///
    /// Keras: [`Recall`](https://keras.io/api/metrics/classification_metrics/#recall-class).
    Recall, "recall", Some(Direction::Up), |[tp, .., missed]| ratio(tp, tp + missed);
    /// How many are predicted and true.
    ///
    /// Keras: [`TruePositives`](https://keras.io/api/metrics/classification_metrics/#truepositives-class).
    TruePositives, "true_positives", Some(Direction::Up), |[count, ..]| count;
    /// How many are predicted but not true.
    ///
    /// Keras: [`FalsePositives`](https://keras.io/api/metrics/classification_metrics/#falsepositives-class).
    FalsePositives, "false_positives", Some(Direction::Down), |[_, count, ..]| count;
    /// How many are neither predicted nor true.
    ///
    /// Keras: [`TrueNegatives`](https://keras.io/api/metrics/classification_metrics/#truenegatives-class).
    TrueNegatives, "true_negatives", Some(Direction::Up), |[_, _, count, _]| count;
    /// How many are true but not predicted.
    ///
    /// Keras: [`FalseNegatives`](https://keras.io/api/metrics/classification_metrics/#falsenegatives-class).
    FalseNegatives, "false_negatives", Some(Direction::Down), |[.., count]| count;
}

/// Which values are a yes, and which count.
struct Asked {
    threshold: Option<f64>,
    top_k: Option<usize>,
    class_id: Option<usize>,
}

impl Asked {
    fn check(&self, width: usize) -> Result<(), Error> {
        check_threshold(self.threshold)?;
        if let Some(k) = self.top_k.filter(|k| !(1..=width).contains(k)) {
            let expected = "it must be at least 1 and at most the number of classes";
            return Err(Error::invalid("top_k", format!("{k} of {width}"), expected));
        }
        check_class(self.class_id, width)
    }

    fn count<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
        counts.reserve(1)?;
        let threshold = match (self.threshold, self.top_k) {
            (Some(threshold), _) => E::of(threshold),
            (None, Some(_)) => E::neg_infinity(),
            (None, None) => E::of(0.5),
        };
        for (p, y, weight) in batch.rows() {
            let largest = self.top_k.map(|k| largest(p, k));
            for (class, (p, y)) in p.iter().zip(y).enumerate() {
                if self.class_id.is_none_or(|id| id == class) {
                    let chosen = largest.as_ref().is_none_or(|all| all.contains(&class));
                    counts.add(0, chosen && *p > threshold, !y.is_zero(), weight);
                }
            }
        }
        Ok(())
    }
}

/// The places of the `k` largest values, of equals the first. NaN is never among them.
fn largest<E: Element>(row: &[E], k: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..row.len()).filter(|&i| !row[i].is_nan()).collect();
    sort_places(&mut places, |a, b| row[b].partial_cmp(&row[a]).unwrap_or(Ordering::Equal));
    places.truncate(k);
    places
}
