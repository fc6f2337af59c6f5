//! Values times factors, plus summands, which go by the place in a row.

use crate::simd::vectorized;

/// What is done to the values at each place of a row.
#[derive(Debug, Clone, Copy)]
pub struct Scale<'a> {
    /// What is multiplied with.
    pub factors: &'a [f32],
    /// What is added.
    pub summands: &'a [f32],
    /// Whether it is added before the product.
    pub sum_first: bool,
}

vectorized! {
    /// Of rows, the last of which may lack its end.
    pub fn forward<'a>(y: &'a mut [f32], x: &'a [f32], scale: Scale<'a>) {
        let Scale { factors, summands, sum_first } = scale;
        let width = factors.len().max(1);
        for (y, x) in y.chunks_mut(width).zip(x.chunks(width)) {
            let values = y.iter_mut().zip(x).zip(factors.iter().zip(summands));
            if sum_first {
                values.for_each(|((y, x), (factor, summand))| *y = (x + summand) * factor);
            } else {
                values.for_each(|((y, x), (factor, summand))| *y = x * factor + summand);
            }
        }
    }
}

vectorized! {
    /// Adds to the gradient of such rows.
    pub fn backward<'a>(d_x: &'a mut [f32], d_y: &'a [f32], factors: &'a [f32]) {
        let width = factors.len().max(1);
        for (d_x, d_y) in d_x.chunks_mut(width).zip(d_y.chunks(width)) {
            let values = d_x.iter_mut().zip(d_y).zip(factors);
            values.for_each(|((d_x, d_y), factor)| *d_x += d_y * factor);
        }
    }
}
