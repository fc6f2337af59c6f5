//! Convolutions of 3 by 3 with a stride of 1, by minimal filtering: F(2 x 2, 3 x 3) of
//! [Lavin and Gray 2015](https://arxiv.org/abs/1509.09308).
//!
//! Four places are calculated of a tile of 4 by 4 pixels with 16 multiplications, where one by one they take 36.
//! In its three passes a convolution is then 16 matrix products, between sums of pixels, of cells of the kernel and
//! of places. A pixel that is not finite reaches all four places of a tile, of which some do not see it otherwise.

use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

use super::Convolution;
use crate::backend::{
    Window,
    cpu::{
        buffer::Buffer,
        packed::{Packed, add_transposed_product},
        simd::{load, store, vectorized},
    },
};

/// The products that a tile takes.
const PRODUCTS: usize = 16;

/// How many numbers of tiles are worked on at a time: they stay in the cache of a core.
const NUMBERS: usize = 64 << 10;

/// From how many channels on the sums cost less than they save.
const CHANNELS: usize = 16;

/// Whether a convolution is one of those, and gains by it.
pub(super) fn pays(window: &Window, channels: usize, filters: usize) -> bool {
    let &Window { kernel, stride, dilation, before, places, .. } = window;
    (kernel, stride, dilation) == ([3; 2], [1; 2], [1; 2])
        && before.iter().all(|&before| before <= 2)
        && places.iter().all(|&places| places > 1)
        && channels.min(filters) >= CHANNELS
}

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

/// Where the tiles lie on the pixels that are read and on the places that are written, height and width each.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    size: [usize; 2],
    before: [usize; 2],
    places: [usize; 2],
}

impl Tiles {
    /// Those of the way back.
    fn turned(self) -> Self {
        Self { size: self.places, before: self.before.map(|before| 2 - before), places: self.size }
    }

    /// How many there are on an image.
    fn count(&self) -> usize {
        self.places.iter().map(|places| places.div_ceil(2)).product()
    }

    /// The first place of a tile, or number of it in an image with padding.
    fn corner(&self, tile: usize) -> [usize; 2] {
        let across = self.places[1].div_ceil(2);
        [2 * (tile / across), 2 * (tile % across)]
    }

    /// The pixels of a tile, or `None` where that is padding.
    #[inline(always)]
    fn pixels(&self, [top, left]: [usize; 2]) -> [[Option<usize>; 4]; 4] {
        let mut pixels = [[None; 4]; 4];
        for (i, pixels) in pixels.iter_mut().enumerate() {
            // Above or left of the image, these are beyond all sizes.
            let row = (top + i).wrapping_sub(self.before[0]);
            for (j, pixel) in pixels.iter_mut().enumerate() {
                let column = (left + j).wrapping_sub(self.before[1]);
                if row < self.size[0] && column < self.size[1] {
                    *pixel = Some(row * self.size[1] + column);
                }
            }
        }
        pixels
    }

    /// The places of a tile, as far as there are any.
    #[inline(always)]
    fn places(&self, [top, left]: [usize; 2]) -> [[Option<usize>; 2]; 2] {
        let mut places = [[None; 2]; 2];
        for (i, places) in places.iter_mut().enumerate() {
            for (j, place) in places.iter_mut().enumerate() {
                let inside = top + i < self.places[0] && left + j < self.places[1];
                *place = inside.then_some((top + i) * self.places[1] + left + j);
            }
        }
        places
    }
}

#[derive(Debug)]
pub(crate) struct Winograd {
    tiles: Tiles,
    channels: usize,
    filters: usize,
    weights: Buffer,
    /// For each product the sums of the cells.
    kernels: Vec<Packed>,
    /// The convolution of the way back, from places to pixels.
    turned: OnceLock<Box<Self>>,
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
    fn of_sums_to_cells<'a>(sums: &'a [f32], each: usize, cells: &'a mut [f32]) {
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
fn sums_of_cells(weights: &[f32]) -> Buffer {
    let each = weights.len() / 9;
    let mut sums = Buffer::uncleared(PRODUCTS * each);
    of_cells_to_sums(weights, each, &mut sums);
    sums
}

impl Winograd {
    pub(super) fn new(window: &Window, channels: usize, filters: usize, weights: Buffer) -> Self {
        let &Window { size, before, places, .. } = window;
        let sums = sums_of_cells(&weights);
        let kernels = sums.chunks_exact((channels * filters).max(1)).map(|sums| {
            Packed::new(channels, filters, |channel, filter| sums[channel * filters + filter])
        });
        let kernels = kernels.collect();
        let tiles = Tiles { size, before, places };
        Self { tiles, channels, filters, weights, kernels, turned: OnceLock::new() }
    }

