//! The LSTM over whole sequences, forward and backward, on slices.
//!
//! What makes it fast: one product for all input projections and one for each weight gradient; recurrent
//! weights packed once for all steps; the gates in one pass of vector code; rows of the batch on threads for
//! the whole sequence, without a barrier at each step; and steps that the mask rules out are not there.

use pulp::{Arch, Simd, WithSimd};

use super::{
    buffer::Buffer,
    gemm::{Matrix, product},
    packed::Packed,
    simd::{load, sigmoid, store, tanh},
    steps::Steps,
};

/// The sizes of the weights.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// Input features.
    pub(crate) inputs: usize,
    /// Units.
    pub(crate) units: usize,
    /// Time steps, padding included.
    pub(crate) length: usize,
}

/// The weights beside the recurrent ones, row-major: `(inputs, 4 * units)` and `(4 * units,)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weights<'a> {
    pub(crate) kernel: &'a [f32],
    pub(crate) bias: &'a [f32],
}

/// The state of all rows, `(batch, units)` each.
#[derive(Debug, Clone, Copy)]
pub(crate) struct States<'a> {
    pub(crate) h: &'a [f32],
    pub(crate) c: &'a [f32],
}

/// What the forward pass of some rows leaves for the backward pass, packed.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) steps: Steps,
    /// The inputs.
    x: Buffer,
    /// The gates, after their functions.
    gates: Buffer,
    /// The memory, and its tanh.
    c: Buffer,
    tanh_c: Buffer,
    /// The outputs.
    h: Buffer,
    /// The state before the first step, in the order of the sorted rows.
    initial: Option<(Buffer, Buffer)>,
}

/// What a thread writes for one row of the batch: its outputs, if they are wanted, and its final state.
#[derive(Debug)]
pub(crate) struct RowOut<'a> {
    pub(crate) outputs: Option<&'a mut [f32]>,
    pub(crate) h: &'a mut [f32],
    pub(crate) c: &'a mut [f32],
}

