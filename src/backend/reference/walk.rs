//! The walk over the steps of a sequence, in plain dfdx operations.

use dfdx::{
    prelude::{ChooseFrom, HasShape, PermuteTo, SelectTo, TryStack},
    shapes::Axes3,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, HiddenStates, RecurrentInputs, RecurrentOutputs, StateSizes,
        memory::elements, zeros_after,
    },
    error::{Error, OrDevice},
};

type Rows<E, D, T> = Tensor<(usize, usize), E, D, T>;

/// A state on the tape: `h` and, where the cell has one, `c`.
pub(crate) type TapedStates<E, D, T> = (Rows<E, D, T>, Option<Rows<E, D, T>>);

/// The step of a cell: from the inputs of a step, `(B, F)`, and the state before it to the state behind it.
pub(crate) type CellStep<'a, E, D, T> =
    dyn FnMut(Rows<E, D, T>, TapedStates<E, D, T>) -> Result<TapedStates<E, D, T>, Error> + 'a;

/// Goes over the steps of a sequence. At a masked step the state stays, whatever the cell makes of it.
///
/// The tensors that a step is given have tapes of their own, with nothing on them: a cell may use each as often as it
/// likes. What it gives is joined with all that was before.
pub(crate) fn walk<E: Element, D: Backend<E>, T: Tape<E, D>>(
    inputs: RecurrentInputs<'_, E, D, T>,
    StateSizes { units, has_c }: StateSizes,
    cell: &mut CellStep<'_, E, D, T>,
) -> Result<RecurrentOutputs<E, D, T>, Error> {
    let RecurrentInputs { x, mask, initial, order, .. } = inputs;
    let ((rows, length, _), dev) = (*x.shape(), x.device().clone());
    elements(&[rows, length, units])?;
    let zeros = || dev.try_zeros_like(&(rows, units)).or_device();
    let (mut h, mut c) = match initial {
        Some(states) => (states.h, states.c),
        None => (zeros()?, None),
    };
    if has_c && c.is_none() {
        c = Some(zeros()?);
    }
    if rows == 0 || length == 0 {
        return Ok((zeros_after(x, &(rows, length, units))?, HiddenStates::new(h, c)));
    }
    let (x, mut tape) = x.split_tape();

    // The output of masked steps before the first real one is 0, also with an initial state.
    let mut out = zeros()?;
    let mut outputs = Vec::new();
    outputs.resize_with(length, || None);
    for place in 0..length {
        let step = order.place(length, place);
        let index = dev.try_tensor_from_vec(vec![step; rows], (rows,)).or_device()?;
        let x: Rows<E, D, T> = x.retaped::<T>().try_select(index).or_device()?;
        let (x, of_x) = x.split_tape();
        tape = tape.merge(of_x);
        let before = (h.retaped::<T>(), c.as_ref().map(|c| c.retaped::<T>()));
        let (h_new, c_new) = cell(x.put_tape(T::default()), before)?;
        let (h_new, of_h) = h_new.split_tape();
        let (c_new, of_c) = match c_new.map(SplitTape::split_tape) {
            Some((c, tape)) => (Some(c), tape),
            None => (None, T::default()),
        };
        tape = tape.merge(of_h).merge(of_c);
        if let Some(mask) = mask {
            let keep: Vec<bool> =
                (0..rows).flat_map(|row| (0..units).map(move |_| mask.row(row)[step])).collect();
            let keep = dev.try_tensor_from_vec(keep, (rows, units)).or_device()?;
            let mut choose = |new: &Rows<E, D, _>, old: Rows<E, D, _>| {
                let taken = std::mem::take(&mut tape);
                let chosen = keep.clone().try_choose(new.clone().put_tape(taken), old);
                let (chosen, rest) = chosen.or_device()?.split_tape();
                tape = rest;
                Ok::<_, Error>(chosen)
            };
            if let (Some(c), Some(c_new)) = (&mut c, c_new) {
                *c = choose(&c_new, c.clone())?;
            }
            out = choose(&h_new, if order.zero_masked { zeros()? } else { out })?;
            h = choose(&h_new, h)?;
        } else {
            (c, h, out) = (c_new, h_new.clone(), h_new);
        }
        outputs[order.outputs(length, place..place + 1).start] = Some(out.retaped::<T>());
    }

    let outputs: Vec<_> = outputs.into_iter().flatten().collect();
    let stacked = outputs.try_stack().or_device()?;
    let permuted: Tensor<(usize, usize, usize), E, D, T> =
        stacked.try_permute::<_, Axes3<1, 0, 2>>().or_device()?;
    let (outputs, out_tape) = permuted.split_tape();
    Ok((outputs.put_tape(out_tape.merge(tape)), HiddenStates::new(h, c)))
}
