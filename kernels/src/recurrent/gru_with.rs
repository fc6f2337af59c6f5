//! The GRU with any functions.

use super::{
    cell::{Cell, Step, StepBackward, StepValues},
    functions::apply,
    gru::{biases, gradient_after, gradient_before, pack_apart, three},
};
use crate::{buffer::Buffer, matrix::Matrix, memory::NoMemory, packed::Packed, simd::vectorized};

/// How many values are saved of each unit: what the reset gate acts on, or has acted on, and behind that of all units the slopes
/// of the gates.
const SAVED: usize = 4;

/// The reset gate acts on the recurrent product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GruAfterWith;

/// The reset gate acts on the state.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GruBeforeWith;

/// The part of a bias, or of a state, that is there; zeros are not stored.
#[inline(always)]
fn value(values: &[f32], at: usize) -> f32 {
    values.get(at).copied().unwrap_or(0.0)
}

/// The slopes of the gates of a row, if they are wanted.
fn slopes_of(saved: &mut [f32], keep: bool) -> (&mut [f32], [Option<&mut [f32]>; 2]) {
    let units = saved.len() / SAVED;
    let (first, slopes) = saved.split_at_mut(units);
    let (gates, candidate) = slopes.split_at_mut(2 * units);
    (first, if keep { [Some(gates), Some(candidate)] } else { [None, None] })
}

impl Cell for GruAfterWith {
    const GATES: usize = 3;
    const SAVED: usize = SAVED;
    const HAS_C: bool = false;

    fn pack_transposed(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, Matrix::transposed)
    }

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        let Step { weights, before, gates, keep, saved, h, room, .. } = step;
        match before {
            Some(before) => weights.recurrent[0].product(before.all, room, false)?,
            None => room.fill(0.0),
        }
        let (units, Some(functions)) = (weights.units, weights.functions) else { return Ok(()) };
        let each = units.max(1);
        let rows = gates.chunks_exact_mut(3 * each).zip(room.chunks_exact_mut(3 * each));
        let rows = rows.zip(saved.chunks_exact_mut(SAVED * each)).zip(h.chunks_exact_mut(each));
        for (row, (((gates, products), saved), h)) in rows.enumerate() {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            let (saved, [of_gates, of_candidate]) = slopes_of(saved, keep);
            gates.iter_mut().zip(weights.bias).for_each(|(gate, bias)| *gate += bias);
            let recurrent = products.iter_mut().zip(weights.recurrent_bias);
            recurrent.for_each(|(product, bias)| *product += bias);
            let (of_z_r, of_n) = products.split_at(2 * units);
            let (z_r, n) = gates.split_at_mut(2 * units);
            z_r.iter_mut().zip(of_z_r).for_each(|(gate, product)| *gate += product);
            apply(&*functions.gate, z_r, of_gates);
            let (z, r) = z_r.split_at(units);
            saved.copy_from_slice(of_n);
            let candidate = n.iter_mut().zip(r).zip(of_n);
            candidate.for_each(|((n, r), product)| *n += r * product);
            apply(&*functions.activation, n, of_candidate);
            blend(h, [z, n], old);
        }
        Ok(())
    }

    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory> {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, .. } = step;
        let units = weights.units;
        let each = units.max(1);
        let rows = gates.chunks_exact_mut(3 * each).zip(saved.chunks_exact_mut(SAVED * each));
        let rows = rows.zip(carry_h.chunks_exact_mut(each)).zip(d_h.chunks_exact(each));
        for (row, (((gates, saved), carry), d_h)) in rows.enumerate() {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            backward_after(gates, saved, carry, d_h, old);
        }
        if before.is_some() {
            let [of_gates, of_candidate] = weights.recurrent else { return Ok(()) };
            of_gates.strided_product(gates, 3 * units, carry_h, true)?;
            of_candidate.strided_product(saved, SAVED * units, carry_h, true)?;
        }
        Ok(())
    }

    fn recurrent_gradient(
        saved_pass: &StepValues,
        states: &[f32],
        total: usize,
        units: usize,
    ) -> Result<(Buffer, Vec<f64>), NoMemory> {
        gradient_after(saved_pass, states, total, [units, SAVED])
    }
}

impl Cell for GruBeforeWith {
    const GATES: usize = 3;
    const SAVED: usize = SAVED;
    const HAS_C: bool = false;
    /// The candidate needs the reset state of all units.
    const SPLITS: bool = false;

