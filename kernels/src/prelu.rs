//! Rectifiers with a slope of each place of a row, forward and backward.

use crate::simd::vectorized;

vectorized! {
    /// `max(x, 0) - alpha * max(-x, 0)` of rows, the last of which may lack its end. NaN stays.
    pub fn forward<'a>(y: &'a mut [f32], x: &'a [f32], alpha: &'a [f32]) {
        let width = alpha.len().max(1);
        for (y, x) in y.chunks_mut(width).zip(x.chunks(width)) {
            for ((y, &x), &alpha) in y.iter_mut().zip(x).zip(alpha) {
                let above = if x <= 0.0 { 0.0 } else { x };
                let below = if x >= 0.0 { 0.0 } else { x };
                *y = above + alpha * below;
            }
        }
    }
}

vectorized! {
    /// Adds to the gradient of such rows. There is none at 0.
    pub fn backward<'a>(d_x: &'a mut [f32], x: &'a [f32], d_y: &'a [f32], alpha: &'a [f32]) {
        let width = alpha.len().max(1);
        let rows = d_x.chunks_mut(width).zip(x.chunks(width)).zip(d_y.chunks(width));
        for ((d_x, x), d_y) in rows {
            for (((d_x, &x), &d_y), &alpha) in d_x.iter_mut().zip(x).zip(d_y).zip(alpha) {
                let above = if x > 0.0 { 1.0 } else { 0.0 };
                let slope = if x < 0.0 { alpha } else { above };
                *d_x += slope * d_y;
            }
        }
    }
}

vectorized! {
    /// Adds the gradients of the slopes to sums as wide as some of the rows.
    pub fn add_slopes<'a>(sums: &'a mut [f32], x: &'a [f32], d_y: &'a [f32]) {
        let width = sums.len().max(1);
        for (x, d_y) in x.chunks(width).zip(d_y.chunks(width)) {
            for ((sum, &x), &d_y) in sums.iter_mut().zip(x).zip(d_y) {
                // What does not reach the result may be no number.
                *sum += if d_y == 0.0 || x >= 0.0 { 0.0 } else { x * d_y };
            }
        }
    }
}
