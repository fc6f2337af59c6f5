//! Layers that go over the steps of a sequence and keep a state.
//!
//! What happens in a step is a [`CellKind`](crate::backend::CellKind); the walk over the sequence is the same for all.

mod bidirectional;
mod cell;
mod gru;
mod lstm;
mod simple_rnn;
mod stacked;
mod state;
mod stream;

pub use bidirectional::{Bidirectional, BothStates, Concat, MergeMode, Merges, Separate, Sum};
pub use cell::{CellState, Rnn, RnnCell};
pub use gru::{Gru, ResetAfter, ResetBefore, ResetGate};
pub use lstm::Lstm;
pub use simple_rnn::SimpleRnn;
pub use stacked::{HandsOn, Stack, StackLayer, StackedRnn};
pub use state::{
    InitialState, KeepsH, KeepsHc, RecurrentInput, ReturnState, SequenceFeatures, StateSignal,
    StateVectors, ToState,
};
pub use stream::StreamParts;

use dfdx::{
    shapes::{Const, Dim, HasShape},
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        Backend, CarriedStates, Element, GateDropout, HiddenStates, IntoShape, RecurrentInputs,
        RecurrentOutputs, StateSizes, StepOrder, keep_rows, sized,
    },
    error::Error,
    layer::trains,
    signal::{Mask, Signal, Steps},
};

/// A layer that goes over the steps of a sequence and keeps a state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrent layer",
    label = "a recurrent layer is needed here: `Lstm<..>`, `Gru<..>` or `SimpleRnn<..>`"
)]
pub trait Recurrent<E: Element, D: Backend<E>>: OneDirection + Sized {
    /// How many features it takes.
    type Inputs: Dim;
    /// What it returns.
    type Returns: Returns;
    /// How many units it has.
    type Units: Dim;
    /// The signal of its state.
    type State<B: Dim>: StateSignal;

    /// How many features it takes, and how wide its state is.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer.
    fn sizes(&self) -> Result<(usize, StateSizes), Error>;

    /// The outputs of all steps, and the state behind the last one.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer; [`Error::Device`].
    fn outputs<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<RecurrentOutputs<E, D, T>, Error>;

    /// The state behind the last step, and the tape.
    ///
    /// # Errors
    /// Those of [`outputs`](Self::outputs).
    fn states<T: Tape<E, D>>(
        &self,
        inputs: RecurrentInputs<'_, E, D, T>,
    ) -> Result<(HiddenStates<E, D>, T), Error> {
        let (outputs, states) = self.outputs(inputs)?;
        Ok((states, outputs.split_tape().1))
    }

    /// What a stream of so many rows needs of the layer.
    ///
    /// # Errors
    /// Those of [`outputs`](Self::outputs).
    fn begin(&self, rows: usize, parts: &mut StreamParts<E>) -> Result<(), Error>;

    /// In which order the steps come.
    fn order(&self) -> StepOrder;

    /// What drops in training, of so many rows.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn dropout(&self, _dev: &D, _rows: usize) -> Result<GateDropout<E, D>, Error> {
        Ok(GateDropout::default())
    }

    /// Where a stateful layer keeps its states from one batch to the next.
    fn carried(&self) -> Option<&CarriedStates<E, D>> {
        None
    }

    /// Forgets what a stateful layer keeps.
    fn reset(&self) {
        if let Some(carried) = self.carried() {
            carried.reset();
        }
    }

    /// Sets the order, but for where the outputs stand: of a layer alone, as they are made.
    fn set_order(&mut self, order: StepOrder);
}

/// A [`Recurrent`] layer, whatever the numbers and the device: no [`Bidirectional`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a recurrent layer",
    label = "a recurrent layer is needed here: `Lstm<..>`, `Gru<..>` or `SimpleRnn<..>`"
)]
pub trait OneDirection {}

/// What all layers with the usual options have in common of [`Recurrent`].
macro_rules! order {
    () => {
        fn order(&self) -> StepOrder {
            StepOrder {
                backwards: self.go_backwards,
                as_made: true,
                zero_masked: self.zero_output_for_mask,
            }
        }

        fn carried(&self) -> Option<&CarriedStates<E, D>> {
            self.stateful.then_some(&self.carried)
        }

        fn set_order(&mut self, order: StepOrder) {
            self.go_backwards = order.backwards;
            self.zero_output_for_mask = order.zero_masked;
        }
    };
}
use order;

