//! Values of rows, and of columns, that become one.

use crate::{
    memory::NoMemory,
    simd::vectorized,
    softmax::exponentials,
    sums::{add_rows, total},
};

/// The sum of a row.
pub fn sum(row: &[f32]) -> f32 {
    total(row.len(), |i| row[i]) as f32
}

/// The mean of a row; of no values there is none.
pub fn mean(row: &[f32]) -> f32 {
    (total(row.len(), |i| row[i]) / row.len() as f64) as f32
}

/// Replaces values by larger ones, or by NaN.
#[inline(always)]
fn raise(most: &mut [f32], values: &[f32]) {
    for (most, &x) in most.iter_mut().zip(values) {
        *most = if x > *most || x.is_nan() { x } else { *most };
    }
}

/// The same by smaller ones.
#[inline(always)]
fn lower(least: &mut [f32], values: &[f32]) {
    for (least, &x) in least.iter_mut().zip(values) {
        *least = if x < *least || x.is_nan() { x } else { *least };
    }
}

/// How many extremes are looked for side by side, for vector code.
const LANES: usize = 16;

macro_rules! extremes {
    ($($row:ident, $columns:ident, $step:ident, $word:literal, $none:expr;)*) => {
        $(
            #[doc = concat!("The ", $word, " value of a row: NaN if one is.")]
            pub fn $row(row: &[f32]) -> f32 {
                let mut lanes = [$none; LANES];
                let mut parts = row.chunks_exact(LANES);
                parts.by_ref().for_each(|part| $step(&mut lanes, part));
                $step(&mut lanes, parts.remainder());
                let mut found = $none;
                lanes.iter().for_each(|&x| $step(std::slice::from_mut(&mut found), &[x]));
                found
            }

            vectorized! {
                #[doc = concat!("The ", $word, " value of each column, of rows as long as the result.")]
                pub fn $columns<'a>(rows: &'a [f32], found: &'a mut [f32]) {
                    found.fill($none);
                    rows.chunks_exact(found.len().max(1)).for_each(|row| $step(found, row));
                }
            }
        )*
    };
}
extremes! {
    largest, largest_of_columns, raise, "largest", f32::NEG_INFINITY;
    smallest, smallest_of_columns, lower, "smallest", f32::INFINITY;
}

/// Where a value is first, which may be NaN; 0 if it is nowhere.
pub fn place(row: &[f32], value: f32) -> usize {
    let found = match value.is_nan() {
        true => row.iter().position(|x| x.is_nan()),
        false => row.iter().position(|&x| x == value),
    };
    found.unwrap_or(0)
}

/// The sum of each column, of rows as long as the result, by a factor.
pub fn sums_of_columns(rows: &[f32], sums: &mut [f32], by: f64) -> Result<(), NoMemory> {
    let mut totals = crate::memory::zeros(sums.len())?;
    add_rows(&mut totals, rows)?;
    sums.iter_mut().zip(totals).for_each(|(sum, total): (_, f64)| *sum = (total * by) as f32);
    Ok(())
}

/// Between these, squares stay within the range of `f32`.
const SQUARES: std::ops::Range<f64> = 1e-30..1e30;

/// The mean of the squares of what the values of a row are away from their mean.
pub fn variance(row: &[f32]) -> f64 {
    let n = row.len() as f64;
    let exact = total(row.len(), |i| row[i]) / n;
    let mean = exact as f32;
    let away = |i: usize| row[i] - mean;
    // The mean is rounded, and the difference is taken off again.
    let variance = total(row.len(), |i| away(i) * away(i)) / n - (exact - f64::from(mean)).powi(2);
    if SQUARES.contains(&variance) {
        return variance;
    }
    row.iter().map(|&x| (f64::from(x) - exact).powi(2)).sum::<f64>() / n
}

/// The root of the sum of the squares.
pub fn norm(row: &[f32]) -> f32 {
    let squares = total(row.len(), |i| row[i] * row[i]);
    if SQUARES.contains(&squares) {
        return squares.sqrt() as f32;
    }
    row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt() as f32
}

/// The logarithm of the sum of the exponentials, with room for as many values as the row has.
pub fn log_sum_exp(row: &[f32], room: &mut [f32]) -> f32 {
    room.copy_from_slice(row);
    let most = exponentials(room);
    let sum = total(room.len(), |i| room[i]);
    if sum.is_finite() && sum > 0.0 {
        return (f64::from(most) + sum.ln()) as f32;
    }
    // Nothing is taken from what is infinite.
    row.iter().map(|&x| f64::from(x).exp()).sum::<f64>().ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extreme_of_nan_is_nan() {
        let row: Vec<f32> = (0..37).map(|i| ((i * 7) % 37) as f32 - 9.0).collect();
        assert_eq!((largest(&row), smallest(&row)), (27.0, -9.0));
        assert_eq!((place(&row, 27.0), place(&row, -9.0), place(&row, 99.0)), (21, 0, 0));
        let mut wild = row.clone();
        wild[20] = f32::NAN;
        assert!(largest(&wild).is_nan() && smallest(&wild).is_nan());
        assert_eq!(place(&wild, f32::NAN), 20);
        let (mut most, mut least) = ([0.0; 3], [0.0; 3]);
        let rows = [1.0, -2.0, f32::NAN, 0.5, 4.0, 1.0];
        largest_of_columns(&rows, &mut most);
        smallest_of_columns(&rows, &mut least);
        assert_eq!((most[..2] == [1.0, 4.0], least[..2] == [0.5, -2.0]), (true, true));
        assert!(most[2].is_nan() && least[2].is_nan());
    }

    #[test]
    fn what_is_large_keeps_its_digits() {
        let row: Vec<f32> = (0..1000).map(|i| 10_000.0 + (i % 10) as f32).collect();
        assert!((variance(&row) - 8.25).abs() < 1e-5, "{}", variance(&row));
        assert!((variance(&[1e-30, 3e-30]) - 1e-60).abs() < 1e-66);
        assert_eq!(norm(&[3e30, 4e30]), 5e30);
        assert_eq!(norm(&[3e-30, 4e-30]), 5e-30);
        let mut room = [0.0; 2];
        let of = |row: [f32; 2], room: &mut [f32]| log_sum_exp(&row, room);
        assert_eq!(of([1000.0, 1000.0], &mut room), 1000.0 + std::f32::consts::LN_2);
        assert_eq!(of([f32::NEG_INFINITY; 2], &mut room), f32::NEG_INFINITY);
        assert_eq!(of([f32::INFINITY, 0.0], &mut room), f32::INFINITY);
        assert!(of([f32::NAN, 0.0], &mut room).is_nan());
        let mut sums = [0.0; 2];
        sums_of_columns(&[1.0, 2.0, 3.0, 4.0], &mut sums, 0.5).unwrap();
        assert_eq!(sums, [2.0, 3.0]);
    }
}
