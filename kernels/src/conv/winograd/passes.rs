//! From images to the values that are multiplied, and from products to images.

use pulp::{Simd, WithSimd};

use super::{
    PIXELS, PLACES,
    sums::{OfPixels, OfPlaces, Sums, ToPixels, ToPlaces, sums_of_column},
    tiles::{Part, Region, Tiles},
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

    /// Where the values of a tile are on its image.
    fn region(&self, tiles: &Tiles, corner: [usize; 2]) -> Region<N>;
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
    fn region(&self, tiles: &Tiles, corner: [usize; 2]) -> Region<PIXELS> {
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
    fn region(&self, tiles: &Tiles, corner: [usize; 2]) -> Region<PLACES> {
        tiles.places(corner)
    }
}

/// Some lanes of rows that are `width` numbers long, the first of them given.
#[derive(Clone, Copy)]
struct Lanes {
    width: usize,
    first: usize,
}

impl Lanes {
    /// The lanes of the row that begins there, all of them or, if that is not `FULL`, as many as the row has.
    #[inline(always)]
    fn load<S: Simd, const FULL: bool>(self, simd: S, values: &[f32], row: usize) -> S::f32s {
        if FULL {
            S::as_simd_f32s(&values[row + self.first..][..S::F32_LANES]).0[0]
        } else {
            load(simd, &values[row..][..self.width], self.first)
        }
    }

    #[inline(always)]
    fn store<S: Simd, const FULL: bool>(
        self,
        simd: S,
        values: &mut [f32],
        row: usize,
        lanes: S::f32s,
    ) {
        if FULL {
            S::as_mut_simd_f32s(&mut values[row + self.first..][..S::F32_LANES]).0[0] = lanes;
        } else {
            store(simd, &mut values[row..][..self.width], self.first, lanes);
        }
    }
}

/// Calls a function for all lanes of rows of a width, told whether all of a vector are there and whether some values of
/// the region are not.
macro_rules! for_lanes {
    ($width:expr, $region:expr, $tile:ident($simd:expr, $($argument:expr),*)) => {{
        let (width, whole) = ($width, $region.is_whole());
        for first in (0..width).step_by(S::F32_LANES) {
            let lanes = Lanes { width, first };
            match (first + S::F32_LANES <= width, whole) {
                (true, true) => $tile::<S, K, N, true, true>($simd, lanes, $($argument),*),
                (true, false) => $tile::<S, K, N, true, false>($simd, lanes, $($argument),*),
                (false, _) => $tile::<S, K, N, false, false>($simd, lanes, $($argument),*),
            }
        }
    }};
}

/// From the tiles of images, with rows of `width`, to what is multiplied: for each product, a row for each tile.
pub(super) struct Read<'a, const N: usize, K> {
    pub(super) of: K,
    pub(super) part: Part,
    pub(super) width: usize,
    pub(super) images: &'a [f32],
    pub(super) factors: &'a mut [f32],
}

impl<const N: usize, K: Square<N>> WithSimd for Read<'_, N, K> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { of, part, width, images, factors } = self;
        let Part { tiles, count, .. } = part;
        let mut rows = [[simd.splat_f32s(0.0); PIXELS]; N];
        let (image, plane) = (of.size(&tiles).iter().product::<usize>() * width, part.plane(width));
        for at in 0..count {
            let (number, corner) = part.tile(at);
            let image = &images[number * image..][..image];
            let region = of.region(&tiles, corner);
            let factors = &mut factors[at * width..];
            let from = (image, &region);
            for_lanes!(width, region, read_tile(simd, &mut rows, from, factors, plane));
        }
    }
}

/// Reads some lanes of a tile. The sums of its rows are put into `rows`: made anew for each tile, they would be cleared first.
#[inline(always)]
fn read_tile<S: Simd, K: Square<N>, const N: usize, const FULL: bool, const WHOLE: bool>(
    simd: S,
    lanes: Lanes,
    rows: &mut [[S::f32s; PIXELS]; N],
    (image, region): (&[f32], &Region<N>),
    factors: &mut [f32],
    plane: usize,
) {
    let zero = simd.splat_f32s(0.0);
    for (i, sums) in rows.iter_mut().enumerate() {
        let mut row = [zero; N];
        for (j, value) in row.iter_mut().enumerate() {
            if WHOLE || region.has(i, j) {
                *value = lanes.load::<S, FULL>(simd, image, region.number(i, j) * lanes.width);
            }
        }
        *sums = K::Read::sums(simd, row);
    }
    for j in 0..PIXELS {
        let sums = sums_of_column::<S, K::Read, N, PIXELS>(simd, rows, j);
        for (i, sum) in sums.into_iter().enumerate() {
            lanes.store::<S, FULL>(simd, factors, (i * PIXELS + j) * plane, sum);
        }
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
        let mut rows = [[simd.splat_f32s(0.0); N]; PIXELS];
        let (image, plane) = (to.size(&tiles).iter().product::<usize>() * width, part.plane(width));
        for at in 0..count {
            let (number, corner) = part.tile(at);
            let image = &mut images[number * image..][..image];
            let region = to.region(&tiles, corner);
            let products = &products[at * width..];
            let from = (products, plane);
            for_lanes!(width, region, write_tile(simd, &mut rows, from, image, &region));
        }
    }
}

/// Writes some lanes of a tile, by sums of rows as in [`read_tile`].
#[inline(always)]
fn write_tile<S: Simd, K: Square<N>, const N: usize, const FULL: bool, const WHOLE: bool>(
    simd: S,
    lanes: Lanes,
    rows: &mut [[S::f32s; N]; PIXELS],
    (products, plane): (&[f32], usize),
    image: &mut [f32],
    region: &Region<N>,
) {
    let zero = simd.splat_f32s(0.0);
    for (i, sums) in rows.iter_mut().enumerate() {
        let mut row = [zero; PIXELS];
        for (j, value) in row.iter_mut().enumerate() {
            *value = lanes.load::<S, FULL>(simd, products, (i * PIXELS + j) * plane);
        }
        *sums = K::Write::sums(simd, row);
    }
    for j in 0..N {
        let sums = sums_of_column::<S, K::Write, PIXELS, N>(simd, rows, j);
        for (i, mut sum) in sums.into_iter().enumerate() {
            if WHOLE || region.has(i, j) {
                let row = region.number(i, j) * lanes.width;
                if K::OVERLAP {
                    sum = simd.add_f32s(lanes.load::<S, FULL>(simd, image, row), sum);
                }
                lanes.store::<S, FULL>(simd, image, row, sum);
            }
        }
    }
}