/// What the layers with weights of `W = gates * H` values for each step have in common of [`Recurrent`].
macro_rules! weighted {
    () => {
        super::order!();

        fn dropout(&self, dev: &D, rows: usize) -> Result<GateDropout<E, D>, Error> {
            self.check_options()?;
            let rates = [self.dropout, self.recurrent_dropout];
            let weights = self.weights()?;
            GateDropout::draw(dev, weights.cell, (rows, I, H), rates)
        }

        fn sizes(&self) -> Result<(usize, StateSizes), Error> {
            let weights = self.weights()?;
            Ok((I, StateSizes { units: H, has_c: weights.cell.has_c() }))
        }

        fn outputs<T: Tape<E, D>>(
            &self,
            inputs: RecurrentInputs<'_, E, D, T>,
        ) -> Result<RecurrentOutputs<E, D, T>, Error> {
            D::recurrent(inputs, self.weights()?)
        }

        fn states<T: Tape<E, D>>(
            &self,
            inputs: RecurrentInputs<'_, E, D, T>,
        ) -> Result<(HiddenStates<E, D>, T), Error> {
            D::recurrent_states(inputs, self.weights()?)
        }

        fn begin(
            &self,
            rows: usize,
            parts: &mut super::stream::StreamParts<E>,
        ) -> Result<(), Error> {
            parts.layer(self, D::recurrent_step(self.weights()?, rows)?, rows)
        }
    };
}
use weighted;

/// How a stateful layer forgets.
macro_rules! reset {
    () => {
        /// Forgets the states of the last batch, if the layer is `stateful`: the next one begins with zeros.
        pub fn reset_state(&self) {
            self.carried.reset();
        }
    };
}
use reset;

/// The functions of a step, as the options of a layer with gates say.
macro_rules! functions {
    () => {
        fn functions(&self) -> StepFunctions {
            StepFunctions { activation: self.activation, gate: self.recurrent_activation }
        }
    };
}
use functions;

/// The outputs of all steps, on the tape, and the last one, which is not.
type WithOutput<B, L, const H: usize, E, D, T> =
    (Tensor<(B, L, Const<H>), E, D, T>, Tensor<(B, Const<H>), E, D>);

/// How a layer whose only state is its output takes and gives it.
macro_rules! states {
    () => {
        reset!();

        /// Runs a sequence, whatever the layer returns otherwise: the outputs of all steps and the final state, as with
        /// Keras's `return_sequences=True, return_state=True`.
        ///
        /// `initial` is the state to start from (zeros if there is none). The tape goes with the outputs; the final state
        /// has none. To train on the state, move the tape over with dfdx's `split_tape` and `put_tape`.
        ///
        /// # Errors
        /// [`Error::Mismatch`] if the mask or the initial state has another size than `x`.
        pub fn forward_with_state<B: Dim, L: Dim, T: Tape<E, D>>(
            &self,
            x: Tensor<(B, L, Const<I>), E, D, T>,
            mask: Option<&Mask>,
            initial: Option<Tensor<(B, Const<H>), E, D>>,
        ) -> Result<WithOutput<B, L, H, E, D, T>, Error> {
            let initial = match initial {
                Some(h) => Some(HiddenStates::new(sized(h)?, None)),
                None => None,
            };
            let (outputs, HiddenStates { h, .. }) =
                with_state(self, x, mask, initial, self.order())?;
            Ok((sized(outputs)?, sized(h)?))
        }

        /// One step: from an input `(Batch, I)` and a state to the next state, which is the output.
        ///
        /// # Errors
        /// [`Error::Mismatch`] if the state has other rows than `x`.
        pub fn step<B: Dim>(
            &self,
            x: Tensor<(B, Const<I>), E, D>,
            state: Tensor<(B, Const<H>), E, D>,
        ) -> Result<Tensor<(B, Const<H>), E, D>, Error> {
            let (batch, _) = *x.shape();
            let x = x.into_shape(&(batch, Const::<1>, Const::<I>))?;
            Ok(self.forward_with_state(x, None, Some(state))?.1)
        }
    };
}
use states;

