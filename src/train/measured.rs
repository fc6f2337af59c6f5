use std::{any::Any, fmt::Debug};

use dfdx::tensor::{Cpu, NoneTape};

use crate::{
    backend::{Backend, Element},
    error::Error,
    loss::Prediction,
    metric::{self, Direction, Metric, MetricState},
    model::{Model, Output},
    reduce::SampleWeights,
    signal::{One, OutputAt, Outputs, Several, Signal},
};

/// A metric that a [`Trainer`](super::Trainer) of the model `M` can measure against targets `Y`: every [`Metric`] of
/// what the model gives.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no metric of the model `{M}` with the targets `{Y}`",
    label = "a metric is a value, `BinaryAccuracy::default()`: `SparseCategoricalAccuracy` for class ids, `Ids<..>`, `CategoricalAccuracy` for one-hot rows; others want targets of the shape that the model gives; a loss is a metric as `MeanLoss(..)`"
)]
pub trait Measures<M: Model<E, D>, Y: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The metric as a trainer holds it; `None` for a model of several outputs.
    fn measured(self) -> Option<Box<dyn Measured<M::Output, Y, E, D>>>;
}

#[diagnostic::do_not_recommend]
impl<K, M, Y, E, D> Measures<M, Y, E, D> for K
where
    M: Model<E, D, Output: Outputs>,
    <M::Output as Outputs>::Number: Measuring<K, M::Output, Y, E, D>,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn measured(self) -> Option<Box<dyn Measured<M::Output, Y, E, D>>> {
        <M::Output as Outputs>::Number::held(self)
    }
}

/// How a metric `K` of all that a model gives is held.
///
/// Of several outputs no metric is, but that [`OneOf`] says: so that it is one error, and not one for each place of a
/// signature that asks for a [`Prediction`].
pub trait Measuring<K, P: Signal, Y: Signal, E: Element, D: Backend<E>> {
    /// The metric as a trainer holds it; `None` of several outputs.
    fn held(metric: K) -> Option<Box<dyn Measured<P, Y, E, D>>>;
}

impl<K, P, Y, E, D> Measuring<K, P, Y, E, D> for One
where
    K: Metric<P, Y, E, D> + Send + 'static,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    fn held(metric: K) -> Option<Box<dyn Measured<P, Y, E, D>>> {
        Some(Box::new(OfModel(metric)))
    }
}

impl<K, P: Signal, Y: Signal, E: Element, D: Backend<E>> Measuring<K, P, Y, E, D> for Several {
    fn held(_: K) -> Option<Box<dyn Measured<P, Y, E, D>>> {
        None
    }
}

/// The model `M` has one output, not several.
#[diagnostic::on_unimplemented(
    message = "`{M}` has several outputs, and a metric measures one of them",
    label = "of which output?",
    note = "name the output: `metric_of({M}::NAME, ..)` or `weighted_metric_of`, with a constant of the `#[model]`"
)]
pub trait OneOf<M> {}

#[diagnostic::do_not_recommend]
impl<M> OneOf<M> for One {}

/// A value that can be a metric of the model `M`, if any can: every one is, of a model with one output.
///
/// The methods of a trainer return what it names, and it says nothing of the targets, which are not known yet: so the compiler
/// comes to it first.
pub trait OfOne<M, E: Element = f32, D: Backend<E> = Cpu> {
    /// The same `T`.
    type Added<T>;

    /// The same value.
    fn added<T>(to: T) -> Self::Added<T>;
}

impl<K, M, E, D> OfOne<M, E, D> for K
where
    M: Model<E, D, Output: Outputs>,
    <M::Output as Outputs>::Number: OneOf<M>,
    E: Element,
    D: Backend<E>,
{
    type Added<T> = T;

    fn added<T>(to: T) -> T {
        to
    }
}

/// A metric that a [`Trainer`](super::Trainer) of the model `M` can measure of its output `Of`, an [`Output`], against the target of
/// that in `Y`.
pub trait MeasuresOutput<M: Model<E, D>, Y: Signal, Of, E: Element = f32, D: Backend<E> = Cpu> {
    /// What measures with it: the same `T`.
    type By<T>;

