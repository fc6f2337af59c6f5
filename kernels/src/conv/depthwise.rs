//! A convolution in which each channel is a group of its own.

use std::ops::Range;

use super::Convolution;
use crate::{
    buffer::Buffer,
    memory::NoMemory,
    simd::vectorized,
    sums::{BLOCK, ProductSums},
    window::Window,
};

pub(super) struct Depthwise {
    sizes: Sizes,
    /// The kernel, `(taps, filters)`.
    weights: Buffer,
}

impl Depthwise {
    /// Of at least one channel, and filters of which each channel has as many.
    pub(super) fn new(window: &Window, channels: usize, filters: usize, weights: Buffer) -> Self {
        Self { sizes: Sizes { window: *window, channels, filters }, weights }
    }

    fn image(&self) -> usize {
        self.sizes.window.size.iter().product::<usize>() * self.sizes.channels
    }

    fn out(&self) -> usize {
        self.sizes.window.outputs() * self.sizes.filters
    }
}

impl Convolution for Depthwise {
    fn forward(&self, images: &[f32], y: &mut [f32]) -> Result<(), NoMemory> {
        let images = images.chunks_exact(self.image());
        for (image, y) in images.zip(y.chunks_exact_mut(self.out())) {
            self.forward_rows(image, 0..self.sizes.window.places[0], y)?;
        }
        Ok(())
    }

    fn forward_rows(
        &self,
        image: &[f32],
        rows: Range<usize>,
        y: &mut [f32],
    ) -> Result<(), NoMemory> {
        slide(self.sizes, image, &self.weights, rows, y);
        Ok(())
    }

    fn sums(&self) -> Result<Vec<ProductSums>, NoMemory> {
        Ok(vec![ProductSums::new(self.weights.len())?])
    }

    fn backward(
        &self,
        mut d_images: Option<&mut [f32]>,
        images: &[f32],
        d_y: &[f32],
        sums: &mut [ProductSums],
    ) -> Result<(), NoMemory> {
        let (image, out) = (self.image(), self.out());
        let mut block = Buffer::uncleared(self.weights.len())?;
        for (i, (image_of, d_y)) in
            images.chunks_exact(image).zip(d_y.chunks_exact(out)).enumerate()
        {
            if let Some(d_images) = d_images.as_deref_mut() {
                slide_back(self.sizes, d_y, &self.weights, &mut d_images[i * image..][..image]);
            }
            add_kernel_gradient(self.sizes, image_of, d_y, &mut block, &mut sums[0])?;
        }
        Ok(())
    }

    fn kernel_gradient(&self, mut sums: Vec<ProductSums>) -> Result<Buffer, NoMemory> {
        sums.remove(0).finish()
    }
}

/// Where the windows are, and of what.
#[derive(Clone, Copy)]
struct Sizes {
    window: Window,
    channels: usize,
    /// A multiple of the channels.
    filters: usize,
}

vectorized! {
    /// What the windows see of an image, at some rows of places.
    fn slide<'a>(
        sizes: Sizes,
        image: &'a [f32],
        kernel: &'a [f32],
        rows: Range<usize>,
        y: &'a mut [f32],
    ) {
        let mut pixels = sizes.window.pixels_at(rows);
        for y in y.chunks_exact_mut(sizes.filters) {
            y.fill(0.0);
            for weights in kernel.chunks_exact(sizes.filters) {
                if let Some(pixel) = pixels.next().flatten() {
                    let x = &image[pixel * sizes.channels..][..sizes.channels];
                    add_products(y, x, weights);
                }
            }
        }
    }
}

vectorized! {
    /// Adds the gradient of an image.
    fn slide_back<'a>(sizes: Sizes, d_y: &'a [f32], kernel: &'a [f32], d_image: &'a mut [f32]) {
        let mut pixels = sizes.window.pixels();
        for d_y in d_y.chunks_exact(sizes.filters) {
            for weights in kernel.chunks_exact(sizes.filters) {
                if let Some(pixel) = pixels.next().flatten() {
                    let d_x = &mut d_image[pixel * sizes.channels..][..sizes.channels];
                    add_sums(d_x, d_y, weights);
                }
            }
        }
    }
}

vectorized! {
    /// Adds the gradient of the kernel that an image has: that of a few places to a block, and so on.
    fn add_kernel_gradient<'a>(
        sizes: Sizes,
        image: &'a [f32],
        d_y: &'a [f32],
        block: &'a mut [f32],
        sums: &'a mut ProductSums,
    ) -> Result<(), NoMemory> {
        let mut pixels = sizes.window.pixels();
        for places in d_y.chunks(BLOCK * sizes.filters) {
            block.fill(0.0);
            for d_y in places.chunks_exact(sizes.filters) {
                for block in block.chunks_exact_mut(sizes.filters) {
                    if let Some(pixel) = pixels.next().flatten() {
                        let x = &image[pixel * sizes.channels..][..sizes.channels];
                        add_products(block, x, d_y);
                    }
                }
            }
            sums.add_to()?.iter_mut().zip(&*block).for_each(|(sum, &more)| *sum += more);
        }
        Ok(())
    }
}

/// Adds the product of each channel with its values, as many for each.
#[inline(always)]
fn add_products(sums: &mut [f32], channels: &[f32], values: &[f32]) {
    if sums.len() == channels.len() {
        let products = channels.iter().zip(values).map(|(x, value)| x * value);
        return sums.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }
    let each = sums.len() / channels.len();
    let parts = sums.chunks_exact_mut(each).zip(values.chunks_exact(each));
    for (x, (sums, values)) in channels.iter().zip(parts) {
        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += x * value);
    }
}

/// Adds to each channel the sum of the products of its values.
#[inline(always)]
fn add_sums(channels: &mut [f32], a: &[f32], b: &[f32]) {
    if channels.len() == a.len() {
        let products = a.iter().zip(b).map(|(a, b)| a * b);
        return channels.iter_mut().zip(products).for_each(|(sum, product)| *sum += product);
    }
    let each = a.len() / channels.len();
    let parts = a.chunks_exact(each).zip(b.chunks_exact(each));
    for (sum, (a, b)) in channels.iter_mut().zip(parts) {
        *sum += a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    }
}
