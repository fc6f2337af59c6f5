//! The matrix product, by the crate `gemm`: its part for `f32`, because its complex numbers take long to compile.

use super::{
    buffer::Buffer,
    matrix::Matrix,
    multiply::product_into,
    sums::{LONG, runs},
    threads::threads,
};
use crate::memory::{NoMemory, zeros};

/// How many terms of a long product are added one after the other, and how many such blocks in single precision.
const BLOCK: usize = 64;
const BLOCKS: usize = 8;

/// How many of the rows of `c = a . b`, which has some columns, are a job: as many as work of so many multiplications
/// needs to keep all threads busy. However the rows are cut, each number of the product is the same.
pub fn rows_of_job(multiplications: usize, rows: usize, columns: usize) -> usize {
    // The crate has other code for small products where `b` is the transpose of a matrix.
    let least = (256 / columns.max(1) + 1).max(8);
    let share = rows.div_ceil(threads(multiplications, rows)).max(least);
    // None may be left over that are too few.
    (share..rows)
        .find(|share| rows.is_multiple_of(*share) || rows % share >= least)
        .unwrap_or(rows)
        .max(1)
}

/// `c = a . b`, or `c += a . b`, on the calling thread.
pub fn product(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) -> Result<(), NoMemory> {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    assert_eq!(k, b.rows, "the inner sizes of a product");
    assert_eq!(Some(c.len()), m.checked_mul(n), "the size of a product");
    if c.is_empty() {
        return Ok(());
    }
    if k == 0 && !add {
        c.fill(0.0);
    }
    if k < LONG {
        // Each a call of the crate: of more terms it makes parts itself, whose sizes depend on the other two sizes.
        for run in runs(0..k) {
            let (from, count) = (run.start, run.len());
            short_product(c, a.columns(from, count), b.rows(from, count), add || from > 0)?;
        }
        return Ok(());
    }
    // As many rows at a time as stay in a cache with their sums.
    let rows = ((64 << 10) / n).next_multiple_of(8).max(8);
    let rows = if m < 2 * rows { m } else { rows };
    let (mut block, mut totals) = (Buffer::uncleared(rows * n)?, zeros::<f64>(rows * n)?);
    let mut first = 0;
    while first < m {
        let rows = if m - first < 2 * rows { m - first } else { rows };
        if totals.len() < rows * n {
            block = Buffer::uncleared(rows * n)?;
            totals = zeros(rows * n)?;
        }
        let (block, totals) = (&mut block[..rows * n], &mut totals[..rows * n]);
        let (a, c) = (a.rows(first, rows), &mut c[first * n..][..rows * n]);
        let before = |&x: &f32| if add { f64::from(x) } else { 0.0 };
        totals.iter_mut().zip(&*c).for_each(|(total, x)| *total = before(x));
        for (i, from) in (0..k).step_by(BLOCK).enumerate() {
            let count = BLOCK.min(k - from);
            short_product(block, a.columns(from, count), b.rows(from, count), i % BLOCKS > 0)?;
            if i % BLOCKS == BLOCKS - 1 || from + count == k {
                totals.iter_mut().zip(&*block).for_each(|(total, &sum)| *total += f64::from(sum));
            }
        }
        c.iter_mut().zip(&*totals).for_each(|(x, &total)| *x = total as f32);
        first += rows;
    }
    Ok(())
}

