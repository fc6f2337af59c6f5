use dfdx::tensor::{Cpu, Tape, Tensor};

use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::{Configured, Fields},
    layer,
    layer::Layer,
    shape::Dim,
    signal::{Inputs, Signal, StateH, StateHc},
    stream::handed_on,
};

/// Vectors that a state can be made of.
#[diagnostic::on_unimplemented(
    message = "no state can be made of `{Self}`",
    label = "`ToState` takes `(Batch, Units)`, or two of them for an `Lstm`",
    note = "`#[from(a, b)]` on the field names the two, `h` and `c`"
)]
pub trait StateVectors: Signal {
    /// The state.
    type State: Signal;

    /// The state of the vectors.
    fn into_state<E: Element, D: Backend<E>, T: Tape<E, D>>(
        x: Self::Data<E, D, T>,
    ) -> <Self::State as Signal>::Data<E, D, T>;

    /// The same for a step.
    fn into_step<'a, E: Element>(
        x: Self::StepData<'a, E>,
    ) -> <Self::State as Signal>::StepData<'a, E>;
}

#[diagnostic::do_not_recommend]
impl<B: Dim, H: Dim> StateVectors for (B, H) {
    type State = StateH<(B, H)>;

    fn into_step<'a, E: Element>(
        h: <Self as Signal>::StepData<'a, E>,
    ) -> <StateH<(B, H)> as Signal>::StepData<'a, E> {
        h
    }

    fn into_state<E: Element, D: Backend<E>, T: Tape<E, D>>(
        h: Tensor<(B, H), E, D, T>,
    ) -> StateH<Tensor<(B, H), E, D, T>> {
        StateH { h }
    }
}

#[diagnostic::do_not_recommend]
impl<B: Dim, H: Dim> StateVectors for Inputs<((B, H), (B, H))> {
    type State = StateHc<(B, H)>;

    fn into_step<'a, E: Element>(
        both: <Self as Signal>::StepData<'a, E>,
    ) -> <StateHc<(B, H)> as Signal>::StepData<'a, E> {
        both
    }

    fn into_state<E: Element, D: Backend<E>, T: Tape<E, D>>(
        (h, c): (Tensor<(B, H), E, D, T>, Tensor<(B, H), E, D, T>),
    ) -> StateHc<Tensor<(B, H), E, D, T>> {
        StateHc { h, c }
    }
}

/// Makes the state of a recurrent layer of vectors, such as a `Dense` layer gives: Keras takes these as `initial_state`.
///
/// # Shapes
/// - input `(Batch, Units)`, or `Inputs<((Batch, Units), (Batch, Units))>`, `h` and `c` of an [`Lstm`](super::Lstm)
/// - output [`StateH<(Batch, Units)>`](StateH), or [`StateHc<(Batch, Units)>`](StateHc)
///
/// ```
/// use kerata::{*, prelude::*};
///
/// /// A sequence of letters that starts from three numbers.
/// #[model(input = Inputs<(Ids<(Batch, Length)>, (Batch, 3))>, output = (Batch, Length, 16))]
/// struct Caption {
///     #[from(input.1)]
///     numbers: Dense<_, 16, Tanh>,
///     start: ToState,
///     #[from(input.0)]
///     letters: Embedding<27, 8>,
///     #[from(letters, start)]
///     gru: Gru<_, 16, Sequences>,
/// }
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ToState;

impl<In: StateVectors, E: Element, D: Backend<E>> Layer<In, E, D> for ToState {
    type Out = In::State;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<In::State as Signal>::Data<E, D, T>, Error> {
        Ok(In::into_state::<E, D, T>(x))
    }
}

// In a stream the vectors are given anew at each step, and count until the row has had its first real one.
handed_on!([In: StateVectors] ToState, In, x => In::into_step::<E>(x));

/// Keras takes the vectors themselves.
impl Configured for ToState {
    const CLASS: &'static str = "ToState";
    type Element = f32;
    type Device = Cpu;
    const WRITTEN: bool = false;

    fn describe(&mut self, _: &mut Fields) {}

    fn accepts(_: &str) -> bool {
        false
    }
}
