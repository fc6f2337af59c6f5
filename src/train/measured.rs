use dfdx::tensor::{Cpu, NoneTape};

use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::Prediction,
    metric::{self, Direction, Metric},
    model::Model,
    reduce::{Mean, SampleWeights},
    signal::Signal,
};

/// A metric that a [`Trainer`](super::Trainer) of the model `M` can measure against targets `Y`: every [`Metric`] of
/// what the model gives.
pub trait Measures<M: Model<E, D>, Y: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// What measures with it: the same `T`.
    type By<T>;

    /// Adds it to the metrics of what measures.
    fn add<T>(
        self,
        to: T,
        metrics: impl FnOnce(&mut T, Box<dyn Measured<M::Output, Y, E, D>>),
    ) -> Self::By<T>;
}

impl<K, M, Y, E, D> Measures<M, Y, E, D> for K
where
    K: Metric<M::Output, Y, E, D> + Send + 'static,
    M: Model<E, D>,
    M::Output: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    type By<T> = T;

    fn add<T>(
        self,
        mut to: T,
        metrics: impl FnOnce(&mut T, Box<dyn Measured<M::Output, Y, E, D>>),
    ) -> T {
        metrics(&mut to, Box::new(self));
        to
    }
}

/// A metric as a trainer holds it, which need not know that what it measures is a [`Prediction`].
pub trait Measured<P: Signal, Y: Signal, E: Element, D: Backend<E>>: Send {
    /// [`Metric::name`].
    fn name(&self) -> String;

    /// [`Metric::direction`].
    fn direction(&self) -> Option<Direction>;

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

    fn direction(&self) -> Option<Direction> {
        Metric::direction(self)
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

    fn select(&self, _: &[usize]) -> Result<Self, Error> {
        Ok(*self)
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.0.expand(sizes)
    }
}
