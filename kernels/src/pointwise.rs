//! Sums of the values of slices.

use crate::{occurrences, simd::vectorized};

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
