use dfdx::tensor::{Cpu, Tape};

use super::Row;
use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    never::{Known, Never, Nobody},
    parameters::{Build, Parameters, Visitor},
    shape::Fault,
    signal::Signal,
    tuples::all_tuples,
};

/// A tuple of one to twelve: what a [`Sequential`](super::Sequential) is made of.
///
/// The lifetime is `'static` wherever this is asked for. Without one, the compiler looks for the place of what fails within the type of an
/// argument while it checks the signature, and tells it once more, of the whole type, while it checks the function.
#[diagnostic::on_unimplemented(
    message = "a `Sequential` is made of a tuple of layers, and `{Self}` is none",
    label = "one layer is a tuple with a comma: `({Self},)`",
    note = "the tuple has one to twelve layers; a struct under `#[model]` has any number, and branches"
)]
pub trait Tuple<'a> {
    /// The same type. Of what is no tuple it is unknown, and nothing is said of its layers.
    type Same;
}

/// A tuple of layers, each of which takes what the one before it gives.
pub trait Chained<'a, In: Signal, E: Element, D: Backend<E>> {
    /// The signal that leaves the last layer.
    type Out;
}

/// [`Chained`]: every such tuple is. What is asked for is this, so that the compiler says once in a function what is none.
pub trait Chains<In: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    /// The signal that leaves the last layer.
    type Out;
}

// `Out` is a parameter, so that what fails is looked up through this impl, and the compiler lists no tuples.
impl<L, T, In, Out, E, D> Chains<In, E, D> for L
where
    L: Tuple<'static, Same = T>,
    T: Chained<'static, In, E, D, Out = Out>,
    In: Signal,
    E: Element,
    D: Backend<E>,
{
    type Out = Out;
}

/// A [`Layer`] of a [`Sequential`](super::Sequential), which takes the signal `In`. Of one that does not, what it gives is
/// unknown: so the compiler says once which one it is.
///
/// The lifetime is there as in [`Tuple`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take `{In}`, which reaches it in the `Sequential`",
    label = "these layers do not fit together",
    note = "`(Batch, Features)` is a vector, `(Batch, Length, Features)` a sequence, `(Batch, Height, Width, Channels)` an image: `Lstm<_, N, Sequences>` gives a sequence, `Lstm<_, N>`, `Flatten` and the global poolings a vector; the first number of `Dense<I, O>` is that of the features that arrive; `Unmask` drops a mask"
)]
pub trait Fits<'a, In, E: Element, D: Backend<E>> {
    /// [`Layer::Out`].
    type Out;
}

#[diagnostic::do_not_recommend]
impl<L: Layer<In, E, D>, In: Signal, E: Element, D: Backend<E>> Fits<'_, In, E, D> for L {
    type Out = <In as Known>::Of<L::Out>;
}

#[diagnostic::do_not_recommend]
impl<L, In, E: Element, D: Backend<E>> Fits<'_, In, E, D> for L
where
    for<'a> Nobody: Never<'a>,
{
    type Out = Nobody;
}

/// The output of a [`Sequential`](super::Sequential), which knows that the layers give it. All that is done with a model asks for
/// this, and so for nothing where the output is unknown.
pub trait Gives<L, In: Signal, E: Element, D: Backend<E>>: Signal {
    /// [`Layer::CHECK`].
    const CHECK: ();
    /// [`Layer::FAULT`].
    const FAULT: Fault;

    /// [`Layer::call`].
    ///
    /// # Errors
    /// Those of the layers.
    fn call<T: Tape<E, D>>(layers: &L, x: In::Data<E, D, T>) -> Result<Self::Data<E, D, T>, Error>;

    /// [`Layer::call_mut`].
    ///
    /// # Errors
    /// Those of the layers.
    fn call_mut<T: Tape<E, D>>(
        layers: &mut L,
        x: In::Data<E, D, T>,
    ) -> Result<Self::Data<E, D, T>, Error>;
}

