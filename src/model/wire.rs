//! What `#[model]` is made of.

use std::{convert::Infallible, fmt, marker::PhantomData};

use dfdx::tensor::{Cpu, NoneTape, Tape};

use crate::{
    backend::{Backend, Element},
    error::Error,
    fusion::Fused,
    layer::{Layer, pass, pass_mut},
    parameters::{Build, Optional, Parameters, Visitor},
    signal::{PartAt, Signal},
};

/// A value of a model: 0 is its input, `i + 1` is what its field `i` gives, and behind these come the parts
/// of values that are two. Made by `#[model]`.
pub trait LayerNumber<const VALUE: usize> {
    /// The signal of the value.
    type Signal;
    /// Evaluates to 0 if what gives the value takes what reaches it.
    const CHECK: usize = 0;
    /// Evaluates to 0 if it can be built, and its parameters can be visited.
    const FIELD: usize = 0;
}

/// A wiring that has been checked: the 0 of [`LayerNumber::CHECK`] or [`LayerNumber::FIELD`].
///
/// Where the check fails, this type is an error that has already been told, and so is everything that is
/// made of it: one wrong layer gives one error.
#[derive(Debug, Clone, Copy)]
pub struct Checked<const CHECK: usize>;

/// The input of a model behind its check.
pub trait Carries<S> {
    /// The signal.
    type Signal: Signal;
}

impl<S: Signal> Carries<S> for Checked<0> {
    type Signal = S;
}

/// A signal that is the input `S` of a model.
#[diagnostic::on_unimplemented(
    message = "the model takes `{S}`, but `{Self}` arrives",
    label = "not what this model takes: of a tensor the first size is the batch, `(rows, Const)`; `predict` takes rows"
)]
pub trait Reaches<S: Signal>: Signal {
    /// What a model of it gives: the same `Y`. Of another input the compiler then says that it is one, and nothing of what is
    /// done with the output.
    type Gives<Y: Signal>: Signal;

    /// The same data.
    fn reach<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> S::Data<E, D, T>;

    /// The same data.
    fn gives<Y: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Y::Data<E, D, T>,
    ) -> <Self::Gives<Y> as Signal>::Data<E, D, T>;
}

impl<S: Signal> Reaches<S> for S {
    type Gives<Y: Signal> = Y;

    fn reach<E: Element, D: Backend<E>, T: Tape<E, D>>(data: S::Data<E, D, T>) -> S::Data<E, D, T> {
        data
    }

    fn gives<Y: Signal, E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Y::Data<E, D, T>,
    ) -> Y::Data<E, D, T> {
        data
    }
}

/// A signal that [`Reaches`] the model: every one is. The bound of a model is this one, so that the compiler comes to the output
/// first, and tells what arrives without a list of the bounds that it came through.
pub trait Arrives<S: Signal>: Reaches<S> {}

impl<X: Reaches<S>, S: Signal> Arrives<S> for X {}

/// One of several signals behind its check: `input.0`, `input.1` and so on.
pub trait Part<const AT: usize, S: Signal> {
    /// The signal of the part.
    type Signal: Signal;

    /// The data of the part.
    fn take<E: Element, D: Backend<E>>(
        data: S::Data<E, D, NoneTape>,
    ) -> <Self::Signal as Signal>::Data<E, D, NoneTape>;

    /// A step of the part.
    fn step<'a, E: Element>(step: S::StepData<'a, E>) -> <Self::Signal as Signal>::StepData<'a, E>;
}

impl<S: PartAt<AT>, const AT: usize> Part<AT, S> for Checked<0> {
    type Signal = S::Part;

    fn take<E: Element, D: Backend<E>>(
        data: S::Data<E, D, NoneTape>,
    ) -> <S::Part as Signal>::Data<E, D, NoneTape> {
        S::take::<E, D, NoneTape>(data)
    }

