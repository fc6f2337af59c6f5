use dfdx::tensor::NoneTape;

use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::Prediction,
    metric::{self, Metric},
    reduce::{Mean, SampleWeights},
    signal::Signal,
};

/// A metric as a trainer holds it, which need not know that what it measures is a [`Prediction`].
pub trait Measured<P: Signal, Y: Signal, E: Element, D: Backend<E>>: Send {
    /// [`Metric::name`].
    fn name(&self) -> String;

    /// [`metric::update`].
    ///
    /// # Errors
    /// Those of the metric and of the weights.
    fn update(
        &self,
        mean: &mut Mean,
        output: P::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
        weights: AnyWeights<'_>,
    ) -> Result<(), Error>;
}

impl<K, P, Y, E, D> Measured<P, Y, E, D> for K
where
    K: Metric<P, Y, E, D> + Send,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn name(&self) -> String {
        Metric::name(self)
    }

    fn update(
        &self,
        mean: &mut Mean,
        output: P::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
        weights: AnyWeights<'_>,
    ) -> Result<(), Error> {
        metric::update::<P, Y, E, D, _>(mean, self, output, target, &weights)
    }
}

/// The weights of a batch, of whatever type they are.
#[derive(Clone, Copy)]
pub struct AnyWeights<'a>(&'a dyn Expand);

impl<'a> AnyWeights<'a> {
    pub(super) fn of(weights: &'a impl SampleWeights) -> Self {
        Self(weights)
    }
}

trait Expand {
    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error>;
}

impl<W: SampleWeights> Expand for W {
    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        SampleWeights::expand(self, sizes)
    }
}

impl SampleWeights for AnyWeights<'_> {
    fn samples(&self) -> Option<usize> {
        None
    }

    fn select(&self, _: &[usize]) -> Self {
        *self
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.0.expand(sizes)
    }
}
