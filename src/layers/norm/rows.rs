//! What normalises each row by itself, step by step.

use crate::{
    backend::{Backend, Centre, Element, NormWeights, to_values},
    error::Error,
    stream::copy_bounded,
};

/// Gamma, beta and room for a step.
pub struct RowNormStepper<E> {
    gamma: Vec<E>,
    beta: Vec<E>,
    epsilon: f64,
    centre: Centre,
    values: Vec<E>,
}

impl<E: Element> RowNormStepper<E> {
    pub(super) fn new<D: Backend<E>>(
        weights: &NormWeights<E, D>,
        centre: Centre,
        values: Vec<E>,
    ) -> Result<Self, Error> {
        let (gamma, beta) = (to_values(&weights.gamma)?, to_values(&weights.beta)?);
        Ok(Self { gamma, beta, epsilon: weights.epsilon, centre, values })
    }

    /// The rows of a step, normalised.
    pub(super) fn step(&mut self, x: &[E], keep: Option<&[bool]>) -> &[E] {
        copy_bounded(x, keep, &mut self.values);
        let features = self.gamma.len();
        for row in self.values.chunks_exact_mut(features.max(1)) {
            // In double precision, whatever the elements are.
            let mean_of = |value: &dyn Fn(E) -> f64| {
                row.iter().map(|&x| value(x)).sum::<f64>() / features as f64
            };
            let centre = match self.centre {
                Centre::Mean => mean_of(&|x| x.as_f64()),
                Centre::Zero => 0.0,
            };
            let variance = mean_of(&|x| (x.as_f64() - centre).powi(2));
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((x, &gamma), &beta) in row.iter_mut().zip(&self.gamma).zip(&self.beta) {
                *x = E::of((x.as_f64() - centre) * scale) * gamma + beta;
            }
        }
        &self.values
    }
}
