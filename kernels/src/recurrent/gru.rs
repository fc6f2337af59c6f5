//! The GRU, whose gates are in the order update, reset, candidate: `h' = z * h + (1 - z) * n`.

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::cell::{Before, Cell, Step, StepBackward, StepValues, column_sums};
use crate::{
    buffer::Buffer,
    gemm::product,
    matrix::Matrix,
    memory::NoMemory,
    packed::Packed,
    simd::{load, sigmoids, store, tanh},
};

/// The reset gate acts on the recurrent product: `n = tanh(x_n + r * (h . recurrent_n + recurrent_bias_n))`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GruResetAfter;

/// The reset gate acts on the state: `n = tanh(x_n + (r * h) . recurrent_n)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GruResetBefore;

impl Cell for GruResetAfter {
    const GATES: usize = 3;
    /// What the reset gate acts on.
    const SAVED: usize = 1;
    const HAS_C: bool = false;

    fn pack_transposed(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, Matrix::transposed)
    }

    fn forward(step: Step<'_>) -> Result<(), NoMemory> {
        match step.before {
            Some(before) => step.weights.recurrent[0].product(before.all, step.room, false)?,
            None => step.room.fill(0.0),
        }
        Arch::new().dispatch(ForwardAfter(step));
        Ok(())
    }

    fn backward(mut step: StepBackward<'_>) -> Result<(), NoMemory> {
        Arch::new().dispatch(BackwardAfter(&mut step));
        let StepBackward { weights, before, gates, saved, carry_h, .. } = step;
        if before.is_some() {
            let [of_gates, of_candidate] = weights.recurrent else { return Ok(()) };
            of_gates.strided_product(gates, 3 * weights.units, carry_h, true)?;
            of_candidate.product(saved, carry_h, true)?;
        }
        Ok(())
    }

    fn recurrent_gradient(
        saved_pass: &StepValues,
        states: &[f32],
        total: usize,
        units: usize,
    ) -> Result<(Buffer, Vec<f64>), NoMemory> {
        gradient_after(saved_pass, states, total, [units, Self::SAVED])
    }
}

impl Cell for GruResetBefore {
    const GATES: usize = 3;
    /// The state that the reset gate has acted on.
    const SAVED: usize = 1;
    const HAS_C: bool = false;
    /// The candidate needs the reset state of all units.
    const SPLITS: bool = false;

    fn pack(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, |part| part)
    }

    fn pack_transposed(kernel: Matrix<'_>, units: usize) -> Result<Vec<Packed>, NoMemory> {
        pack_apart(kernel, units, Matrix::transposed)
    }

    fn forward(mut step: Step<'_>) -> Result<(), NoMemory> {
        let [of_gates, of_candidate] = step.weights.recurrent else { return Ok(()) };
        let (gates, candidate) = (0..2 * step.h.len(), 2 * step.h.len()..3 * step.h.len());
        match step.before {
            Some(before) => of_gates.product(before.all, &mut step.room[gates], false)?,
            None => step.room[gates].fill(0.0),
        }
        Arch::new().dispatch(ResetBefore(&mut step));
        of_candidate.product(step.saved, &mut step.room[candidate], false)?;
        Arch::new().dispatch(CandidateBefore(step));
        Ok(())
    }

    fn backward(mut step: StepBackward<'_>) -> Result<(), NoMemory> {
        Arch::new().dispatch(CandidateBackward(&mut step));
        let units = step.weights.units;
        let [of_gates, of_candidate] = step.weights.recurrent else { return Ok(()) };
        let candidate = step.gates.get(2 * units..).unwrap_or_default();
        of_candidate.strided_product(candidate, 3 * units, step.room, false)?;
        Arch::new().dispatch(ResetBackward(&mut step));
        match step.before {
            Some(_) => of_gates.strided_product(step.gates, 3 * units, step.carry_h, true),
            None => Ok(()),
        }
    }

    fn recurrent_gradient(
        saved_pass: &StepValues,
        states: &[f32],
        total: usize,
        units: usize,
    ) -> Result<(Buffer, Vec<f64>), NoMemory> {
        gradient_before(saved_pass, states, total, [units, Self::SAVED])
    }
}

