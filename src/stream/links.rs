//! The layers of a model as one type, of which `#[model]` makes its stream: so the compiler looks at each layer here, and not once
//! more in each function of each model.

use std::marker::PhantomData;

use super::{StateVisitor, StreamsAs};
use crate::{
    backend::{Backend, Element},
    error::Error,
    never::Known,
    signal::Signal,
};

/// A layer that takes `In` and gives `Out`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Link<L, In, Out>(PhantomData<(L, In, Out)>);

/// Layers, and those behind them.
#[doc(hidden)]
#[derive(Debug)]
pub struct Links<A, B>(PhantomData<(A, B)>);

/// Layers with a stepper and a state.
#[doc(hidden)]
pub trait Streams<E: Element, D: Backend<E>> {
    /// The layers, in pairs of pairs.
    type Layers<'a>
    where
        Self: 'a;
    /// Their names, likewise.
    type Names: Copy;
    type State: Clone + Send + 'static;
    type Stepper: Send + 'static;

    fn begin(
        layers: Self::Layers<'_>,
        names: Self::Names,
        rows: usize,
    ) -> Result<(Self::Stepper, Self::State), Error>;

    fn commit(state: &mut Self::State);

    fn visit_state<V: StateVisitor<E>>(
        state: &mut Self::State,
        names: Self::Names,
        visitor: &mut V,
    ) -> Result<(), Error>;
}

/// Layers each of which takes what the one before it gives.
#[doc(hidden)]
pub trait StreamsOn<E: Element, D: Backend<E>>: Streams<E, D> {
    type In: Signal;
    type Out: Signal;

    fn step<'a>(
        stepper: &'a mut Self::Stepper,
        state: &mut Self::State,
        x: <Self::In as Signal>::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error>;
}

#[diagnostic::do_not_recommend]
impl<L, In, Out, E, D> Streams<E, D> for Link<L, In, Out>
where
    L: StreamsAs<In, Out, E, D>,
    In: Signal,
    Out: Signal,
    E: Element,
    D: Backend<E>,
{
    type Layers<'a>
        = &'a L
    where
        Self: 'a;
    type Names = &'static str;
    type State = L::State;
    type Stepper = L::Stepper;

    fn begin(layer: &L, name: &'static str, rows: usize) -> Result<(L::Stepper, L::State), Error> {
        layer.begin(rows).map_err(|error| match error {
            // What is missing is memory, whatever the layer.
            Error::Device(_) => error,
            _ => error.within(name),
        })
    }

    fn commit(state: &mut L::State) {
        L::commit(state);
    }

    fn visit_state<V: StateVisitor<E>>(
        state: &mut L::State,
        name: &'static str,
        visitor: &mut V,
    ) -> Result<(), Error> {
        visitor.enter(name);
        L::visit_state(state, visitor)?;
        visitor.leave();
        Ok(())
    }
}

#[diagnostic::do_not_recommend]
impl<L, In, Out, E, D> StreamsOn<E, D> for Link<L, In, Out>
where
    L: StreamsAs<In, Out, E, D>,
    In: Signal,
    Out: Signal,
    E: Element,
    D: Backend<E>,
{
    type In = In;
    type Out = Out;

    fn step<'a>(
        stepper: &'a mut L::Stepper,
        state: &mut L::State,
        x: In::StepData<'a, E>,
    ) -> Result<Out::StepData<'a, E>, Error> {
        L::step(stepper, state, x)
    }
}

#[diagnostic::do_not_recommend]
impl<A, B, E, D> Streams<E, D> for Links<A, B>
where
    A: Streams<E, D>,
    B: Streams<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Layers<'a>
        = (A::Layers<'a>, B::Layers<'a>)
    where
        Self: 'a;
    type Names = (A::Names, B::Names);
    // Through both of them the compiler looks up what the state is: where a layer has none, it says that once, and nothing of what is
    // made of the stream.
    type State = <A::State as Known>::Of<<B::State as Known>::Of<(A::State, B::State)>>;
    type Stepper = (A::Stepper, B::Stepper);

    fn begin(
        (a, b): Self::Layers<'_>,
        names: Self::Names,
        rows: usize,
    ) -> Result<(Self::Stepper, Self::State), Error> {
        let (a, b) = (A::begin(a, names.0, rows)?, B::begin(b, names.1, rows)?);
        Ok(((a.0, b.0), (a.1, b.1)))
    }

    fn commit((a, b): &mut Self::State) {
        A::commit(a);
        B::commit(b);
    }

    fn visit_state<V: StateVisitor<E>>(
        (a, b): &mut Self::State,
        names: Self::Names,
        visitor: &mut V,
    ) -> Result<(), Error> {
        A::visit_state(a, names.0, visitor)?;
        B::visit_state(b, names.1, visitor)
    }
}

#[diagnostic::do_not_recommend]
impl<A, B, E, D> StreamsOn<E, D> for Links<A, B>
where
    A: StreamsOn<E, D>,
    B: StreamsOn<E, D, In = A::Out>,
    E: Element,
    D: Backend<E>,
{
    type In = A::In;
    type Out = B::Out;

    fn step<'a>(
        steppers: &'a mut Self::Stepper,
        states: &mut Self::State,
        x: <A::In as Signal>::StepData<'a, E>,
    ) -> Result<<B::Out as Signal>::StepData<'a, E>, Error> {
        B::step(&mut steppers.1, &mut states.1, A::step(&mut steppers.0, &mut states.0, x)?)
    }
}
