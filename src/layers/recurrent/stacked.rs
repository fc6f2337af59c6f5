//! Recurrent layers one on the other, as one recurrent layer.

use dfdx::{
    shapes::Dim,
    tensor::{Tape, Tensor},
};

use super::{
    Gru, InitialState, Lstm, OneDirection, Recurrent, RecurrentInput, ResetGate, Returns, Rnn,
    RnnCell, Sequences, SimpleRnn, StateSignal, last_states,
    state::split,
    stream::{RecurrentState, RecurrentStepper, StreamParts},
    with_state,
};
use crate::{
    backend::{
        Backend, Element, GateDropout, HiddenStates, RecurrentInputs, RecurrentOutputs, StateSizes,
        StepOrder, StepStates,
    },
    error::Error,
    fields::{Configured, Fields},
    layer,
    layer::{Infer, Layer},
    signal::{Inputs, IsDim, Mask, Signal, StepValues, Steps},
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
/// All but the last one return [`Sequences`]. In a `#[model]`, `_` is the number of features that reach the first one.
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

/// A tuple of recurrent layers, of which each takes what the one before returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stack of recurrent layers",
    label = "a tuple of two to six recurrent layers is needed here",
    note = "all but the last one return `Sequences`, and each takes as many features as the one before has units"
)]
pub trait Stack<E: Element, D: Backend<E>>: Sized {
    /// How many features the first one takes.
    type Inputs: Dim;
    /// What the last one returns.
    type Returns: Returns;
    /// How many units the last one has.
    type Units: Dim;
    /// The state of all.
    type State<B: Dim>: StateSignal;

    /// How many features it takes, and how wide the state of the last one is.
    ///
    /// # Errors
    /// Those of the layers.
    fn sizes(&self) -> Result<(usize, StateSizes), Error>;

    /// In which order the steps come.
    fn order(&self) -> StepOrder;

    /// Sets that.
    fn set_order(&mut self, order: StepOrder);

    /// Runs a sequence through all.
    ///
    /// # Errors
    /// Those of the layers.
    fn outputs<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<RecurrentOutputs<E, D, T>, Error>;

    /// The same, for the states alone.
    ///
    /// # Errors
    /// Those of the layers.
    fn states<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<(HiddenStates<E, D>, T), Error>;

    /// What each needs for a stream of so many rows.
    ///
    /// # Errors
    /// Those of the layers.
    fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error>;

    /// Forgets what stateful layers keep.
    fn reset(&self);
}

/// A layer that hands on a sequence.
#[diagnostic::on_unimplemented(
    message = "a layer within a `StackedRnn` must return its sequence",
    label = "all but the last one: `Lstm<_, N, Sequences>` in place of `Lstm<_, N>`"
)]
pub trait HandsOn {}

#[diagnostic::do_not_recommend]
impl HandsOn for Sequences {}

/// A recurrent layer that may be one of a stack: one layer, in one direction.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a layer of a `StackedRnn`",
    label = "one recurrent layer is needed here: `Lstm<..>`, `Gru<..>`, `SimpleRnn<..>` or `Rnn<..>`"
)]
pub trait StackLayer<E: Element, D: Backend<E>>: Recurrent<E, D> {}

#[diagnostic::do_not_recommend]
impl<const I: usize, const H: usize, R, E, D> StackLayer<E, D> for Lstm<I, H, R, E, D>
where
    R: Returns,
    E: Element,
    D: Backend<E>,
{
}

#[diagnostic::do_not_recommend]
impl<const I: usize, const H: usize, R, G, E, D> StackLayer<E, D> for Gru<I, H, R, G, E, D>
where
    R: Returns,
    G: ResetGate,
    E: Element,
    D: Backend<E>,
{
}

#[diagnostic::do_not_recommend]
impl<const I: usize, const H: usize, R, E, D> StackLayer<E, D> for SimpleRnn<I, H, R, E, D>
where
    R: Returns,
    E: Element,
    D: Backend<E>,
{
}

#[diagnostic::do_not_recommend]
impl<C, R, E, D> StackLayer<E, D> for Rnn<C, R, E, D>
where
    C: RnnCell<E, D>,
    R: Returns,
    E: Element,
    D: Backend<E>,
{
}

/// A pass through the layers of a stack, below the last one.
struct Pass<'a, E: Element, D: Backend<E>> {
    mask: Option<&'a Mask>,
    /// Those to start from, of each layer.
    initial: std::vec::IntoIter<HiddenStates<E, D>>,
    /// Of the outputs between two layers, which stand at the steps that they are of.
    order: StepOrder,
    states: Vec<HiddenStates<E, D>>,
}

