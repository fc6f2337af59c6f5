//! The sums in front of the products and behind them: polynomials at 0, `A`, `-A`, `B`, `-B` and infinity, with `A` the
//! root of 2 and `B` that of a half. (At 1 and 2 in place of these, the errors would be four times as large.)

use pulp::{Arch, Simd, WithSimd};

use super::{CELLS, PIXELS, PLACES};
use crate::{
    buffer::Buffer,
    memory::NoMemory,
    simd::{load, store},
};

const A: f32 = std::f32::consts::SQRT_2;
const B: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// Sums of `N` values, `M` of them, in each lane.
///
/// Types and no closures, because closures do not get the vector instructions of who calls them.
pub(super) trait Sums<const N: usize, const M: usize> {
    fn sums<S: Simd>(simd: S, values: [S::f32s; N]) -> [S::f32s; M];
}

/// The sums of a column of the sums of rows.
#[inline(always)]
pub(super) fn sums_of_column<S: Simd, K: Sums<N, M>, const N: usize, const M: usize>(
    simd: S,
    rows: &[[S::f32s; M]; N],
    column: usize,
) -> [S::f32s; M] {
    let mut values = [simd.splat_f32s(0.0); N];
    for (value, row) in values.iter_mut().zip(rows) {
        *value = row[column];
    }
    K::sums(simd, values)
}

/// `factor * a + sum`.
#[inline(always)]
fn add<S: Simd>(simd: S, factor: f32, a: S::f32s, sum: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), a, sum)
}

#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, a: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), a)
}

/// `even + factor * odd` and `even - factor * odd`.
#[inline(always)]
fn with_signs<S: Simd>(simd: S, even: S::f32s, factor: f32, odd: S::f32s) -> [S::f32s; 2] {
    [add(simd, factor, odd, even), add(simd, -factor, odd, even)]
}

/// `a + b` and `factor * (a - b)`: the transpose of [`with_signs`].
#[inline(always)]
fn of_signs<S: Simd>(simd: S, factor: f32, a: S::f32s, b: S::f32s) -> [S::f32s; 2] {
    [simd.add_f32s(a, b), times(simd, factor, simd.sub_f32s(a, b))]
}

/// Of pixels, to be multiplied.
pub(super) struct OfPixels;

impl Sums<PIXELS, PIXELS> for OfPixels {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, x: [S::f32s; PIXELS]) -> [S::f32s; PIXELS] {
        let (even, odd) = (add(simd, -0.5, x[2], x[4]), add(simd, -0.5, x[1], x[3]));
        let [a, of_minus_a] = with_signs(simd, even, A, odd);
        let (even, odd) = (add(simd, -2.0, x[2], x[4]), add(simd, -2.0, x[1], x[3]));
        let [b, of_minus_b] = with_signs(simd, even, B, odd);
        let of_zero = add(simd, -2.5, x[2], simd.add_f32s(x[0], x[4]));
        let of_infinity = add(simd, -2.5, x[3], simd.add_f32s(x[1], x[5]));
        [of_zero, a, of_minus_a, b, of_minus_b, of_infinity]
    }
}

/// Of the gradients of what is multiplied, for those of pixels: the transpose of [`OfPixels`].
pub(super) struct ToPixels;

impl Sums<PIXELS, PIXELS> for ToPixels {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, d: [S::f32s; PIXELS]) -> [S::f32s; PIXELS] {
        let [even, odd] = of_signs(simd, A, d[1], d[2]);
        let [more_even, more_odd] = of_signs(simd, B, d[3], d[4]);
        [
            d[0],
            add(simd, -2.0, more_odd, add(simd, -0.5, odd, d[5])),
            add(simd, -2.0, more_even, add(simd, -0.5, even, times(simd, -2.5, d[0]))),
            add(simd, -2.5, d[5], simd.add_f32s(odd, more_odd)),
            simd.add_f32s(d[0], simd.add_f32s(even, more_even)),
            d[5],
        ]
    }
}

/// Of products, for places.
pub(super) struct ToPlaces;

impl Sums<PIXELS, PLACES> for ToPlaces {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, x: [S::f32s; PIXELS]) -> [S::f32s; PLACES] {
        let [even, odd] = of_signs(simd, A, x[1], x[2]);
        let [less_even, less_odd] = of_signs(simd, B, x[3], x[4]);
        [
            simd.add_f32s(x[0], simd.add_f32s(even, less_even)),
            simd.add_f32s(odd, less_odd),
            add(simd, 2.0, even, times(simd, 0.5, less_even)),
            add(simd, 2.0, odd, add(simd, 0.5, less_odd, x[5])),
        ]
    }
}

