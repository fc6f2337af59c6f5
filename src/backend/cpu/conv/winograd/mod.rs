//! Convolutions of 3 by 3 with a stride of 1, by minimal filtering: F(2 x 2, 3 x 3) of
//! [Lavin and Gray 2015](https://arxiv.org/abs/1509.09308).
//!
//! Four places are calculated of a tile of 4 by 4 pixels with 16 multiplications, where one by one they take 36.
//! In its three passes a convolution is then 16 matrix products, between sums of pixels, of cells of the kernel and
//! of places. A pixel that is not finite reaches all four places of a tile, of which some do not see it otherwise.

mod sums;
mod tiles;

use std::sync::OnceLock;

use pulp::Arch;

use super::Convolution;
use crate::backend::{
    Window,
    cpu::{
        buffer::Buffer,
        packed::{Packed, Scattered, add_transposed_product},
    },
};

use sums::{Pixels, Places, Read, WritePlaces, of_sums_to_cells, sums_of_cells};
use tiles::{Part, Tiles};

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

#[derive(Debug)]
pub(crate) struct Winograd {
    tiles: Tiles,
    channels: usize,
    filters: usize,
    /// For each product the sums of the cells, `(channels, filters)`, and the same packed.
    sums: Buffer,
    kernels: Vec<Packed>,
    /// The convolution of the way back, from places to pixels.
    turned: OnceLock<Box<Self>>,
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
        Self { tiles, channels, filters, sums, kernels, turned: OnceLock::new() }
    }

    /// With the kernel turned by half a turn, from filters to channels.
    fn turned(&self) -> Self {
        let &Self { channels, filters, .. } = self;
        // Turned, the first sum of a row or column is the last, and the others stay.
        const TURNED: [usize; 4] = [3, 1, 2, 0];
        let kernels = (0..PRODUCTS).map(|product| {
            let turned = TURNED[product / 4] * 4 + TURNED[product % 4];
            let sums = &self.sums[turned * channels * filters..][..channels * filters];
            Packed::new(filters, channels, |filter, channel| sums[channel * filters + filter])
        });
        Self {
            tiles: self.tiles.turned(),
            channels: filters,
            filters: channels,
            sums: Buffer::default(),
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
            Arch::new().dispatch(Read { of: Pixels, part, width: channels, images, sums: read });
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
        let starts: Vec<usize> = (0..some).map(|tile| tile * channels).collect();
        let offsets: Vec<usize> = (0..channels).collect();
        for first in (0..all).step_by(some.max(1)) {
            let count = some.min(all - first);
            let part = Part { tiles, first, count };
            let (read, d_products) = (
                &mut read[..PRODUCTS * count * channels],
                &mut d_products[..PRODUCTS * count * filters],
            );
            Arch::new().dispatch(Read { of: Pixels, part, width: channels, images, sums: read });
            Arch::new().dispatch(Read {
                of: Places,
                part,
                width: filters,
                images: d_y,
                sums: d_products,
            });
            let each = read
                .chunks_exact(count * channels)
                .zip(d_products.chunks_exact(count * filters))
                .zip(d_sums.chunks_exact_mut(channels * filters));
            for ((read, d_products), d_sums) in each {
                let read = Scattered { numbers: read, starts: &starts[..count], offsets: &offsets };
                add_transposed_product(read, d_products, filters, d_sums);
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
