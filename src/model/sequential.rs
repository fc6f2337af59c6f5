use std::{fmt, marker::PhantomData};

use dfdx::tensor::{Cpu, Tape};

use super::{Model, Reaches, Row, StreamModel, Summary};
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::{Layer, Takes},
    parameters::{Build, Parameters, Visitor},
    shape::Fault,
    signal::{Signal, StepRows},
    stream::{StateVisitor, StreamChain, Streamable},
    tuples::all_tuples,
};

/// A tuple of layers as a model for the input `In`.
///
/// The wiring is checked where the type is used, not where a `type` alias names it; with `#[model]` it is
/// checked at the line of the wrong layer.
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
pub struct Sequential<In: Signal, L: Takes<In, E, D>, E: Element = f32, D: Backend<E> = Cpu> {
    /// The layers.
    pub layers: L,
    wiring: PhantomData<fn(In, E, D)>,
}

impl<In: Signal, L: Layer<In, E, D>, E: Element, D: Backend<E>> Sequential<In, L, E, D> {
    /// A model of layers that are there already.
    pub fn new(layers: L) -> Self {
        const {
            L::FAULT.tell();
            L::CHECK
        };
        Self { layers, wiring: PhantomData }
    }
}

impl<In, L, E, D> Clone for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D> + Clone,
    E: Element,
    D: Backend<E>,
{
    fn clone(&self) -> Self {
        Self::new(self.layers.clone())
    }
}

impl<In, L, E, D> fmt::Debug for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D> + fmt::Debug,
    E: Element,
    D: Backend<E>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sequential").field(&self.layers).finish()
    }
}

impl<X: Reaches<In>, In: Signal, L: Layer<In, E, D>, E: Element, D: Backend<E>> Layer<X, E, D>
    for Sequential<In, L, E, D>
{
    type Out = L::Out;

    const CHECK: () = L::CHECK;
    const FAULT: Fault = L::FAULT;

    fn call<T: Tape<E, D>>(
        &self,
        x: X::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        self.layers.call(X::reach(x))
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: X::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        self.layers.call_mut(X::reach(x))
    }
}

#[diagnostic::do_not_recommend]
impl<In, L, E, D> Streamable<In, E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: StreamChain<In, E, D>,
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
    ) -> Result<<L::Out as Signal>::StepData<'a, E>, Error> {
        L::step(stepper, state, x)
    }

    fn commit(state: &mut L::State) {
        L::commit(state);
    }

    fn visit_state<V: StateVisitor<E>>(state: &mut L::State, visitor: &mut V) -> Result<(), Error> {
        L::visit_state(state, visitor)
    }
}

impl<In, L, E, D> StreamModel<E, D> for Sequential<In, L, E, D>
where
    In: StepRows,
    L: StreamChain<In, E, D> + Chain<In, E, D, Out: StepRows> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
}

impl<In, L, E, D> Build<E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D> + Build<E, D>,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<Self, Error> {
        Ok(Self::new(L::build(dev)?))
    }
}

impl<In, L, E, D> Parameters<E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = L::PARAMS;
    const TRAINABLE: usize = L::TRAINABLE;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        self.layers.visit(visitor)
    }
}

#[diagnostic::do_not_recommend]
impl<In, L, E, D> Model<E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: Chain<In, E, D> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Input = In;
    type Output = L::Out;

    fn summary() -> Summary {
        Summary::new("Sequential", L::rows())
    }
}

/// A tuple of layers that can say what is in it.
pub trait Chain<In: Signal, E: Element = f32, D: Backend<E> = Cpu>: Layer<In, E, D> {
    /// The rows of the summary.
    fn rows() -> Vec<Row>;
}

fn row<L, In, E, D>(number: usize) -> Row
where
    L: Layer<In, E, D> + Parameters<E, D>,
    In: Signal,
    E: Element,
    D: Backend<E>,
{
    let from = number.checked_sub(1).map_or("input".to_owned(), |before| before.to_string());
    let (name, drops) = (number.to_string(), L::DROPS_MASK);
    Row::of::<L, In, L::Out>(&name, &[&from], drops, L::PARAMS, L::TRAINABLE)
}

macro_rules! chain {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        impl<In, E, D, $first, $($layer),*> Chain<In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            $first: Layer<In, E, D> + Parameters<E, D>,
            $($layer: Layer<$before::Out, E, D> + Parameters<E, D>,)*
        {
            fn rows() -> Vec<Row> {
                vec![
                    row::<$first, In, E, D>(0),
                    $(row::<$layer, $before::Out, E, D>($i),)*
                ]
            }
        }
    };
}
all_tuples!(chain);
