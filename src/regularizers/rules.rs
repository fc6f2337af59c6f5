use super::{Constraint, Regularizer};

/// What holds for one weight of a layer.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// The name of the weight within its layer.
    pub weight: &'a str,
    /// What is added to the loss.
    pub regularizer: Option<&'a dyn Regularizer>,
    /// What holds after each step.
    pub constraint: Option<&'a dyn Constraint>,
}
