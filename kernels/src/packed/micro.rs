//! The micro-kernel, and as many calls of it as there are rows.

use pulp::Simd;

use crate::simd::{load, store};

/// How many vectors of columns the micro-kernel takes at a time.
pub(super) const VECTORS: usize = 2;

/// The micro-kernel: `M` rows by some vectors of columns, over `k`.
#[inline(always)]
pub(super) fn multiply<S: Simd, const M: usize>(
    simd: S,
    k: usize,
    a: impl Fn(usize, usize) -> f32,
    b: impl Fn(usize) -> [S::f32s; VECTORS],
) -> [[S::f32s; VECTORS]; M] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; M];
    for i in 0..k {
        let columns = b(i);
        for (row, sums) in sums.iter_mut().enumerate() {
            let factor = simd.splat_f32s(a(row, i));
            for (sum, column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(factor, column, *sum);
            }
        }
    }
    sums
}

/// Writes what the micro-kernel gives, from a column on; `c` has rows of `n`.
#[inline(always)]
pub(super) fn finish<S: Simd, const M: usize>(
    simd: S,
    sums: [[S::f32s; VECTORS]; M],
    c: &mut [f32],
    (n, column): (usize, usize),
    add: bool,
) {
    for (row, sums) in sums.into_iter().enumerate() {
        let c = &mut c[row * n..(row + 1) * n];
        for (v, mut sum) in sums.into_iter().enumerate() {
            let at = column + v * S::F32_LANES;
            if at < n {
                if add {
                    sum = simd.add_f32s(load(simd, c, at), sum);
                }
                store(simd, c, at, sum);
            }
        }
    }
}

/// Calls `$block::<S, M>(.., row, ..)` for all rows, as many at a time as there are registers for. What is left at the
/// end is cut in halves: of a row or two the sums would wait for one another.
macro_rules! blocks {
    ($rows:expr, $row:ident, $block:ident($($argument:expr),*)) => {{
        let (rows, mut $row) = ($rows, 0);
        let most = if S::REGISTER_COUNT < 32 { 6 } else { 8 };
        while $row < rows {
            let left = rows - $row;
            let count = match left {
                _ if left >= 2 * most => most,
                _ if left > most => left.div_ceil(2),
                _ => left,
            };
            match count {
                1 => $block::<S, 1>($($argument),*),
                2 => $block::<S, 2>($($argument),*),
                3 => $block::<S, 3>($($argument),*),
                4 => $block::<S, 4>($($argument),*),
                5 => $block::<S, 5>($($argument),*),
                6 => $block::<S, 6>($($argument),*),
                7 => $block::<S, 7>($($argument),*),
                _ => $block::<S, 8>($($argument),*),
            }
            $row += count;
        }
    }};
}

pub(super) use blocks;
