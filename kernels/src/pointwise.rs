//! Functions of single values and of rows, forward and backward, on slices.

use pulp::{Arch, Simd, WithSimd};

use crate::{
    occurrences,
    simd::{exp_below, load, store, vectorized},
    sums::sum,
};

/// Replaces each value by `exp(x - most)`, where `most` is the largest.
struct Exponentials<'a> {
    row: &'a mut [f32],
    most: f32,
}

impl WithSimd for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let most = simd.splat_f32s(self.most);
        for at in (0..self.row.len()).step_by(S::F32_LANES) {
            let [power] = exp_below(simd, [load(simd, self.row, at)], most);
            store(simd, self.row, at, power);
        }
    }
}

/// Replaces each value of a row by `exp(x - most)`. Gives `most`, the largest.
pub fn exponentials(row: &mut [f32]) -> f32 {
    let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    Arch::new().dispatch(Exponentials { row, most });
    most
}

/// Puts the softmax of a row in its place. All of it is NaN where an element is NaN or infinite, or all are minus infinity.
pub fn softmax(row: &mut [f32]) {
    exponentials(row);
    let share = 1.0 / sum(row.len(), |i| row[i]);
    row.iter_mut().for_each(|x| *x *= share);
}

/// Adds the gradient of the argument of a softmax, given the result and its gradient.
pub fn add_softmax_gradient(y: &[f32], d_y: &[f32], d_x: &mut [f32]) {
    let mean = sum(y.len(), |i| y[i] * d_y[i]);
    for ((d_x, &y), &d_y) in d_x.iter_mut().zip(y).zip(d_y) {
        *d_x += y * (d_y - mean);
    }
}

vectorized! {
    /// The sums of two values each.
    pub fn sums<'a>(y: &'a mut [f32], a: &'a [f32], b: &'a [f32]) {
        for ((y, &a), &b) in y.iter_mut().zip(a).zip(b) {
            *y = a + b;
        }
    }
}

vectorized! {
    /// Adds a row to each.
    pub fn add_to_rows<'a>(rows: &'a mut [f32], row: &'a [f32]) {
        for values in rows.chunks_exact_mut(row.len().max(1)) {
            for (sum, &number) in values.iter_mut().zip(row) {
                *sum += number;
            }
        }
    }
}

vectorized! {
    /// Adds to each value.
    pub fn add<'a>(sums: &'a mut [f32], more: &'a [f32]) {
        occurrences::add(sums, more);
    }
}