    /// With the kernel turned by half a turn, from filters to channels.
    fn turned(&self) -> Self {
        let &Self { channels, filters, .. } = self;
        let sums = sums_of_cells(&self.weights);
        // Turned, the first sum of a row or column is the last, and the others stay.
        const TURNED: [usize; 4] = [3, 1, 2, 0];
        let kernels = (0..PRODUCTS).map(|product| {
            let turned = TURNED[product / 4] * 4 + TURNED[product % 4];
            let sums = &sums[turned * channels * filters..][..channels * filters];
            Packed::new(filters, channels, |filter, channel| sums[channel * filters + filter])
        });
        Self {
            tiles: self.tiles.turned(),
            channels: filters,
            filters: channels,
            weights: Buffer::default(),
            kernels: kernels.collect(),
            turned: OnceLock::new(),
        }
    }

    /// How many tiles there are, and how many are worked on at a time.
    fn tiles(&self, images: &[f32]) -> (usize, usize) {
        let pixels = self.tiles.size[0] * self.tiles.size[1] * self.channels;
        let all = images.len() / pixels.max(1) * self.tiles.count();
        let fit = (NUMBERS / (PRODUCTS * (self.channels + self.filters)).max(1)).max(8);
        // About as many each time, and a multiple of the rows of the micro-kernel.
        let each = all.div_ceil(all.div_ceil(fit).max(1));
        (all, each.next_multiple_of(8))
    }

    /// Convolves some images, and with `add` adds the result to `y`.
    fn convolve(&self, images: &[f32], y: &mut [f32], add: bool) {
        let &Self { tiles, channels, filters, .. } = self;
        let (all, some) = self.tiles(images);
        let mut read = Buffer::uncleared(PRODUCTS * some * channels);
        let mut products = Buffer::uncleared(PRODUCTS * some * filters);
        for first in (0..all).step_by(some.max(1)) {
            let count = some.min(all - first);
            let part = Part { tiles, first, count };
            let (read, products) = (
                &mut read[..PRODUCTS * count * channels],
                &mut products[..PRODUCTS * count * filters],
            );
            Arch::new().dispatch(ReadPixels { part, channels, images, sums: read });
            let each = read
                .chunks_exact(count * channels)
                .zip(products.chunks_exact_mut(count * filters))
                .zip(&self.kernels);
            for ((read, products), kernel) in each {
                kernel.product(read, products, false);
            }
            Arch::new().dispatch(WritePlaces { part, filters, products, y, add });
        }
    }
}

impl Convolution for Winograd {
    fn forward(&self, images: &[f32], y: &mut [f32]) {
        self.convolve(images, y, false);
    }

    fn sums(&self) -> Buffer {
        Buffer::zeros(PRODUCTS * self.channels * self.filters)
    }

    fn backward(&self, d_images: &mut [f32], images: &[f32], d_y: &[f32], d_sums: &mut [f32]) {
        let &Self { tiles, channels, filters, .. } = self;
        self.turned.get_or_init(|| Box::new(self.turned())).convolve(d_y, d_images, true);

        let (all, some) = self.tiles(images);
        let mut read = Buffer::uncleared(PRODUCTS * some * channels);
        let mut d_products = Buffer::uncleared(PRODUCTS * some * filters);
        for first in (0..all).step_by(some.max(1)) {
            let count = some.min(all - first);
            let part = Part { tiles, first, count };
            let (read, d_products) = (
                &mut read[..PRODUCTS * count * channels],
                &mut d_products[..PRODUCTS * count * filters],
            );
            Arch::new().dispatch(ReadPixels { part, channels, images, sums: read });
            Arch::new().dispatch(ReadPlaces { part, filters, d_y, d_products });
            let each = read
                .chunks_exact(count * channels)
                .zip(d_products.chunks_exact(count * filters))
                .zip(d_sums.chunks_exact_mut(channels * filters));
            for ((read, d_products), d_sums) in each {
                add_transposed_product(read, channels, d_products, filters, d_sums);
            }
        }
    }

