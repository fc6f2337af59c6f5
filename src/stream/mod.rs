//! Layers that look only backward in time, and so can be fed a sequence step by step.
//!
//! A model of such layers makes a [`Stream`](crate::model::Stream); see the [guide](mod@crate::guide::streaming).

mod links;
mod past;
mod rows;
mod state;

#[doc(hidden)]
pub use crate::never::Known;
#[doc(hidden)]
pub use links::{Link, Links, Streams, StreamsOn};
pub use past::Past;
pub(crate) use rows::{copy_bounded, room};
pub use state::StateVisitor;
pub(crate) use state::{Clear, ClearRow, CopyRow};

use dfdx::tensor::Cpu;

use crate::{
    backend::{Backend, Element},
    error::Error,
    layer::Layer,
    signal::Signal,
    tuples::all_tuples,
};

/// A layer that looks only backward in time: what it gives at a step needs no later one.
///
/// It works on slices. [`begin`](Streamable::begin) makes, for a number of rows, the *stepper*, which is all that a step
/// needs beside its input (weights, room for what the layer gives), and the *state*, which is all that the layer
/// remembers from step to step. A step is in two phases, so that one that fails anywhere in a model changes nothing:
/// [`step`](Streamable::step) leaves what it will remember beside what the state is, and
/// [`commit`](Streamable::commit) puts it in its place.
///
/// ```
/// use kerata::{*, model::Sequential, prelude::*, signal::{Steps, StepValues}};
/// use kerata::stream::{StateVisitor, Streamable};
/// use kerata::tensor::{Tape, Tensor};
///
/// /// The difference from the step before.
/// #[layer]
/// struct Difference<const F: usize>;
///
/// impl<const F: usize> Layer<(Batch, Length, Const<F>)> for Difference<F> {
///     type Out = (Batch, Length, Const<F>);
///
///     fn call<T: Tape<f32, Cpu>>(
///         &self,
///         x: Tensor<Self::Out, f32, Cpu, T>,
///     ) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
/// #       Ok(x) // Left out: this is about streams.
///     }
/// }
///
/// #[derive(Clone)]
/// struct Before {
///     now: Vec<f32>,
///     next: Vec<f32>,
/// }
///
/// impl<const F: usize> Streamable<(Batch, Length, Const<F>)> for Difference<F> {
///     type State = Before;
///     type Stepper = Vec<f32>;
///
///     fn begin(&self, rows: usize) -> Result<(Vec<f32>, Before), Error> {
///         let zeros = vec![0.0; rows * F];
///         Ok((zeros.clone(), Before { now: zeros.clone(), next: zeros }))
///     }
///
///     fn step<'a>(stepper: &'a mut Vec<f32>, state: &mut Before, x: &'a [f32]) -> Result<&'a [f32], Error> {
///         for (i, y) in stepper.iter_mut().enumerate() {
///             *y = x[i] - state.now[i];
///         }
///         state.next.copy_from_slice(x);
///         Ok(stepper)
///     }
///
///     fn commit(state: &mut Before) {
///         std::mem::swap(&mut state.now, &mut state.next);
///     }
///
///     fn visit_state<V: StateVisitor<f32>>(state: &mut Before, visitor: &mut V) -> Result<(), Error> {
///         visitor.values("before", &mut state.now)
///     }
/// }
///
/// let model = Sequential::<(Batch, Length, Const<1>), _>::new((Difference::<1>,));
/// let mut stream = model.stream(1)?;
/// assert_eq!(stream.step(&[[2.0]])?, [[2.0]]);
/// assert_eq!(stream.step(&[[5.0]])?, [[3.0]]);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs the end of the sequence",
    label = "this layer cannot go step by step",
    note = "what looks only backward in time can: recurrent layers, `Conv1d` with `Causal` and no stride, layers that treat each step by itself; a layer of your own implements `stream::Streamable`; no `ReturnState` is needed: `stream.state()` holds the states; in place of a `RepeatVector`, feed the vector at each step"
)]
pub trait Streamable<In: Signal, E: Element = f32, D: Backend<E> = Cpu>: Layer<In, E, D> {
    /// What the layer remembers from step to step.
    type State: Clone + Send + 'static;
    /// The weights, as a step uses them, and room for what the layer gives.
    type Stepper: Send + 'static;

