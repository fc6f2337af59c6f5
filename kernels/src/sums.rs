//! Sums that keep their digits. A running sum of `f32` loses one percent over a million terms; here a few terms are
//! added in single precision, and the sums of these blocks in double.
//!
//! How the terms are cut into blocks depends on their number alone, so the result is the same on any number of threads.

use std::ops::Range;

use bytemuck::Zeroable;

use super::{
    buffer::Buffer,
    simd::vectorized,
    threads::{fixed_chunk, parallel},
};
use crate::memory::{NoMemory, listed, one_more, zeros};

/// How many terms are added in single precision: of equal terms, the error is below 4e-7 of the sum.
pub const BLOCK: usize = 16;

/// The inner size of a product from which on single precision loses too much: the terms are added in blocks.
pub(super) const LONG: usize = 16_384;

/// How many terms of a product that is not as long are added one after the other: of equal ones, the error is below 4e-6 of
/// the sum.
const RUN: usize = 512;

/// How many sums are made side by side, for vector code.
const LANES: usize = 16;

/// The sum of `n` terms.
#[inline(always)]
pub fn total(n: usize, term: impl Fn(usize) -> f32) -> f64 {
    let full = n - n % LANES;
    let mut totals = [0.0; LANES];
    for from in (0..full).step_by(BLOCK * LANES) {
        let mut block = [0.0; LANES];
        for at in (from..full.min(from + BLOCK * LANES)).step_by(LANES) {
            for (lane, sum) in block.iter_mut().enumerate() {
                *sum += term(at + lane);
            }
        }
        totals.iter_mut().zip(block).for_each(|(total, sum)| *total += f64::from(sum));
    }
    // In halves, so that no sum waits for all others.
    for half in [8, 4, 2, 1] {
        let (first, second) = totals.split_at_mut(half);
        first.iter_mut().zip(second).for_each(|(total, sum)| *total += *sum);
    }
    let sum = totals[0] + (full..n).map(|i| f64::from(term(i))).sum::<f64>();
    // A block may be beyond the range of `f32` where all terms, and their mean, are within it.
    if sum.is_finite() { sum } else { (0..n).map(|i| f64::from(term(i))).sum() }
}

/// Whether one of some values is NaN or infinite.
#[inline(always)]
fn any_wild(values: &[f32]) -> bool {
    let exponent = f32::INFINITY.to_bits();
    values.iter().fold(0, |most, x| most.max(x.to_bits() & exponent)) == exponent
}

/// Adds the rows of a matrix, each as long as the totals are.
pub fn add_rows(totals: &mut [f64], rows: &[f32]) -> Result<(), NoMemory> {
    /// The width up to which no memory is asked for.
    const NARROW: usize = 256;
    let wide = wide(totals.len());
    let (mut narrow, mut memory) = ([0.0; NARROW], None);
    let block = match wide {
        0 => return Ok(()),
        1..=NARROW => &mut narrow[..wide],
        _ => &mut memory.insert(Buffer::uncleared(wide)?)[..],
    };
    add_blocks(totals, rows, block);
    Ok(())
}

vectorized! {
    /// The same, with a [`wide`] block of memory to work in.
    fn add_blocks<'a>(totals: &'a mut [f64], rows: &'a [f32], block: &'a mut [f32]) {
        let (width, wide) = (totals.len(), block.len());
        for rows in rows.chunks(BLOCK * wide) {
            block.fill(0.0);
            for row in rows.chunks(wide) {
                block.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
            }
            if any_wild(block) {
                let rows = rows.chunks_exact(width);
                rows.for_each(|row| totals.iter_mut().zip(row).for_each(|(total, &x)| *total += f64::from(x)));
                continue;
            }
            for sums in block.chunks_exact(width) {
                totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
            }
        }
    }
}

/// The same, in single precision.
#[inline(always)]
pub fn sum(n: usize, term: impl Fn(usize) -> f32) -> f32 {
    total(n, term) as f32
}

/// How long a row is that is made of whole rows of some width, to be as good for vector code as a wide one.
pub fn wide(width: usize) -> usize {
    LANES.div_ceil(width.max(1)) * width
}

