use pulp::Arch;

use super::{Kept, Sizes, Steps, gates::GatesBackward};
use crate::backend::{
    cpu::{
        buffer::Buffer,
        gemm::product,
        matrix::Matrix,
        packed::Packed,
        sums::{BLOCK, add_rows},
    },
    memory::NoMemory,
};

/// The gradients that come to the rows of one thread, and those of its inputs, which go on. One a row, in the
/// order of `steps.rows`.
#[derive(Debug)]
pub(crate) struct RowGradients<'a> {
    /// Of the outputs, if they were wanted.
    pub(crate) outputs: Option<&'a [f32]>,
    /// Of the final state.
    pub(crate) h: &'a [f32],
    pub(crate) c: &'a [f32],
    /// Of the inputs, if they are needed: added to.
    pub(crate) x: Option<&'a mut [f32]>,
    /// Of the initial state, if there was one: added to.
    pub(crate) initial: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// The gradients of the weights that the rows of one thread give.
#[derive(Debug)]
pub(crate) struct WeightGradients {
    pub(crate) kernel: Buffer,
    pub(crate) recurrent: Buffer,
    pub(crate) bias: Vec<f64>,
}

/// The backward pass of the rows that `kept` names.
pub(crate) fn backward(
    sizes: Sizes,
    kernel: &[f32],
    recurrent_transposed: &Packed,
    mut kept: Kept,
    rows: &mut [RowGradients<'_>],
) -> Result<WeightGradients, NoMemory> {
    let Sizes { inputs, units, .. } = sizes;
    let steps = &kept.steps;
    let total = steps.total();
    // What comes to the output of each real step: its own gradient and those of the masked steps that repeat
    // it.
    let mut outputs = Buffer::try_zeros(total * units)?;
    for (r, row) in rows.iter().enumerate() {
        if let Some(gradients) = row.outputs {
            gather(steps, r, gradients, units, &mut outputs);
        }
    }
    // What comes to the state of each row from the steps behind: at the end, the gradient of the final state.
    let mut carry_h = Buffer::try_uncleared(rows.len() * units)?;
    let mut carry_c = Buffer::try_uncleared(rows.len() * units)?;
    for (r, row) in rows.iter().enumerate() {
        carry_h[r * units..(r + 1) * units].copy_from_slice(row.h);
        carry_c[r * units..(r + 1) * units].copy_from_slice(row.c);
    }
    for t in (0..steps.times()).rev() {
        let (from, count) = (steps.offset(t), steps.count(t));
        let here = from * units..(from + count) * units;
        let before = match (t, &kept.initial) {
            (0, None) => None,
            (0, Some((_, c))) => Some(&c[..count * units]),
            (t, _) => {
                let before = steps.offset(t - 1) * units;
                Some(&kept.c[before..before + count * units])
            }
        };
        let gates = &mut kept.gates[from * 4 * units..(from + count) * 4 * units];
        Arch::new().dispatch(GatesBackward {
            units,
            gates,
            before,
            tanh_c: &kept.tanh_c[here.clone()],
            outputs: &outputs[here],
            carry_h: &mut carry_h[..count * units],
            carry_c: &mut carry_c[..count * units],
        });
        if t > 0 || kept.initial.is_some() {
            recurrent_transposed.product(gates, &mut carry_h[..count * units], true);
        }
    }

    // `gates` now holds the gradients before their functions.
    let gates = Matrix::new(&kept.gates, total, 4 * units);
    let mut kernel_gradient = Buffer::try_uncleared(inputs * 4 * units)?;
    product(&mut kernel_gradient, Matrix::new(&kept.x, total, inputs).transposed(), gates, false);
    let mut recurrent_gradient = Buffer::try_uncleared(units * 4 * units)?;
    let states = states_before(&kept, units)?;
    product(&mut recurrent_gradient, Matrix::new(&states, total, units).transposed(), gates, false);
    let mut bias_gradient = vec![0.0; 4 * units];
    add_rows(&mut bias_gradient, &kept.gates);
    if rows.iter().any(|row| row.x.is_some()) {
        // The inputs are not needed any more: their gradients take their place.
        let weights = Matrix::new(kernel, inputs, 4 * units).transposed();
        product(&mut kept.x, gates, weights, false);
    }
    for (r, row) in rows.iter_mut().enumerate() {
        if let Some(x) = &mut row.x {
            for t in 0..steps.lengths[r] {
                let place = steps.offset(t) + r;
                let to = &mut x[steps.at[place] * inputs..(steps.at[place] + 1) * inputs];
                let from = &kept.x[place * inputs..(place + 1) * inputs];
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            }
        }
        if let Some((h, c)) = &mut row.initial {
            let here = r * units..(r + 1) * units;
            h.iter_mut().zip(&carry_h[here.clone()]).for_each(|(to, &from)| *to += from);
            c.iter_mut().zip(&carry_c[here]).for_each(|(to, &from)| *to += from);
        }
    }
    let (kernel, recurrent) = (kernel_gradient, recurrent_gradient);
    Ok(WeightGradients { kernel, recurrent, bias: bias_gradient })
}

/// Adds the gradients of all time steps of a row to those of its real steps.
fn gather(steps: &Steps, r: usize, gradients: &[f32], units: usize, outputs: &mut [f32]) {
    let length = gradients.len().checked_div(units).unwrap_or(0);
    for t in 0..steps.lengths[r] {
        let place = steps.offset(t) + r;
        let until =
            if t + 1 < steps.lengths[r] { steps.at[steps.offset(t + 1) + r] } else { length };
        let to = &mut outputs[place * units..(place + 1) * units];
        let repeats = &gradients[steps.at[place] * units..until * units];
        if until - steps.at[place] <= BLOCK {
            for from in repeats.chunks_exact(units.max(1)) {
                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
            }
        } else {
            let mut totals = vec![0.0; units];
            add_rows(&mut totals, repeats);
            to.iter_mut().zip(totals).for_each(|(to, total)| *to += total as f32);
        }
    }
}

/// The state that each step started from, packed.
fn states_before(kept: &Kept, units: usize) -> Result<Buffer, NoMemory> {
    let steps = &kept.steps;
    let mut states = Buffer::try_uncleared(steps.total() * units)?;
    for t in 0..steps.times() {
        let (from, count) = (steps.offset(t) * units, steps.count(t) * units);
        let to = &mut states[from..from + count];
        match (t, &kept.initial) {
            (0, None) => to.fill(0.0),
            (0, Some((h, _))) => to.copy_from_slice(&h[..count]),
            (t, _) => {
                let before = steps.offset(t - 1) * units;
                to.copy_from_slice(&kept.h[before..before + count]);
            }
        }
    }
    Ok(states)
}