/// The forward pass of the rows that `steps` names. `out` holds their places, in the order of the batch rows
/// `steps.rows`.
pub(crate) fn forward(
    sizes: Sizes,
    weights: Weights<'_>,
    recurrent: &Packed,
    x: &[f32],
    initial: Option<States<'_>>,
    steps: Steps,
    out: &mut [RowOut<'_>],
) -> Kept {
    let Sizes { inputs, units, length } = sizes;
    let total = steps.total();
    let mut packed = Buffer::uncleared(total * inputs);
    let mut rest = &mut packed[..];
    for t in 0..steps.times() {
        for r in 0..steps.count(t) {
            let at = (steps.rows[r] * length + steps.at[steps.offset(t) + r]) * inputs;
            let (step, others) = rest.split_at_mut(inputs);
            step.copy_from_slice(&x[at..at + inputs]);
            rest = others;
        }
    }
    let mut gates = Buffer::uncleared(total * 4 * units);
    let inputs_of_all = Matrix::new(&packed, total, inputs);
    product(&mut gates, inputs_of_all, Matrix::new(weights.kernel, inputs, 4 * units), false);

    let (mut c, mut tanh_c) = (Buffer::uncleared(total * units), Buffer::uncleared(total * units));
    let mut h = Buffer::uncleared(total * units);
    let initial = initial.map(|states| {
        let sorted = |states: &[f32]| {
            let mut sorted = Buffer::uncleared(steps.rows.len() * units);
            for (to, &row) in sorted.chunks_exact_mut(units.max(1)).zip(&steps.rows) {
                to.copy_from_slice(&states[row * units..(row + 1) * units]);
            }
            sorted
        };
        (sorted(states.h), sorted(states.c))
    });
    for t in 0..steps.times() {
        let (from, count) = (steps.offset(t), steps.count(t));
        let gates = &mut gates[from * 4 * units..(from + count) * 4 * units];
        let (done_h, rest_h) = h.split_at_mut(from * units);
        let (done_c, rest_c) = c.split_at_mut(from * units);
        let before = match (t, &initial) {
            (0, None) => None,
            (0, Some((h, c))) => Some((&h[..count * units], &c[..count * units])),
            (t, _) => {
                let before = steps.offset(t - 1) * units;
                let range = before..before + count * units;
                Some((&done_h[range.clone()], &done_c[range]))
            }
        };
        if let Some((h, _)) = before {
            recurrent.product(h, gates, true);
        }
        Arch::new().dispatch(Gates {
            units,
            bias: weights.bias,
            gates,
            before: before.map(|(_, c)| c),
            c: &mut rest_c[..count * units],
            tanh_c: &mut tanh_c[from * units..(from + count) * units],
            h: &mut rest_h[..count * units],
        });
    }

    for (r, out) in out.iter_mut().enumerate() {
        if let Some(outputs) = &mut out.outputs {
            spread(&steps, r, &h, units, outputs);
        }
        match (steps.last(r), &initial) {
            (Some(last), _) => {
                out.h.copy_from_slice(&h[last * units..(last + 1) * units]);
                out.c.copy_from_slice(&c[last * units..(last + 1) * units]);
            }
            (None, Some((h, c))) => {
                out.h.copy_from_slice(&h[r * units..(r + 1) * units]);
                out.c.copy_from_slice(&c[r * units..(r + 1) * units]);
            }
            (None, None) => {
                out.h.fill(0.0);
                out.c.fill(0.0);
            }
        }
    }
    Kept { steps, x: packed, gates, c, tanh_c, h, initial }
}

/// Writes the outputs of a row to all its time steps: a masked step repeats the one before, and is 0 before
/// the first real one.
fn spread(steps: &Steps, r: usize, h: &[f32], units: usize, outputs: &mut [f32]) {
    let length = outputs.len().checked_div(units).unwrap_or(0);
    let mut filled = 0;
    let mut before: Option<&[f32]> = None;
    let mut fill = |until: usize, with: Option<&[f32]>, filled: &mut usize| {
        for step in outputs[*filled * units..until * units].chunks_exact_mut(units.max(1)) {
            match with {
                Some(with) => step.copy_from_slice(with),
                None => step.fill(0.0),
            }
        }
        *filled = until;
    };
    for t in 0..steps.lengths[r] {
        let place = steps.offset(t) + r;
        fill(steps.at[place], before, &mut filled);
        before = Some(&h[place * units..(place + 1) * units]);
    }
    fill(length, before, &mut filled);
}

/// The functions of the gates of one step, and the state that they make.
struct Gates<'a> {
    units: usize,
    bias: &'a [f32],
    gates: &'a mut [f32],
    before: Option<&'a [f32]>,
    c: &'a mut [f32],
    tanh_c: &'a mut [f32],
    h: &'a mut [f32],
}

impl WithSimd for Gates<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { units, bias, gates, before, c, tanh_c, h } = self;
        if units == 0 {
            return;
        }
        let (bias_i, rest) = bias.split_at(units);
        let (bias_f, rest) = rest.split_at(units);
        let (bias_g, bias_o) = rest.split_at(units);
        for (row, gates) in gates.chunks_exact_mut(4 * units).enumerate() {
            let (i, rest) = gates.split_at_mut(units);
            let (f, rest) = rest.split_at_mut(units);
            let (g, o) = rest.split_at_mut(units);
            let here = row * units..(row + 1) * units;
            let before = before.map(|before| &before[here.clone()]);
            let (c, h) = (&mut c[here.clone()], &mut h[here.clone()]);
            let tanh_c = &mut tanh_c[here];
            for at in (0..units).step_by(S::F32_LANES) {
                let with = |gate: &[f32], bias: &[f32]| {
                    simd.add_f32s(load(simd, gate, at), load(simd, bias, at))
                };
                let input = sigmoid(simd, with(i, bias_i));
                let forget = sigmoid(simd, with(f, bias_f));
                let cell = tanh(simd, with(g, bias_g));
                let output = sigmoid(simd, with(o, bias_o));
                let mut memory = simd.mul_f32s(input, cell);
                if let Some(before) = before {
                    memory = simd.mul_add_e_f32s(forget, load(simd, before, at), memory);
                }
                let squashed = tanh(simd, memory);
                store(simd, i, at, input);
                store(simd, f, at, forget);
                store(simd, g, at, cell);
                store(simd, o, at, output);
                store(simd, c, at, memory);
                store(simd, tanh_c, at, squashed);
                store(simd, h, at, simd.mul_f32s(output, squashed));
            }
        }
    }
}

