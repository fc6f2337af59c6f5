//! Convolutions of 3 by 3 with a stride of 1, by minimal filtering: F(4 x 4, 3 x 3) of
//! [Lavin and Gray 2015](https://arxiv.org/abs/1509.09308).
//!
//! Sixteen places are calculated of a tile of 6 by 6 pixels with 36 multiplications, where one by one they take 144.
//! A convolution is then 36 matrix products, between sums of pixels, of taps of the kernel and of places; its backward
//! passes are the transposes of all three. A pixel that is not finite reaches all places of a tile, of which some do
//! not see it otherwise.

mod passes;
mod sums;
mod tiles;

use std::{ops::Range, sync::OnceLock};

use pulp::Arch;

use super::{Convolution, ROWS};
use crate::{
    buffer::Buffer,
    matrix::Matrix,
    memory::{NoMemory, get_or_make, listed},
    packed::{Packed, Scattered, add_transposed_product},
    sums::ProductSums,
    window::Window,
};

use passes::{Pixels, Places, Read, Write};
use sums::{cells_of_sums, sums_of_cells};
use tiles::{Part, Tiles};

/// The sides of the kernel, and of what a tile reads and writes.
const CELLS: usize = 3;
const PIXELS: usize = 6;
const PLACES: usize = ROWS;

/// The products that a tile takes.
const PRODUCTS: usize = PIXELS * PIXELS;

/// How many values of tiles are worked on at a time: they stay in the cache of a core.
const NUMBERS: usize = 96 << 10;

/// From how many channels on the sums cost less than they save.
const CHANNELS: usize = 16;

/// Whether a convolution is one of those, and gains by it: it is at least half of the multiplications.
pub(super) fn pays(window: &Window, channels: usize, filters: usize) -> bool {
    let &Window { kernel, stride, dilation, size, before, places } = window;
    let products = Tiles { size, before, places }.count() * PRODUCTS;
    (kernel, stride, dilation) == ([CELLS; 2], [1; 2], [1; 2])
        && channels.min(filters) >= CHANNELS
        && 2 * products <= window.outputs() * window.taps()
}

#[derive(Debug)]
pub(crate) struct Winograd {
    tiles: Tiles,
    channels: usize,
    filters: usize,
    /// For each product the sums of the taps, `(channels, filters)`, and the same packed.
    sums: Buffer,
    kernels: Vec<Packed>,
    /// Their transposes, for the way back.
    transposed: OnceLock<Vec<Packed>>,
}

impl Winograd {
    pub(super) fn new(
        window: &Window,
        channels: usize,
        filters: usize,
        weights: Buffer,
    ) -> Result<Self, NoMemory> {
        let &Window { size, before, places, .. } = window;
        let sums = sums_of_cells(&weights)?;
        let kernels = sums
            .chunks_exact((channels * filters).max(1))
            .map(|sums| Packed::new(Matrix::new(sums, channels, filters)));
        let kernels = kernels.collect::<Result<_, _>>()?;
        let tiles = Tiles { size, before, places };
        Ok(Self { tiles, channels, filters, sums, kernels, transposed: OnceLock::new() })
    }

    fn transposed(&self) -> Result<&[Packed], NoMemory> {
        let &Self { channels, filters, .. } = self;
        let made = get_or_make(&self.transposed, || {
            let kernels = self
                .sums
                .chunks_exact((channels * filters).max(1))
                .map(|sums| Packed::new(Matrix::new(sums, channels, filters).transposed()));
            kernels.collect::<Result<Vec<_>, _>>()
        })?;
        Ok(made)
    }

