//! A convolution as a matrix product, one factor of which are the pixels of the image, not copied.

use std::{ops::Range, sync::OnceLock};

use super::Convolution;
use crate::{
    buffer::Buffer,
    matrix::Matrix,
    memory::{NoMemory, get_or_make, listed},
    packed::{Packed, Scattered, add_transposed_product},
    simd::vectorized,
    sums::ProductSums,
    window::Window,
};

/// How many places are added one after the other to the gradient of the kernel: of equal terms, more would lose digits.
const ROWS: usize = 48;

/// How many places are worked on at a time on the way back.
const PLACES: usize = 64;

#[derive(Debug)]
pub(crate) struct Direct {
    window: Window,
    channels: usize,
    filters: usize,
    weights: Buffer,
    kernel: Packed,
    /// The transpose of the kernel, for the way back.
    transposed: OnceLock<Packed>,
    /// The height and width of an image with its padding.
    padded: [usize; 2],
    /// Where the window begins at each place.
    starts: Vec<usize>,
    /// Where each channel of each tap is from there on.
    offsets: Vec<usize>,
    /// How many values under the window lie one after the other.
    run: usize,
}

impl Direct {
    pub(super) fn new(
        window: &Window,
        channels: usize,
        filters: usize,
        weights: Buffer,
    ) -> Result<Self, NoMemory> {
        let &Window { size, kernel, stride, dilation, before, places } = window;
        let mut padded = [0; 2];
        for (axis, padded) in padded.iter_mut().enumerate() {
            let last = places[axis].saturating_sub(1) * stride[axis];
            let reach = last + kernel[axis].saturating_sub(1) * dilation[axis] + 1;
            *padded = reach.max(before[axis] + size[axis]);
        }
        // The first channels of a grid of pixels that are some rows and columns apart.
        let grid = |count: [usize; 2], apart: [usize; 2]| {
            let rows = (0..count[0]).map(move |row| row * apart[0] * padded[1]);
            rows.flat_map(move |row| (0..count[1]).map(move |column| row + column * apart[1]))
                .map(move |pixel| pixel * channels)
        };
        let reach = window.taps() * channels;
        let starts = listed(grid(places, stride))?;
        let offsets = listed(grid(kernel, dilation).flat_map(|tap| tap..tap + channels))?;
        Ok(Self {
            kernel: Packed::new(Matrix::new(&weights, reach, filters))?,
            window: *window,
            channels,
            filters,
            weights,
            transposed: OnceLock::new(),
            padded,
            starts,
            offsets,
            run: if dilation[1] == 1 { kernel[1] * channels } else { channels },
        })
    }

    fn values(&self, size: [usize; 2]) -> usize {
        size[0] * size[1] * self.channels
    }

    /// Where an image, row by row, lies in one with padding.
    fn rows(&self) -> impl Iterator<Item = usize> {
        let Window { size, before, .. } = self.window;
        let row = move |row| ((before[0] + row) * self.padded[1] + before[1]) * self.channels;
        (0..size[0]).map(row)
    }

    /// The image with its padding; `space` is where that is put together.
    fn pad<'a>(&self, image: &'a [f32], space: &'a mut [f32]) -> &'a [f32] {
        if self.padded == self.window.size {
            return image;
        }
        let width = self.window.size[1] * self.channels;
        for (row, at) in image.chunks_exact(width.max(1)).zip(self.rows()) {
            space[at..at + width].copy_from_slice(row);
        }
        space
    }

