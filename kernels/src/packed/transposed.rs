//! Products whose first factor is transposed, of factors as they are.

use pulp::{Arch, Simd, WithSimd};

use super::{
    Scattered,
    micro::{VECTORS, blocks, finish, multiply},
};
use crate::simd::load;

/// `c += a^T . b`: `b` has as many rows as `a`, and `c` as many as `a` has columns, of `n` both.
pub fn add_transposed_product(a: Scattered<'_>, b: &[f32], n: usize, c: &mut [f32]) {
    assert_eq!(c.len(), a.offsets.len() * n, "the size of a product");
    if c.is_empty() {
        return;
    }
    assert_eq!(a.starts.len(), b.len() / n, "the rows of a product");
    Arch::new().dispatch(TransposedProduct { a, b, n, c });
}

/// The lanes of row `i` of a matrix with rows of `n`, from a column on.
#[inline(always)]
fn columns<S: Simd>(
    simd: S,
    b: &[f32],
    (n, column): (usize, usize),
    i: usize,
) -> [S::f32s; VECTORS] {
    let row = &b[i * n..(i + 1) * n];
    let mut lanes = [simd.splat_f32s(0.0); VECTORS];
    for (v, lanes) in lanes.iter_mut().enumerate() {
        let at = column + v * S::F32_LANES;
        if at < n {
            *lanes = load(simd, row, at);
        }
    }
    lanes
}

struct TransposedProduct<'a> {
    a: Scattered<'a>,
    b: &'a [f32],
    n: usize,
    c: &'a mut [f32],
}

impl WithSimd for TransposedProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, b, n, c } = self;
        for column in (0..n).step_by(VECTORS * S::F32_LANES) {
            blocks!(
                a.offsets.len(),
                row,
                transposed_block(simd, (a, row), (b, n, column), &mut c[row * n..])
            );
        }
    }
}

/// `M` columns of `a`, from one on, times some columns of `b`.
#[inline(always)]
fn transposed_block<S: Simd, const M: usize>(
    simd: S,
    (a, from): (Scattered<'_>, usize),
    (b, n, column): (&[f32], usize, usize),
    c: &mut [f32],
) {
    let (offsets, at) = (&a.offsets[from..from + M], (n, column));
    let side_by_side = offsets.windows(2).all(|pair| pair[0] + 1 == pair[1]);
    let sums = if side_by_side && column + VECTORS * S::F32_LANES <= n {
        full_block(simd, (&a.values[offsets[0]..], a.starts), (b, n, column))
    } else {
        let mut rows = [&a.values[..0]; M];
        for (row, &offset) in rows.iter_mut().zip(offsets) {
            *row = &a.values[offset..];
        }
        let factors = |row: usize, i: usize| rows[row][a.starts[i]];
        multiply::<S, M>(simd, a.starts.len(), factors, |i| columns(simd, b, at, i))
    };
    finish(simd, sums, c, at, true);
}

/// The same, of columns of `a` that lie side by side and of as many of `b` as the micro-kernel takes.
#[inline(always)]
fn full_block<S: Simd, const M: usize>(
    simd: S,
    (a, starts): (&[f32], &[usize]),
    (b, n, column): (&[f32], usize, usize),
) -> [[S::f32s; VECTORS]; M] {
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; M];
    for (&start, row) in starts.iter().zip(b.chunks_exact(n)) {
        let factors = &a[start..][..M];
        let (columns, _) = S::as_simd_f32s(&row[column..][..VECTORS * S::F32_LANES]);
        for (sums, &factor) in sums.iter_mut().zip(factors) {
            let factor = simd.splat_f32s(factor);
            for (sum, &column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(factor, column, *sum);
            }
        }
    }
    sums
}
