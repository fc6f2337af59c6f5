//! How a layer runs over a sequence, from a state.

use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, Tape, Tensor},
};

use super::{Recurrent, RowsWithStates};
use crate::{
    backend::{
        Backend, Element, GateDropout, HiddenStates, RecurrentInputs, RecurrentOutputs, StateSizes,
        StepOrder, keep_rows, last_is_state, sized,
    },
    error::Error,
    layer::trains,
    shape::Dim,
    signal::Mask,
};

/// The last output, that of the last real step, or if masked steps give 0, of the last step there is; and the state. A row without a
/// real step has the output 0, as Keras on TensorFlow has it; its state stays.
pub(super) fn last<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
    layer: &impl Recurrent<E, D>,
    x: Tensor<(B, L, F), E, D, T>,
    mask: Option<&Mask>,
    initial: Option<HiddenStates<E, D>>,
    order: StepOrder,
) -> Result<RowsWithStates<E, D, T>, Error> {
    let (states, tape) = last_states(layer, x, mask, initial, order)?;
    let y = states.h.clone().put_tape(tape);
    match mask.map(|mask| last_is_state(order, mask)).filter(|keep| keep.contains(&false)) {
        Some(keep) => Ok((keep_rows(y, &keep, E::zero())?, states)),
        None => Ok((y, states)),
    }
}

/// Runs a layer from a state, and gives the state behind the last step and the tape.
pub(super) fn last_states<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
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
        check_states(states, batch, layer.sizes()?.1, layer.carried().is_some())?;
    }
    let dropout = if trains() { layer.dropout(x.device(), batch)? } else { GateDropout::default() };
    Ok(RecurrentInputs { x, mask, initial, order: layer.order(), dropout })
}

/// Fails unless a state is of these sizes and of so many rows.
fn check_states<E: Element, D: Backend<E>>(
    states: &HiddenStates<E, D>,
    batch: usize,
    StateSizes { units, has_c }: StateSizes,
    carried: bool,
) -> Result<(), Error> {
    // One out of a file may be of another layer.
    if states.h.shape().1 != units || states.c.is_some() != has_c {
        let found = (states.h.shape().1, states.c.is_some());
        let what = "the units of a state, and whether it has `c`";
        return Err(Error::mismatch(what, (units, has_c), found));
    }
    for state in std::iter::once(&states.h).chain(&states.c) {
        let rows = state.shape().0;
        if rows != batch {
            let what = match carried {
                true => "the rows of the state that a stateful layer has kept",
                false => "the rows of the initial state",
            };
            return Err(Error::mismatch(what, batch, rows));
        }
    }
    Ok(())
}

/// Runs a layer from a state, and gives the outputs of all steps and the state behind them.
pub(super) fn with_state<B: Dim, L: Dim, F: Dim, E: Element, D: Backend<E>, T: Tape<E, D>>(
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