/// What a layer returns, as rows, on the tape, and the state behind the last step, which is not.
pub type RowsWithStates<E, D, T> = (Tensor<(usize, usize), E, D, T>, HiddenStates<E, D>);

/// The layer returns its output at every step: Keras's `return_sequences=True`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sequences;

/// The layer returns its last output only: Keras's `return_sequences=False`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastState;

/// What a recurrent layer returns: [`Sequences`] or [`LastState`].
pub trait Returns: Default + Clone + std::fmt::Debug + 'static {
    /// Keras's argument `return_sequences`.
    const SEQUENCES: bool;

    /// What leaves a layer of so many units.
    type Out<In: Steps, H: Dim>: Signal;

    /// Runs a layer over a sequence.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer; [`Error::Device`].
    fn run<In: Steps, const H: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<<Self::Out<In, Const<H>> as Signal>::Data<E, D, T>, Error>;

    /// The same, with the state behind the last step.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    fn run_with_state<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<(<Self::Out<In, H> as Signal>::Data<E, D, T>, HiddenStates<E, D>), Error>;

    /// What a layer returns, as rows of its units, and the state behind the last step.
    ///
    /// # Errors
    /// Those of [`run`](Self::run).
    fn rows<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: Tensor<(B, L, F), E, D, T>,
        mask: Option<&Mask>,
        initial: Option<HiddenStates<E, D>>,
        order: StepOrder,
    ) -> Result<RowsWithStates<E, D, T>, Error>;

    /// The way back from rows.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if there are not as many rows.
    fn from_rows<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(usize, usize), E, D, T>,
        shape: (In::Batch, In::Length),
        mask: Option<Mask>,
    ) -> Result<<Self::Out<In, H> as Signal>::Data<E, D, T>, Error>;
}

impl Returns for Sequences {
    const SEQUENCES: bool = true;

    type Out<In: Steps, H: Dim> = In::With<H>;

    fn run<In: Steps, const H: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<<In::With<Const<H>> as Signal>::Data<E, D, T>, Error> {
        Ok(Self::run_with_state::<In, Const<H>, E, D, T>(layer, x, initial)?.0)
    }

    fn run_with_state<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<(<In::With<H> as Signal>::Data<E, D, T>, HiddenStates<E, D>), Error> {
        let (x, mask) = In::split(x);
        let (outputs, states) = with_state(layer, x, mask.as_ref(), initial, layer.order())?;
        Ok((In::join(sized(outputs)?, mask)?, states))
    }

    fn rows<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: Tensor<(B, L, F), E, D, T>,
        mask: Option<&Mask>,
        initial: Option<HiddenStates<E, D>>,
        order: StepOrder,
    ) -> Result<RowsWithStates<E, D, T>, Error> {
        let (outputs, states) = with_state(layer, x, mask, initial, order)?;
        let (batch, length, units) = *outputs.shape();
        Ok((outputs.into_shape(&(batch * length, units))?, states))
    }

    fn from_rows<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(usize, usize), E, D, T>,
        (batch, length): (In::Batch, In::Length),
        mask: Option<Mask>,
    ) -> Result<<In::With<H> as Signal>::Data<E, D, T>, Error> {
        let units = rows.shape().1;
        let outputs = rows.into_shape(&(batch.size(), length.size(), units))?;
        In::join(sized(outputs)?, mask)
    }
}

impl Returns for LastState {
    const SEQUENCES: bool = false;

    type Out<In: Steps, H: Dim> = (In::Batch, H);

    fn run<In: Steps, const H: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<Tensor<(In::Batch, Const<H>), E, D, T>, Error> {
        Ok(Self::run_with_state::<In, Const<H>, E, D, T>(layer, x, initial)?.0)
    }