/// As [`sums_over`], on the calling thread.
///
/// # Errors
/// [`NoMemory`].
pub fn sums_of<const N: usize>(
    rows: &[Range<usize>],
    width: usize,
    add: impl Fn([&mut [f32]; N], Range<usize>),
) -> Result<[Vec<f64>; N], NoMemory> {
    let (mut totals, mut blocks) = (each(width)?, each::<f32, N>(wide(width))?);
    for rows in rows {
        let (end, step) = (rows.end * width, BLOCK * wide(width));
        for from in (rows.start * width..end).step_by(step.max(1)) {
            blocks.iter_mut().for_each(|block| block.fill(0.0));
            add(blocks.each_mut().map(Vec::as_mut_slice), from..end.min(from + step));
            for (totals, block) in totals.iter_mut().zip(&blocks) {
                for sums in block.chunks_exact(width.max(1)) {
                    totals.iter_mut().zip(sums).for_each(|(total, &sum)| *total += f64::from(sum));
                }
            }
        }
    }
    Ok(totals)
}

/// `N` times zeros.
fn each<E: Zeroable, const N: usize>(width: usize) -> Result<[Vec<E>; N], NoMemory> {
    let mut all = [const { Vec::new() }; N];
    for one in &mut all {
        *one = zeros(width)?;
    }
    Ok(all)
}

/// `N` sums of each column, of what is made of some rows of a matrix, on several threads: `add` adds the values at a range to
/// vectors of zeros, which are as long as [`wide`] says: several rows at a time, and at the end fewer.
pub fn sums_over<const N: usize>(
    rows: &[Range<usize>],
    width: usize,
    add: impl Fn([&mut [f32]; N], Range<usize>) + Send + Sync,
) -> Result<[Vec<f64>; N], NoMemory> {
    let count: usize = rows.iter().map(Range::len).sum();
    let share = fixed_chunk(count * width, count);
    let cut = |rows: &Range<usize>| {
        let end = rows.end;
        rows.clone().step_by(share).map(move |from| from..end.min(from + share))
    };
    // Short pieces, those between the gaps of a mask, go together.
    let mut jobs: Vec<Vec<Range<usize>>> = Vec::new();
    let mut room = 0;
    for piece in rows.iter().flat_map(cut) {
        if room < piece.len() || jobs.is_empty() {
            one_more(&mut jobs)?;
            jobs.push(Vec::new());
            room = share;
        }
        room -= piece.len();
        if let Some(job) = jobs.last_mut() {
            one_more(job)?;
            job.push(piece);
        }
    }
    let mut totals = each(width)?;
    for parts in parallel(jobs, |rows| sums_of(&rows, width, &add)) {
        for (totals, part) in totals.iter_mut().zip(parts?) {
            totals.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
        }
    }
    Ok(totals)
}

/// The sums of the columns of a matrix, on several threads.
pub fn column_sums(rows: &[f32], width: usize) -> Result<Vec<f64>, NoMemory> {
    let count = rows.len().checked_div(width).unwrap_or(0);
    let share = fixed_chunk(rows.len(), count) * width;
    let mut totals = zeros(width)?;
    let jobs: Vec<&[f32]> = rows.chunks(share.max(1)).collect();
    let sums = |rows: &[f32]| {
        let mut sums = zeros(width)?;
        add_rows(&mut sums, rows)?;
        Ok::<Vec<f64>, NoMemory>(sums)
    };
    for part in parallel(jobs, sums) {
        totals.iter_mut().zip(part?).for_each(|(total, sum): (&mut f64, f64)| *total += sum);
    }
    Ok(totals)
}

/// Terms in [runs](RUN).
pub(super) fn runs(terms: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let end = terms.end;
    terms.step_by(RUN).map(move |from| from..end.min(from + RUN))
}

/// A product with an inner size of `k`, where `part` calculates or adds that of some of the terms: all at once, which it takes in
/// [`runs`], or if they are very many, some of them at a time, whose sums are added in double precision.
pub(super) fn in_parts(
    k: usize,
    c: &mut [f32],
    add: bool,
    part: impl Fn(&mut [f32], Range<usize>, bool),
) -> Result<(), NoMemory> {
    /// How many terms are added in single precision.
    const TERMS: usize = 64;
    if k < LONG {
        part(c, 0..k, add);
        return Ok(());
    }
    let before = |&x: &f32| if add { f64::from(x) } else { 0.0 };
    let mut totals = listed(c.iter().map(before))?;
    for from in (0..k).step_by(TERMS) {
        part(c, from..k.min(from + TERMS), false);
        totals.iter_mut().zip(&*c).for_each(|(total, &sum)| *total += f64::from(sum));
    }
    c.iter_mut().zip(totals).for_each(|(x, total)| *x = total as f32);
    Ok(())
}

