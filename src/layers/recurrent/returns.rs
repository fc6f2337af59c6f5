use dfdx::{
    shapes::{Const, Dim as _, HasShape},
    tensor::{Tape, Tensor},
};

use super::{
    Recurrent,
    run::{last, with_state},
};
use crate::{
    backend::{Backend, Element, HiddenStates, IntoShape, StepOrder, sized},
    error::Error,
    shape::Dim,
    signal::{Mask, Signal, Steps},
};

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
