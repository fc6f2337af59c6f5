//! Small matrix products by a micro-kernel of our own: where one factor is used again and again and is packed
//! once, or where the factors lie in a cache as they are.

mod micro;
mod scattered;
mod transposed;

pub use scattered::Scattered;
pub use transposed::add_transposed_product;

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};

use super::{
    buffer::Buffer,
    matrix::Matrix,
    sums::{in_parts, runs},
};
use crate::memory::NoMemory;
use micro::{VECTORS, blocks, finish, multiply};
use scattered::ScatteredProduct;

/// A matrix of `k` rows and `n` columns, packed in panels of columns so that many small products can use it
/// again.
#[derive(Debug)]
pub struct Packed {
    panels: Buffer,
    k: usize,
    n: usize,
    width: usize,
}

impl Packed {
    /// Packs a row-major matrix, or the transpose of one.
    pub fn new(matrix: Matrix<'_>) -> Result<Self, NoMemory> {
        struct Width;
        impl WithSimd for Width {
            type Output = usize;
            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> usize {
                VECTORS * S::F32_LANES
            }
        }
        let width = Arch::new().dispatch(Width);
        let (k, n) = (matrix.rows, matrix.columns);
        let mut panels = Buffer::zeros(n.div_ceil(width) * width * k)?;
        for (i, panel) in panels.chunks_exact_mut((width * k).max(1)).enumerate() {
            let columns = width.min(n - i * width);
            let some = matrix.columns(i * width, columns);
            if some.column_stride == 1 {
                pack_rows(panel, width, some);
            } else {
                pack_columns(panel, width, some);
            }
        }
        Ok(Self { panels, k, n, width })
    }

    /// `c = a . self`, or `c += a . self`, for the rows of `a`, each of `k` values; `c` has rows of `n`.
    pub fn product(&self, a: &[f32], c: &mut [f32], add: bool) -> Result<(), NoMemory> {
        let fits = self.k == 0 || self.n == 0 || a.len() / self.k == c.len() / self.n;
        assert!(fits, "the rows of a product");
        self.strided_product(a, self.k, c, add)
    }

    /// The same, where the rows of `a` begin `stride` values apart.
    pub fn strided_product(
        &self,
        a: &[f32],
        stride: usize,
        c: &mut [f32],
        add: bool,
    ) -> Result<(), NoMemory> {
        if self.k == 0 || self.n == 0 {
            if !add {
                c.fill(0.0);
            }
            return Ok(());
        }
        let part = |c: &mut [f32], terms, add| {
            Arch::new().dispatch(Product { packed: self, terms, a, stride, c, add });
        };
        in_parts(self.k, c, add, part)
    }

    /// `c = a . self`, where a row of `a` lies scattered: its number `i` is at `starts[row] + offsets[i]`.
    pub fn scattered_product(&self, a: Scattered<'_>, c: &mut [f32]) -> Result<(), NoMemory> {
        if self.k == 0 || self.n == 0 {
            c.fill(0.0);
            return Ok(());
        }
        assert_eq!(a.starts.len(), c.len() / self.n, "the rows of a product");
        assert_eq!(a.offsets.len(), self.k, "the inner size of a product");
        let part = |c: &mut [f32], terms, add| {
            Arch::new().dispatch(ScatteredProduct { packed: self, terms, a, c, add });
        };
        in_parts(self.k, c, false, part)
    }
}

/// Packs one panel, of a matrix whose rows lie one number after the other.
fn pack_rows(panel: &mut [f32], width: usize, matrix: Matrix<'_>) {
    let columns = matrix.columns;
    for (row, packed) in panel.chunks_exact_mut(width).enumerate() {
        let row = &matrix.values[row * matrix.row_stride..];
        packed[..columns].copy_from_slice(&row[..columns]);
    }
}

/// Packs one panel, of a matrix whose columns lie one number after the other.
fn pack_columns(panel: &mut [f32], width: usize, matrix: Matrix<'_>) {
    /// Rows at a time: as many values as lie in a line of the cache.
    const ROWS: usize = 16;
    let columns = || matrix.values.chunks(matrix.column_stride).take(matrix.columns).enumerate();
    for (part, panel) in panel.chunks_mut(ROWS * width).enumerate() {
        for (c, column) in columns() {
            let rows = panel.chunks_exact_mut(width).zip(&column[part * ROWS..]);
            rows.for_each(|(packed, &number)| packed[c] = number);
        }
    }
}

struct Product<'a> {
    packed: &'a Packed,
    /// Which of the terms.
    terms: Range<usize>,
    a: &'a [f32],
    stride: usize,
    c: &'a mut [f32],
    add: bool,
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { packed, terms, a, stride, c, add } = self;
        let (k, n, width) = (packed.k, packed.n, packed.width);
        let mut done = 0;
        if c.len() == n {
            for group in packed.panels.chunks_exact(PANELS * width * k) {
                for run in runs(terms.clone()) {
                    let (a, add) = (&a[run.clone()], add || run.start > terms.start);
                    one_row(simd, (group, width * k), &run, a, c, (n, done * width), add);
                }
                done += PANELS;
            }
        }
        for (i, panel) in packed.panels.chunks_exact(width * k).enumerate().skip(done) {
            for run in runs(terms.clone()) {
                let (at, panel) = ((n, i * width), &panel[run.start * width..run.end * width]);
                let (from, add) = (run.start, add || run.start > terms.start);
                blocks!(
                    c.len() / n,
                    row,
                    packed_block(
                        simd,
                        panel,
                        run.len(),
                        (&a[row * stride + from..], stride),
                        &mut c[row * n..],
                        at,
                        add
                    )
                );
            }
        }
    }
}

