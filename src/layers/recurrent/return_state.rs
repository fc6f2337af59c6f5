use dfdx::tensor::Tape;

use super::{
    InitialState, OneDirection, Recurrent, RecurrentInput, Returns, StateSignal, state::split,
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    fields::{Configured, Fields},
    layer,
    layer::{Infer, Layer},
    signal::{Inputs, IsDim, Signal, Steps},
};

/// A recurrent layer that gives its last state beside its output: Keras's `return_state=True`.
///
/// In a `#[model]`, `#[from(name.output)]` and `#[from(name.state)]` take the two. The state wires as any signal does:
/// into another recurrent layer of its kind, which starts from it, or by its parts, `name.state.0`, into whatever takes a
/// vector. Gradients flow through it.
///
/// # Shapes
/// - input that of the layer: a sequence, or `Inputs<(sequence, state)>`
/// - output `Inputs<(output, state)>`, where the state is [`StateHc`](crate::StateHc) of an [`Lstm`](super::Lstm), else [`StateH`](crate::StateH)
///
/// ```
/// use kerata::{*, prelude::*};
///
/// /// An encoder hands its state to a decoder.
/// #[model(input = Inputs<(Ids<(Batch, Length)>, Ids<(Batch, Length)>)>)]
/// struct Translator {
///     #[from(input.0)]
///     words: Embedding<50, 8, MaskZero>,
///     encoder: ReturnState<Lstm<_, 16>>,
///     #[from(input.1)]
///     before: Embedding<40, 8, MaskZero>,
///     #[from(before, encoder.state)]
///     decoder: Lstm<_, 16, Sequences>,
///     next: TimeDistributed<Dense<_, 40>>,
/// }
///
/// let dev = Cpu::seed_from_u64(0);
/// let model = Translator::build(&dev)?;
/// let ids = |ids: [usize; 6]| dev.tensor_from_vec(ids.to_vec(), (2, 3));
/// let y = model.forward((ids([1, 2, 3, 4, 0, 0]), ids([1, 9, 0, 1, 8, 7])))?;
/// assert_eq!(y.mask().lengths(), [2, 3]);
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReturnState<L> {
    /// The layer.
    #[inner(by_hand, flat, options)]
    pub layer: L,
}

impl<In, L, E, D> Layer<In, E, D> for ReturnState<L>
where
    // The second, which the first implies, keeps a `Bidirectional` apart.
    L: Recurrent<E, D> + OneDirection,
    In: RecurrentInput<Sequence: Steps<Features: IsDim<L::Inputs>>, State: InitialState<L>>,
    E: Element,
    D: Backend<E>,
{
    type Out = Inputs<(
        <L::Returns as Returns>::Out<In::Sequence, L::Units>,
        L::State<<In::Sequence as Steps>::Batch>,
    )>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, initial) = split::<In, L, E, D, T>(x)?;
        let (y, states) =
            L::Returns::run_with_state::<In::Sequence, L::Units, E, D, T>(&self.layer, x, initial)?;
        Ok((y, L::State::from_states::<E, D, T>(states)?))
    }
}

impl<L: Configured> Configured for ReturnState<L> {
    const CLASS: &'static str = L::CLASS;
    type Element = L::Element;
    type Device = L::Device;

    fn describe(&mut self, fields: &mut Fields) {
        fields.returns_state = true;
        self.layer.describe(fields);
    }

    fn accepts(class: &str) -> bool {
        L::accepts(class)
    }
}

impl<In, L: Infer<In>> Infer<In> for ReturnState<L> {
    const SIZE: usize = L::SIZE;
}
