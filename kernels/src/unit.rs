//! Rows of length 1, forward and backward.

use crate::{simd::vectorized, sums::total};

/// One over the length of a row, at most `most`: a row of zeros stays. NaN stays. `None` if the squares are beyond the range of
/// `f32`.
#[inline(always)]
fn inverse(x: &[f32], most: f32) -> Option<f32> {
    let squares = total(x.len(), |i| x[i] * x[i]);
    let inverse = 1.0 / (squares as f32).sqrt();
    (squares <= f64::from(f32::MAX) || squares.is_nan()).then_some(if most < inverse {
        most
    } else {
        inverse
    })
}

/// Brings a row of huge values to length 1, in double precision: the factor may be less than the least normal number.
#[cold]
fn huge(y: &mut [f32], x: &[f32]) -> f32 {
    let squares: f64 = x.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let inverse = 1.0 / squares.sqrt();
    y.iter_mut().zip(x).for_each(|(y, &x)| *y = (f64::from(x) * inverse) as f32);
    inverse as f32
}

vectorized! {
    /// Brings rows to length 1, but multiplies none by more than `most`. Gives by what each was multiplied.
    pub fn forward<'a>(y: &'a mut [f32], x: &'a [f32], factors: &'a mut [f32], width: usize, most: f32) {
        let rows = y.chunks_exact_mut(width.max(1)).zip(x.chunks_exact(width.max(1)));
        for ((y, x), factor) in rows.zip(factors) {
            *factor = match inverse(&x[..width], most) {
                Some(factor) => {
                    y.iter_mut().zip(x).for_each(|(y, x)| *y = x * factor);
                    factor
                }
                None => huge(y, x),
            };
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
