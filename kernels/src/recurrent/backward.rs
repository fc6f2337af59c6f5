use super::{
    Saved, Sizes, Steps, Weights,
    cell::{Cell, StepBackward, column_sums, rows_before},
};
use crate::{
    buffer::Buffer,
    gemm::product,
    matrix::Matrix,
    memory::{NoMemory, zeros},
    packed::Packed,
    sums::{BLOCK, add_rows},
};

/// The gradients that come to the rows of one thread, and those of its inputs, which go on. One per row, in the order
/// of `steps.rows`.
#[derive(Debug)]
pub struct RowGradients<'a> {
    /// Of the outputs, if they were wanted.
    pub outputs: Option<&'a [f32]>,
    /// Of the final state.
    pub h: &'a [f32],
    /// Of its cell state, or nothing.
    pub c: &'a [f32],
    /// Of the inputs, if they are needed: added to.
    pub x: Option<&'a mut [f32]>,
    /// Of the initial state, if there was one: added to.
    pub initial: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// The gradients of the weights that come from the rows of one thread.
#[derive(Debug)]
pub struct WeightGradients {
    /// `(inputs, gates * units)`.
    pub kernel: Buffer,
    /// `(units, gates * units)`.
    pub recurrent: Buffer,
    /// `(gates * units,)`.
    pub bias: Vec<f64>,
    /// Of the recurrent product; none if it has no bias.
    pub recurrent_bias: Vec<f64>,
}

/// The backward pass of the rows that `saved` names.
pub(crate) fn backward<C: Cell>(
    weights: Weights<'_>,
    recurrent_transposed: &[Packed],
    mut saved_pass: Saved,
    rows: &mut [RowGradients<'_>],
) -> Result<WeightGradients, NoMemory> {
    let Sizes { inputs, units, .. } = weights.sizes;
    let (total, width) = (saved_pass.steps.total(), C::GATES * units);
    // What comes to the output of each real step: its own gradient and those of the masked steps that repeat
    // it.
    let mut outputs = Buffer::zeros(total * units)?;
    for (r, row) in rows.iter().enumerate() {
        if let Some(gradients) = row.outputs {
            gather(&saved_pass.steps, r, gradients, units, &mut outputs)?;
        }
    }
    // What comes to the state of each row from the steps behind: at the end, the gradient of the final state.
    let mut carry_h = Buffer::uncleared(rows.len() * units)?;
    let mut carry_c = Buffer::uncleared(if C::HAS_C { rows.len() * units } else { 0 })?;
    let mut room = Buffer::uncleared(rows.len() * units)?;
    for (r, row) in rows.iter().enumerate() {
        carry_h[r * units..(r + 1) * units].copy_from_slice(row.h);
        if C::HAS_C {
            carry_c[r * units..(r + 1) * units].copy_from_slice(row.c);
        }
    }
    for t in (0..saved_pass.steps.times()).rev() {
        let (from, count) = (saved_pass.steps.offset(t), saved_pass.steps.count(t));
        // What is changed is taken out, so that the state before can be looked at.
        let (mut gates, mut saved) = (
            std::mem::take(&mut saved_pass.values.gates),
            std::mem::take(&mut saved_pass.values.saved),
        );
        let saved_width = C::SAVED * units;
        C::backward(StepBackward {
            weights: weights.step(recurrent_transposed),
            before: saved_pass.before(t, units),
            gates: &mut gates[from * width..][..count * width],
            saved: &mut saved[from * saved_width..][..count * saved_width],
            h: &saved_pass.values.h[from * units..][..count * units],
            d_h: &outputs[from * units..][..count * units],
            carry_h: &mut carry_h[..count * units],
            carry_c: if C::HAS_C { &mut carry_c[..count * units] } else { &mut [] },
            room: &mut room[..count * units],
        })?;
        (saved_pass.values.gates, saved_pass.values.saved) = (gates, saved);
    }

    // `gates` now holds the gradients before the activations.
    let gates = Matrix::new(&saved_pass.values.gates, total, width);
    let mut kernel = Buffer::uncleared(inputs * width)?;
    product(&mut kernel, Matrix::new(&saved_pass.x, total, inputs).transposed(), gates, false)?;
    let states = states_before(&saved_pass, units)?;
    let (recurrent, recurrent_bias) =
        C::recurrent_gradient(&saved_pass.values, &states, total, units)?;
    let bias = column_sums(&saved_pass.values.gates, width)?;
    if rows.iter().any(|row| row.x.is_some()) {
        // The inputs are not needed any more: their gradients take their place.
        let kernel = Matrix::new(weights.kernel, inputs, width).transposed();
        product(&mut saved_pass.x, gates, kernel, false)?;
    }
    let steps = &saved_pass.steps;
    for (r, row) in rows.iter_mut().enumerate() {
        if let Some(x) = &mut row.x {
            for t in 0..steps.lengths[r] {
                let place = steps.offset(t) + r;
                let to = &mut x[steps.at[place] * inputs..(steps.at[place] + 1) * inputs];
                let from = &saved_pass.x[place * inputs..(place + 1) * inputs];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            }
        }
        if let Some((h, c)) = &mut row.initial {
            let carry_h = &carry_h[r * units..(r + 1) * units];
            h.iter_mut().zip(carry_h).for_each(|(to, &from)| *to += from);
            let carry_c = carry_c.get(r * units..(r + 1) * units).unwrap_or_default();
            c.iter_mut().zip(carry_c).for_each(|(to, &from)| *to += from);
        }
    }
    Ok(WeightGradients { kernel, recurrent, bias, recurrent_bias })
}

/// Adds the gradients of all time steps of a row to those of its real steps.
fn gather(
    steps: &Steps,
    r: usize,
    gradients: &[f32],
    units: usize,
    outputs: &mut [f32],
) -> Result<(), NoMemory> {
    for t in 0..steps.lengths[r] {
        let to = &mut outputs[(steps.offset(t) + r) * units..][..units];
        let repeats = steps.repeats(r, t);
        let count = repeats.len();
        let repeats = &gradients[repeats.start * units..repeats.end * units];
        if count <= BLOCK {
            for from in repeats.chunks_exact(units.max(1)) {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            }
        } else {
            let mut totals = zeros(units)?;
            add_rows(&mut totals, repeats)?;
            to.iter_mut().zip(totals).for_each(|(to, total)| *to += total as f32);
        }
    }
    Ok(())
}

/// The outputs that each step started from, packed.
fn states_before(saved_pass: &Saved, units: usize) -> Result<Buffer, NoMemory> {
    let steps = &saved_pass.steps;
    let mut states = Buffer::uncleared(steps.total() * units)?;
    for t in 0..steps.times() {
        let (from, count) = (steps.offset(t) * units, steps.count(t) * units);
        let to = &mut states[from..from + count];
        match (t, &saved_pass.initial) {
            (0, None) => to.fill(0.0),
            (0, Some(initial)) => to.copy_from_slice(&initial.h[..count]),
            (t, _) => to.copy_from_slice(&saved_pass.values.h[rows_before(steps, t, units)]),
        }
    }
    Ok(states)
}