/// The gradients that come to the rows of one thread, and those of its inputs, which go on. One a row, in the
/// order of `steps.rows`.
#[derive(Debug)]
pub(crate) struct RowGradients<'a> {
    /// Of the outputs, if they were wanted.
    pub(crate) outputs: Option<&'a [f32]>,
    /// Of the final state.
    pub(crate) h: &'a [f32],
    pub(crate) c: &'a [f32],
    /// Of the inputs: added to.
    pub(crate) x: &'a mut [f32],
    /// Of the initial state, if there was one: added to.
    pub(crate) initial: Option<(&'a mut [f32], &'a mut [f32])>,
}

/// The gradients of the weights that the rows of one thread give.
#[derive(Debug)]
pub(crate) struct WeightGradients {
    pub(crate) kernel: Buffer,
    pub(crate) recurrent: Buffer,
    pub(crate) bias: Buffer,
}

/// The backward pass of the rows that `kept` names.
pub(crate) fn backward(
    sizes: Sizes,
    kernel: &[f32],
    recurrent_transposed: &Packed,
    mut kept: Kept,
    rows: &mut [RowGradients<'_>],
) -> WeightGradients {
    let Sizes { inputs, units, .. } = sizes;
    let steps = &kept.steps;
    let total = steps.total();
    // What comes to the output of each real step: its own gradient and those of the masked steps that repeat
    // it.
    let mut outputs = Buffer::zeros(total * units);
    for (r, row) in rows.iter().enumerate() {
        if let Some(gradients) = row.outputs {
            gather(steps, r, gradients, units, &mut outputs);
        }
    }
    // What comes to the state of each row from the steps behind: at the end, the gradient of the final state.
    let mut carry_h = Buffer::uncleared(rows.len() * units);
    let mut carry_c = Buffer::uncleared(rows.len() * units);
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
    let mut kernel_gradient = Buffer::uncleared(inputs * 4 * units);
    product(&mut kernel_gradient, Matrix::new(&kept.x, total, inputs).transposed(), gates, false);
    let mut recurrent_gradient = Buffer::uncleared(units * 4 * units);
    let states = states_before(&kept, units);
    product(&mut recurrent_gradient, Matrix::new(&states, total, units).transposed(), gates, false);
    let mut bias_gradient = Buffer::zeros(4 * units);
    for step in kept.gates.chunks_exact((4 * units).max(1)) {
        bias_gradient.iter_mut().zip(step).for_each(|(sum, &g)| *sum += g);
    }
    // The inputs are not needed any more: their gradients take their place.
    let weights = Matrix::new(kernel, inputs, 4 * units).transposed();
    product(&mut kept.x, gates, weights, false);
    for (r, row) in rows.iter_mut().enumerate() {
        for t in 0..steps.lengths[r] {
            let place = steps.offset(t) + r;
            let to = &mut row.x[steps.at[place] * inputs..(steps.at[place] + 1) * inputs];
            let from = &kept.x[place * inputs..(place + 1) * inputs];
            to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
        }
        if let Some((h, c)) = &mut row.initial {
            let here = r * units..(r + 1) * units;
            h.iter_mut().zip(&carry_h[here.clone()]).for_each(|(to, &from)| *to += from);
            c.iter_mut().zip(&carry_c[here]).for_each(|(to, &from)| *to += from);
        }
    }
    WeightGradients { kernel: kernel_gradient, recurrent: recurrent_gradient, bias: bias_gradient }
}

/// Adds the gradients of all time steps of a row to those of its real steps.
fn gather(steps: &Steps, r: usize, gradients: &[f32], units: usize, outputs: &mut [f32]) {
    let length = gradients.len().checked_div(units).unwrap_or(0);
    for t in 0..steps.lengths[r] {
        let place = steps.offset(t) + r;
        let until =
            if t + 1 < steps.lengths[r] { steps.at[steps.offset(t + 1) + r] } else { length };
        let to = &mut outputs[place * units..(place + 1) * units];
        for from in gradients[steps.at[place] * units..until * units].chunks_exact(units.max(1)) {
            to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
        }
    }
}

/// The state that each step started from, packed.
fn states_before(kept: &Kept, units: usize) -> Buffer {
    let steps = &kept.steps;
    let mut states = Buffer::uncleared(steps.total() * units);
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
    states
}

/// From the gradients of the state behind a step to those before it, and to those of the gates before their
/// functions.
struct GatesBackward<'a> {
    units: usize,
    /// In: the gates. Out: their gradients.
    gates: &'a mut [f32],
    before: Option<&'a [f32]>,
    tanh_c: &'a [f32],
    outputs: &'a [f32],
    /// In: from the steps behind. Out: 0, for the recurrent product to add to.
    carry_h: &'a mut [f32],
    /// In: from the steps behind. Out: for the step before.
    carry_c: &'a mut [f32],
}