/// A product by the crate. No size is 0.
fn short_product(c: &mut [f32], a: Matrix<'_>, b: Matrix<'_>, add: bool) -> Result<(), NoMemory> {
    if (a.rows == 1 || b.columns == 1) && add && a.columns > 2 {
        // The crate has other code for vectors, which adds the terms to `c` one by one.
        let mut sums = Buffer::uncleared(c.len())?;
        product_into(&mut sums, b.columns, a, b, false)?;
        c.iter_mut().zip(&*sums).for_each(|(x, &sum)| *x += sum);
        return Ok(());
    }
    product_into(c, b.columns, a, b, add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 104_729 + 13) % 2003) as f32 / 1001.0 - 1.0).collect()
    }

    /// The bits of a product do not depend on how its rows are cut into jobs.
    #[test]
    fn rows_can_be_cut_anywhere() {
        let sizes = [
            (17, 3, 40),
            (100, 1, 700),
            (70, 2, 513),
            (40, 16, 1300),
            (130, 33, 2),
            (33, 300, 1),
            (90, 70, 600),
            (64, 5, 5000),
            (300, 7, 20),
        ];
        // Miri takes minutes for the others.
        for (m, n, k) in sizes.into_iter().filter(|(m, n, k)| !cfg!(miri) || m * n * k < 3_000) {
            let (a, b, before) = (values(m * k, 1), values(k * n, 2), values(m * n, 3));
            let turned = Matrix::new(&a, k, m).transposed();
            let of_turned = Matrix::new(&b, n, k).transposed();
            for a in [Matrix::new(&a, m, k), turned] {
                for b in [Matrix::new(&b, k, n), of_turned] {
                    for add in [false, true] {
                        let mut whole = before.clone();
                        product(&mut whole, a, b, add).unwrap();
                        // One row at a time only where the crate has no other code for it.
                        let least = if b.row_stride == 1 { (256 / n + 1).max(8) } else { 1 };
                        for share in (least..m).filter(|s| m % s == 0 || m % s >= least).take(40) {
                            let mut parts = before.clone();
                            for (i, c) in parts.chunks_mut(share * n).enumerate() {
                                product(c, a.rows(i * share, c.len() / n), b, add).unwrap();
                            }
                            assert!(whole == parts, "{m} {n} {k} by {share}, {add}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn no_job_has_too_few_rows() {
        for rows in 0..300 {
            for columns in [0, 1, 5, 32, 1000] {
                let share = rows_of_job(usize::MAX, rows, columns);
                let least = 8.max(256 / columns.max(1) + 1);
                let left = rows % share;
                assert!(share >= least.min(rows).max(1), "{rows} {columns}: {share}");
                assert!(left == 0 || left >= least.min(rows), "{rows} {columns}: {share}");
            }
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes hours")]
    fn a_million_equal_terms() {
        let k = 1_000_000;
        for (x, y) in [(0.1, 0.1), (0.3, 0.7), (0.1, 1.0)] {
            let expected = f64::from(x) * f64::from(y) * k as f64;
            for (m, n) in [(1, 1), (1, 3), (3, 1), (4, 5)] {
                let (a, b) = (vec![x; k * m], vec![y; k * n]);
                let b_transposed = Matrix::new(&b, n, k).transposed();
                for a in [Matrix::new(&a, m, k), Matrix::new(&a, k, m).transposed()] {
                    for b in [Matrix::new(&b, k, n), b_transposed] {
                        let mut c = vec![0.0; m * n];
                        product(&mut c, a, b, false).unwrap();
                        let close = |&c: &f32| (f64::from(c) / expected - 1.0).abs() < 1e-6;
                        assert!(c.iter().all(close), "{c:?} for {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn products_are_products() {
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
        let mut c = [1.0; 4];
        product(&mut c, Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 2), true).unwrap();
        assert_eq!(c, [59.0, 65.0, 140.0, 155.0]);
        // Some columns of a transpose, and of a matrix with a column more.
        let of_a = Matrix::new(&a, 3, 2).transposed();
        product(&mut c, of_a, Matrix::new(&b, 2, 3).transposed().columns(0, 2), false).unwrap();
        assert_eq!(c, [76.0, 103.0, 100.0, 136.0]);
        product(&mut c, Matrix::new(&a, 2, 3).columns(0, 0), Matrix::new(&[], 0, 2), true).unwrap();
        assert_eq!(c, [76.0, 103.0, 100.0, 136.0]);
        product(&mut c, Matrix::new(&[], 2, 0), Matrix::new(&[], 0, 2), false).unwrap();
        assert_eq!(c, [0.0; 4]);
    }
}