    fn pack(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, |part| part)
    }

    fn pack_transposed(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, Matrix::transposed)
    }

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        let Step { weights, before, gates, keep, saved, h, room, .. } = step;
        let [of_gates, of_candidate] = weights.recurrent else { return Ok(()) };
        let (units, Some(functions)) = (weights.units, weights.functions) else { return Ok(()) };
        let (products, candidates) = room.split_at_mut(2 * h.len());
        match before {
            Some(before) => of_gates.product(before.all, products, false)?,
            None => products.fill(0.0),
        }
        let each = units.max(1);
        let [bias_z, bias_r, bias_n] = biases(weights.bias, units);
        let rows = gates.chunks_exact_mut(3 * each).zip(products.chunks_exact(2 * each));
        for (row, ((gates, products), saved)) in
            rows.zip(saved.chunks_exact_mut(SAVED * each)).enumerate()
        {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            let (saved, [of_gates, _]) = slopes_of(saved, keep);
            let (z_r, _) = gates.split_at_mut(2 * units);
            let bias = bias_z.iter().chain(bias_r);
            let sums = z_r.iter_mut().zip(products).zip(bias);
            sums.for_each(|((gate, product), bias)| *gate += bias + product);
            apply(&*functions.gate, z_r, of_gates);
            let reset = saved.iter_mut().zip(&z_r[units..]).enumerate();
            reset.for_each(|(at, (saved, r))| *saved = r * value(old, at));
        }
        let candidates = &mut candidates[..h.len()];
        of_candidate.strided_product(saved, SAVED * units, candidates, false)?;
        let rows = gates.chunks_exact_mut(3 * each).zip(candidates.chunks_exact(each));
        let rows = rows.zip(saved.chunks_exact_mut(SAVED * each)).zip(h.chunks_exact_mut(each));
        for (row, (((gates, product), saved), h)) in rows.enumerate() {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            let (_, [_, of_candidate]) = slopes_of(saved, keep);
            let [z, _, n] = three(gates);
            let sums = n.iter_mut().zip(product).zip(bias_n);
            sums.for_each(|((n, product), bias)| *n += bias + product);
            apply(&*functions.activation, n, of_candidate);
            blend(h, [z, n], old);
        }
        Ok(())
    }

    fn backward(step: StepBackward<'_>) -> Result<(), NoMemory> {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, room, .. } = step;
        let units = weights.units;
        let each = units.max(1);
        let [of_gates, of_candidate] = weights.recurrent else { return Ok(()) };
        let rows = gates.chunks_exact_mut(3 * each).zip(saved.chunks_exact(SAVED * each));
        let rows = rows.zip(carry_h.chunks_exact_mut(each)).zip(d_h.chunks_exact(each));
        for (row, (((gates, saved), carry), d_h)) in rows.enumerate() {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            candidate_backward(gates, saved, carry, d_h, old);
        }
        let candidate = gates.get(2 * units..).unwrap_or_default();
        of_candidate.strided_product(candidate, 3 * units, room, false)?;
        let rows = gates.chunks_exact_mut(3 * each).zip(saved.chunks_exact(SAVED * each));
        let rows = rows.zip(carry_h.chunks_exact_mut(each)).zip(room.chunks_exact(each));
        for (row, (((gates, saved), carry), d_reset_h)) in rows.enumerate() {
            let old = before.map_or(&[][..], |before| &before.h[row * units..][..units]);
            let [_, r, _] = three(gates);
            let slopes = &saved[2 * units..];
            for (at, (r, carry)) in r.iter_mut().zip(carry).enumerate() {
                *carry += d_reset_h[at] * *r;
                *r = d_reset_h[at] * value(old, at) * slopes[at];
            }
        }
        match before {
            Some(_) => of_gates.strided_product(gates, 3 * units, carry_h, true),
            None => Ok(()),
        }
    }

    fn recurrent_gradient(
        saved_pass: &StepValues,
        states: &[f32],
        total: usize,
        units: usize,
    ) -> Result<(Buffer, Vec<f64>), NoMemory> {
        gradient_before(saved_pass, states, total, [units, SAVED])
    }
}

vectorized! {
    /// `z * h + (1 - z) * n`, where an old state of zeros is not there.
    fn blend<'a>(h: &'a mut [f32], gates: [&'a [f32]; 2], old: &'a [f32]) {
        let [z, n] = gates;
        if old.is_empty() {
            h.iter_mut().zip(z).zip(n).for_each(|((h, z), n)| *h = n - z * n);
        } else {
            let values = h.iter_mut().zip(z).zip(n).zip(old);
            values.for_each(|(((h, z), n), old)| *h = z * (old - n) + n);
        }
    }
}

vectorized! {
    /// The gradients of the gates of a row, in their place, that of the product over the product, and that of the state.
    fn backward_after<'a>(
        gates: &'a mut [f32],
        saved: &'a mut [f32],
        carry: &'a mut [f32],
        d_h: &'a [f32],
        old: &'a [f32],
    ) {
        let units = d_h.len();
        let [z, r, n] = three(gates);
        let (product, slopes) = saved.split_at_mut(units);
        let [slope_z, slope_r, slope_n]: [&[f32]; 3] =
            std::array::from_fn(|gate| &slopes[gate * units..][..units]);
        for at in 0..units {
            let d_h = d_h[at] + carry[at];
            let (update, reset, candidate) = (z[at], r[at], n[at]);
            let d_candidate = (d_h - d_h * update) * slope_n[at];
            z[at] = d_h * (value(old, at) - candidate) * slope_z[at];
            r[at] = d_candidate * product[at] * slope_r[at];
            n[at] = d_candidate;
            product[at] = d_candidate * reset;
            carry[at] = d_h * update;
        }
    }
}

vectorized! {
    /// The gradients of the candidate and the update gate.
    fn candidate_backward<'a>(
        gates: &'a mut [f32],
        saved: &'a [f32],
        carry: &'a mut [f32],
        d_h: &'a [f32],
        old: &'a [f32],
    ) {
        let units = d_h.len();
        let [z, _, n] = three(gates);
        let (slope_z, slope_n) = (&saved[units..][..units], &saved[3 * units..][..units]);
        for at in 0..units {
            let d_h = d_h[at] + carry[at];
            let (update, candidate) = (z[at], n[at]);
            z[at] = d_h * (value(old, at) - candidate) * slope_z[at];
            n[at] = (d_h - d_h * update) * slope_n[at];
            carry[at] = d_h * update;
        }
    }
}