impl WithSimd for GatesBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { units, gates, before, tanh_c, outputs, carry_h, carry_c } = self;
        if units == 0 {
            return;
        }
        let one = simd.splat_f32s(1.0);
        for (row, gates) in gates.chunks_exact_mut(4 * units).enumerate() {
            let (i, rest) = gates.split_at_mut(units);
            let (f, rest) = rest.split_at_mut(units);
            let (g, o) = rest.split_at_mut(units);
            let here = row * units..(row + 1) * units;
            let before = before.map(|before| &before[here.clone()]);
            let (tanh_c, outputs) = (&tanh_c[here.clone()], &outputs[here.clone()]);
            let (carry_h, carry_c) = (&mut carry_h[here.clone()], &mut carry_c[here]);
            for at in (0..units).step_by(S::F32_LANES) {
                let (input, forget) = (load(simd, i, at), load(simd, f, at));
                let (cell, output) = (load(simd, g, at), load(simd, o, at));
                let squashed = load(simd, tanh_c, at);
                let dh = simd.add_f32s(load(simd, outputs, at), load(simd, carry_h, at));
                // 1 - a * a, the slope of tanh; a * (1 - a), that of the sigmoid.
                let slope = |a: S::f32s| simd.negate_mul_add_e_f32s(a, a, one);
                let sigmoid_slope = |a: S::f32s| simd.negate_mul_add_e_f32s(a, a, a);
                let dc = simd.mul_add_e_f32s(
                    simd.mul_f32s(dh, output),
                    slope(squashed),
                    load(simd, carry_c, at),
                );
                let d_output = simd.mul_f32s(simd.mul_f32s(dh, squashed), sigmoid_slope(output));
                let d_input = simd.mul_f32s(simd.mul_f32s(dc, cell), sigmoid_slope(input));
                let d_cell = simd.mul_f32s(simd.mul_f32s(dc, input), slope(cell));
                let d_forget = match before {
                    Some(before) => {
                        let c = load(simd, before, at);
                        simd.mul_f32s(simd.mul_f32s(dc, c), sigmoid_slope(forget))
                    }
                    None => simd.splat_f32s(0.0),
                };
                store(simd, i, at, d_input);
                store(simd, f, at, d_forget);
                store(simd, g, at, d_cell);
                store(simd, o, at, d_output);
                store(simd, carry_c, at, simd.mul_f32s(dc, forget));
                store(simd, carry_h, at, simd.splat_f32s(0.0));
            }
        }
    }
}