    fn step<'a, E: Element>(step: S::StepData<'a, E>) -> <S::Part as Signal>::StepData<'a, E> {
        <S as PartAt<AT>>::step::<E>(step)
    }
}

/// A layer behind its check.
pub trait Next<L, In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The signal that leaves the layer.
    type Out: Signal;
    /// [`Layer::DROPS_MASK`].
    const DROPS_MASK: bool;

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

    /// What the layer can do of those behind it.
    fn fusing() -> Fused<E, D>;

    /// [`Layer::fuse`].
    ///
    /// # Errors
    /// Those of the layer.
    fn fuse<T: Tape<E, D>>(
        layer: &L,
        front: &mut Fused<E, D>,
        training: bool,
    ) -> Result<bool, Error>;

    /// The inference pass, unless one in front has done what the layer does. `ahead` is the number of layers of which that
    /// is so.
    ///
    /// # Errors
    /// Those of the layer.
    fn pass<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;

    /// The same for the training pass.
    ///
    /// # Errors
    /// Those of the layer.
    fn pass_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error>;
}

impl<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>> Next<L, In, E, D> for Checked<0> {
    type Out = L::Out;
    const DROPS_MASK: bool = L::DROPS_MASK;

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

    fn fusing() -> Fused<E, D> {
        Fused::new(L::FUSES)
    }

    fn fuse<T: Tape<E, D>>(
        layer: &L,
        front: &mut Fused<E, D>,
        training: bool,
    ) -> Result<bool, Error> {
        layer.fuse::<T>(front, training)
    }

    fn pass<T: Tape<E, D>>(
        layer: &L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        pass::<L, In, E, D, T>(layer, x, fused, ahead)
    }

    fn pass_mut<T: Tape<E, D>>(
        layer: &mut L,
        x: In::Data<E, D, T>,
        fused: Fused<E, D>,
        ahead: &mut usize,
    ) -> Result<<L::Out as Signal>::Data<E, D, T>, Error> {
        pass_mut::<L, In, E, D, T>(layer, x, fused, ahead)
    }
}

/// What reaches a field, behind the check that this is a layer.
pub trait Behind<S> {
    /// The signal.
    type Signal;
}

impl<S> Behind<S> for Checked<0> {
    type Signal = S;
}

/// The type of a field of a model.
pub trait Names<const VALUE: usize> {
    /// The layer.
    type Layer;
}

/// The type of a field behind its check: so what is wrong within the type itself, a [`Sequential`](super::Sequential), is told once.
pub trait Told<M, const VALUE: usize> {
    /// The layer.
    type Layer;
}

impl<M: Names<VALUE>, const VALUE: usize> Told<M, VALUE> for Checked<0> {
    type Layer = M::Layer;
}

/// A layer that can be built.
#[diagnostic::on_unimplemented(
    message = "`{L}` is no layer of a model: it cannot be built",
    label = "this has no `Build<{E}>`",
    note = "of a layer of your own, `#[layer]` above the struct writes `Build` and `Parameters`, and an `impl Layer` says what it computes"
)]
pub trait Built<L, E: Element = f32, D: Backend<E> = Cpu> {
    /// Evaluates to 0.
    const CHECK: usize = 0;
}

#[diagnostic::do_not_recommend]
impl<L: Build<E, D>, E: Element, D: Backend<E>> Built<L, E, D> for Checked<0> {}

/// A layer whose parameters can be visited.
#[diagnostic::on_unimplemented(
    message = "`{L}` is no layer of a model: its parameters cannot be visited",
    label = "this has no `Parameters<{E}>`",
    note = "of a layer of your own, `#[layer]` above the struct writes `Build` and `Parameters`, and an `impl Layer` says what it computes"
)]
pub trait Visited<L, E: Element = f32, D: Backend<E> = Cpu> {
    /// Evaluates to 0.
    const CHECK: usize = 0;
    /// The same, of a layer that is not of this crate: that has its errors in what it says of its parameters.
    const OWN: usize = 0;
}

