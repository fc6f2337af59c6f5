//! The scores of an additive attention: how well each key fits each query, forward and backward. What the sums of both are
//! is never stored.

use pulp::{Arch, Simd, WithSimd};

use crate::{
    buffer::Buffer,
    memory::{NoMemory, zeros},
    simd::{load, store, tanh},
};

/// How many terms are added in single precision one after the other: their sums are added then.
const BLOCK: usize = 16;

struct Forward<'a> {
    scores: &'a mut [f32],
    q: &'a [f32],
    k: &'a [f32],
    weights: &'a [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { scores, q, k, weights } = self;
        let width = weights.len().max(1);
        let keys = (k.len() / width).max(1);
        for (scores, q) in scores.chunks_exact_mut(keys).zip(q.chunks_exact(width)) {
            for (score, k) in scores.iter_mut().zip(k.chunks_exact(width)) {
                let mut total = 0.0;
                for from in (0..width).step_by(BLOCK * S::F32_LANES) {
                    let mut sum = simd.splat_f32s(0.0);
                    let end = width.min(from + BLOCK * S::F32_LANES);
                    for at in (from..end).step_by(S::F32_LANES) {
                        let both = simd.add_f32s(load(simd, q, at), load(simd, k, at));
                        sum = simd.mul_add_e_f32s(load(simd, weights, at), tanh(simd, both), sum);
                    }
                    total += simd.reduce_sum_f32s(sum);
                }
                *score = total;
            }
        }
    }
}

/// `sum(weights * tanh(q + k))` of each query and key of a sample, a row of each query.
pub fn forward(scores: &mut [f32], q: &[f32], k: &[f32], weights: &[f32]) {
    Arch::new().dispatch(Forward { scores, q, k, weights });
}

/// A few queries, and the sums of their gradients.
struct Backward<'a> {
    d_q: &'a mut [f32],
    d_k: &'a mut [f32],
    d_weights: &'a mut [f32],
    q: &'a [f32],
    k: &'a [f32],
    weights: &'a [f32],
    d_scores: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { d_q, d_k, d_weights, q, k, weights, d_scores } = self;
        let width = weights.len().max(1);
        let one = simd.splat_f32s(1.0);
        let rows = d_q.chunks_exact_mut(width).zip(q.chunks_exact(width)).zip(d_scores);
        for ((d_q, q), &d_score) in rows {
            // What does not reach the result may be no number.
            if d_score == 0.0 {
                continue;
            }
            let d_score = simd.splat_f32s(d_score);
            for at in (0..width).step_by(S::F32_LANES) {
                let both = simd.add_f32s(load(simd, q, at), load(simd, k, at));
                let curve = tanh(simd, both);
                let slope = simd.negate_mul_add_e_f32s(curve, curve, one);
                let weight = simd.mul_f32s(load(simd, weights, at), d_score);
                let add = |sums: &mut [f32], a, b| {
                    let sum = simd.mul_add_e_f32s(a, b, load(simd, sums, at));
                    store(simd, sums, at, sum);
                };
                add(d_q, weight, slope);
                add(d_k, weight, slope);
                add(d_weights, d_score, curve);
            }
        }
    }
}

/// Adds to the gradients of the queries and keys of a sample, given those of the scores. Gives those of the weights.
///
/// # Errors
/// [`NoMemory`].
pub fn backward(
    [d_q, d_k]: [&mut [f32]; 2],
    [q, k]: [&[f32]; 2],
    weights: &[f32],
    d_scores: &[f32],
) -> Result<Vec<f64>, NoMemory> {
    let width = weights.len().max(1);
    let keys = k.len() / width;
    let mut totals: Vec<f64> = zeros(weights.len())?;
    let (mut of_q, mut of_k) = (Buffer::uncleared(BLOCK * width)?, Buffer::uncleared(width)?);
    let (mut of_weights, mut scores) = (Buffer::uncleared(width)?, [0.0; BLOCK]);
    let blocks = d_q.chunks_mut(BLOCK * width).zip(q.chunks(BLOCK * width));
    for ((d_q, q), d_scores) in blocks.zip(d_scores.chunks((BLOCK * keys).max(1))) {
        let count = q.len() / width;
        let all = d_k.chunks_mut(BLOCK * width).zip(k.chunks(BLOCK * width)).enumerate();
        for (block, (d_k, k)) in all {
            of_q.fill(0.0);
            for (i, (d_k, k)) in d_k.chunks_exact_mut(width).zip(k.chunks_exact(width)).enumerate()
            {
                let key = block * BLOCK + i;
                of_k.fill(0.0);
                of_weights.fill(0.0);
                for (score, row) in scores.iter_mut().zip(d_scores.chunks_exact(keys)) {
                    *score = row[key];
                }
                Arch::new().dispatch(Backward {
                    d_q: &mut of_q[..count * width],
                    d_k: &mut of_k,
                    d_weights: &mut of_weights,
                    q,
                    k,
                    weights,
                    d_scores: &scores[..count],
                });
                d_k.iter_mut().zip(&*of_k).for_each(|(sum, more)| *sum += more);
                let sums = totals.iter_mut().zip(&*of_weights);
                sums.for_each(|(total, &sum)| *total += f64::from(sum));
            }
            d_q.iter_mut().zip(&*of_q).for_each(|(sum, more)| *sum += more);
        }
    }
    Ok(totals)
}
