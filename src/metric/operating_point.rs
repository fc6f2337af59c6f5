use super::{
    counts::{Counts, ratio},
    rows::{Batch, RowMetric, check_class, row_metrics},
    thresholds::{Thresholds, check_count},
};
use crate::{backend::Element, error::Error};

/// Writes the best of one rate among the thresholds at which another is large enough.
macro_rules! at {
    ($(
        $(#[$doc:meta])*
        $metric:ident, $name:literal, $given:ident, $best:ident;
    )*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// [`Error::Invalid`] for a value that is not in 0..=1, no thresholds, or a `class_id` that there is no class for;
        /// [`Error::NonFinite`] for a prediction that is NaN.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct $metric {
            /// How large the other rate must be, at least.
            pub value: f64,
            /// How many thresholds there are, at equal distances. Default 200.
            pub num_thresholds: usize,
            /// Only this class counts.
            pub class_id: Option<usize>,
        }

        impl $metric {
            /// With this value, 200 thresholds, and all classes.
            pub fn new(value: f64) -> Self {
                Self { value, num_thresholds: 200, class_id: None }
            }
        }

        impl RowMetric for $metric {
            type State = Counts;
            const NAME: &'static str = $name;

            fn check(&self, width: usize) -> Result<(), Error> {
                if !(0.0..=1.0).contains(&self.value) {
                    return Err(Error::invalid("value", self.value, "it must be in 0..=1"));
                }
                check_count(self.num_thresholds, 1)?;
                check_class(self.class_id, width)
            }

            fn add<E: Element>(&self, counts: &mut Counts, batch: &Batch<E>) -> Result<(), Error> {
                Thresholds::closed(self.num_thresholds).count(counts, batch, 1, |class, value| {
                    let counts = self.class_id.is_none_or(|id| id == class);
                    (value, f64::from(u8::from(counts)))
                })
            }

            fn value(&self, counts: &Counts) -> f64 {
                let thresholds = (0..counts.len()).map(|at| counts.at(at));
                let allowed = thresholds.filter(|counts| $given(*counts) >= self.value);
                allowed.map($best).fold(0.0, f64::max)
            }
        }

        row_metrics!($metric: Counts);
    )*};
}

fn sensitivity([tp, _, _, missed]: [f64; 4]) -> f64 {
    ratio(tp, tp + missed)
}

fn specificity([_, fp, tn, _]: [f64; 4]) -> f64 {
    ratio(tn, tn + fp)
}

fn precision([tp, fp, ..]: [f64; 4]) -> f64 {
    ratio(tp, tp + fp)
}

at! {
    /// The best sensitivity, `tp / (tp + fn)`, where the specificity, `tn / (tn + fp)`, is large enough.
    ///
    /// Keras: [`SensitivityAtSpecificity`](https://keras.io/api/metrics/classification_metrics/#sensitivityatspecificity-class).
    SensitivityAtSpecificity, "sensitivity_at_specificity", specificity, sensitivity;
    /// The best specificity, `tn / (tn + fp)`, where the sensitivity, `tp / (tp + fn)`, is large enough.
    ///
    /// Keras: [`SpecificityAtSensitivity`](https://keras.io/api/metrics/classification_metrics/#specificityatsensitivity-class).
    SpecificityAtSensitivity, "specificity_at_sensitivity", sensitivity, specificity;
    /// The best precision, `tp / (tp + fp)`, where the recall, `tp / (tp + fn)`, is large enough.
    ///
    /// Keras: [`PrecisionAtRecall`](https://keras.io/api/metrics/classification_metrics/#precisionatrecall-class).
    PrecisionAtRecall, "precision_at_recall", sensitivity, precision;
    /// The best recall, `tp / (tp + fn)`, where the precision, `tp / (tp + fp)`, is large enough.
    ///
    /// Keras: [`RecallAtPrecision`](https://keras.io/api/metrics/classification_metrics/#recallatprecision-class).
    RecallAtPrecision, "recall_at_precision", precision, sensitivity;
}
