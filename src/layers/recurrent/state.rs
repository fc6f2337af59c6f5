//! States of recurrent layers as signals: what they start from, and what they are left with.

use dfdx::{
    shapes::Const,
    tensor::{PutTape, Tape, Tensor},
};

use super::{Gru, Lstm, ResetGate, Returns, SimpleRnn};
use crate::{
    backend::{Backend, Element, HiddenStates, StepStates, sized},
    error::Error,
    never::{Never, Nobody},
    shape::{Dim, Features},
    signal::{Inputs, Masked, Rest, Signal, StateH, StateHc, Steps},
};

/// A state that the recurrent layer `L` can start from.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the state of `{L}`",
    label = "this layer starts from a state of its own kind and units",
    note = "an `Lstm<_, N>` has the state `StateHc<(Batch, N)>`, a `Gru<_, N>` or `SimpleRnn<_, N>` has `StateH<(Batch, N)>`",
    note = "`ReturnState<..>` around a recurrent layer gives its state, `#[from(x, encoder.state)]` takes it; `ToState` makes one of vectors; of two sequences, as of a `Bidirectional` with `Separate`, `#[from(name.0)]` takes one"
)]
pub trait InitialState<L>: StateSignal {}

/// A signal that is the state of a recurrent layer.
pub trait StateSignal: Signal {
    /// How many layers it is the state of.
    const LAYERS: usize = 1;

    /// The tensors, and the tape.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    fn into_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        state: Self::Data<E, D, T>,
    ) -> Result<(HiddenStates<E, D>, T), Error>;

    /// The way back.
    ///
    /// # Errors
    /// [`Error::Mismatch`].
    fn from_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        states: HiddenStates<E, D>,
    ) -> Result<Self::Data<E, D, T>, Error>;

    /// A step of it: the state of one of its layers.
    fn of_step<'a, E: Element>(state: Self::StepData<'a, E>, layer: usize) -> StepStates<'a, E>;
}

/// A recurrent layer of `H` units whose state is its output.
pub trait KeepsH<const H: usize> {}

/// A recurrent layer of `H` units whose state is its output and a cell state.
pub trait KeepsHc<const H: usize> {}

impl<const I: usize, const H: usize, R, G, E, D> KeepsH<H> for Gru<I, H, R, G, E, D>
where
    R: Returns,
    G: ResetGate,
    E: Element,
    D: Backend<E>,
{
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> KeepsH<H>
    for SimpleRnn<I, H, R, E, D>
{
}

impl<const I: usize, const H: usize, R: Returns, E: Element, D: Backend<E>> KeepsHc<H>
    for Lstm<I, H, R, E, D>
{
}

#[diagnostic::do_not_recommend]
impl<B: Dim, const H: usize, L: KeepsH<H>> InitialState<L> for StateH<(B, Const<H>)> {}

#[diagnostic::do_not_recommend]
impl<B: Dim, H: Dim> StateSignal for StateH<(B, H)> {
    fn into_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        state: StateH<Tensor<(B, H), E, D, T>>,
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        let (StateH { h }, tape) = Self::split_tape(state);
        Ok((HiddenStates::new(sized(h)?, None), tape))
    }

    fn from_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        states: HiddenStates<E, D>,
    ) -> Result<StateH<Tensor<(B, H), E, D, T>>, Error> {
        Ok(StateH { h: sized(states.h.put_tape(T::default()))? })
    }

    fn of_step<'a, E: Element>(
        h: <Self as Signal>::StepData<'a, E>,
        _: usize,
    ) -> StepStates<'a, E> {
        StepStates { h, c: &[] }
    }
}

#[diagnostic::do_not_recommend]
impl<B: Dim, const H: usize, L: KeepsHc<H>> InitialState<L> for StateHc<(B, Const<H>)> {}

#[diagnostic::do_not_recommend]
impl<B: Dim, H: Dim> StateSignal for StateHc<(B, H)> {
    fn into_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        state: StateHc<Tensor<(B, H), E, D, T>>,
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        let (StateHc { h, c }, tape) = Self::split_tape(state);
        Ok((HiddenStates::new(sized(h)?, Some(sized(c)?)), tape))
    }

    fn from_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        HiddenStates { h, c, .. }: HiddenStates<E, D>,
    ) -> Result<StateHc<Tensor<(B, H), E, D, T>>, Error> {
        let c = c.ok_or(Error::Empty("the cell state of an LSTM"))?;
        Ok(StateHc { h: sized(h.put_tape(T::default()))?, c: sized(c.put_tape(T::default()))? })
    }

    fn of_step<'a, E: Element>(
        (h, c): <Self as Signal>::StepData<'a, E>,
        _: usize,
    ) -> StepStates<'a, E> {
        StepStates { h, c }
    }
}

/// What a recurrent layer takes: a sequence, or a sequence and the state to start from.
#[diagnostic::on_unimplemented(
    message = "a sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    label = "this layer takes a sequence",
    note = "one vector: the recurrent layer before this one must hand on its sequence, `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`, also within a `Bidirectional`; images: `GlobalAveragePooling2d`, or `Reshape<..>` makes a sequence of rows; token ids: `Embedding`",
    note = "a sequence and a state: the sequence is the first, `#[from(x, encoder.state)]`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait RecurrentInput: Signal {
    /// The sequence.
    type Sequence: Steps;
    /// The state.
    type State: Signal;

    /// The sequence and the state, if there is one.
    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> (<Self::Sequence as Signal>::Data<E, D, T>, Option<<Self::State as Signal>::Data<E, D, T>>);

    /// The same of a step.
    fn split_step<'a, E: Element>(
        x: Self::StepData<'a, E>,
    ) -> (
        <Self::Sequence as Signal>::StepData<'a, E>,
        Option<<Self::State as Signal>::StepData<'a, E>>,
    );
}