/// Of the gradients of places, for those of products: the transpose of [`ToPlaces`].
pub(super) struct OfPlaces;

impl Sums<PLACES, PIXELS> for OfPlaces {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, d: [S::f32s; PLACES]) -> [S::f32s; PIXELS] {
        let (even, odd) = (add(simd, 2.0, d[2], d[0]), add(simd, 2.0, d[3], d[1]));
        let [a, of_minus_a] = with_signs(simd, even, A, odd);
        let (even, odd) = (add(simd, 0.5, d[2], d[0]), add(simd, 0.5, d[3], d[1]));
        let [b, of_minus_b] = with_signs(simd, even, B, odd);
        [d[0], a, of_minus_a, b, of_minus_b, d[3]]
    }
}

/// Of taps of the kernel, to be multiplied.
struct OfTaps;

impl Sums<CELLS, PIXELS> for OfTaps {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, [x, y, z]: [S::f32s; CELLS]) -> [S::f32s; PIXELS] {
        let even = times(simd, 1.0 / 6.0, add(simd, 2.0, z, x));
        let [a, of_minus_a] = with_signs(simd, even, A / 6.0, y);
        let even = times(simd, -2.0 / 3.0, add(simd, 0.5, z, x));
        let [b, of_minus_b] = with_signs(simd, even, -2.0 / 3.0 * B, y);
        [x, a, of_minus_a, b, of_minus_b, z]
    }
}

/// Of the gradients of what is multiplied, for those of taps: the transpose of [`OfTaps`].
struct ToCells;

impl Sums<PIXELS, CELLS> for ToCells {
    #[inline(always)]
    fn sums<S: Simd>(simd: S, d: [S::f32s; PIXELS]) -> [S::f32s; CELLS] {
        let [even, odd] = of_signs(simd, A / 6.0, d[1], d[2]);
        let [more_even, more_odd] = of_signs(simd, -2.0 / 3.0 * B, d[3], d[4]);
        [
            add(simd, 1.0 / 6.0, even, add(simd, -2.0 / 3.0, more_even, d[0])),
            simd.add_f32s(odd, more_odd),
            add(simd, 1.0 / 3.0, even, add(simd, -1.0 / 3.0, more_even, d[5])),
        ]
    }
}

/// The sums of squares of values, where what is at the same place of all squares lies together.
struct OfSquares<'a, K, const N: usize, const M: usize> {
    of: std::marker::PhantomData<K>,
    each: usize,
    squares: &'a [f32],
    sums: &'a mut [f32],
}

impl<K: Sums<N, M>, const N: usize, const M: usize> WithSimd for OfSquares<'_, K, N, M> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { each, squares, sums, .. } = self;
        for at in (0..each).step_by(S::F32_LANES) {
            let mut square = [[simd.splat_f32s(0.0); N]; N];
            let planes = squares.chunks_exact(each);
            for (lanes, plane) in square.as_flattened_mut().iter_mut().zip(planes) {
                *lanes = load(simd, plane, at);
            }
            let mut rows = [[simd.splat_f32s(0.0); M]; N];
            for (sums, row) in rows.iter_mut().zip(square) {
                *sums = K::sums(simd, row);
            }
            for column in 0..M {
                let of_column = sums_of_column::<S, K, N, M>(simd, &rows, column);
                let planes = sums.chunks_exact_mut(each).skip(column).step_by(M);
                for (lanes, plane) in of_column.into_iter().zip(planes) {
                    store(simd, plane, at, lanes);
                }
            }
        }
    }
}

fn of_squares<K: Sums<N, M>, const N: usize, const M: usize>(
    _: K,
    squares: &[f32],
) -> Result<Buffer, NoMemory> {
    let each = squares.len() / (N * N);
    let mut sums = Buffer::uncleared(M * M * each)?;
    let of = std::marker::PhantomData::<K>;
    Arch::new().dispatch(OfSquares { of, each, squares, sums: &mut sums });
    Ok(sums)
}

/// The sums of taps of the kernel for each product, `(channels, filters)` each.
pub(super) fn sums_of_cells(weights: &[f32]) -> Result<Buffer, NoMemory> {
    of_squares(OfTaps, weights)
}

/// The way back, for gradients.
pub(super) fn cells_of_sums(sums: &[f32]) -> Result<Buffer, NoMemory> {
    of_squares(ToCells, sums)
}
