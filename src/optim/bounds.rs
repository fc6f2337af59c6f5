use super::Moment;
use crate::backend::Element;

/// How large the values can become that an update computes: what [`Optimizer::bounds`] gives.
///
/// [`Optimizer::bounds`]: super::Optimizer::bounds
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The largest value that is kept for the next steps.
    pub slots: f64,
    /// The largest value that is computed on the way, and that is subtracted from a parameter.
    pub change: f64,
}

impl Bounds {
    /// Those of two updates together.
    pub(super) fn max(self, other: Self) -> Self {
        Self { slots: self.slots.max(other.slots), change: self.change.max(other.change) }
    }

    /// Whether an update within these bounds leaves all values finite, whatever the parameters are: less than half of
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

/// The largest running mean of gradients, or of their squares, of which a step keeps a fraction.
pub(super) fn moments(moment: &Moment, gradient: f64, kept: f64) -> f64 {
    let more = gradient.max(gradient * gradient);
    more.max(kept * moment.largest_slot + (1.0 - kept) * more)
}
