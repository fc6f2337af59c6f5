//! The rows of a large table times one vector or several, without the whole product ever being there.

use pulp::{Arch, Simd, WithSimd};

use super::{
    buffer::Buffer,
    gemm::product,
    matrix::Matrix,
    simd::load,
    threads::{parallel, threads},
};
use crate::memory::NoMemory;

/// How many rows are multiplied at a time: what they and their products take fits in a cache.
const ROWS: usize = 256;
/// How many vectors are multiplied at a time.
const QUERIES: usize = 256;

/// Hands out the products of all rows of a table with all queries, block by block.
///
/// Each thread goes over a share of the rows with a state of its own. `visit` is given that state, the values of
/// the first row and of the first query of a block, how many queries it has, and the products: one row of them
/// for each row of the table.
pub fn scan<S: Send>(
    table: &[f32],
    width: usize,
    queries: &[f32],
    start: impl Fn() -> S + Send + Sync,
    visit: impl Fn(&mut S, usize, usize, usize, &[f32]) + Send + Sync,
) -> Result<Vec<S>, NoMemory> {
    let width = width.max(1);
    let (rows, count) = (table.len() / width, queries.len() / width);
    let share = rows.div_ceil(threads(rows * width * count, rows)).max(1).next_multiple_of(ROWS);
    let shares = table.chunks(share * width).enumerate().collect();
    let scanned = parallel(shares, |(i, part): (usize, &[f32])| {
        let mut state = start();
        let mut products = Buffer::uncleared(ROWS * count.min(QUERIES))?;
        for (j, block) in part.chunks(ROWS * width).enumerate() {
            let rows = block.len() / width;
            for (k, queries) in queries.chunks(QUERIES * width).enumerate() {
                let count = queries.len() / width;
                let products = &mut products[..rows * count];
                if count == 1 {
                    Arch::new().dispatch(Dots { block, query: queries, dots: products });
                } else {
                    let queries = Matrix::new(queries, count, width).transposed();
                    product(products, Matrix::new(block, rows, width), queries, false)?;
                }
                visit(&mut state, i * share + j * ROWS, k * QUERIES, count, products);
            }
        }
        Ok(state)
    });
    scanned.into_iter().collect()
}

/// The products of rows with one vector.
struct Dots<'a> {
    block: &'a [f32],
    query: &'a [f32],
    dots: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (query, query_tail) = S::as_simd_f32s(self.query);
        for (dot, row) in self.dots.iter_mut().zip(self.block.chunks_exact(self.query.len())) {
            let (row, tail) = S::as_simd_f32s(row);
            // Several sums, so that one addition need not wait for another.
            let mut sums = [simd.splat_f32s(0.0); 4];
            let (fours, _) = row.as_chunks::<4>();
            let (query_fours, _) = query.as_chunks::<4>();
            for (row, query) in fours.iter().zip(query_fours) {
                for ((sum, &a), &b) in sums.iter_mut().zip(row).zip(query) {
                    *sum = simd.mul_add_e_f32s(a, b, *sum);
                }
            }
            for i in fours.len() * 4..row.len() {
                sums[0] = simd.mul_add_e_f32s(row[i], query[i], sums[0]);
            }
            if !tail.is_empty() {
                let (a, b) = (load(simd, tail, 0), load(simd, query_tail, 0));
                sums[1] = simd.mul_add_e_f32s(a, b, sums[1]);
            }
            let [a, b, c, d] = sums;
            *dot = simd.reduce_sum_f32s(simd.add_f32s(simd.add_f32s(a, b), simd.add_f32s(c, d)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_products_are_handed_out_once() {
        let sizes = [(1, 1, 1), (700, 37, 1), (700, 37, 3), (3, 300, 300), (0, 4, 2)];
        // Miri takes minutes for the others.
        let is_quick = |&(rows, width, count): &(usize, usize, usize)| rows * width * count < 500;
        for (rows, width, count) in sizes.into_iter().filter(|of| !cfg!(miri) || is_quick(of)) {
            let number = |i: usize| ((i * 37 % 23) as f32 - 11.0) / 7.0;
            let table: Vec<f32> = (0..rows * width).map(number).collect();
            let queries: Vec<f32> = (0..count * width).map(|i| number(i + 5)).collect();
            let visit =
                |found: &mut Vec<(usize, usize, f32)>, row, query, count, products: &[f32]| {
                    let at = |i: usize| (row + i / count, query + i % count);
                    let places = products.iter().enumerate().map(|(i, &p)| (at(i).0, at(i).1, p));
                    found.extend(places);
                };
            let mut found: Vec<_> = scan(&table, width, &queries, Vec::new, visit)
                .unwrap()
                .into_iter()
                .flatten()
                .collect();
            found.sort_by_key(|&(row, query, _)| (row, query));
            assert_eq!(found.len(), rows * count);
            for (i, (row, query, product)) in found.into_iter().enumerate() {
                assert_eq!((row, query), (i / count, i % count));
                let factors = |k: usize| table[row * width + k] * queries[query * width + k];
                let expected: f32 = (0..width).map(factors).sum();
                assert!((product - expected).abs() < 1e-3, "{row} {query}: {product} {expected}");
            }
        }
    }
}