#[diagnostic::do_not_recommend]
impl<L, In, Out, E, D> Gives<L, In, E, D> for Out
where
    L: Layer<In, E, D, Out = Out>,
    In: Signal,
    Out: Signal,
    E: Element,
    D: Backend<E>,
{
    const CHECK: () = L::CHECK;
    const FAULT: Fault = L::FAULT;

    fn call<T: Tape<E, D>>(layers: &L, x: In::Data<E, D, T>) -> Result<Out::Data<E, D, T>, Error> {
        layers.call(x)
    }

    fn call_mut<T: Tape<E, D>>(
        layers: &mut L,
        x: In::Data<E, D, T>,
    ) -> Result<Out::Data<E, D, T>, Error> {
        layers.call_mut(x)
    }
}

/// The output of a [`Sequential`](super::Sequential) whose layers can be made.
pub trait Builds<L, In: Signal, E: Element, D: Backend<E>>: Gives<L, In, E, D> {
    /// [`Build::build`].
    ///
    /// # Errors
    /// Those of the layers.
    fn build(dev: &D) -> Result<L, Error>;
}

#[diagnostic::do_not_recommend]
impl<L, In, Out, E, D> Builds<L, In, E, D> for Out
where
    L: Build<E, D>,
    In: Signal,
    Out: Gives<L, In, E, D>,
    E: Element,
    D: Backend<E>,
{
    fn build(dev: &D) -> Result<L, Error> {
        L::build(dev)
    }
}

/// The output of a [`Sequential`](super::Sequential) whose layers can be cloned.
pub trait Copies<L> {
    /// [`Clone::clone`].
    fn copy(layers: &L) -> L;
}

#[diagnostic::do_not_recommend]
impl<L: Clone, Out> Copies<L> for Out {
    fn copy(layers: &L) -> L {
        layers.clone()
    }
}

/// The output of a [`Sequential`](super::Sequential) whose layers show their parameters.
pub trait Holds<L, E: Element, D: Backend<E>> {
    /// [`Parameters::PARAMS`].
    const PARAMS: usize;
    /// [`Parameters::TRAINABLE`].
    const TRAINABLE: usize;
    /// [`Parameters::SHOWS_TABLES`].
    const SHOWS_TABLES: bool;

    /// [`Parameters::visit`].
    ///
    /// # Errors
    /// Those of the visitor.
    fn visit(layers: &mut L, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error>;
}

#[diagnostic::do_not_recommend]
impl<L: Parameters<E, D>, Out, E: Element, D: Backend<E>> Holds<L, E, D> for Out {
    const PARAMS: usize = L::PARAMS;
    const TRAINABLE: usize = L::TRAINABLE;
    const SHOWS_TABLES: bool = L::SHOWS_TABLES;

    fn visit(layers: &mut L, visitor: &mut dyn Visitor<E, D>) -> Result<(), Error> {
        layers.visit(visitor)
    }
}

/// The output of a [`Sequential`](super::Sequential) whose layers can say what they are.
pub trait Lists<L, In: Signal, E: Element, D: Backend<E>>: Gives<L, In, E, D> {
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
        #[diagnostic::do_not_recommend]
        impl<$first, $($layer),*> Tuple<'_> for ($first, $($layer,)*) {
            type Same = Self;
        }

        impl<In, E, D, $first, $($layer),*> Chained<'_, In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            $first: Fits<'static, In, E, D>,
            $($layer: Fits<'static, $before::Out, E, D>,)*
        {
            type Out = chain!(@last $first $($layer)*);
        }

        #[diagnostic::do_not_recommend]
        impl<In, E, D, Out, $first, $($layer),*> Lists<($first, $($layer,)*), In, E, D> for Out
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            Out: Gives<($first, $($layer,)*), In, E, D>,
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
    (@last $last:ident) => { $last::Out };
    (@last $first:ident $($rest:ident)+) => { chain!(@last $($rest)+) };
}
all_tuples!(chain);