    /// Convolves images, or at some rows of places one image.
    fn forward_tiles(&self, tiles: Tiles, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory> {
        let &Self { channels, filters, .. } = self;
        let (mut pixels, mut places) = (Buffer::default(), Buffer::default());
        for part in self.parts(tiles, images) {
            let pixels = room(&mut pixels, part, channels)?;
            let places = room(&mut places, part, filters)?;
            let (width, factors) = (channels, &mut *pixels);
            Arch::new().dispatch(Read { of: Pixels, part, width, images, factors });
            let each = pixels
                .chunks_exact(part.plane(channels))
                .zip(places.chunks_exact_mut(part.plane(filters)))
                .zip(&self.kernels);
            for ((pixels, places), kernel) in each {
                let places = &mut places[..part.count * filters];
                kernel.product(&pixels[..part.count * channels], places, false)?;
            }
            let write = Write { to: Places, part, width: filters, products: places, images: y };
            Arch::new().dispatch(write);
        }
        Ok(())
    }

    /// The tiles of images, some at a time.
    fn parts(&self, tiles: Tiles, images: &[f32]) -> impl Iterator<Item = Part> {
        let pixels = tiles.size[0] * tiles.size[1] * self.channels;
        let all = images.len() / pixels.max(1) * tiles.count();
        let fit = (NUMBERS / (PRODUCTS * (self.channels + self.filters)).max(1)).max(8);
        // About as many each time, and a multiple of the rows of the micro-kernel.
        let some = all.div_ceil(all.div_ceil(fit).max(1)).next_multiple_of(8).max(1);
        (0..all).step_by(some).map(move |first| Part { tiles, first, count: some.min(all - first) })
    }
}

/// Room for the rows of a part, each of `width`.
fn room(space: &mut Buffer, part: Part, width: usize) -> Result<&mut [f32], NoMemory> {
    let len = PRODUCTS * part.plane(width);
    if space.len() < len {
        *space = Buffer::uncleared(len)?;
    }
    Ok(&mut space[..len])
}

impl Convolution for Winograd {
    fn forward(&self, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory> {
        self.forward_tiles(self.tiles, images, y)
    }

    fn forward_rows(
        &self,
        image: &[f32],
        rows: Range<usize>,
        y: &mut [f32],
    ) -> Result<(), NoMemory> {
        self.forward_tiles(self.tiles.rows(rows), image, y)
    }

    fn sums(&self) -> Result<Vec<ProductSums>, NoMemory> {
        Ok(vec![ProductSums::new(PRODUCTS * self.channels * self.filters)?])
    }

    fn backward(
        &self,
        mut d_images: Option<&mut [f32]>,
        images: &[f32],
        d_y: &[f32],
        d_sums: &mut [ProductSums],
    ) -> Result<(), NoMemory> {
        let &Self { channels, filters, .. } = self;
        let (mut pixels, mut d_places) = (Buffer::default(), Buffer::default());
        let count = self.parts(self.tiles, images).next().map_or(0, |part| part.count);
        let starts = listed((0..count).map(|tile| tile * channels))?;
        let offsets = listed(0..channels)?;
        for part in self.parts(self.tiles, images) {
            let pixels = room(&mut pixels, part, channels)?;
            let d_places = room(&mut d_places, part, filters)?;
            let (width, factors) = (channels, &mut *pixels);
            Arch::new().dispatch(Read { of: Pixels, part, width, images, factors });
            let (width, images, factors) = (filters, d_y, &mut *d_places);
            Arch::new().dispatch(Read { of: Places, part, width, images, factors });
            let each = pixels
                .chunks_exact_mut(part.plane(channels))
                .zip(d_places.chunks_exact(part.plane(filters)))
                .zip(d_sums[0].add_to()?.chunks_exact_mut(channels * filters))
                .enumerate();
            for (product, ((pixels, d_places), d_sums)) in each {
                let pixels = &mut pixels[..part.count * channels];
                let d_places = &d_places[..part.count * filters];
                let starts = &starts[..part.count];
                let factors = Scattered { values: pixels, starts, offsets: &offsets };
                add_transposed_product(factors, d_places, filters, d_sums);
                if d_images.is_some() {
                    // The pixels have had their use: what they were is the place of their gradients.
                    self.transposed()?[product].product(d_places, pixels, false)?;
                }
            }
            if let Some(images) = d_images.as_deref_mut() {
                let products = pixels;
                Arch::new().dispatch(Write { to: Pixels, part, width: channels, products, images });
            }
        }
        Ok(())
    }

    fn kernel_gradient(&self, mut sums: Vec<ProductSums>) -> Result<Buffer, NoMemory> {
        cells_of_sums(&sums.remove(0).finish()?)
    }
}
