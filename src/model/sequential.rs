use std::{fmt, marker::PhantomData};

use dfdx::tensor::{Cpu, Tape};

use super::{
    Arrives, Chains, Model, StreamModel, Summary,
    chained::{Builds, Copies, Gives, Holds, Lists},
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{Build, Parameters, Visitor},
    shape::Fault,
    signal::{Signal, StepRows},
    stream::{StateVisitor, StreamChain, Streamable},
};

/// A tuple of layers as a model for the input `In`.
///
/// The wiring is checked where the type is used, not where a `type` alias names it; with `#[model]` it is
/// checked at the line of the wrong layer. `Out` is what the last layer gives, and need not be written; a generic function whose
/// layers are `L: Layer<In, Out = Out>` names it, `Sequential<In, L, f32, Cpu, Out>`.
///
/// ```
/// use kerata::{*, prelude::*, model::{Model, Sequential}};
///
/// type Net = Sequential<Ids<(Batch, Const<10>)>, (Embedding<27, 8, MaskZero>, Lstm<8, 16>, Dense<16, 6>)>;
/// let net = Net::build(&Cpu::seed_from_u64(0))?;
/// assert_eq!(Net::PARAMS, 27 * 8 + 4 * 16 * (8 + 16 + 1) + 17 * 6);
/// assert_eq!(Net::summary().rows[1].layer, "Lstm<8, 16>");
/// # Ok::<(), Error>(())
/// ```
pub struct Sequential<
    In: Signal,
    L,
    E: Element = f32,
    D: Backend<E> = Cpu,
    Out = <L as Chains<In, E, D>>::Out,
> {
    /// The layers.
    pub layers: L,
    wiring: PhantomData<fn(In, E, D) -> Out>,
}

impl<In, L, E, D, Out> Sequential<In, L, E, D, Out>
where
    In: Signal,
    E: Element,
    D: Backend<E>,
    Out: Gives<L, In, E, D>,
{
    /// A model of layers that are there already.
    pub fn new(layers: L) -> Self {
        const {
            Out::FAULT.tell();
            Out::CHECK
        };
        Self { layers, wiring: PhantomData }
    }
}

// What is asked of the layers is asked by way of the output, which is unknown behind an error of the wiring.
impl<In, L, E, D, Out> Clone for Sequential<In, L, E, D, Out>
where
    In: Signal,
    Out: Copies<L>,
    E: Element,
    D: Backend<E>,
{
    fn clone(&self) -> Self {
        Self { layers: Out::copy(&self.layers), wiring: PhantomData }
    }
}

impl<In, L, E, D, Out> fmt::Debug for Sequential<In, L, E, D, Out>
where
    In: Signal,
    L: fmt::Debug,
    E: Element,
    D: Backend<E>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sequential").field(&self.layers).finish()
    }
}

impl<X, In, L, E, D, Out> Layer<X, E, D> for Sequential<In, L, E, D, Out>
where
    X: Arrives<In>,
    In: Signal,
    E: Element,
    D: Backend<E>,
    Out: Gives<L, In, E, D>,
{
    type Out = X::Gives<Out>;

    const CHECK: () = Out::CHECK;
    const FAULT: Fault = Out::FAULT;

    fn call<T: Tape<E, D>>(
        &self,
        x: X::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        Out::call(&self.layers, X::reach(x)).map(X::gives::<Out, E, D, T>)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: X::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        Out::call_mut(&mut self.layers, X::reach(x)).map(X::gives::<Out, E, D, T>)
    }
}

#[diagnostic::do_not_recommend]
impl<In, L, E, D, Out> Streamable<In, E, D> for Sequential<In, L, E, D, Out>
where
    In: Signal,
    L: StreamChain<In, E, D, Out = Out>,
    Out: Signal,
    E: Element,
    D: Backend<E>,
{
    type State = L::State;
    type Stepper = L::Stepper;

    fn begin(&self, rows: usize) -> Result<(L::Stepper, L::State), Error> {
        self.layers.begin(rows)
    }

    fn step<'a>(
        stepper: &'a mut L::Stepper,
        state: &mut L::State,
        x: In::StepData<'a, E>,
    ) -> Result<Out::StepData<'a, E>, Error> {
        L::step(stepper, state, x)
    }

    fn commit(state: &mut L::State) {
        L::commit(state);
    }

    fn visit_state<V: StateVisitor<E>>(state: &mut L::State, visitor: &mut V) -> Result<(), Error> {
        L::visit_state(state, visitor)
    }
}

impl<In, L, E, D, Out> StreamModel<E, D> for Sequential<In, L, E, D, Out>
where
    In: StepRows,
    L: StreamChain<In, E, D, Out = Out> + Parameters<E, D>,
    Out: StepRows + Lists<L, In, E, D>,
    E: Element,
    D: Backend<E>,
{
}

impl<In, L, E, D, Out> Build<E, D> for Sequential<In, L, E, D, Out>
where
    In: Signal,
    Out: Builds<L, In, E, D>,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<Self, Error> {
        Ok(Self::new(Out::build(dev)?))
    }
}

impl<In, L, E, D, Out> Parameters<E, D> for Sequential<In, L, E, D, Out>
where
    In: Signal,
    Out: Holds<L, E, D> + Copies<L>,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = Out::PARAMS;
    const TRAINABLE: usize = Out::TRAINABLE;
    const SHOWS_TABLES: bool = Out::SHOWS_TABLES;
    const HOLDS: bool = true;

    fn visit(&mut self, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        Out::visit(&mut self.layers, visitor)
    }
}

#[diagnostic::do_not_recommend]
impl<In, L, E, D, Out> Model<E, D> for Sequential<In, L, E, D, Out>
where
    In: Signal,
    Out: Lists<L, In, E, D> + Holds<L, E, D> + Copies<L>,
    E: Element,
    D: Backend<E>,
{
    type Input = In;
    type Output = Out;

    fn summary() -> Summary {
        Summary::new("Sequential", Out::rows())
    }
}
