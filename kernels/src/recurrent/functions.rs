//! Functions of a step other than tanh and the sigmoid.

use std::{fmt::Debug, sync::Arc};

/// A function of each value.
pub trait Function: Debug + Send + Sync {
    /// Writes the results over the arguments.
    fn apply(&self, values: &mut [f32]);

    /// Writes the slopes over the arguments, given the results.
    fn slopes(&self, arguments: &mut [f32], results: &[f32]);
}

/// Those of a step.
#[derive(Debug, Clone)]
pub struct Functions {
    /// The activation.
    pub activation: Arc<dyn Function>,
    /// That of the gates.
    pub gate: Arc<dyn Function>,
}

/// Applies a function. With `slopes`, these get its slopes.
pub(super) fn apply(curve: &dyn Function, values: &mut [f32], slopes: Option<&mut [f32]>) {
    match slopes {
        Some(slopes) => {
            slopes.copy_from_slice(values);
            curve.apply(values);
            curve.slopes(slopes, values);
        }
        None => curve.apply(values),
    }
}
