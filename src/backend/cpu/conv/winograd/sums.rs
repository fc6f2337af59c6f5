//! The sums before the products and behind them.

use pulp::{Simd, WithSimd};

use super::{
    PRODUCTS,
    tiles::{Part, Tiles},
};
use crate::backend::cpu::{
    buffer::Buffer,
    simd::{load, store, vectorized},
};

/// What is done to the rows of a tile, and then to its columns. (In loops, because the closures of
/// `array::from_fn` do not get the vector instructions of who calls it.)
#[inline(always)]
fn both<T: Copy, const N: usize, const M: usize>(
    zero: T,
    tile: [[T; N]; N],
    sums: impl Fn([T; N]) -> [T; M],
) -> [[T; M]; M] {
    let (mut rows, mut both) = ([[zero; M]; N], [[zero; M]; M]);
    for i in 0..N {
        rows[i] = sums(tile[i]);
    }
    for j in 0..M {
        let mut column = [zero; N];
        for i in 0..N {
            column[i] = rows[i][j];
        }
        let column = sums(column);
        for i in 0..M {
            both[i][j] = column[i];
        }
    }
    both
}

/// Of pixels, to be multiplied.
#[inline(always)]
fn of_pixels<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 4] {
    [simd.sub_f32s(a, c), simd.add_f32s(b, c), simd.sub_f32s(c, b), simd.sub_f32s(b, d)]
}

/// Of cells of the kernel, to be multiplied.
#[inline(always)]
fn of_cells([a, b, c]: [f32; 3]) -> [f32; 4] {
    [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c]
}

/// Of products, for places.
#[inline(always)]
fn to_places<S: Simd>(simd: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 2] {
    let places = [simd.add_f32s(a, b), simd.sub_f32s(b, c)];
    [simd.add_f32s(places[0], c), simd.sub_f32s(places[1], d)]
}

/// Of the gradients of places, for those of products: the transpose of [`to_places`].
#[inline(always)]
fn of_places<S: Simd>(simd: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 4] {
    [a, simd.add_f32s(a, b), simd.sub_f32s(a, b), simd.neg_f32s(b)]
}

/// Of the gradients of products, for those of cells: the transpose of [`of_cells`].
#[inline(always)]
fn to_cells([a, b, c, d]: [f32; 4]) -> [f32; 3] {
    [a + 0.5 * (b + c), 0.5 * (b - c), 0.5 * (b + c) + d]
}

vectorized! {
    /// The sums of cells of the kernel for each product, `(channels, filters)` each.
    fn of_cells_to_sums<'a>(cells: &'a [f32], each: usize, sums: &'a mut [f32]) {
        for i in 0..each {
            let mut of_one = [[0.0; 3]; 3];
            for (cell, number) in of_one.as_flattened_mut().iter_mut().enumerate() {
                *number = cells[cell * each + i];
            }
            let of_one = both(0.0, of_one, of_cells);
            for (product, &sum) in of_one.as_flattened().iter().enumerate() {
                sums[product * each + i] = sum;
            }
        }
    }
}

vectorized! {
    /// The way back, for gradients.
    pub(super) fn of_sums_to_cells<'a>(sums: &'a [f32], each: usize, cells: &'a mut [f32]) {
        for i in 0..each {
            let mut of_one = [[0.0; 4]; 4];
            for (product, sum) in of_one.as_flattened_mut().iter_mut().enumerate() {
                *sum = sums[product * each + i];
            }
            let of_one = both(0.0, of_one, to_cells);
            for (cell, &number) in of_one.as_flattened().iter().enumerate() {
                cells[cell * each + i] = number;
            }
        }
    }
}

/// The sums of cells of the kernel for each product, `(channels, filters)` each.
pub(super) fn sums_of_cells(weights: &[f32]) -> Buffer {
    let each = weights.len() / 9;
    let mut sums = Buffer::uncleared(PRODUCTS * each);
    of_cells_to_sums(weights, each, &mut sums);
    sums
}

/// The lanes of a row from `at` on, which are `FULL` or fewer.
#[inline(always)]
fn lanes<S: Simd, const FULL: bool>(simd: S, row: &[f32], at: usize) -> S::f32s {
    if FULL { S::as_simd_f32s(&row[at..at + S::F32_LANES]).0[0] } else { load(simd, row, at) }
}

/// Writes lanes into a row from `at` on.
#[inline(always)]
fn write<S: Simd, const FULL: bool>(simd: S, row: &mut [f32], at: usize, lanes: S::f32s) {
    if FULL {
        S::as_mut_simd_f32s(&mut row[at..at + S::F32_LANES]).0[0] = lanes;
    } else {
        store(simd, row, at, lanes);
    }
}

/// Calls the first closure for all full vectors of rows of a length, and the other for what is left.
macro_rules! for_lanes {
    ($length:expr, $each:expr, $rest:expr) => {{
        let full = $length - $length % S::F32_LANES;
        for at in (0..full).step_by(S::F32_LANES) {
            $each(at);
        }
        if full < $length {
            $rest(full);
        }
    }};
}

/// The rows of a tile for each product.
fn planes(sums: &mut [f32]) -> [&mut [f32]; PRODUCTS] {
    let mut planes: [&mut [f32]; PRODUCTS] = Default::default();
    let each = sums.len() / PRODUCTS;
    for (plane, sums) in planes.iter_mut().zip(sums.chunks_exact_mut(each.max(1))) {
        *plane = sums;
    }
    planes
}