type Sequence<E, D, T> = Tensor<(usize, usize, usize), E, D, T>;

impl<'a, E: Element, D: Backend<E>> Pass<'a, E, D> {
    /// Begins, unless there are other than as many states as layers.
    fn new<T>(
        inputs: RecurrentInputs<'a, E, D, T>,
        layers: usize,
    ) -> Result<(Self, Sequence<E, D, T>), Error> {
        let RecurrentInputs { x, mask, initial, order, .. } = inputs;
        let initial = match initial {
            Some(mut last) => {
                let mut all = std::mem::take(&mut last.below);
                all.push(last);
                if all.len() != layers {
                    return Err(Error::mismatch("the states of a stack", layers, all.len()));
                }
                all
            }
            None => Vec::new(),
        };
        let order = StepOrder { as_made: false, zero_masked: false, ..order };
        Ok((Self { mask, initial: initial.into_iter(), order, states: Vec::new() }, x))
    }

    /// Runs a layer below the last one.
    fn layer<L: Recurrent<E, D>, T: Tape<E, D>>(
        &mut self,
        layer: &L,
        x: Sequence<E, D, T>,
    ) -> Result<Sequence<E, D, T>, Error> {
        let (x, states) = with_state(layer, x, self.mask, self.initial.next(), self.order)?;
        self.states.push(states);
        Ok(x)
    }

    /// What the last one is given, in the order that was asked for.
    fn last<T>(&mut self, x: Sequence<E, D, T>, order: StepOrder) -> RecurrentInputs<'a, E, D, T> {
        let (mask, initial, dropout) = (self.mask, self.initial.next(), GateDropout::default());
        RecurrentInputs { x, mask, initial, order, dropout }
    }

    /// The states of all, with those of the last one.
    fn ends_with(self, last: HiddenStates<E, D>) -> HiddenStates<E, D> {
        HiddenStates { below: self.states, ..last }
    }
}

/// Fails if a layer behind the first one is to go backwards by itself: as in Keras, a stack has one order of steps.
fn one_order(backwards: &[bool]) -> Result<(), Error> {
    match backwards[1..].contains(&true) {
        true => {
            let expected = "of a stack, the first layer says it for all";
            Err(Error::invalid("go_backwards", true, expected))
        }
        false => Ok(()),
    }
}