    /// Adds the gradients of places to those of pixels.
    fn add_to_pixels(&self, d_images: &mut [f32], d_y: &[f32]) -> Result<(), NoMemory> {
        let &Self { filters, ref starts, ref offsets, .. } = self;
        let reach = offsets.len();
        let transposed = get_or_make(&self.transposed, || {
            Packed::new(Matrix::new(&self.weights, reach, filters).transposed())
        })?;
        let mut d_space = self.space()?;
        let mut d_windows = Buffer::uncleared(PLACES * reach)?;
        let each = d_images
            .chunks_exact_mut(self.values(self.window.size).max(1))
            .zip(d_y.chunks_exact((starts.len() * filters).max(1)));
        for (d_image, d_y) in each {
            let padding = !d_space.is_empty();
            let to = if padding { &mut d_space[..] } else { &mut *d_image };
            let each = starts.chunks(PLACES).zip(d_y.chunks((PLACES * filters).max(1)));
            for (starts, d_y) in each {
                let d_windows = &mut d_windows[..starts.len() * reach];
                transposed.product(d_y, d_windows, false)?;
                add_windows(d_windows, starts, offsets, self.run, to);
            }
            if padding {
                let width = self.window.size[1] * self.channels;
                for (row, at) in d_image.chunks_exact_mut(width.max(1)).zip(self.rows()) {
                    row.iter_mut().zip(&d_space[at..at + width]).for_each(|(sum, &d)| *sum += d);
                }
                d_space.fill(0.0);
            }
        }
        Ok(())
    }

    /// Zeros for an image with its padding, if there is any.
    fn space(&self) -> Result<Buffer, NoMemory> {
        let padding = self.padded != self.window.size;
        Buffer::zeros(if padding { self.values(self.padded) } else { 0 })
    }
}

impl Convolution for Direct {
    fn forward(&self, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory> {
        let mut space = self.space()?;
        let y = y.chunks_exact_mut((self.starts.len() * self.filters).max(1));
        for (y, image) in y.zip(images.chunks_exact(self.values(self.window.size).max(1))) {
            let values = self.pad(image, &mut space);
            let pixels = Scattered { values, starts: &self.starts, offsets: &self.offsets };
            self.kernel.scattered_product(pixels, y)?;
        }
        Ok(())
    }

    fn forward_rows(
        &self,
        image: &[f32],
        rows: Range<usize>,
        y: &mut [f32],
    ) -> Result<(), NoMemory> {
        let mut space = self.space()?;
        let values = self.pad(image, &mut space);
        let width = self.window.places[1];
        let starts = &self.starts[rows.start * width..rows.end * width];
        let pixels = Scattered { values, starts, offsets: &self.offsets };
        self.kernel.scattered_product(pixels, y)
    }

    fn sums(&self) -> Result<Vec<ProductSums>, NoMemory> {
        Ok(vec![ProductSums::new(self.weights.len())?])
    }

    fn backward(
        &self,
        d_images: Option<&mut [f32]>,
        images: &[f32],
        d_y: &[f32],
        d_kernel: &mut [ProductSums],
    ) -> Result<(), NoMemory> {
        let &Self { filters, ref starts, ref offsets, .. } = self;
        let mut space = self.space()?;
        let each = images
            .chunks_exact(self.values(self.window.size).max(1))
            .zip(d_y.chunks_exact((starts.len() * filters).max(1)));
        for (image, d_y) in each {
            let values = self.pad(image, &mut space);
            let each = starts.chunks(ROWS).zip(d_y.chunks((ROWS * filters).max(1)));
            for (starts, d_y) in each {
                let pixels = Scattered { values, starts, offsets };
                add_transposed_product(pixels, d_y, filters, d_kernel[0].add_to()?);
            }
        }
        match d_images {
            Some(d_images) => self.add_to_pixels(d_images, d_y),
            None => Ok(()),
        }
    }

    fn kernel_gradient(&self, mut sums: Vec<ProductSums>) -> Result<Buffer, NoMemory> {
        sums.remove(0).finish()
    }
}

vectorized! {
    /// Adds what is under the window at each place to the image.
    fn add_windows<'a>(windows: &'a [f32], starts: &'a [usize], offsets: &'a [usize], run: usize, image: &'a mut [f32]) {
        for (window, start) in windows.chunks_exact(offsets.len().max(1)).zip(starts) {
            let runs = window.chunks_exact(run.max(1)).zip(offsets.iter().step_by(run.max(1)));
            for (from, offset) in runs {
                let to = &mut image[start + offset..][..run];
                for (to, &from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
        }
    }
}
