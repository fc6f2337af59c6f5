//! How much of each key each query sees, in rows that are as long as vectors want them.

use pulp::{Arch, Simd, WithSimd};

use crate::{
    buffer::Buffer,
    matrix::Matrix,
    memory::{NoMemory, listed},
    multiply::product_into,
    simd::{exp_below, vectorized},
    sums::{runs, total},
};

/// Of how many values a row is a multiple: as many as the widest vector has.
const LANES: usize = 16;

/// A row for each query, with a value for each key and zeros behind them.
#[derive(Debug)]
pub struct Shares {
    values: Buffer,
    /// Whether each query sees anything.
    seen: Vec<bool>,
    keys: usize,
    stride: usize,
}

impl Shares {
    /// Zeros.
    pub fn new(queries: usize, keys: usize) -> Result<Self, NoMemory> {
        let stride = keys.next_multiple_of(LANES);
        let seen = listed(std::iter::repeat_n(false, queries))?;
        Ok(Self { values: Buffer::zeros(queries * stride)?, seen, keys, stride })
    }

    /// A copy.
    pub fn copied(&self) -> Result<Self, NoMemory> {
        let mut copy = Self::new(self.seen.len(), self.keys)?;
        copy.values.copy_from_slice(&self.values);
        Ok(copy)
    }

    /// Whether each query sees anything.
    pub fn seen(&self) -> &[bool] {
        &self.seen
    }

    /// A row for each query, and a column for each key.
    pub fn matrix(&self) -> Matrix<'_> {
        Matrix::new(&self.values, self.seen.len(), self.stride).columns(0, self.keys)
    }

    /// The values of each query.
    pub fn rows(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let keys = self.keys;
        self.values.chunks_exact_mut(self.stride.max(1)).map(move |row| &mut row[..keys])
    }

    /// Makes them a product. What stands behind the keys stays.
    pub fn product(&mut self, a: Matrix<'_>, b: Matrix<'_>) -> Result<(), NoMemory> {
        if a.columns == 0 {
            self.values.fill(0.0);
        }
        for run in runs(0..a.columns) {
            let (from, count) = (run.start, run.len());
            let (a, b) = (a.columns(from, count), b.rows(from, count));
            product_into(&mut self.values, self.stride, a, b, from > 0)?;
        }
        Ok(())
    }

    /// Makes the scores of each query shares that sum to 1. `hide` is shown the number and the scores of a query, makes those
    /// minus infinity that are not seen, and says whether any is.
    pub fn softmax(&mut self, mut hide: impl FnMut(usize, &mut [f32]) -> bool) {
        let (keys, stride) = (self.keys, self.stride);
        let rows = self.values.chunks_exact_mut(stride.max(1)).zip(&mut self.seen).enumerate();
        for (query, (row, seen)) in rows {
            *seen = hide(query, &mut row[..keys]);
            row[keys..].fill(if *seen { f32::NEG_INFINITY } else { 0.0 });
            if !*seen {
                row.fill(0.0);
            }
        }
        Arch::new().dispatch(Softmax { values: &mut self.values, seen: &self.seen, stride });
    }
}

/// The softmax of rows of whole vectors.
struct Softmax<'a> {
    values: &'a mut [f32],
    seen: &'a [bool],
    stride: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        /// How many vectors are added in single precision.
        const BLOCK: usize = 16;
        let rows = self.values.chunks_exact_mut(self.stride.max(1)).zip(self.seen);
        for (row, _) in rows.filter(|(_, seen)| **seen) {
            let (lanes, _) = S::as_mut_simd_f32s(row);
            let mut most = simd.splat_f32s(f32::NEG_INFINITY);
            for &mut x in &mut *lanes {
                most = simd.max_f32s(most, x);
            }
            let most = simd.splat_f32s(simd.reduce_max_f32s(most));
            let mut sum = 0.0;
            for block in lanes.chunks_mut(BLOCK) {
                let mut part = simd.splat_f32s(0.0);
                let (pairs, last) = block.as_chunks_mut::<2>();
                for pair in pairs {
                    *pair = exp_below(simd, *pair, most);
                    part = simd.add_f32s(simd.add_f32s(part, pair[0]), pair[1]);
                }
                for x in last {
                    [*x] = exp_below(simd, [*x], most);
                    part = simd.add_f32s(part, *x);
                }
                sum += f64::from(simd.reduce_sum_f32s(part));
            }
            let inverse = simd.splat_f32s((1.0 / sum) as f32);
            for x in lanes {
                *x = simd.mul_f32s(*x, inverse);
            }
        }
    }
}

/// Multiplies each value of a row.
pub fn factors(row: &mut [f32], factor: impl Fn(usize) -> f32) {
    row.iter_mut().enumerate().for_each(|(i, x)| *x *= factor(i));
}

/// From the gradient of shares to that of their scores, in its place.
pub fn gradient(shares: &Shares, slopes: &mut Shares) {
    score_gradient(&shares.values, &mut slopes.values, shares.stride);
}

vectorized! {
    fn score_gradient<'a>(shares: &'a [f32], slopes: &'a mut [f32], stride: usize) {
        let rows = slopes.chunks_exact_mut(stride.max(1)).zip(shares.chunks_exact(stride.max(1)));
        for (slopes, shares) in rows {
            let slopes = &mut slopes[..stride];
            let shares = &shares[..stride];
            let mean = total(stride, |i| shares[i] * slopes[i]) as f32;
            slopes.iter_mut().zip(shares).for_each(|(slope, share)| *slope = share * (*slope - mean));
        }
    }
}