    /// What a stream of so many rows needs: nothing is allocated later, but where a [`Past`] has no more room.
    ///
    /// # Errors
    /// Those of the layer for weights that do not fit; [`Error::Device`].
    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error>;

    /// What the layer gives for the next step of all rows.
    ///
    /// # Errors
    /// Those of the layer for its input. The state then counts as it was.
    fn step<'a>(
        stepper: &'a mut Self::Stepper,
        state: &mut Self::State,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error>;

    /// Makes the state that of the last step.
    fn commit(_state: &mut Self::State) {}

    /// Shows the state, by name. It begins as zeros, and a [`Past`] without steps.
    ///
    /// # Errors
    /// Those of the visitor; the visit ends at the first.
    fn visit_state<V: StateVisitor<E>>(
        _state: &mut Self::State,
        _visitor: &mut V,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// A layer that goes forward in time: every one whose `go_backwards` is not set where the model is declared.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{L}` with `go_backwards = true` needs the end of the sequence",
    label = "this layer cannot go step by step"
)]
pub trait GoesForward<L> {
    /// Nothing.
    type Going;
}

/// [`GoesForward`], as the bound of a model: so the compiler comes to the state first, and does not show where the bound is.
#[doc(hidden)]
pub trait Forward<L>: GoesForward<L> {}

impl<T: GoesForward<L>, L> Forward<L> for T {}

/// A [`Streamable`] that gives `Out`: every one is.
///
/// `#[model]` asks its layers for this. It does not say that they are a [`Layer`], so that in a model with generic
/// parameters the compiler still looks up what they give.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` needs the end of the sequence",
    label = "this layer cannot go step by step",
    note = "what looks only backward in time can: recurrent layers, `Conv1d` with `Causal` and no stride, layers that treat each step by itself; a layer of your own implements `stream::Streamable`; no `ReturnState` is needed: `stream.state()` holds the states; in place of a `RepeatVector`, feed the vector at each step"
)]
pub trait StreamsAs<In: Signal, Out: Signal, E: Element = f32, D: Backend<E> = Cpu> {
    type State: Clone + Send + 'static;
    type Stepper: Send + 'static;

    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error>;

    fn step<'a>(
        stepper: &'a mut Self::Stepper,
        state: &mut Self::State,
        x: In::StepData<'a, E>,
    ) -> Result<Out::StepData<'a, E>, Error>;

    fn commit(state: &mut Self::State);

    fn visit_state<V: StateVisitor<E>>(
        state: &mut Self::State,
        visitor: &mut V,
    ) -> Result<(), Error>;
}

/// A layer that has no state, and hands on what comes to it or a part of that.
macro_rules! handed_on {
    ([$($generics:tt)*] $layer:ty, $in:ty, $x:pat => $y:expr) => {
        #[diagnostic::do_not_recommend]
        impl<$($generics)*, E, D> $crate::stream::Streamable<$in, E, D> for $layer
        where
            E: $crate::backend::Element,
            D: $crate::backend::Backend<E>,
        {
            type State = ();
            type Stepper = ();

            fn begin(&self, _: usize) -> Result<((), ()), $crate::error::Error> {
                Ok(((), ()))
            }

            fn step<'a>(
                (): &'a mut (),
                (): &mut (),
                $x: <$in as $crate::signal::Signal>::StepData<'a, E>,
            ) -> Result<
                <<Self as $crate::layer::Layer<$in, E, D>>::Out as $crate::signal::Signal>::StepData<'a, E>,
                $crate::error::Error,
            > {
                Ok($y)
            }
        }
    };
}
pub(crate) use handed_on;

/// The functions of one of these traits by those of another.
macro_rules! by {
    ($layer:ident as $trait:ident, $out:ty) => {
        type State = <$layer as $trait<In, E, D>>::State;
        type Stepper = <$layer as $trait<In, E, D>>::Stepper;

        fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
            <$layer as $trait<In, E, D>>::begin(self, rows)
        }

        fn step<'a>(
            stepper: &'a mut Self::Stepper,
            state: &mut Self::State,
            x: In::StepData<'a, E>,
        ) -> Result<<$out as Signal>::StepData<'a, E>, Error> {
            <$layer as $trait<In, E, D>>::step(stepper, state, x)
        }

        fn commit(state: &mut Self::State) {
            <$layer as $trait<In, E, D>>::commit(state);
        }

        fn visit_state<V: StateVisitor<E>>(
            state: &mut Self::State,
            visitor: &mut V,
        ) -> Result<(), Error> {
            <$layer as $trait<In, E, D>>::visit_state(state, visitor)
        }
    };
}