macro_rules! stacks {
    ($($layer:ident $state:ident $i:tt $next:ident),*; $last:ident $of_last:ident $n:tt; $($later:ident)*) => {
        impl<E, D, $($layer,)* $last> Stack<E, D> for ($($layer,)* $last,)
        where
            E: Element,
            D: Backend<E>,
            $($layer: StackLayer<E, D, Returns: HandsOn, Units: IsDim<$next::Inputs>>,)*
            $last: StackLayer<E, D>,
        {
            type Inputs = L0::Inputs;
            type Returns = $last::Returns;
            type Units = $last::Units;
            type State<B: Dim> = Inputs<($($layer::State<B>,)* $last::State<B>,)>;

            fn sizes(&self) -> Result<(usize, StateSizes), Error> {
                Ok((self.0.sizes()?.0, self.$n.sizes()?.1))
            }

            fn order(&self) -> StepOrder {
                let zero_masked = self.$n.order().zero_masked;
                StepOrder { zero_masked, ..self.0.order() }
            }

            fn set_order(&mut self, order: StepOrder) {
                // Only what is first and last counts; the others stay as a stack alone has them.
                let within = StepOrder { backwards: false, zero_masked: false, ..order };
                $(self.$i.set_order(within);)*
                self.0.set_order(StepOrder { zero_masked: false, ..order });
                self.$n.set_order(StepOrder { backwards: false, ..order });
            }

            fn outputs<T: Tape<E, D>>(
                &self,
                inputs: RecurrentInputs<'_, E, D, T>,
            ) -> Result<RecurrentOutputs<E, D, T>, Error> {
                one_order(&[$(self.$i.order().backwards,)* self.$n.order().backwards])?;
                let order = inputs.order;
                let (mut pass, x) = Pass::new(inputs, $n + 1)?;
                $(let x = pass.layer(&self.$i, x)?;)*
                let RecurrentInputs { x, mask, initial, .. } = pass.last(x, order);
                let (y, states) = with_state(&self.$n, x, mask, initial, order)?;
                Ok((y, pass.ends_with(states)))
            }

            fn states<T: Tape<E, D>>(
                &self,
                inputs: RecurrentInputs<'_, E, D, T>,
            ) -> Result<(HiddenStates<E, D>, T), Error> {
                one_order(&[$(self.$i.order().backwards,)* self.$n.order().backwards])?;
                let order = inputs.order;
                let (mut pass, x) = Pass::new(inputs, $n + 1)?;
                $(let x = pass.layer(&self.$i, x)?;)*
                let RecurrentInputs { x, mask, initial, .. } = pass.last(x, order);
                let (states, tape) = last_states(&self.$n, x, mask, initial, order)?;
                Ok((pass.ends_with(states), tape))
            }

            fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error> {
                one_order(&[$(self.$i.order().backwards,)* self.$n.order().backwards])?;
                $(self.$i.begin(rows, parts)?;)*
                self.$n.begin(rows, parts)
            }

            fn reset(&self) {
                $(self.$i.reset();)*
                self.$n.reset();
            }
        }

        #[diagnostic::do_not_recommend]
        impl<$($layer, $state,)* $last, $of_last> InitialState<StackedRnn<($($layer,)* $last,)>>
            for Inputs<($($state,)* $of_last,)>
        where
            $($state: InitialState<$layer>,)*
            $of_last: InitialState<$last>,
        {
        }

        #[diagnostic::do_not_recommend]
        impl<$($state: StateSignal,)* $of_last: StateSignal> StateSignal
            for Inputs<($($state,)* $of_last,)>
        {
            const LAYERS: usize = $n + 1;

            fn into_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
                state: Self::Data<E, D, T>,
            ) -> Result<(HiddenStates<E, D>, T), Error> {
                let (mut below, mut all) = (Vec::new(), T::default());
                $(
                    let (states, tape) = $state::into_states::<E, D, T>(state.$i)?;
                    below.push(states);
                    all = all.merge(tape);
                )*
                let (last, tape) = $of_last::into_states::<E, D, T>(state.$n)?;
                Ok((HiddenStates { below, ..last }, all.merge(tape)))
            }

            fn from_states<E: Element, D: Backend<E>, T: Tape<E, D>>(
                states: HiddenStates<E, D>,
            ) -> Result<Self::Data<E, D, T>, Error> {
                let HiddenStates { h, c, below } = states;
                let mut below = below.into_iter();
                let mut next = || below.next().ok_or(Error::Empty("the state of a layer of a stack"));
                Ok((
                    $($state::from_states::<E, D, T>(next()?)?,)*
                    $of_last::from_states::<E, D, T>(HiddenStates::new(h, c))?,
                ))
            }

            fn of_step<'a, E: Element>(
                state: Self::StepData<'a, E>,
                layer: usize,
            ) -> StepStates<'a, E> {
                match layer {
                    $($i => $state::of_step::<E>(state.$i, 0),)*
                    _ => $of_last::of_step::<E>(state.$n, 0),
                }
            }
        }

        impl<In, L0: Infer<In>, $($later),*> Infer<In> for StackedRnn<(L0, $($later,)*)> {
            const SIZE: usize = L0::SIZE;
        }

        /// Keras's `RNN`, whose cell is `StackedRNNCells`.
        impl<$($layer: Configured,)* $last: Configured> Configured for StackedRnn<($($layer,)* $last,)> {
            const CLASS: &'static str = "RNN";
            type Element = L0::Element;
            type Device = L0::Device;

            fn describe(&mut self, fields: &mut Fields) {
                fields.stack(vec![$(&mut self.layers.$i,)* &mut self.layers.$n]);
            }
        }
    };
}
stacks!(L0 S0 0 L1; L1 S1 1; L1);
stacks!(L0 S0 0 L1, L1 S1 1 L2; L2 S2 2; L1 L2);
stacks!(L0 S0 0 L1, L1 S1 1 L2, L2 S2 2 L3; L3 S3 3; L1 L2 L3);
stacks!(L0 S0 0 L1, L1 S1 1 L2, L2 S2 2 L3, L3 S3 3 L4; L4 S4 4; L1 L2 L3 L4);
stacks!(L0 S0 0 L1, L1 S1 1 L2, L2 S2 2 L3, L3 S3 3 L4, L4 S4 4 L5; L5 S5 5; L1 L2 L3 L4 L5);

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