/// What the sums before the products are made of: `N` by `N` numbers of each tile.
pub(super) trait Source<const N: usize> {
    /// The height and width of the images.
    fn size(&self, tiles: &Tiles) -> [usize; 2];

    /// Where the numbers of a tile are on its image, or `None` for 0.
    fn cells(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; N]; N];

    /// The sums of a row or column.
    fn sums<S: Simd>(simd: S, row: [S::f32s; N]) -> [S::f32s; 4];
}

/// The pixels of images.
pub(super) struct Pixels;

impl Source<4> for Pixels {
    fn size(&self, tiles: &Tiles) -> [usize; 2] {
        tiles.size
    }

    #[inline(always)]
    fn cells(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; 4]; 4] {
        tiles.pixels(corner)
    }

    #[inline(always)]
    fn sums<S: Simd>(simd: S, row: [S::f32s; 4]) -> [S::f32s; 4] {
        of_pixels(simd, row)
    }
}

/// The gradients of places.
pub(super) struct Places;

impl Source<2> for Places {
    fn size(&self, tiles: &Tiles) -> [usize; 2] {
        tiles.places
    }

    #[inline(always)]
    fn cells(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; 2]; 2] {
        tiles.places(corner)
    }

    #[inline(always)]
    fn sums<S: Simd>(simd: S, row: [S::f32s; 2]) -> [S::f32s; 4] {
        of_places(simd, row)
    }
}

/// The sums of the numbers of tiles: for each product, a row of `width` for each tile.
pub(super) struct Read<'a, const N: usize, K> {
    pub(super) of: K,
    pub(super) part: Part,
    pub(super) width: usize,
    pub(super) images: &'a [f32],
    pub(super) sums: &'a mut [f32],
}

impl<const N: usize, K: Source<N>> WithSimd for Read<'_, N, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, part, width, images, sums } = self;
        let Part { tiles, count, .. } = part;
        let image = of.size(&tiles).iter().product::<usize>() * width;
        let (outside, mut planes) = (Buffer::zeros(width), planes(sums));
        for at in 0..count {
            let (number, corner) = part.tile(at);
            let image = &images[number * image..(number + 1) * image];
            let mut read = [[&outside[..]; N]; N];
            let cells = of.cells(&tiles, corner);
            for (read, cell) in read.as_flattened_mut().iter_mut().zip(cells.as_flattened()) {
                if let Some(cell) = cell {
                    *read = &image[cell * width..(cell + 1) * width];
                }
            }
            let from = at * width;
            for_lanes!(
                width,
                |lane| read_tile::<S, K, N, true>(simd, &read, lane, &mut planes, from),
                |lane| read_tile::<S, K, N, false>(simd, &read, lane, &mut planes, from)
            );
        }
    }
}

#[inline(always)]
fn read_tile<S: Simd, K: Source<N>, const N: usize, const FULL: bool>(
    simd: S,
    read: &[[&[f32]; N]; N],
    lane: usize,
    planes: &mut [&mut [f32]; PRODUCTS],
    from: usize,
) {
    let mut tile = [[simd.splat_f32s(0.0); N]; N];
    for (lanes_of, cell) in tile.as_flattened_mut().iter_mut().zip(read.as_flattened()) {
        *lanes_of = lanes::<S, FULL>(simd, cell, lane);
    }
    let end = from + read[0][0].len();
    let tile = both(simd.splat_f32s(0.0), tile, |row| K::sums(simd, row));
    for (plane, &sum) in planes.iter_mut().zip(tile.as_flattened()) {
        write::<S, FULL>(simd, &mut plane[..end], from + lane, sum);
    }
}

/// The places of tiles, out of their products.
pub(super) struct WritePlaces<'a> {
    pub(super) part: Part,
    pub(super) filters: usize,
    pub(super) products: &'a [f32],
    pub(super) y: &'a mut [f32],
    pub(super) add: bool,
}

impl WithSimd for WritePlaces<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part: Part { tiles, count, .. }, filters, products, y, add } = self;
        let image = tiles.places[0] * tiles.places[1] * filters;
        for at in 0..count {
            let (number, corner) = self.part.tile(at);
            let image = &mut y[number * image..(number + 1) * image];
            let mut read = [&[][..]; PRODUCTS];
            let planes = products.chunks_exact(count * filters);
            for (read, plane) in read.iter_mut().zip(planes) {
                *read = &plane[at * filters..(at + 1) * filters];
            }
            let places = tiles.places(corner);
            for_lanes!(
                filters,
                |filter| write_places::<S, true>(simd, &read, filter, &places, image, add),
                |filter| write_places::<S, false>(simd, &read, filter, &places, image, add)
            );
        }
    }
}

#[inline(always)]
fn write_places<S: Simd, const FULL: bool>(
    simd: S,
    read: &[&[f32]; PRODUCTS],
    filter: usize,
    places: &[[Option<usize>; 2]; 2],
    image: &mut [f32],
    add: bool,
) {
    let (zero, filters) = (simd.splat_f32s(0.0), read[0].len());
    let mut sums = [[zero; 4]; 4];
    for (sum, products) in sums.as_flattened_mut().iter_mut().zip(read) {
        *sum = lanes::<S, FULL>(simd, products, filter);
    }
    let sums = both(zero, sums, |row| to_places(simd, row));
    for (&sum, place) in sums.as_flattened().iter().zip(places.as_flattened()) {
        if let Some(place) = place {
            let to = &mut image[place * filters..(place + 1) * filters];
            let before = if add { lanes::<S, FULL>(simd, to, filter) } else { zero };
            write::<S, FULL>(simd, to, filter, simd.add_f32s(before, sum));
        }
    }
}
