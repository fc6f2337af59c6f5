use dfdx::tensor::Tape;

use super::{
    InitialState, OneDirection, Recurrent, RecurrentInput, Returns, Stack, StateSignal,
    state::split,
    stream::{RecurrentState, RecurrentStepper, StreamParts},
};
use crate::{
    backend::{
        Backend, Element, HiddenStates, RecurrentInputs, RecurrentOutputs, StateSizes, StepOrder,
    },
    error::Error,
    layer,
    layer::Layer,
    shape::Dim,
    signal::{IsDim, Signal, StepValues, Steps},
    stream::{StateVisitor, Streamable},
};

/// Several recurrent layers, one on the other, as one: Keras's `RNN` of `StackedRNNCells`.
///
/// It goes wherever a recurrent layer goes: into a [`Bidirectional`](super::Bidirectional), where each direction goes
/// through all layers before the two meet, and into a [`ReturnState`](super::ReturnState), whose state is that of all
/// layers. The layers are of any kind, also an [`Rnn`](super::Rnn) of a cell of your own, and have their own options; but
/// `go_backwards` is said of the first one, and is that of all (of another one it is an error, here and in a stream), and
/// `zero_output_for_mask` of the last one.
///
/// All but the last one return [`Sequences`](super::Sequences). In a `#[model]`, `_` is the number of features that reach the first one.
///
/// # Shapes
/// - input that of the first layer, `(Batch, Length, I)` or `Masked<(Batch, Length, I)>`, or with states
///   `Inputs<(sequence, Inputs<(state, state, ..)>)>`
/// - output that of the last layer
///
/// ```
/// use kerata::{*, prelude::*};
///
/// /// An encoder of two layers hands both states to a decoder.
/// #[model(input = Inputs<(Ids<(Batch, Length)>, Ids<(Batch, Length)>)>)]
/// struct Translator {
///     #[from(input.0)]
///     words: Embedding<50, 8, MaskZero>,
///     encoder: ReturnState<StackedRnn<(Lstm<_, 16, Sequences>, Gru<16, 12>)>>,
///     #[from(input.1)]
///     before: Embedding<40, 8, MaskZero>,
///     #[from(before, encoder.state)]
///     decoder: StackedRnn<(Lstm<_, 16, Sequences>, Gru<16, 12, Sequences>)>,
///     next: TimeDistributed<Dense<_, 40>>,
/// }
///
/// /// Each direction is two layers deep.
/// #[model(input = (Batch, Length, 3), output = (Batch, 10))]
/// struct Deep {
///     both: Bidirectional<StackedRnn<(Lstm<_, 8, Sequences>, Lstm<8, 5>)>>,
/// }
/// # let net = Deep::build(&Cpu::seed_from_u64(0))?;
/// # assert_eq!(net.predict(&vec![vec![[0.1, 0.2, 0.3]; 4]; 2], 2)?.as_vec().len(), 20);
/// # Ok::<(), Error>(())
/// ```
#[layer]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StackedRnn<Ls> {
    /// The layers, as a tuple.
    #[inner(by_hand, flat)]
    pub layers: Ls,
}

impl<Ls> StackedRnn<Ls> {
    /// Forgets the states of the last batch, of the layers that are `stateful`: the next one begins with zeros.
    pub fn reset_state<E: Element, D: Backend<E>>(&self)
    where
        Ls: Stack<E, D>,
    {
        self.layers.reset();
    }
}

#[diagnostic::do_not_recommend]
impl<Ls> OneDirection for StackedRnn<Ls> {}

#[diagnostic::do_not_recommend]
impl<Ls: Stack<E, D>, E: Element, D: Backend<E>> Recurrent<E, D> for StackedRnn<Ls> {
    type Inputs = Ls::Inputs;
    type Returns = Ls::Returns;
    type Units = Ls::Units;
    type State<B: Dim> = Ls::State<B>;

    fn sizes(&self) -> Result<(usize, StateSizes), Error> {
        self.layers.sizes()
    }

    fn outputs<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<RecurrentOutputs<E, D, T>, Error> {
        self.layers.outputs(inputs)
    }

    fn states<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        self.layers.states(inputs)
    }

    fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error> {
        self.layers.begin(rows, parts)
    }

    fn order(&self) -> StepOrder {
        self.layers.order()
    }

    fn set_order(&mut self, order: StepOrder) {
        self.layers.set_order(order);
    }

    fn reset(&self) {
        self.layers.reset();
    }
}

impl<In, Ls, E, D> Layer<In, E, D> for StackedRnn<Ls>
where
    In: RecurrentInput<Sequence: Steps<Features: IsDim<Ls::Inputs>>, State: InitialState<Self>>,
    Ls: Stack<E, D>,
    E: Element,
    D: Backend<E>,
{
    type Out = <Ls::Returns as Returns>::Out<In::Sequence, Ls::Units>;

    fn call<T: Tape<E, D>>(
        &self,
        x: In::Data<E, D, T>,
    ) -> Result<<Self::Out as Signal>::Data<E, D, T>, Error> {
        let (x, initial) = split::<In, Self, E, D, T>(x)?;
        let of = <Ls::Returns as Returns>::run_with_state::<In::Sequence, Ls::Units, E, D, T>;
        Ok(of(self, x, initial)?.0)
    }
}

#[diagnostic::do_not_recommend]
impl<In, Ls, E, D> Streamable<In, E, D> for StackedRnn<Ls>
where
    In: RecurrentInput<
            Sequence: Steps<Features: IsDim<Ls::Inputs>> + StepValues,
            State: InitialState<Self>,
        >,
    Ls: Stack<E, D>,
    <Ls::Returns as Returns>::Out<In::Sequence, Ls::Units>: StepValues,
    E: Element,
    D: Backend<E>,
{
    type State = Vec<RecurrentState<E>>;
    type Stepper = Vec<RecurrentStepper<E>>;

    fn begin(&self, rows: usize) -> Result<(Self::Stepper, Self::State), Error> {
        let mut parts = StreamParts::default();
        self.layers.begin(rows, &mut parts)?;
        Ok((parts.steppers, parts.states))
    }

    fn step<'a>(
        steppers: &'a mut Self::Stepper,
        states: &mut Self::State,
        x: In::StepData<'a, E>,
    ) -> Result<<Self::Out as Signal>::StepData<'a, E>, Error> {
        let (x, initial) = In::split_step::<E>(x);
        let (mut x, keep) = <In::Sequence as StepValues>::unpack(x);
        for (i, (stepper, state)) in steppers.iter_mut().zip(states).enumerate() {
            let initial = initial.map(|all| <In::State as StateSignal>::of_step::<E>(all, i));
            x = stepper.step(state, x, keep, initial)?;
        }
        Ok(<Self::Out as StepValues>::pack(x, keep))
    }

    fn commit(states: &mut Self::State) {
        states.iter_mut().for_each(RecurrentState::commit);
    }

    fn visit_state<V: StateVisitor<E>>(
        states: &mut Self::State,
        visitor: &mut V,
    ) -> Result<(), Error> {
        for (i, state) in states.iter_mut().enumerate() {
            visitor.enter(PLACES[i]);
            state.visit(visitor)?;
            visitor.leave();
        }
        Ok(())
    }
}

/// What the layers are called, as those of any tuple.
const PLACES: [&str; 6] = ["0", "1", "2", "3", "4", "5"];
