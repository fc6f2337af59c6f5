//! Models: what is trained.

use dfdx::tensor::{Cpu, Tape};
use std::marker::PhantomData;

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{Build, Parameters, Visitor},
    signal::Signal,
};

/// A layer, or a chain of layers, whose input and output are settled.
pub trait Model<E: Element = f32, D: Backend<E> = Cpu>:
    Layer<Self::Input, E, D, Out = Self::Output> + Parameters<E, D>
{
    /// The signal that the model takes.
    type Input: Signal;
    /// The signal that the model gives.
    type Output: Signal;
}

/// A tuple of layers as a model for the input `In`. The wiring is checked where the type is used.
#[derive(Debug, Clone)]
pub struct Sequential<In: Signal, L: Layer<In, E, D>, E: Element = f32, D: Backend<E> = Cpu> {
    /// The layers.
    pub layers: L,
    input: PhantomData<fn(In, E, D)>,
}

impl<In, L, E, D> Layer<In, E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D>,
    E: Element,
    D: Backend<E>,
{
    type Out = L::Out;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        self.layers.call(x)
    }

    fn call_mut<T: Tape<E, D>>(
        &mut self,
        x: In::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        self.layers.call_mut(x)
    }
}

impl<In, L, E, D> Build<E, D> for Sequential<In, L, E, D>
where
    In: Signal,
    L: Layer<In, E, D> + Build<E, D>,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<Self, Error> {
        Ok(Self { layers: L::build(dev)?, input: PhantomData })
    }
}

impl<In, L, E, D> Parameters<E, D> for Sequential<In, L, E, D>
where
    In: Signal + Clone,
    L: Layer<In, E, D> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = L::PARAMS;

    fn visit<V: Visitor<E, D>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        self.layers.visit(visitor)
    }
}

impl<In, L, E, D> Model<E, D> for Sequential<In, L, E, D>
where
    In: Signal + Clone,
    L: Layer<In, E, D> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Input = In;
    type Output = L::Out;
}