    fn run_with_state<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
        initial: Option<HiddenStates<E, D>>,
    ) -> Result<(Tensor<(In::Batch, H), E, D, T>, HiddenStates<E, D>), Error> {
        let (x, mask) = In::split(x);
        let (y, states) = last(layer, x, mask.as_ref(), initial, layer.order())?;
        Ok((sized(y)?, states))
    }

    fn rows<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: Tensor<(B, L, F), E, D, T>,
        mask: Option<&Mask>,
        initial: Option<HiddenStates<E, D>>,
        order: StepOrder,
    ) -> Result<RowsWithStates<E, D, T>, Error> {
        last(layer, x, mask, initial, order)
    }

    fn from_rows<In: Steps, H: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
        rows: Tensor<(usize, usize), E, D, T>,
        _: (In::Batch, In::Length),
        _: Option<Mask>,
    ) -> Result<Tensor<(In::Batch, H), E, D, T>, Error> {
        sized(rows)
    }
}

/// The last output, that of the last real step, or if masked steps give 0, of the last step there is; and the state. A row without a
/// real step has the output 0, as Keras on TensorFlow has it; its state stays.
fn last<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
    initial: Option<HiddenStates<E, D>>,
    order: StepOrder,
) -> Result<RowsWithStates<E, D, T>, Error> {
    let (states, tape) = last_states(layer, x, mask, initial, order)?;
    let y = states.h.clone().put_tape(tape);
    match mask.map(|mask| order.last_is_state(mask)).filter(|keep| keep.contains(&false)) {
        Some(keep) => Ok((keep_rows(y, &keep, E::zero())?, states)),
        None => Ok((y, states)),
    }
}

/// Runs a layer from a state, and gives the state behind the last step and the tape.
fn last_states<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
    initial: Option<HiddenStates<E, D>>,
    order: StepOrder,
) -> Result<(HiddenStates<E, D>, T), Error> {
    let inputs = RecurrentInputs { order, ..inputs(layer, x, mask, initial)? };
    let (states, tape) = layer.states(inputs)?;
    if let Some(carried) = layer.carried() {
        carried.set(states.clone())?;
    }
    Ok((states, tape))
}

/// What the operation is given.
fn inputs<'a, B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&'a Mask>,
    initial: Option<HiddenStates<E, D>>,
) -> Result<RecurrentInputs<'a, E, D, T>, Error> {
    let x: Tensor<(usize, usize, usize), E, D, T> = sized(x)?;
    let (batch, length, _) = *x.shape();
    if let Some(mask) = mask.filter(|mask| (mask.batch(), mask.length()) != (batch, length)) {
        let found = (mask.batch(), mask.length());
        return Err(Error::mismatch("the batch and length of a mask", (batch, length), found));
    }
    let initial = match (initial, layer.carried()) {
        (None, Some(carried)) => carried.get()?,
        (initial, _) => initial,
    };
    if let Some(states) = &initial {
        let StateSizes { units, has_c } = layer.sizes()?.1;
        // One out of a file may be of another layer.
        if states.h.shape().1 != units || states.c.is_some() != has_c {
            let found = (states.h.shape().1, states.c.is_some());
            let what = "the units of a state, and whether it has `c`";
            return Err(Error::mismatch(what, (units, has_c), found));
        }
        for state in std::iter::once(&states.h).chain(&states.c) {
            let rows = state.shape().0;
            if rows != batch {
                let what = match layer.carried() {
                    Some(_) => "the rows of the state that a stateful layer has kept",
                    None => "the rows of the initial state",
                };
                return Err(Error::mismatch(what, batch, rows));
            }
        }
    }
    let dropout = if trains() { layer.dropout(x.device(), batch)? } else { GateDropout::default() };
    Ok(RecurrentInputs { x, mask, initial, order: layer.order(), dropout })
}

/// Runs a layer from a state, and gives the outputs of all steps and the state behind them.
fn with_state<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
    initial: Option<HiddenStates<E, D>>,
    order: StepOrder,
) -> Result<RecurrentOutputs<E, D, T>, Error> {
    let inputs = RecurrentInputs { order, ..inputs(layer, x, mask, initial)? };
    let (outputs, states) = layer.outputs(inputs)?;
    if let Some(carried) = layer.carried() {
        carried.set(states.clone())?;
    }
    Ok((outputs, states))
}
