//! Tuples of recurrent layers, of which each takes what the one before returns.

use dfdx::tensor::{Tape, Tensor};

use super::{
    Gru, InitialState, Lstm, Recurrent, ResetGate, Returns, Rnn, RnnCell, Sequences, SimpleRnn,
    StackedRnn, StateSignal, StreamParts, last_states, with_state,
};
use crate::{
    backend::{
        Backend, Element, GateDropout, HiddenStates, RecurrentInputs, RecurrentOutputs, StateSizes,
        StepOrder, StepStates,
    },
    error::Error,
    fields::{Configured, Fields},
    layer::Infer,
    shape::Dim,
    signal::{Inputs, IsDim, Mask},
};

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
