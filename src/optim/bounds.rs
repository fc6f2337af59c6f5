use crate::backend::Element;

/// How large the values can become that a step of an optimiser computes: what [`Optimizer::bounds`] gives.
///
/// [`Optimizer::bounds`]: super::Optimizer::bounds
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The largest value that is kept for the next steps.
    pub slots: f64,
    /// The largest value that is computed on the way, and that is added to a parameter.
    pub change: f64,
}

impl Bounds {
    /// The same, where the parameters lose a fraction of themselves; none if that may be more than half of them.
    pub(super) fn with_decay(self, learning_rate: f64, decay: Option<f64>) -> Option<Self> {
        (learning_rate * decay.unwrap_or(0.0) <= 0.5).then_some(self)
    }

    /// Whether a step within these bounds leaves all values finite, whatever the parameters are: less than half of
    /// the distance between the largest two floats, added to the largest, is rounded to nothing.
    pub(super) fn are_safe<E: Element>(self) -> bool {
        let limit = E::max_value().as_f64() * (E::epsilon().as_f64() / 8.0);
        self.slots <= limit && self.change <= limit
    }
}

/// A setting as the update rounds it.
pub(super) fn rounded<E: Element>(setting: f64) -> f64 {
    E::of(setting).as_f64()
}