    /// Adds it to the metrics of what measures, under the name of the output.
    fn add_of<T>(
        self,
        to: T,
        output: String,
        metrics: impl FnOnce(&mut T, Box<dyn Measured<M::Output, Y, E, D>>),
    ) -> Self::By<T>;
}

impl<K, M, Y, E, D, const AT: usize> MeasuresOutput<M, Y, Output<M, AT>, E, D> for K
where
    M: Model<E, D>,
    M::Output: OutputAt<AT, Signal: Prediction>,
    Y: OutputAt<AT>,
    K: Metric<<M::Output as OutputAt<AT>>::Signal, <Y as OutputAt<AT>>::Signal, E, D>
        + Send
        + 'static,
    E: Element,
    D: Backend<E>,
{
    type By<T> = T;

    fn add_of<T>(
        self,
        mut to: T,
        output: String,
        metrics: impl FnOnce(&mut T, Box<dyn Measured<M::Output, Y, E, D>>),
    ) -> T {
        metrics(&mut to, Box::new(OfOutput::<K, AT> { metric: self, output }));
        to
    }
}

/// A metric as a trainer holds it, which need not know that what it measures is a [`Prediction`].
pub trait Measured<P: Signal, Y: Signal, E: Element, D: Backend<E>>: Send {
    /// [`Metric::name`]; of one output of several, behind the name of that.
    fn name(&self) -> String;

    /// The output that it is of, if there are several.
    fn output(&self) -> Option<&str> {
        None
    }

    /// [`Metric::direction`].
    fn direction(&self) -> Option<Direction>;

    /// What it has seen before the first batch.
    fn start(&self) -> Box<dyn AnyState>;

    /// What it had seen: [`MetricState::from_values`].
    ///
    /// # Errors
    /// Those of the state.
    fn restore(&self, values: Vec<f64>) -> Result<Box<dyn AnyState>, Error>;

    /// [`metric::update`].
    ///
    /// # Errors
    /// Those of the metric and of the weights.
    fn update(
        &self,
        state: &mut dyn AnyState,
        output: &P::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
        weights: AnyWeights<'_>,
    ) -> Result<(), Error>;

    /// [`Metric::result`].
    fn result(&self, state: &dyn AnyState) -> f64;
}

/// A metric of the only output.
struct OfModel<K>(K);

/// A metric of one output of several.
struct OfOutput<K, const AT: usize> {
    metric: K,
    output: String,
}

/// What is the same for a metric of one output and of several.
macro_rules! measured {
    (|$this:ident| $metric:expr, $P:ty, $Y:ty) => {
        fn direction(&self) -> Option<Direction> {
            let $this = self;
            Metric::<$P, $Y, E, D>::direction($metric)
        }

        fn start(&self) -> Box<dyn AnyState> {
            Box::<<K as Metric<$P, $Y, E, D>>::State>::default()
        }

        fn restore(&self, values: Vec<f64>) -> Result<Box<dyn AnyState>, Error> {
            Ok(Box::new(<K as Metric<$P, $Y, E, D>>::State::from_values(values)?))
        }

        fn result(&self, state: &dyn AnyState) -> f64 {
            let $this = self;
            let state = state.as_any().downcast_ref();
            state.map_or(f64::NAN, |state| Metric::<$P, $Y, E, D>::result($metric, state))
        }
    };
}

impl<K, P, Y, E, D> Measured<P, Y, E, D> for OfModel<K>
where
    K: Metric<P, Y, E, D> + Send,
    P: Prediction,
    Y: Signal,
    E: Element,
    D: Backend<E>,
{
    measured!(|this| &this.0, P, Y);

    fn name(&self) -> String {
        Metric::name(&self.0)
    }

    fn update(
        &self,
        state: &mut dyn AnyState,
        output: &P::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
        weights: AnyWeights<'_>,
    ) -> Result<(), Error> {
        let output = P::share::<E, D>(output);
        metric::update::<P, Y, E, D, K>(own(state)?, &self.0, output, target, &weights)
    }
}