/// The columns of the update and reset gates, and those of the candidate, as they are turned.
pub(super) fn pack_apart<'a>(
    kernel: Matrix<'a>,
    units: usize,
    turned: impl Fn(Matrix<'a>) -> Matrix<'a>,
) -> Result<Vec<Packed>, NoMemory> {
    let parts = [kernel.columns(0, 2 * units), kernel.columns(2 * units, units)];
    parts.into_iter().map(|part| Packed::new(turned(part))).collect()
}

/// The gradients of the recurrent kernel and its bias where the reset gate acts on the recurrent product. So many values are
/// `saved` of each unit, those of the product in front.
pub(super) fn gradient_after(
    saved_pass: &StepValues,
    states: &[f32],
    total: usize,
    [units, saved]: [usize; 2],
) -> Result<(Buffer, Vec<f64>), NoMemory> {
    // They are those of the inputs but for the candidate, where the reset gate comes between.
    let candidate = Matrix::new(&saved_pass.saved, total, saved * units).columns(0, units);
    let states = Matrix::new(states, total, units);
    let kernel = kernel_gradient(saved_pass, (states, states), candidate, total, units)?;
    let mut bias = column_sums(&saved_pass.gates, 3 * units)?;
    let of_saved = column_sums(&saved_pass.saved, saved * units)?;
    bias[2 * units..].copy_from_slice(&of_saved[..units]);
    Ok((kernel, bias))
}

/// The same where it acts on the state, and what has been reset is saved in front.
pub(super) fn gradient_before(
    saved_pass: &StepValues,
    states: &[f32],
    total: usize,
    [units, saved]: [usize; 2],
) -> Result<(Buffer, Vec<f64>), NoMemory> {
    let gates = Matrix::new(&saved_pass.gates, total, 3 * units);
    let states = Matrix::new(states, total, units);
    let reset = Matrix::new(&saved_pass.saved, total, saved * units).columns(0, units);
    let candidate = gates.columns(2 * units, units);
    Ok((kernel_gradient(saved_pass, (states, reset), candidate, total, units)?, Vec::new()))
}

/// The gradient of the recurrent kernel: `states` are what the gates and the candidate were multiplied with.
fn kernel_gradient(
    saved_pass: &StepValues,
    (of_gates, of_candidate): (Matrix<'_>, Matrix<'_>),
    candidate: Matrix<'_>,
    total: usize,
    units: usize,
) -> Result<Buffer, NoMemory> {
    let gates = Matrix::new(&saved_pass.gates, total, 3 * units).columns(0, 2 * units);
    let mut first = Buffer::uncleared(2 * units * units)?;
    product(&mut first, of_gates.transposed(), gates, false)?;
    let mut second = Buffer::uncleared(units * units)?;
    product(&mut second, of_candidate.transposed(), candidate, false)?;
    let mut kernel = Buffer::uncleared(3 * units * units)?;
    let size = units.max(1);
    let parts = first.chunks_exact(2 * size).zip(second.chunks_exact(size));
    for (row, (gates, candidate)) in kernel.chunks_exact_mut(3 * size).zip(parts) {
        row[..2 * units].copy_from_slice(gates);
        row[2 * units..].copy_from_slice(candidate);
    }
    Ok(kernel)
}

/// The three gates of a row.
#[inline(always)]
pub(super) fn three(gates: &mut [f32]) -> [&mut [f32]; 3] {
    let units = gates.len() / 3;
    let (update, rest) = gates.split_at_mut(units);
    let (reset, candidate) = rest.split_at_mut(units);
    [update, reset, candidate]
}

/// Each row: the range of its units, its gates, and its outputs before the step, which are not there where they are zeros.
#[inline(always)]
fn rows<'a>(
    gates: &'a mut [f32],
    before: Option<Before<'a>>,
    units: usize,
) -> impl Iterator<Item = (Range<usize>, [&'a mut [f32]; 3], &'a [f32])> {
    gates.chunks_exact_mut(3 * units.max(1)).enumerate().map(move |(row, gates)| {
        let here = row * units..(row + 1) * units;
        let old = before.map_or(&[][..], |before| &before.h[here.clone()]);
        (here, three(gates), old)
    })
}

/// The three parts of a bias; zeros are not stored.
#[inline(always)]
pub(super) fn biases(bias: &[f32], units: usize) -> [&[f32]; 3] {
    std::array::from_fn(|i| bias.get(i * units..(i + 1) * units).unwrap_or_default())
}

/// Values of a bias, or of a state that may be zero.
#[inline(always)]
fn load_or_zero<S: Simd>(simd: S, values: &[f32], at: usize) -> S::f32s {
    if values.is_empty() { simd.splat_f32s(0.0) } else { load(simd, values, at) }
}

struct ForwardAfter<'a>(Step<'a>);

