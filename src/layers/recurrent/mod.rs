//! Layers that go over the steps of a sequence and keep a state.
//!
//! What happens in a step is a [`CellKind`](crate::backend::CellKind); the walk over the sequence is the same for all.

mod gru;
mod lstm;
mod simple_rnn;

pub use gru::{Gru, ResetAfter, ResetBefore, ResetGate};
pub use lstm::Lstm;
pub use simple_rnn::SimpleRnn;

use dfdx::{
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, HiddenStates, RecurrentInputs, RecurrentOutputs, RecurrentWeights,
        StepOrder, sized,
    },
    error::Error,
    signal::{Mask, Signal, Steps},
};

/// A layer that goes over the steps of a sequence and keeps a state.
pub trait Recurrent<E: Element, D: Backend<E>> {
    /// The weights, and what happens in a step.
    ///
    /// # Errors
    /// [`Error::Mismatch`] if a weight has another shape than the layer.
    fn weights(&self) -> Result<RecurrentWeights<'_, E, D>, Error>;

    /// In which order the steps come.
    fn order(&self) -> StepOrder;
}

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
    ) -> Result<<Self::Out<In, Const<H>> as Signal>::Data<E, D, T>, Error>;
}

impl Returns for Sequences {
    const SEQUENCES: bool = true;

    type Out<In: Steps, H: Dim> = In::With<H>;

    fn run<In: Steps, const H: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
    ) -> Result<<In::With<Const<H>> as Signal>::Data<E, D, T>, Error> {
        let (x, mask) = In::split(x);
        let inputs = inputs(layer, x, mask.as_ref())?;
        let (outputs, _) = D::recurrent(inputs, layer.weights()?)?;
        In::join(sized(outputs)?, mask)
    }
}

impl Returns for LastState {
    const SEQUENCES: bool = false;

    type Out<In: Steps, H: Dim> = (In::Batch, H);

    fn run<In: Steps, const H: usize, E: Element, D: Backend<E>, T: Tape<E, D>>(
        layer: &impl Recurrent<E, D>,
        x: In::Data<E, D, T>,
    ) -> Result<Tensor<(In::Batch, Const<H>), E, D, T>, Error> {
        let (x, mask) = In::split(x);
        let inputs = inputs(layer, x, mask.as_ref())?;
        sized(D::recurrent_last(inputs, layer.weights()?)?)
    }
}

/// What the operation is given, from zeros.
fn inputs<'a, B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&'a Mask>,
) -> Result<RecurrentInputs<'a, E, D, T>, Error> {
    Ok(RecurrentInputs { x: sized(x)?, mask, initial: None, order: layer.order() })
}

/// Runs a layer from a state, and gives the outputs of all steps and the state behind them.
fn with_state<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
    initial: Option<HiddenStates<E, D>>,
) -> Result<RecurrentOutputs<E, D, T>, Error> {
    let x: Tensor<(usize, usize, usize), E, D, T> = sized(x)?;
    let (batch, length, _) = *dfdx::shapes::HasShape::shape(&x);
    if let Some(mask) = mask.filter(|mask| (mask.batch(), mask.length()) != (batch, length)) {
        let found = (mask.batch(), mask.length());
        return Err(Error::mismatch("the batch and length of a mask", (batch, length), found));
    }
    if let Some(states) = &initial {
        for state in std::iter::once(&states.h).chain(&states.c) {
            let rows = dfdx::shapes::HasShape::shape(state).0;
            if rows != batch {
                return Err(Error::mismatch("the rows of the initial state", batch, rows));
            }
        }
    }
    let inputs = RecurrentInputs { x, mask, initial, order: layer.order() };
    D::recurrent(inputs, layer.weights()?)
}
