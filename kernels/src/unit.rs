//! Rows of length 1, forward and backward.

use crate::{simd::vectorized, sums::total};

/// One over the length of a row, at most `most`: a row of zeros stays. NaN stays.
#[inline(always)]
fn inverse(x: &[f32], most: f32) -> f32 {
    let squares = total(x.len(), |i| x[i] * x[i]);
    let inverse = match squares.is_infinite() {
        true => inverse_of_huge(x),
        false => 1.0 / (squares as f32).sqrt(),
    };
    if most < inverse { most } else { inverse }
}

/// That of a row whose squares are beyond the range of `f32`.
#[cold]
fn inverse_of_huge(x: &[f32]) -> f32 {
    let squares: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    (1.0 / squares.sqrt()) as f32
}

vectorized! {
    /// Brings rows to length 1, but multiplies none by more than `most`. Gives by what each was multiplied.
    pub fn forward<'a>(y: &'a mut [f32], x: &'a [f32], factors: &'a mut [f32], width: usize, most: f32) {
        let rows = y.chunks_exact_mut(width.max(1)).zip(x.chunks_exact(width.max(1)));
        for ((y, x), factor) in rows.zip(factors) {
            *factor = inverse(&x[..width], most);
            y.iter_mut().zip(x).for_each(|(y, x)| *y = x * *factor);
        }
    }
}

vectorized! {
    /// Adds to the gradients of rows, given the results.
    pub fn backward<'a>(
        d_x: &'a mut [f32],
        y: &'a [f32],
        d_y: &'a [f32],
        factors: &'a [f32],
        width: usize,
        most: f32,
    ) {
        let rows = d_x.chunks_exact_mut(width.max(1)).zip(y.chunks_exact(width.max(1)));
        for (((d_x, y), d_y), &factor) in rows.zip(d_y.chunks_exact(width.max(1))).zip(factors) {
            let (y, d_y) = (&y[..width], &d_y[..width]);
            // A factor that is at its limit does not depend on the row.
            let along = if factor < most { total(width, |i| y[i] * d_y[i]) as f32 } else { 0.0 };
            for ((d_x, y), d_y) in d_x.iter_mut().zip(y).zip(d_y) {
                *d_x += factor * (d_y - along * y);
            }
        }
    }
}