/// How many panels one row is multiplied with at a time: of one panel the sums would wait for one another.
const PANELS: usize = 4;

/// One row times some panels, each of so many values.
#[inline(always)]
fn one_row<S: Simd>(
    simd: S,
    (group, size): (&[f32], usize),
    terms: &Range<usize>,
    a: &[f32],
    c: &mut [f32],
    (n, column): (usize, usize),
    add: bool,
) {
    let width = VECTORS * S::F32_LANES;
    let panels: [&[[S::f32s; VECTORS]]; PANELS] = std::array::from_fn(|i| {
        let panel = &group[i * size..(i + 1) * size];
        let (lanes, _) = S::as_simd_f32s(&panel[terms.start * width..terms.end * width]);
        &lanes.as_chunks().0[..a.len()]
    });
    let mut sums = [[simd.splat_f32s(0.0); VECTORS]; PANELS];
    // Zipped, so that nothing is looked up by its index: the sums stay in registers.
    let [first, second, third, fourth] = panels;
    let rows = first.iter().zip(second).zip(third).zip(fourth);
    for (&factor, (((first, second), third), fourth)) in a.iter().zip(rows) {
        let factor = simd.splat_f32s(factor);
        for (sums, columns) in sums.iter_mut().zip([first, second, third, fourth]) {
            for (sum, &column) in sums.iter_mut().zip(columns) {
                *sum = simd.mul_add_e_f32s(factor, column, *sum);
            }
        }
    }
    for (i, sums) in sums.into_iter().enumerate() {
        finish::<S, 1>(simd, [sums], c, (n, column + i * width), add);
    }
}

/// `M` rows of a product times one panel.
#[inline(always)]
fn packed_block<S: Simd, const M: usize>(
    simd: S,
    panel: &[f32],
    k: usize,
    (a, stride): (&[f32], usize),
    c: &mut [f32],
    at: (usize, usize),
    add: bool,
) {
    let rows: [&[f32]; M] = std::array::from_fn(|row| &a[row * stride..][..k]);
    let (panel, _) = S::as_simd_f32s(panel).0.as_chunks::<VECTORS>();
    let panel = &panel[..k];
    let sums = multiply::<S, M>(simd, k, |row, i| rows[row][i], |i| panel[i]);
    finish(simd, sums, c, at, add);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of terms that are many, and not so many that they are added in double precision.
    #[test]
    #[cfg_attr(miri, ignore = "it takes minutes")]
    fn equal_terms() {
        let (k, n) = (16_000, 200);
        let right = f64::from(0.1_f32) * f64::from(0.3_f32) * k as f64;
        let packed = Packed::new(Matrix::new(&vec![0.1; k * n], k, n)).unwrap();
        for rows in [1, 3] {
            let mut c = vec![0.0; rows * n];
            packed.product(&vec![0.3; rows * k], &mut c, false).unwrap();
            let error = c.iter().map(|&c| (f64::from(c) / right - 1.0).abs()).fold(0.0, f64::max);
            assert!(error < 4e-6, "{error:e}");
        }
    }

    #[test]
    fn products_are_products() {
        let sizes = [
            (1, 1, 1),
            (3, 5, 7),
            (8, 16, 32),
            (17, 9, 65),
            (0, 4, 4),
            (9, 33, 31),
            (3, 5000, 9),
            (1, 1300, 200),
        ];
        // Miri takes minutes for the others.
        for (m, k, n) in sizes.into_iter().filter(|(m, k, n)| !cfg!(miri) || m * k * n < 500) {
            let number = |i: usize| ((i * 37 % 23) as f32 - 11.0) / 7.0;
            let (a, b): (Vec<f32>, Vec<f32>) =
                ((0..m * k).map(number).collect(), (0..k * n).map(|i| number(i + 5)).collect());
            let packed = Packed::new(Matrix::new(&b, k, n)).unwrap();
            let turned: Vec<f32> = (0..k * n).map(|i| b[i % k * n + i / k]).collect();
            let of_turned = Packed::new(Matrix::new(&turned, n, k).transposed()).unwrap();
            assert_eq!(packed.panels[..], of_turned.panels[..]);
            let [mut c, mut added, mut scattered, mut of_scattered] =
                [(); 4].map(|()| vec![1.0; m * n]);
            packed.product(&a, &mut c, false).unwrap();
            packed.product(&a, &mut added, true).unwrap();
            // `a` with its columns reversed and a number between two.
            let apart: Vec<f32> =
                (0..m * k).flat_map(|i| [a[i / k * k + k - 1 - i % k], 99.0]).collect();
            let starts: Vec<usize> = (0..m).map(|row| row * 2 * k).collect();
            let offsets: Vec<usize> = (0..k).rev().map(|i| 2 * i).collect();
            let of_a = Scattered { values: &apart, starts: &starts, offsets: &offsets };
            packed.scattered_product(of_a, &mut scattered).unwrap();
            let turned = Scattered { values: &apart, starts: &offsets, offsets: &starts };
            add_transposed_product(turned, &b, n, &mut of_scattered);
            for row in 0..m {
                for column in 0..n {
                    let term = |i| f64::from(a[row * k + i]) * f64::from(b[i * n + column]);
                    let sum = (0..k).map(term).sum::<f64>() as f32;
                    let at = row * n + column;
                    let of_added = [&added, &of_scattered].map(|c| c[at] - 1.0);
                    for found in [c[at], scattered[at]].into_iter().chain(of_added) {
                        let error = (found - sum).abs() / (1.0 + sum.abs() + k as f32 / 10.0);
                        assert!(error < 1e-5, "{m} {k} {n}: {found} {sum}");
                    }
                }
            }
        }
    }
}