#[diagnostic::do_not_recommend]
impl<L: Parameters<E, D>, E: Element, D: Backend<E>> Visited<L, E, D> for Checked<0> {
    const OWN: usize = {
        let _ = L::PARAMS;
        0
    };
}

/// A field behind its check: a layer that can be built and visited.
pub trait Field<L, E: Element = f32, D: Backend<E> = Cpu> {
    /// [`Parameters::PARAMS`].
    const PARAMS: usize;
    /// [`Parameters::TRAINABLE`].
    const TRAINABLE: usize;
    /// [`Parameters::OPTIONAL`].
    const OPTIONAL: &'static [Optional];
    /// [`Parameters::COPIES`].
    const COPIES: usize;
    /// [`Parameters::HOLDS`].
    const HOLDS: bool;

    /// [`Build::build`].
    ///
    /// # Errors
    /// Those of the layer.
    fn build(dev: &D) -> Result<L, Error>;

    /// [`Parameters::visit_layer`].
    ///
    /// # Errors
    /// Those of the visitor.
    fn visit_layer(layer: &mut L, name: &str, visitor: &mut dyn Visitor<E, D>)
    -> Result<(), Error>;

    /// A clone.
    fn copy(layer: &L) -> L;
}

impl<L, E, D> Field<L, E, D> for Checked<0>
where
    L: Build<E, D> + Parameters<E, D>,
    E: Element,
    D: Backend<E>,
{
    const PARAMS: usize = L::PARAMS;
    const TRAINABLE: usize = L::TRAINABLE;
    const OPTIONAL: &'static [Optional] = L::OPTIONAL;
    const COPIES: usize = L::COPIES;
    const HOLDS: bool = L::HOLDS;

    fn build(dev: &D) -> Result<L, Error> {
        L::build(dev)
    }

    fn visit_layer(
        layer: &mut L,
        name: &str,
        visitor: &mut dyn Visitor<E, D>,
    ) -> Result<(), Error> {
        layer.visit_layer(name, visitor)
    }

    fn copy(layer: &L) -> L {
        layer.clone()
    }
}

/// A field behind its check, for the `Debug` of the model.
pub trait Debugs<L> {
    /// The field.
    fn debug(layer: &L) -> &dyn fmt::Debug;
}

impl<L: fmt::Debug> Debugs<L> for Checked<0> {
    fn debug(layer: &L) -> &dyn fmt::Debug {
        layer
    }
}

/// A layer that there is none of: what a generic parameter is where the wiring of a model is evaluated for all.
#[derive(Debug)]
pub enum NoLayer<In, Out> {
    /// Cannot be made.
    Never(Infallible, PhantomData<fn(In) -> Out>),
}

impl<In, Out> Clone for NoLayer<In, Out> {
    fn clone(&self) -> Self {
        let Self::Never(never, _) = self;
        match *never {}
    }
}

#[diagnostic::do_not_recommend]
impl<In: Signal, Out: Signal, E: Element, D: Backend<E>> Layer<In, E, D> for NoLayer<In, Out> {
    type Out = Out;

    fn call<T: Tape<E, D>>(&self, _: In::Data<E, D, T>) -> Result<Out::Data<E, D, T>, Error> {
        let Self::Never(never, _) = self;
        match *never {}
    }
}

#[diagnostic::do_not_recommend]
impl<In, Out, E: Element, D: Backend<E>> Build<E, D> for NoLayer<In, Out> {
    fn build(_: &D) -> Result<Self, Error> {
        Err(Error::Empty("the list of layers that can stand here"))
    }
}

#[diagnostic::do_not_recommend]
impl<In, Out, E: Element, D: Backend<E>> Parameters<E, D> for NoLayer<In, Out> {
    fn visit(&mut self, _: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        let Self::Never(never, _) = self;
        match *never {}
    }
}