impl WithSimd for ForwardAfter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Step { weights, before, gates, keep, saved, h, room, .. } = self.0;
        let units = weights.units;
        let [bias_z, bias_r, bias_n] = biases(weights.bias, units);
        let [recurrent_z, recurrent_r, recurrent_n] = biases(weights.recurrent_bias, units);
        let products = room.chunks_exact_mut(3 * units.max(1));
        for ((here, [z, r, n], before), products) in rows(gates, before, units).zip(products) {
            let [of_z, of_r, of_n] = three(products);
            let (saved, h) = (&mut saved[here.clone()], &mut h[here]);
            for at in (0..units).step_by(S::F32_LANES) {
                let sum = |x: &[f32], product: &[f32], bias: &[f32], recurrent: &[f32]| {
                    let x = simd.add_f32s(load(simd, x, at), load(simd, bias, at));
                    let y = load(simd, product, at);
                    simd.add_f32s(x, simd.add_f32s(y, load_or_zero(simd, recurrent, at)))
                };
                let gates = [sum(z, of_z, bias_z, recurrent_z), sum(r, of_r, bias_r, recurrent_r)];
                let [update, reset] = sigmoids(simd, gates);
                let product = load(simd, of_n, at);
                let product = simd.add_f32s(product, load_or_zero(simd, recurrent_n, at));
                let x = simd.add_f32s(load(simd, n, at), load(simd, bias_n, at));
                let candidate = tanh(simd, simd.mul_add_e_f32s(reset, product, x));
                let old = load_or_zero(simd, before, at);
                if keep {
                    store(simd, z, at, update);
                    store(simd, r, at, reset);
                    store(simd, n, at, candidate);
                    store(simd, saved, at, product);
                }
                let change = simd.sub_f32s(old, candidate);
                store(simd, h, at, simd.mul_add_e_f32s(update, change, candidate));
            }
        }
    }
}

struct BackwardAfter<'b, 'a>(&'b mut StepBackward<'a>);

impl WithSimd for BackwardAfter<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let StepBackward { weights, before, gates, saved, d_h, carry_h, .. } = self.0;
        let units = weights.units;
        let one = simd.splat_f32s(1.0);
        for (here, [z, r, n], before) in rows(gates, *before, units) {
            let (saved, d_h) = (&mut saved[here.clone()], &d_h[here.clone()]);
            let carry_h = &mut carry_h[here];
            for at in (0..units).step_by(S::F32_LANES) {
                let (update, reset) = (load(simd, z, at), load(simd, r, at));
                let (candidate, product) = (load(simd, n, at), load(simd, saved, at));
                let old = load_or_zero(simd, before, at);
                let d_h = simd.add_f32s(load(simd, d_h, at), load(simd, carry_h, at));
                let slope = simd.negate_mul_add_e_f32s(candidate, candidate, one);
                let sigmoid_slope = |a: S::f32s| simd.negate_mul_add_e_f32s(a, a, a);
                let d_update = simd.mul_f32s(d_h, simd.sub_f32s(old, candidate));
                let of_candidate = simd.negate_mul_add_e_f32s(d_h, update, d_h);
                let d_candidate = simd.mul_f32s(of_candidate, slope);
                let d_reset = simd.mul_f32s(d_candidate, product);
                store(simd, z, at, simd.mul_f32s(d_update, sigmoid_slope(update)));
                store(simd, r, at, simd.mul_f32s(d_reset, sigmoid_slope(reset)));
                store(simd, n, at, d_candidate);
                store(simd, saved, at, simd.mul_f32s(d_candidate, reset));
                store(simd, carry_h, at, simd.mul_f32s(d_h, update));
            }
        }
    }
}

/// The update and reset gates, and the state that the reset gate has acted on.
struct ResetBefore<'b, 'a>(&'b mut Step<'a>);

