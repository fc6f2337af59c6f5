//! The product of values that lie apart and a packed matrix.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::{
    Packed,
    micro::{VECTORS, blocks, finish, multiply},
};
use crate::sums::runs;

/// A matrix whose number `(row, column)` is at `starts[row] + offsets[column]`.
#[derive(Debug, Clone, Copy)]
pub struct Scattered<'a> {
    /// All of them, and more.
    pub values: &'a [f32],
    /// Where each row starts.
    pub starts: &'a [usize],
    /// Where each column is, from there.
    pub offsets: &'a [usize],
}

pub(super) struct ScatteredProduct<'a> {
    pub(super) packed: &'a Packed,
    /// Which of the terms.
    pub(super) terms: Range<usize>,
    pub(super) a: Scattered<'a>,
    pub(super) c: &'a mut [f32],
    pub(super) add: bool,
}

impl WithSimd for ScatteredProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { packed, terms, a, c, add } = self;
        let (k, n, width) = (packed.k, packed.n, packed.width);
        for (i, panel) in packed.panels.chunks_exact(width * k).enumerate() {
            for run in runs(terms.clone()) {
                let (at, panel) = ((n, i * width), &panel[run.start * width..run.end * width]);
                let add = add || run.start > terms.start;
                let a = Scattered { offsets: &a.offsets[run], ..a };
                blocks!(
                    a.starts.len(),
                    row,
                    scattered_block(simd, panel, (a, row), &mut c[row * n..], at, add)
                );
            }
        }
    }
}

/// `M` scattered rows, from one on, times one panel.
#[inline(always)]
fn scattered_block<S: Simd, const M: usize>(
    simd: S,
    panel: &[f32],
    (a, from): (Scattered<'_>, usize),
    c: &mut [f32],
    at: (usize, usize),
    add: bool,
) {
    let mut rows = [&a.values[..0]; M];
    for (row, &start) in rows.iter_mut().zip(&a.starts[from..]) {
        *row = &a.values[start..];
    }
    let (panel, _) = S::as_simd_f32s(panel).0.as_chunks::<VECTORS>();
    let (k, offsets) = (a.offsets.len(), a.offsets);
    let panel = &panel[..k];
    let sums = multiply::<S, M>(simd, k, |row, i| rows[row][offsets[i]], |i| panel[i]);
    finish(simd, sums, c, at, add);
}