macro_rules! alone {
    ($($sequence:ty)*) => {$(
        #[diagnostic::do_not_recommend]
        impl<B: Dim, L: Dim, F: Dim> RecurrentInput for $sequence {
            type Sequence = Self;
            type State = NoState;

            fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
                x: <Self as Signal>::Data<E, D, T>,
            ) -> (<Self as Signal>::Data<E, D, T>, Option<()>) {
                (x, None)
            }

            fn split_step<'a, E: Element>(
                x: <Self as Signal>::StepData<'a, E>,
            ) -> (<Self as Signal>::StepData<'a, E>, Option<()>) {
                (x, None)
            }
        }
    )*};
}
alone!((B, L, F) Masked<(B, L, F)>);

#[diagnostic::do_not_recommend]
impl<In: Steps, S: Signal> RecurrentInput for Inputs<(In, S)> {
    type Sequence = In;
    type State = S;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (x, state): (In::Data<E, D, T>, S::Data<E, D, T>),
    ) -> (In::Data<E, D, T>, Option<S::Data<E, D, T>>) {
        (x, Some(state))
    }

    fn split_step<'a, E: Element>(
        (x, state): <Self as Signal>::StepData<'a, E>,
    ) -> (In::StepData<'a, E>, Option<S::StepData<'a, E>>) {
        (x, Some(state))
    }
}

// What is no sequence has no state either, of which the compiler would tell as well.
#[diagnostic::do_not_recommend]
impl<In: Signal, S: Signal> RecurrentInput for Inputs<(In, S)>
where
    for<'a> Nobody: Never<'a>,
{
    type Sequence = (usize, usize, usize);
    type State = NoState;

    fn split<E: Element, D: Backend<E>, T: Tape<E, D>>(
        _: Self::Data<E, D, T>,
    ) -> (Tensor<(usize, usize, usize), E, D, T>, Option<()>) {
        Nobody::never()
    }

    fn split_step<'a, E: Element>(
        _: <Self as Signal>::StepData<'a, E>,
    ) -> (<(usize, usize, usize) as Signal>::StepData<'a, E>, Option<()>) {
        Nobody::never()
    }
}

/// No state: a layer starts from zeros.
#[derive(Debug, Clone, Copy, Default)]
#[doc(hidden)]
pub struct NoState;

#[diagnostic::do_not_recommend]
impl Signal for NoState {
    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = ();
    type StepData<'a, E: Element> = ();

    fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>((): (), _: T) {}

    fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>((): ()) -> ((), T) {
        ((), T::default())
    }

    fn share<E: Element, D: Backend<E>>((): &()) {}

    fn concat<E: Element, D: Backend<E>>(_: &[()]) -> Result<(), Error> {
        Ok(())
    }

    fn rows_of<E: Element, D: Backend<E>>((): &(), _: std::ops::Range<usize>) -> Result<(), Error> {
        Ok(())
    }

    fn send<E: Element, D: Backend<E>>((): &(), _: &mut Vec<f64>) -> Result<(), Error> {
        Ok(())
    }

    fn receive<E: Element, D: Backend<E>>(_: Rest<'_, '_>, _: &D) -> Result<(), Error> {
        Ok(())
    }

    fn display() -> String {
        "no state".to_owned()
    }
}

#[diagnostic::do_not_recommend]
impl<L> InitialState<L> for NoState {}

#[diagnostic::do_not_recommend]
impl StateSignal for NoState {
    fn into_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (): (),
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        Err(Error::Empty("the state"))
    }

    fn from_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
        _: HiddenStates<E, D>,
    ) -> Result<(), Error> {
        Ok(())
    }

    fn of_step<'a, E: Element>((): (), _: usize) -> StepStates<'a, E> {
        StepStates { h: &[], c: &[] }
    }
}

/// The sequence, with all of the tape, and the tensors of the state, if there is one.
pub(super) fn split<In, L, E, D, T>(
    x: In::Data<E, D, T>,
) -> Result<(<In::Sequence as Signal>::Data<E, D, T>, Option<HiddenStates<E, D>>), Error>
where
    In: RecurrentInput<State: InitialState<L>>,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
{
    let (x, state) = In::split::<E, D, T>(x);
    let Some(state) = state else { return Ok((x, None)) };
    let (states, tape) = <In::State as StateSignal>::into_states::<E, D, T>(state)?;
    let (x, of_x) = In::Sequence::split_tape::<E, D, T>(x);
    Ok((In::Sequence::put_tape::<E, D, T>(x, of_x.merge(tape)), Some(states)))
}

/// The number of features of a sequence, alone or with a state.
#[diagnostic::on_unimplemented(
    message = "a sequence is needed here, `(Batch, Length, Features)`, but `{Self}` arrives",
    label = "this layer takes a sequence",
    note = "one vector: the recurrent layer before this one must hand on its sequence, `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`, also within a `Bidirectional`; images: `GlobalAveragePooling2d`, or `Reshape<..>` makes a sequence of rows; token ids: `Embedding`",
    note = "a sequence and a state: the sequence is the first, `#[from(x, encoder.state)]`; two outputs: `#[from(name.0)]` takes one of them, of a `ReturnState` `#[from(name.output)]`"
)]
pub trait SequenceFeatures {
    /// The number.
    const SIZE: usize;
}

#[diagnostic::do_not_recommend]
impl<In: Features> SequenceFeatures for In {
    const SIZE: usize = In::SIZE;
}

#[diagnostic::do_not_recommend]
impl<In: Features, S> SequenceFeatures for Inputs<(In, S)> {
    const SIZE: usize = In::SIZE;
}