impl WithSimd for ResetBefore<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Step { weights, before, gates, saved, room, .. } = self.0;
        let units = weights.units;
        let [bias_z, bias_r, _] = biases(weights.bias, units);
        let products = room.chunks_exact(2 * units.max(1));
        for ((here, [z, r, _], before), products) in rows(gates, *before, units).zip(products) {
            let (of_z, of_r) = products.split_at(units);
            let saved = &mut saved[here];
            for at in (0..units).step_by(S::F32_LANES) {
                let sum = |x: &[f32], product: &[f32], bias: &[f32]| {
                    let x = simd.add_f32s(load(simd, x, at), load(simd, bias, at));
                    simd.add_f32s(x, load(simd, product, at))
                };
                let [update, reset] = sigmoids(simd, [sum(z, of_z, bias_z), sum(r, of_r, bias_r)]);
                store(simd, z, at, update);
                store(simd, r, at, reset);
                store(simd, saved, at, simd.mul_f32s(reset, load_or_zero(simd, before, at)));
            }
        }
    }
}

struct CandidateBefore<'a>(Step<'a>);

impl WithSimd for CandidateBefore<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Step { weights, before, gates, h, room, .. } = self.0;
        let units = weights.units;
        let [_, _, bias_n] = biases(weights.bias, units);
        let products = room[2 * h.len()..].chunks_exact(units.max(1));
        for ((here, [z, _, n], before), product) in rows(gates, before, units).zip(products) {
            let h = &mut h[here];
            for at in (0..units).step_by(S::F32_LANES) {
                let x = simd.add_f32s(load(simd, n, at), load(simd, bias_n, at));
                let candidate = tanh(simd, simd.add_f32s(x, load(simd, product, at)));
                store(simd, n, at, candidate);
                let change = simd.sub_f32s(load_or_zero(simd, before, at), candidate);
                store(simd, h, at, simd.mul_add_e_f32s(load(simd, z, at), change, candidate));
            }
        }
    }
}

/// The gradients of the candidate and the update gate.
struct CandidateBackward<'b, 'a>(&'b mut StepBackward<'a>);

impl WithSimd for CandidateBackward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let StepBackward { weights, before, gates, d_h, carry_h, .. } = self.0;
        let units = weights.units;
        let one = simd.splat_f32s(1.0);
        for (here, [z, _, n], before) in rows(gates, *before, units) {
            let (d_h, carry_h) = (&d_h[here.clone()], &mut carry_h[here]);
            for at in (0..units).step_by(S::F32_LANES) {
                let (update, candidate) = (load(simd, z, at), load(simd, n, at));
                let d_h = simd.add_f32s(load(simd, d_h, at), load(simd, carry_h, at));
                let slope = simd.negate_mul_add_e_f32s(candidate, candidate, one);
                let sigmoid_slope = simd.negate_mul_add_e_f32s(update, update, update);
                let old = load_or_zero(simd, before, at);
                let d_update = simd.mul_f32s(d_h, simd.sub_f32s(old, candidate));
                let of_candidate = simd.negate_mul_add_e_f32s(d_h, update, d_h);
                store(simd, z, at, simd.mul_f32s(d_update, sigmoid_slope));
                store(simd, n, at, simd.mul_f32s(of_candidate, slope));
                store(simd, carry_h, at, simd.mul_f32s(d_h, update));
            }
        }
    }
}

/// The gradients of the reset gate, from that of the state that it has acted on.
struct ResetBackward<'b, 'a>(&'b mut StepBackward<'a>);

impl WithSimd for ResetBackward<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let StepBackward { weights, before, gates, carry_h, room, .. } = self.0;
        let units = weights.units;
        for (here, [_, r, _], before) in rows(gates, *before, units) {
            let (room, carry_h) = (&room[here.clone()], &mut carry_h[here]);
            for at in (0..units).step_by(S::F32_LANES) {
                let (reset, d_reset_h) = (load(simd, r, at), load(simd, room, at));
                let old = load_or_zero(simd, before, at);
                let slope = simd.negate_mul_add_e_f32s(reset, reset, reset);
                let carry = load(simd, carry_h, at);
                store(simd, r, at, simd.mul_f32s(simd.mul_f32s(d_reset_h, old), slope));
                store(simd, carry_h, at, simd.mul_add_e_f32s(d_reset_h, reset, carry));
            }
        }
    }
}