/// Sums that products of matrices are added to, one after the other.
///
/// A few products are added in single precision, and what comes of them in double. A sum of few never gets as far, and
/// costs nothing more.
#[derive(Debug)]
pub struct ProductSums {
    sums: Buffer,
    products: usize,
    totals: Vec<f64>,
}

impl ProductSums {
    /// How many products are added in single precision: so many that the rest costs little.
    const FEW: usize = 24;

    /// Zeros.
    pub fn new(len: usize) -> Result<Self, NoMemory> {
        Ok(Self { sums: Buffer::zeros(len)?, products: 0, totals: Vec::new() })
    }

    /// Where a product is added.
    pub fn add_to(&mut self) -> Result<&mut [f32], NoMemory> {
        if self.products == Self::FEW {
            self.flush()?;
        }
        self.products += 1;
        Ok(&mut self.sums)
    }

    fn flush(&mut self) -> Result<(), NoMemory> {
        if self.totals.is_empty() {
            self.totals = zeros(self.sums.len())?;
        }
        for (total, sum) in self.totals.iter_mut().zip(&mut *self.sums) {
            *total += f64::from(std::mem::take(sum));
        }
        self.products = 0;
        Ok(())
    }

    /// The sums.
    pub fn finish(mut self) -> Result<Buffer, NoMemory> {
        if !self.totals.is_empty() {
            self.flush()?;
            self.sums.iter_mut().zip(&self.totals).for_each(|(sum, &total)| *sum = total as f32);
        }
        Ok(self.sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values whose running sums go wrong, and right sums of them.
    const TERMS: [f32; 5] = [0.1, 0.3, 0.7, 1.1e-3, 12_345.678];

    fn close(found: f64, term: f32, n: usize) {
        let expected = f64::from(term) * n as f64;
        assert!((found / expected - 1.0).abs() < 1e-6, "{n} times {term}: {found}");
    }

    #[test]
    #[cfg_attr(miri, ignore = "it takes hours")]
    fn a_million_equal_terms() {
        for term in TERMS {
            for n in [1, 15, 16, 255, 257, 1_000_000, 1_000_003] {
                close(total(n, |_| term), term, n);
                assert_eq!(sum(n, |_| term), total(n, |_| term) as f32);
            }
        }
    }

    #[test]
    fn columns_of_any_width() {
        for width in [1, 3, 17, 250, 300] {
            for count in [0, 1, 33, 3_000] {
                let rows: Vec<f32> =
                    (0..count).flat_map(|_| (0..width).map(|i| TERMS[i % 5])).collect();
                let range = 0..count;
                let range = std::slice::from_ref(&range);
                let [over] = sums_over(range, width, |[sums], range| {
                    for row in rows[range].chunks(sums.len()) {
                        sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += x);
                    }
                })
                .unwrap();
                let columns = column_sums(&rows, width).unwrap();
                let pairs = sums_over(range, width, |sums: [&mut [f32]; 2], range| {
                    for (sums, factor) in sums.into_iter().zip([1.0, 2.0]) {
                        for row in rows[range.clone()].chunks(sums.len()) {
                            sums.iter_mut().zip(row).for_each(|(sum, &x)| *sum += factor * x);
                        }
                    }
                })
                .unwrap();
                for ((a, b), sum) in pairs[0].iter().zip(&pairs[1]).zip(&over) {
                    assert!((a - sum).abs() <= 1e-6 * sum && (b - 2.0 * sum).abs() <= 2e-6 * sum);
                }
                for (i, (&a, &b)) in columns.iter().zip(&over).enumerate() {
                    if count == 0 {
                        assert_eq!((a, b), (0.0, 0.0));
                    } else {
                        close(a, TERMS[i % 5], count);
                        close(b, TERMS[i % 5], count);
                    }
                }
            }
        }
        assert!(column_sums(&[], 0).unwrap().is_empty());
    }

    #[test]
    fn products_that_are_added() {
        for n in [1, 3, 200_000] {
            let mut sums = ProductSums::new(2).unwrap();
            for _ in 0..n {
                sums.add_to().unwrap().iter_mut().for_each(|sum| *sum += 0.5);
            }
            assert_eq!(sums.finish().unwrap()[..], [0.5 * n as f32; 2]);
        }
    }
}
