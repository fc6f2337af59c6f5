//! Convolutions of 3 by 3 with a stride of 1, by minimal filtering: F(2 x 2, 3 x 3) of
//! [Lavin and Gray 2015](https://arxiv.org/abs/1509.09308).
//!
//! Four places are calculated of a tile of 4 by 4 pixels with 16 multiplications, where one by one they take 36.
//! In its three passes a convolution is then 16 matrix products, between sums of pixels, of cells of the kernel and
//! of places.

use std::sync::OnceLock;

use pulp::{Arch, Simd, WithSimd};

use crate::backend::{
    Window,
    cpu::{
        buffer::Buffer,
        packed::{Packed, add_transposed_product},
        simd::{load, store},
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

    /// The pixel that a number of a tile is, or `None` where that is padding.
    fn pixel(&self, [top, left]: [usize; 2], row: usize, column: usize) -> Option<usize> {
        let at = |axis: usize, at: usize| {
            at.checked_sub(self.before[axis]).filter(|&at| at < self.size[axis])
        };
        Some(at(0, top + row)? * self.size[1] + at(1, left + column)?)
    }

    /// The place that a number of the result of a tile is, if it is any.
    fn place(&self, [top, left]: [usize; 2], row: usize, column: usize) -> Option<usize> {
        let inside = top + row < self.places[0] && left + column < self.places[1];
        inside.then_some((top + row) * self.places[1] + left + column)
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

/// The sums of cells of the kernel for each product, `(channels, filters)` each.
fn sums_of_cells(weights: &[f32]) -> Buffer {
    let each = weights.len() / 9;
    let mut sums = Buffer::uncleared(PRODUCTS * each);
    for i in 0..each {
        let mut cells = [[0.0; 3]; 3];
        for (cell, number) in cells.as_flattened_mut().iter_mut().enumerate() {
            *number = weights[cell * each + i];
        }
        for (product, sum) in both(0.0, cells, of_cells).into_iter().flatten().enumerate() {
            sums[product * each + i] = sum;
        }
    }
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

    /// How many tiles are worked on at a time.
    fn at_a_time(&self, images: &[f32]) -> usize {
        let pixels = self.tiles.size[0] * self.tiles.size[1] * self.channels;
        let all = images.len() / pixels.max(1) * self.tiles.count();
        let fit = NUMBERS / (PRODUCTS * (self.channels + self.filters)).max(1);
        // A multiple of the rows of the micro-kernel.
        (fit & !7).max(8).min(all.next_multiple_of(8))
    }

    pub(super) fn forward(&self, images: &[f32], y: &mut [f32], add: bool) {
        let &Self { tiles, channels, filters, .. } = self;
        let some = self.at_a_time(images);
        let mut read = Buffer::uncleared(PRODUCTS * some * channels);
        let mut products = Buffer::uncleared(PRODUCTS * some * filters);
        let all = images.len() / (tiles.size[0] * tiles.size[1] * channels) * tiles.count();
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

    pub(super) fn backward(&self, d_images: &mut [f32], images: &[f32], d_y: &[f32]) -> Buffer {
        let &Self { tiles, channels, filters, .. } = self;
        self.turned.get_or_init(|| Box::new(self.turned())).forward(d_y, d_images, true);

        let some = self.at_a_time(images);
        let mut read = Buffer::uncleared(PRODUCTS * some * channels);
        let mut d_products = Buffer::uncleared(PRODUCTS * some * filters);
        let mut d_sums = Buffer::zeros(PRODUCTS * channels * filters);
        let all = images.len() / (tiles.size[0] * tiles.size[1] * channels) * tiles.count();
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
        let each = channels * filters;
        let mut d_kernel = Buffer::uncleared(9 * each);
        for i in 0..each {
            let mut sums = [[0.0; 4]; 4];
            for (product, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
                *sum = d_sums[product * each + i];
            }
            for (cell, d_cell) in both(0.0, sums, to_cells).into_iter().flatten().enumerate() {
                d_kernel[cell * each + i] = d_cell;
            }
        }
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

/// Calls `$each::<S, FULL>(.., at)` for all lanes of rows of a length.
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
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { part: Part { tiles, count, .. }, channels, images, .. } = self;
        let pixels = tiles.size[0] * tiles.size[1];
        let padding = Buffer::zeros(channels);
        for at in 0..count {
            let (image, tile) = self.part.tile(at);
            let image = &images[image * pixels * channels..][..pixels * channels];
            let mut read = [[&padding[..]; 4]; 4];
            for (i, read) in read.as_flattened_mut().iter_mut().enumerate() {
                if let Some(pixel) = tiles.pixel(tile, i / 4, i % 4) {
                    *read = &image[pixel * channels..(pixel + 1) * channels];
                }
            }
            for_lanes!(
                channels,
                |channel| self.tile::<S, true>(simd, &read, at, channel),
                |channel| self.tile::<S, false>(simd, &read, at, channel)
            );
        }
    }
}

impl ReadPixels<'_> {
    #[inline(always)]
    fn tile<S: Simd, const FULL: bool>(
        &mut self,
        simd: S,
        read: &[[&[f32]; 4]; 4],
        at: usize,
        channel: usize,
    ) {
        let mut tile = [[simd.splat_f32s(0.0); 4]; 4];
        for (tile, read) in tile.iter_mut().zip(read) {
            for (lane, pixel) in tile.iter_mut().zip(read) {
                *lane = lanes::<S, FULL>(simd, pixel, channel);
            }
        }
        let tile = both(simd.splat_f32s(0.0), tile, |row| of_pixels(simd, row));
        let (count, channels) = (self.part.count, self.channels);
        for (product, &sum) in tile.as_flattened().iter().enumerate() {
            let to = (product * count + at) * channels;
            write::<S, FULL>(simd, &mut self.sums[to..to + channels], channel, sum);
        }
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
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { part: Part { tiles, count, .. }, filters, .. } = self;
        for at in 0..count {
            let (image, corner) = self.part.tile(at);
            let first = image * tiles.places[0] * tiles.places[1];
            let mut places = [None; 4];
            for (i, place) in places.iter_mut().enumerate() {
                *place = tiles.place(corner, i / 2, i % 2).map(|place| first + place);
            }
            for_lanes!(
                filters,
                |filter| self.tile::<S, true>(simd, at, &places, filter),
                |filter| self.tile::<S, false>(simd, at, &places, filter)
            );
        }
    }
}

impl WritePlaces<'_> {
    #[inline(always)]
    fn tile<S: Simd, const FULL: bool>(
        &mut self,
        simd: S,
        at: usize,
        places: &[Option<usize>; 4],
        filter: usize,
    ) {
        let Self { part: Part { count, .. }, filters, .. } = *self;
        let mut sums = [[simd.splat_f32s(0.0); 4]; 4];
        for (product, sum) in sums.as_flattened_mut().iter_mut().enumerate() {
            let from = (product * count + at) * filters;
            *sum = lanes::<S, FULL>(simd, &self.products[from..from + filters], filter);
        }
        let sums = both(simd.splat_f32s(0.0), sums, |row| to_places(simd, row));
        for (&sum, place) in sums.as_flattened().iter().zip(places) {
            if let Some(place) = place {
                let to = &mut self.y[place * filters..(place + 1) * filters];
                let before = if self.add {
                    lanes::<S, FULL>(simd, to, filter)
                } else {
                    simd.splat_f32s(0.0)
                };
                write::<S, FULL>(simd, to, filter, simd.add_f32s(before, sum));
            }
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
    fn with_simd<S: Simd>(mut self, simd: S) {
        let Self { part: Part { tiles, count, .. }, filters, d_y, .. } = self;
        let padding = Buffer::zeros(filters);
        for at in 0..count {
            let (image, tile) = self.part.tile(at);
            let first = image * tiles.places[0] * tiles.places[1];
            let mut read = [[&padding[..]; 2]; 2];
            for (i, read) in read.as_flattened_mut().iter_mut().enumerate() {
                if let Some(place) = tiles.place(tile, i / 2, i % 2) {
                    *read = &d_y[(first + place) * filters..(first + place + 1) * filters];
                }
            }
            for_lanes!(filters, |filter| self.tile::<S, true>(simd, &read, at, filter), |filter| {
                self.tile::<S, false>(simd, &read, at, filter)
            });
        }
    }
}

impl ReadPlaces<'_> {
    #[inline(always)]
    fn tile<S: Simd, const FULL: bool>(
        &mut self,
        simd: S,
        read: &[[&[f32]; 2]; 2],
        at: usize,
        filter: usize,
    ) {
        let mut tile = [[simd.splat_f32s(0.0); 2]; 2];
        for (tile, read) in tile.iter_mut().zip(read) {
            for (lane, place) in tile.iter_mut().zip(read) {
                *lane = lanes::<S, FULL>(simd, place, filter);
            }
        }
        let tile = both(simd.splat_f32s(0.0), tile, |row| of_places(simd, row));
        let (count, filters) = (self.part.count, self.filters);
        for (product, &lane) in tile.as_flattened().iter().enumerate() {
            let to = (product * count + at) * filters;
            write::<S, FULL>(simd, &mut self.d_products[to..to + filters], filter, lane);
        }
    }
}