#[diagnostic::do_not_recommend]
impl<L, In, Out, E, D> StreamsAs<In, Out, E, D> for L
where
    In: Signal,
    Out: Signal,
    E: Element,
    D: Backend<E>,
    L: Streamable<In, E, D> + Layer<In, E, D, Out = Out>,
{
    by!(L as Streamable, Out);
}

/// The states of layers, as a tuple.
///
/// Through each of them the compiler looks up what the state of all is. Where a layer has none, it says that once, and nothing
/// of what is made of the stream.
#[doc(hidden)]
pub trait OfLayers {
    /// The same `T`.
    type Of<T>;
}

macro_rules! of_layers {
    ($first:ident $($before:ident $state:ident $i:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$first, $($state),*> OfLayers for ($first, $($state,)*) {
            type Of<T> = of_layers!(@type T $first $($state)*);
        }
    };
    (@type $of:ident) => { $of };
    (@type $of:ident $first:ident $($rest:ident)*) => {
        <$first as Known>::Of<of_layers!(@type $of $($rest)*)>
    };
}
all_tuples!(of_layers);

/// A tuple of [`Streamable`]s. It is a trait of its own so that the compiler names the layer and not the tuple.
#[doc(hidden)]
pub trait StreamChain<In: Signal, E: Element = f32, D: Backend<E> = Cpu>: Layer<In, E, D> {
    type State: Clone + Send + 'static;
    type Stepper: Send + 'static;

    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error>;

    fn step<'a>(
        stepper: &'a mut Self::Stepper,
        state: &mut Self::State,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error>;

    fn commit(state: &mut Self::State);

    fn visit_state<V: StateVisitor<E>>(
        state: &mut Self::State,
        visitor: &mut V,
    ) -> Result<(), Error>;
}

macro_rules! chain {
    ($first:ident $($before:ident $layer:ident $i:tt)*) => {
        impl<In, E, D, $first, $($layer),*> StreamChain<In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            $first: Streamable<In, E, D>,
            $($layer: Streamable<$before::Out, E, D>,)*
        {
            type State = <($first::State, $($layer::State,)*) as OfLayers>::Of<($first::State, $($layer::State,)*)>;
            type Stepper = ($first::Stepper, $($layer::Stepper,)*);

            fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
                let parts = (self.0.begin(rows)?, $(self.$i.begin(rows)?,)*);
                chain!(@parts parts 0 $($i)*)
            }

            fn step<'a>(
                stepper: &'a mut Self::Stepper,
                state: &mut Self::State,
                x: In::StepData<'a, E>,
            ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
                let x = $first::step(&mut stepper.0, &mut state.0, x)?;
                $(let x = $layer::step(&mut stepper.$i, &mut state.$i, x)?;)*
                Ok(x)
            }

            fn commit(state: &mut Self::State) {
                $first::commit(&mut state.0);
                $($layer::commit(&mut state.$i);)*
            }

            fn visit_state<V: StateVisitor<E>>(
                state: &mut Self::State,
                visitor: &mut V,
            ) -> Result<(), Error> {
                visitor.enter("0");
                $first::visit_state(&mut state.0, visitor)?;
                visitor.leave();
                $(
                    visitor.enter(stringify!($i));
                    $layer::visit_state(&mut state.$i, visitor)?;
                    visitor.leave();
                )*
                Ok(())
            }
        }

        #[diagnostic::do_not_recommend]
        impl<In, E, D, $first, $($layer),*> Streamable<In, E, D> for ($first, $($layer,)*)
        where
            In: Signal,
            E: Element,
            D: Backend<E>,
            Self: StreamChain<In, E, D>,
        {
            by!(Self as StreamChain, <Self as Layer<In, E, D>>::Out);
        }
    };
    (@parts $parts:ident $($i:tt)*) => {
        Ok((($($parts.$i.0,)*), ($($parts.$i.1,)*)))
    };
}
all_tuples!(chain);
