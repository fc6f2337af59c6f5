use super::{
    cell::{Cell, Step, StepBackward},
    functions::{Functions, apply},
    lstm::four,
};
use crate::{memory::NoMemory, simd::vectorized};

/// `c' = f * c + i * g` and `h' = o * activation(c')`, with any functions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LstmWith;

impl Cell for LstmWith {
    const GATES: usize = 4;
    /// `activation(c')` and its slope, and behind them the slopes of the gates.
    const SAVED: usize = 6;
    const HAS_C: bool = true;

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        let Step { weights, before, gates, keep, saved, h, c, .. } = step;
        if let Some(before) = before {
            weights.recurrent[0].product(before.all, gates, true)?;
        }
        let (units, Some(functions)) = (weights.units, weights.functions) else { return Ok(()) };
        let each = units.max(1);
        let states = c.chunks_exact_mut(each).zip(h.chunks_exact_mut(each));
        let rows = gates.chunks_exact_mut(4 * each).zip(saved.chunks_exact_mut(6 * each));
        for (row, ((gates, saved), (c, h))) in rows.zip(states).enumerate() {
            let old = before.map(|before| &before.c[row * units..][..units]);
            let (of_state, slopes) = saved.split_at_mut(2 * units);
            gates.iter_mut().zip(weights.bias).for_each(|(gate, bias)| *gate += bias);
            activate(functions, gates, keep.then_some(slopes));
            let (curve, slope) = of_state.split_at_mut(units);
            let [i, f, g, o] = four(gates);
            next_state(c, [i, f, g], old);
            curve.copy_from_slice(c);
            apply(&*functions.activation, curve, keep.then_some(slope));
            let values = h.iter_mut().zip(&*o).zip(&*curve);
            values.for_each(|((h, output), curve)| *h = output * curve);
        }
        Ok(())
    }

    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory> {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, carry_c, .. } = step;
        let units = weights.units;
        let each = units.max(1);
        let carries = carry_h.chunks_exact_mut(each).zip(carry_c.chunks_exact_mut(each));
        let rows = gates.chunks_exact_mut(4 * each).zip(saved.chunks_exact(6 * each));
        for (row, ((gates, saved), carry)) in rows.zip(carries).enumerate() {
            let here = row * units..(row + 1) * units;
            let old = before.map(|before| &before.c[here.clone()]);
            row_backward(gates, saved, &d_h[here], carry, old);
        }
        match before {
            Some(_) => weights.recurrent[0].product(gates, carry_h, true),
            None => Ok(()),
        }
    }
}

/// The functions of the gates of a row, and their slopes.
fn activate(functions: &Functions, gates: &mut [f32], slopes: Option<&mut [f32]>) {
    let units = gates.len() / 4;
    let (first, rest) = gates.split_at_mut(2 * units);
    let (candidate, output) = rest.split_at_mut(units);
    let [of_first, of_candidate, of_output] = match slopes {
        Some(slopes) => {
            let (first, rest) = slopes.split_at_mut(2 * units);
            let (candidate, output) = rest.split_at_mut(units);
            [Some(first), Some(candidate), Some(output)]
        }
        None => [None, None, None],
    };
    apply(&*functions.gate, first, of_first);
    apply(&*functions.activation, candidate, of_candidate);
    apply(&*functions.gate, output, of_output);
}

vectorized! {
    fn next_state<'a>(c: &'a mut [f32], gates: [&'a mut [f32]; 3], old: Option<&'a [f32]>) {
        let n = c.len();
        let [i, f, g] = gates.map(|gate| &gate[..n]);
        for at in 0..n {
            c[at] = i[at] * g[at];
        }
        if let Some(old) = old {
            let old = &old[..n];
            for at in 0..n {
                c[at] += f[at] * old[at];
            }
        }
    }
}

vectorized! {
    /// The gradients of the gates of a row, in their place, and those of the state before.
    fn row_backward<'a>(
        gates: &'a mut [f32],
        saved: &'a [f32],
        d_h: &'a [f32],
        carry: (&'a mut [f32], &'a mut [f32]),
        old: Option<&'a [f32]>,
    ) {
        let n = d_h.len();
        let [i, f, g, o] = four(gates).map(|gate| &mut gate[..n]);
        let saved: [&[f32]; 6] = std::array::from_fn(|part| &saved[part * n..][..n]);
        let [curve, slope, slope_i, slope_f, slope_g, slope_o] = saved;
        let (carry_h, carry_c) = (&mut carry.0[..n], &mut carry.1[..n]);
        for at in 0..n {
            let dh = d_h[at] + carry_h[at];
            let dc = dh * o[at] * slope[at] + carry_c[at];
            let (input, candidate) = (i[at], g[at]);
            carry_c[at] = dc * f[at];
            carry_h[at] = 0.0;
            o[at] = dh * curve[at] * slope_o[at];
            i[at] = dc * candidate * slope_i[at];
            g[at] = dc * input * slope_g[at];
            f[at] = dc * slope_f[at];
        }
        match old {
            Some(old) => f.iter_mut().zip(old).for_each(|(f, old)| *f *= old),
            None => f.fill(0.0),
        }
    }
}
