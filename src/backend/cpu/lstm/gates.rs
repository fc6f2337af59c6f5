//! The arithmetic of one step in vector code.

use pulp::{Simd, WithSimd};

use crate::backend::cpu::simd::{load, sigmoid, store, tanh};

/// The gates of a row: input, forget, cell, output.
#[inline(always)]
fn four(gates: &mut [f32]) -> [&mut [f32]; 4] {
    let (first, last) = gates.split_at_mut(gates.len() / 2);
    let (input, forget) = first.split_at_mut(first.len() / 2);
    let (cell, output) = last.split_at_mut(last.len() / 2);
    [input, forget, cell, output]
}

/// The functions of the gates of one step, and the state that they make.
pub(super) struct Gates<'a> {
    pub(super) units: usize,
    pub(super) bias: &'a [f32],
    pub(super) gates: &'a mut [f32],
    pub(super) before: Option<&'a [f32]>,
    pub(super) c: &'a mut [f32],
    pub(super) tanh_c: &'a mut [f32],
    pub(super) h: &'a mut [f32],
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
            let [i, f, g, o] = four(gates);
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

/// From the gradients of the state behind a step to those before it, and to those of the gates before their
/// functions.
pub(super) struct GatesBackward<'a> {
    pub(super) units: usize,
    /// In: the gates. Out: their gradients.
    pub(super) gates: &'a mut [f32],
    pub(super) before: Option<&'a [f32]>,
    pub(super) tanh_c: &'a [f32],
    pub(super) outputs: &'a [f32],
    /// In: from the steps behind. Out: 0, for the recurrent product to add to.
    pub(super) carry_h: &'a mut [f32],
    /// In: from the steps behind. Out: for the step before.
    pub(super) carry_c: &'a mut [f32],
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
            let [i, f, g, o] = four(gates);
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
