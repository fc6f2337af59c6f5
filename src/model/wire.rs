//! What `#[model]` is made of.

use dfdx::tensor::{Cpu, Tape};

use super::Row;
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    parameters::{Build, Parameters, Visitor},
    signal::Signal,
};

/// The number that `_` stands for in the type of a layer that the signal `In` reaches.
///
/// `#[model]` asks the layer with 0 in the place of `_`: for `Dense<_, 10>` the number is
/// `<Dense<0, 10> as Infer<In>>::SIZE`, the number of features of `In`.
#[diagnostic::on_unimplemented(
    message = "`_` cannot be inferred in `{Self}` from `{In}`",
    label = "write the number in the place of `_`",
    note = "a layer of your own implements `model::Infer` for its `_`"
)]
pub trait Infer<In> {
    /// The number.
    const SIZE: usize;
}

/// A value of a model: 0 is its input, `i + 1` is what its field `i` gives. Made by `#[model]`.
pub trait Wire<const VALUE: usize> {
    /// The signal of the value.
    type Signal;
    /// Evaluates to 0 if the layer that gives the value takes what reaches it.
    const CHECK: usize;
}

/// A wiring that has been checked: the 0 of [`Wire::CHECK`].
///
/// Where the check fails, this type is an error that has already been told, and so is everything that is
/// made of it: one wrong layer gives one error.
#[derive(Debug, Clone, Copy)]
pub struct Checked<const CHECK: usize>;

/// A layer behind its check.
pub trait Next<L, In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The signal that leaves the layer.
    type Out: Signal;

    /// [`Layer::call`].
    ///
    /// # Errors
    /// Those of the layer.
    fn call<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;

    /// [`Layer::call_mut`].
    ///
    /// # Errors
    /// Those of the layer.
    fn call_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

impl<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>> Next<L, In, E, D> for Checked<0> {
    type Out = L::Out;

    fn call<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        layer.call(x)
    }

    fn call_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        layer.call_mut(x)
    }
}

/// A field behind its check: a layer that can be built and visited.
pub trait Field<L, In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// [`Parameters::PARAMS`].
    const PARAMS: usize;

    /// [`Build::build`].
    ///
    /// # Errors
    /// Those of the layer.
    fn build(dev: &D) -> Result<L, Error>;

    /// [`Parameters::visit`].
    ///
    /// # Errors
    /// Those of the visitor.
    fn visit<V: Visitor<E, D>>(layer: &mut L, visitor: &mut V) -> Result<(), Error>;

    /// The row of the layer in a summary.
    fn row(name: &str, first: bool) -> Row;
}

impl<L, In, E, D> Field<L, In, E, D> for Checked<0>
where
    L: Layer<In, E, D> + Build<E, D> + Parameters<E, D>,
    In: Signal,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = L::PARAMS;

    fn build(dev: &D) -> Result<L, Error> {
        L::build(dev)
    }

    fn visit<V: Visitor<E, D>>(layer: &mut L, visitor: &mut V) -> Result<(), Error> {
        layer.visit(visitor)
    }

    fn row(name: &str, first: bool) -> Row {
        Row::of::<L, In, E, D>(name, first)
    }
}

/// The output of a model is what the attribute declares.
#[diagnostic::on_unimplemented(
    message = "the model gives `{Self}`, but `{Output}` is declared as its output",
    label = "not what the last layer gives"
)]
pub trait Gives<Output> {
    /// Nothing.
    const CHECK: () = ();
}

impl<S> Gives<S> for S {}
