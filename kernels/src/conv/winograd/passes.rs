//! From images to the values that are multiplied, and from products to images.

use pulp::{Simd, WithSimd};

use super::{
    PIXELS, PLACES, PRODUCTS,
    sums::{OfPixels, OfPlaces, Sums, ToPixels, ToPlaces, both},
    tiles::{Part, Tiles},
};
use crate::simd::{load, store};

/// What of a tile is read or written: `N` by `N` values of it.
pub(super) trait Square<const N: usize> {
    /// The sums of what is read.
    type Read: Sums<N, PIXELS>;

    /// The sums for what is written.
    type Write: Sums<PIXELS, N>;

    /// Whether the squares of tiles overlap, so that what is written is added.
    const OVERLAP: bool;

    /// The height and width of the images.
    fn size(&self, tiles: &Tiles) -> [usize; 2];

    /// Where the values of a tile are on its image, or `None` where it ends.
    fn values(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; N]; N];
}

/// Pixels, or their gradients.
pub(super) struct Pixels;

impl Square<PIXELS> for Pixels {
    type Read = OfPixels;
    type Write = ToPixels;

    const OVERLAP: bool = true;

    fn size(&self, tiles: &Tiles) -> [usize; 2] {
        tiles.size
    }

    #[inline(always)]
    fn values(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; PIXELS]; PIXELS] {
        tiles.pixels(corner)
    }
}

/// Places, or their gradients.
pub(super) struct Places;

impl Square<PLACES> for Places {
    type Read = OfPlaces;
    type Write = ToPlaces;

    const OVERLAP: bool = false;

    fn size(&self, tiles: &Tiles) -> [usize; 2] {
        tiles.places
    }

    #[inline(always)]
    fn values(&self, tiles: &Tiles, corner: [usize; 2]) -> [[Option<usize>; PLACES]; PLACES] {
        tiles.places(corner)
    }
}

/// The lanes of a row from `at` on, which are `FULL` or fewer.
#[inline(always)]
fn lanes<S: Simd, const FULL: bool>(simd: S, row: &[f32], at: usize) -> S::f32s {
    if FULL { S::as_simd_f32s(&row[at..at + S::F32_LANES]).0[0] } else { load(simd, row, at) }
}

/// Writes lanes into a row from `at` on.
#[inline(always)]
fn put<S: Simd, const FULL: bool>(simd: S, row: &mut [f32], at: usize, lanes: S::f32s) {
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
fn planes(values: &mut [f32]) -> [&mut [f32]; PRODUCTS] {
    let mut planes = [(); PRODUCTS].map(|()| Default::default());
    let each = values.len() / PRODUCTS;
    for (plane, values) in planes.iter_mut().zip(values.chunks_exact_mut(each.max(1))) {
        *plane = values;
    }
    planes
}

/// From the tiles of images to what is multiplied: for each product, a row for each tile.
pub(super) struct Read<'a, const N: usize, K> {
    pub(super) of: K,
    pub(super) part: Part,
    /// The zeros around an image, as many as its rows are wide.
    pub(super) outside: &'a [f32],
    pub(super) images: &'a [f32],
    pub(super) factors: &'a mut [f32],
}

impl<const N: usize, K: Square<N>> WithSimd for Read<'_, N, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, part, outside, images, factors } = self;
        let (Part { tiles, count, .. }, width) = (part, outside.len());
        let image = of.size(&tiles).iter().product::<usize>() * width;
        let mut planes = planes(factors);
        for at in 0..count {
            let (number, corner) = part.tile(at);
            let image = &images[number * image..(number + 1) * image];
            let mut tile = [[outside; N]; N];
            let values = of.values(&tiles, corner);
            for (row, number) in tile.as_flattened_mut().iter_mut().zip(values.as_flattened()) {
                if let Some(number) = number {
                    *row = &image[number * width..(number + 1) * width];
                }
            }
            let from = at * width;
            for_lanes!(
                width,
                |lane| read_tile::<S, K, N, true>(simd, &tile, lane, &mut planes, from),
                |lane| read_tile::<S, K, N, false>(simd, &tile, lane, &mut planes, from)
            );
        }
    }
}

#[inline(always)]
fn read_tile<S: Simd, K: Square<N>, const N: usize, const FULL: bool>(
    simd: S,
    tile: &[[&[f32]; N]; N],
    lane: usize,
    planes: &mut [&mut [f32]; PRODUCTS],
    from: usize,
) {
    let end = from + tile[0][0].len();
    let mut values = [[simd.splat_f32s(0.0); N]; N];
    for (values, row) in values.as_flattened_mut().iter_mut().zip(tile.as_flattened()) {
        *values = lanes::<S, FULL>(simd, row, lane);
    }
    let sums = both::<S, K::Read, N, PIXELS>(simd, values);
    for (plane, &sum) in planes.iter_mut().zip(sums.as_flattened()) {
        put::<S, FULL>(simd, &mut plane[..end], from + lane, sum);
    }
}

/// From products, for each of them a row for each tile, to the tiles of images with rows of `width`.
pub(super) struct Write<'a, const N: usize, K> {
    pub(super) to: K,
    pub(super) part: Part,
    pub(super) width: usize,
    pub(super) products: &'a [f32],
    pub(super) images: &'a mut [f32],
}

impl<const N: usize, K: Square<N>> WithSimd for Write<'_, N, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { to, part, width, products, images } = self;
        let Part { tiles, count, .. } = part;
        let image = to.size(&tiles).iter().product::<usize>() * width;
        for at in 0..count {
            let (number, corner) = part.tile(at);
            let image = &mut images[number * image..(number + 1) * image];
            let mut tile = [&[][..]; PRODUCTS];
            for (row, plane) in tile.iter_mut().zip(products.chunks_exact(part.plane(width))) {
                *row = &plane[at * width..(at + 1) * width];
            }
            let values = to.values(&tiles, corner);
            for_lanes!(
                width,
                |lane| write_tile::<S, K, N, true>(simd, &tile, lane, &values, image),
                |lane| write_tile::<S, K, N, false>(simd, &tile, lane, &values, image)
            );
        }
    }
}

#[inline(always)]
fn write_tile<S: Simd, K: Square<N>, const N: usize, const FULL: bool>(
    simd: S,
    tile: &[&[f32]; PRODUCTS],
    lane: usize,
    values: &[[Option<usize>; N]; N],
    image: &mut [f32],
) {
    let (zero, width) = (simd.splat_f32s(0.0), tile[0].len());
    let mut sums = [[zero; PIXELS]; PIXELS];
    for (sum, row) in sums.as_flattened_mut().iter_mut().zip(tile) {
        *sum = lanes::<S, FULL>(simd, row, lane);
    }
    let sums = both::<S, K::Write, PIXELS, N>(simd, sums);
    for (&sum, number) in sums.as_flattened().iter().zip(values.as_flattened()) {
        if let Some(number) = number {
            let row = &mut image[number * width..(number + 1) * width];
            let before = if K::OVERLAP { lanes::<S, FULL>(simd, row, lane) } else { zero };
            put::<S, FULL>(simd, row, lane, simd.add_f32s(before, sum));
        }
    }
}