    fn kernel_gradient(&self, sums: Buffer) -> Buffer {
        let each = self.channels * self.filters;
        let mut d_kernel = Buffer::uncleared(9 * each);
        of_sums_to_cells(&sums, each, &mut d_kernel);
        d_kernel
    }
}

/// Some of the tiles of all images.
#[derive(Clone, Copy)]
struct Part {
    tiles: Tiles,
    first: usize,
    count: usize,
}

impl Part {
    /// The image of a tile, and its corner there.
    fn tile(&self, at: usize) -> (usize, [usize; 2]) {
        let at = self.first + at;
        (at / self.tiles.count(), self.tiles.corner(at % self.tiles.count()))
    }
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

/// The sums of the pixels of tiles: for each product, rows of channels.
struct ReadPixels<'a> {
    part: Part,
    channels: usize,
    images: &'a [f32],
    sums: &'a mut [f32],
}

impl WithSimd for ReadPixels<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part: Part { tiles, count, .. }, channels, images, sums } = self;
        let image = tiles.size[0] * tiles.size[1] * channels;
        let (padding, mut planes) = (Buffer::zeros(channels), planes(sums));
        for at in 0..count {
            let (number, corner) = self.part.tile(at);
            let image = &images[number * image..(number + 1) * image];
            let mut read = [[&padding[..]; 4]; 4];
            let pixels = tiles.pixels(corner);
            for (read, pixel) in read.as_flattened_mut().iter_mut().zip(pixels.as_flattened()) {
                if let Some(pixel) = pixel {
                    *read = &image[pixel * channels..(pixel + 1) * channels];
                }
            }
            let from = at * channels;
            for_lanes!(
                channels,
                |channel| read_pixels::<S, true>(simd, &read, channel, &mut planes, from),
                |channel| read_pixels::<S, false>(simd, &read, channel, &mut planes, from)
            );
        }
    }
}

#[inline(always)]
fn read_pixels<S: Simd, const FULL: bool>(
    simd: S,
    read: &[[&[f32]; 4]; 4],
    channel: usize,
    planes: &mut [&mut [f32]; PRODUCTS],
    from: usize,
) {
    let mut tile = [[simd.splat_f32s(0.0); 4]; 4];
    for (lane, pixel) in tile.as_flattened_mut().iter_mut().zip(read.as_flattened()) {
        *lane = lanes::<S, FULL>(simd, pixel, channel);
    }
    let end = from + read[0][0].len();
    let tile = both(simd.splat_f32s(0.0), tile, |row| of_pixels(simd, row));
    for (plane, &sum) in planes.iter_mut().zip(tile.as_flattened()) {
        write::<S, FULL>(simd, &mut plane[..end], from + channel, sum);
    }
}

/// The places of tiles, out of their products.
struct WritePlaces<'a> {
    part: Part,
    filters: usize,
    products: &'a [f32],
    y: &'a mut [f32],
    add: bool,
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

/// The gradients of the products of tiles, out of those of the places.
struct ReadPlaces<'a> {
    part: Part,
    filters: usize,
    d_y: &'a [f32],
    d_products: &'a mut [f32],
}

impl WithSimd for ReadPlaces<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { part: Part { tiles, count, .. }, filters, d_y, d_products } = self;
        let image = tiles.places[0] * tiles.places[1] * filters;
        let (outside, mut planes) = (Buffer::zeros(filters), planes(d_products));
        for at in 0..count {
            let (number, corner) = self.part.tile(at);
            let image = &d_y[number * image..(number + 1) * image];
            let mut read = [[&outside[..]; 2]; 2];
            let places = tiles.places(corner);
            for (read, place) in read.as_flattened_mut().iter_mut().zip(places.as_flattened()) {
                if let Some(place) = place {
                    *read = &image[place * filters..(place + 1) * filters];
                }
            }
            let from = at * filters;
            for_lanes!(
                filters,
                |filter| read_places::<S, true>(simd, &read, filter, &mut planes, from),
                |filter| read_places::<S, false>(simd, &read, filter, &mut planes, from)
            );
        }
    }
}

#[inline(always)]
fn read_places<S: Simd, const FULL: bool>(
    simd: S,
    read: &[[&[f32]; 2]; 2],
    filter: usize,
    planes: &mut [&mut [f32]; PRODUCTS],
    from: usize,
) {
    let mut tile = [[simd.splat_f32s(0.0); 2]; 2];
    for (lane, place) in tile.as_flattened_mut().iter_mut().zip(read.as_flattened()) {
        *lane = lanes::<S, FULL>(simd, place, filter);
    }
    let end = from + read[0][0].len();
    let tile = both(simd.splat_f32s(0.0), tile, |row| of_places(simd, row));
    for (plane, &lane) in planes.iter_mut().zip(tile.as_flattened()) {
        write::<S, FULL>(simd, &mut plane[..end], from + filter, lane);
    }
}
