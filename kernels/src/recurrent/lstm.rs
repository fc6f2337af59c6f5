//! The LSTM, whose gates are in the order input, forget, candidate, output.

use pulp::{Arch, Simd, WithSimd};

use super::cell::{Cell, Step, StepBackward};
use crate::{
    memory::NoMemory,
    simd::{load, sigmoids, store, tanh},
};

/// `c' = f * c + i * g` and `h' = o * tanh(c')`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LstmCell;

impl Cell for LstmCell {
    const GATES: usize = 4;
    /// `tanh(c')`.
    const SAVED: usize = 1;
    const HAS_C: bool = true;

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        if let Some(before) = step.before {
            step.weights.recurrent[0].product(before.all, step.gates, true)?;
        }
        Arch::new().dispatch(Forward(step));
        Ok(())
    }

    fn backward(mut step: StepBackward<'_>) -> Result<(), NoMemory> {
        Arch::new().dispatch(Backward(&mut step));
        let StepBackward { weights, before, gates, carry_h, .. } = step;
        match before {
            Some(_) => weights.recurrent[0].product(gates, carry_h, true),
            None => Ok(()),
        }
    }
}

/// The gates of a row.
#[inline(always)]
pub(super) fn four(gates: &mut [f32]) -> [&mut [f32]; 4] {
    let (first, last) = gates.split_at_mut(gates.len() / 2);
    let (input, forget) = first.split_at_mut(first.len() / 2);
    let (candidate, output) = last.split_at_mut(last.len() / 2);
    [input, forget, candidate, output]
}

struct Forward<'a>(Step<'a>);

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Step { weights, before, gates, keep, saved, h, c, .. } = self.0;
        let units = weights.units;
        if units == 0 {
            return;
        }
        let (bias_i, rest) = weights.bias.split_at(units);
        let (bias_f, rest) = rest.split_at(units);
        let (bias_g, bias_o) = rest.split_at(units);
        for (row, gates) in gates.chunks_exact_mut(4 * units).enumerate() {
            let [i, f, g, o] = four(gates);
            let here = row * units..(row + 1) * units;
            let before = before.map(|before| &before.c[here.clone()]);
            let (c, h) = (&mut c[here.clone()], &mut h[here.clone()]);
            let saved = &mut saved[here];
            for at in (0..units).step_by(S::F32_LANES) {
                let with = |gate: &[f32], bias: &[f32]| {
                    simd.add_f32s(load(simd, gate, at), load(simd, bias, at))
                };
                let candidate = tanh(simd, with(g, bias_g));
                let [input, forget, output] =
                    sigmoids(simd, [with(i, bias_i), with(f, bias_f), with(o, bias_o)]);
                let mut state = simd.mul_f32s(input, candidate);
                if let Some(before) = before {
                    state = simd.mul_add_e_f32s(forget, load(simd, before, at), state);
                }
                if keep {
                    store(simd, i, at, input);
                    store(simd, f, at, forget);
                    store(simd, g, at, candidate);
                }
                store(simd, o, at, output);
                store(simd, c, at, state);
            }
            // In a loop of its own, so that nothing waits for a chain of two activations.
            for at in (0..units).step_by(S::F32_LANES) {
                let tanh_c = tanh(simd, load(simd, c, at));
                if keep {
                    store(simd, saved, at, tanh_c);
                }
                store(simd, h, at, simd.mul_f32s(load(simd, o, at), tanh_c));
            }
        }
    }
}

struct Backward<'b, 'a>(&'b mut StepBackward<'a>);

impl WithSimd for Backward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, carry_c, .. } = self.0;
        let units = weights.units;
        if units == 0 {
            return;
        }
        let one = simd.splat_f32s(1.0);
        for (row, gates) in gates.chunks_exact_mut(4 * units).enumerate() {
            let [i, f, g, o] = four(gates);
            let here = row * units..(row + 1) * units;
            let before = before.map(|before| &before.c[here.clone()]);
            let (saved, d_h) = (&saved[here.clone()], &d_h[here.clone()]);
            let (carry_h, carry_c) = (&mut carry_h[here.clone()], &mut carry_c[here]);
            for at in (0..units).step_by(S::F32_LANES) {
                let (input, forget) = (load(simd, i, at), load(simd, f, at));
                let (candidate, output) = (load(simd, g, at), load(simd, o, at));
                let tanh_c = load(simd, saved, at);
                let dh = simd.add_f32s(load(simd, d_h, at), load(simd, carry_h, at));
                // 1 - a * a, the slope of tanh; a * (1 - a), that of the sigmoid.
                let slope = |a: S::f32s| simd.negate_mul_add_e_f32s(a, a, one);
                let sigmoid_slope = |a: S::f32s| simd.negate_mul_add_e_f32s(a, a, a);
                let dc = simd.mul_add_e_f32s(
                    simd.mul_f32s(dh, output),
                    slope(tanh_c),
                    load(simd, carry_c, at),
                );
                let d_output = simd.mul_f32s(simd.mul_f32s(dh, tanh_c), sigmoid_slope(output));
                let d_input = simd.mul_f32s(simd.mul_f32s(dc, candidate), sigmoid_slope(input));
                let d_candidate = simd.mul_f32s(simd.mul_f32s(dc, input), slope(candidate));
                let d_forget = match before {
                    Some(before) => {
                        let c = load(simd, before, at);
                        simd.mul_f32s(simd.mul_f32s(dc, c), sigmoid_slope(forget))
                    }
                    None => simd.splat_f32s(0.0),
                };
                store(simd, i, at, d_input);
                store(simd, f, at, d_forget);
                store(simd, g, at, d_candidate);
                store(simd, o, at, d_output);
                store(simd, carry_c, at, simd.mul_f32s(dc, forget));
                store(simd, carry_h, at, simd.splat_f32s(0.0));
            }
        }
    }
}