impl<K, P, Y, E, D, const AT: usize> Measured<P, Y, E, D> for OfOutput<K, AT>
where
    P: OutputAt<AT, Signal: Prediction>,
    Y: OutputAt<AT>,
    K: Metric<P::Signal, Y::Signal, E, D> + Send,
    E: Element,
    D: Backend<E>,
{
    measured!(|this| &this.metric, P::Signal, Y::Signal);

    fn name(&self) -> String {
        Metric::name(&self.metric)
    }

    fn output(&self) -> Option<&str> {
        Some(&self.output)
    }

    fn update(
        &self,
        state: &mut dyn AnyState,
        output: &P::Data<E, D, NoneTape>,
        target: &Y::Data<E, D, NoneTape>,
        weights: AnyWeights<'_>,
    ) -> Result<(), Error> {
        let output = P::Signal::share::<E, D>(P::at::<E, D>(output));
        let (target, weights) = (Y::at::<E, D>(target), weights.of_output(AT));
        metric::update::<P::Signal, Y::Signal, E, D, K>(
            own(state)?,
            &self.metric,
            output,
            target,
            &weights,
        )
    }
}

/// The state of a metric, of whatever type it is.
pub trait AnyState: Send + Debug {
    /// The state itself.
    fn as_any(&self) -> &dyn Any;

    /// The state itself, to change it.
    fn as_any_mut(&mut self) -> &mut dyn Any;

    /// A copy.
    fn copied(&self) -> Box<dyn AnyState>;

    /// [`MetricState::to_values`].
    fn to_values(&self) -> Vec<f64>;

    /// [`MetricState::merge`].
    ///
    /// # Errors
    /// [`Error::Mismatch`] for the state of another metric.
    fn merge(&mut self, other: &dyn AnyState) -> Result<(), Error>;
}

impl<S: MetricState> AnyState for S {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn copied(&self) -> Box<dyn AnyState> {
        Box::new(self.clone())
    }

    fn to_values(&self) -> Vec<f64> {
        MetricState::to_values(self)
    }

    fn merge(&mut self, other: &dyn AnyState) -> Result<(), Error> {
        let other = other.as_any().downcast_ref().ok_or_else(another::<S>)?;
        MetricState::merge(self, other);
        Ok(())
    }
}

impl Clone for Box<dyn AnyState> {
    fn clone(&self) -> Self {
        (**self).copied()
    }
}

/// The state as the type that its metric made it of.
fn own<S: MetricState>(state: &mut dyn AnyState) -> Result<&mut S, Error> {
    let state = state.as_any_mut().downcast_mut();
    state.ok_or_else(another::<S>)
}

fn another<S>() -> Error {
    Error::mismatch("the state of a metric", std::any::type_name::<S>(), "another")
}

/// The weights of a batch, of whatever type they are.
#[derive(Clone, Copy)]
pub struct AnyWeights<'a> {
    weights: &'a dyn Expand,
    /// Of which output they are.
    output: Option<usize>,
}

impl<'a> AnyWeights<'a> {
    pub(super) fn of(weights: &'a impl SampleWeights) -> Self {
        Self { weights, output: None }
    }

    fn of_output(self, output: usize) -> Self {
        Self { output: Some(output), ..self }
    }
}

trait Expand {
    fn expand(&self, output: Option<usize>, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error>;
}

impl<W: SampleWeights> Expand for W {
    fn expand(&self, output: Option<usize>, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        match output {
            Some(output) => SampleWeights::expand_for(self, output, sizes),
            None => SampleWeights::expand(self, sizes),
        }
    }
}

#[diagnostic::do_not_recommend]
impl SampleWeights for AnyWeights<'_> {
    fn samples(&self) -> Option<usize> {
        None
    }

    fn select(&self, _: &[usize]) -> Result<Self, Error> {
        Ok(*self)
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        self.weights.expand(self.output, sizes)
    }
}
