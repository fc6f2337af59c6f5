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
    let mut rows = [&a.values[..0]; M];
    for (row, &offset) in rows.iter_mut().zip(&a.offsets[from..]) {
        *row = &a.values[offset..];
    }
    let (k, starts, at) = (a.starts.len(), a.starts, (n, column));
    let factors = |row: usize, i: usize| rows[row][starts[i]];
    let sums = multiply::<S, M>(simd, k, factors, |i| columns(simd, b, at, i));
    finish(simd, sums, c, at, true);
}
