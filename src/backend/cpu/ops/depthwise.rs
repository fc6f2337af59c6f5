//! A convolution in which each channel has windows of its own.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::each_rows;
use crate::{
    backend::{
        ImageShape, Window,
        cpu::{
            simd::vectorized,
            sums::BLOCK,
            threads::{fixed_chunk, parallel},
        },
        memory::{elements, filled},
        tape::{borrow, from_vec, record},
    },
    error::Error,
};

/// Slides windows over images, channel by channel: `(B, H, W, C)` and a kernel `(taps, C * M)` give `(B, .., .., C * M)`.
///
/// # Errors
/// [`Error::Mismatch`] for images or a kernel of another size; [`Error::Device`].
pub(crate) fn depthwise_conv2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    kernel: &Tensor<(usize, usize), f32, Cpu>,
    window: &Window,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    window.check(x.shape())?;
    let (x, mut tape) = x.split_tape();
    let &(batch, height, width, channels) = x.shape();
    let (taps, filters) = *kernel.shape();
    let multiplier = filters.checked_div(channels).unwrap_or(0);
    if taps != window.taps() || multiplier * channels != filters {
        let expected = (window.taps(), "a multiple of", channels);
        return Err(Error::mismatch("the shape of a depthwise kernel", expected, kernel.shape()));
    }
    let shape = (batch, window.places[0], window.places[1], filters);
    let sizes = Sizes { window: *window, channels, filters };
    let (of_image, of_result) = (height * width * channels, window.outputs() * filters);
    let mut y = filled(&[batch, window.outputs(), filters], 0.0)?;
    let work = elements(&[taps, y.len()])?;
    let (values, weights) = (borrow(&x)?, borrow(kernel)?);
    each_rows(&mut y, of_result, batch, work, |(first, y)| {
        let images = values[first * of_image..].chunks_exact(of_image.max(1));
        for (y, image) in y.chunks_exact_mut(of_result.max(1)).zip(images) {
            slide(sizes, image, &weights, y);
        }
    });
    let y = from_vec(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let (of_y, kernel) = (y.clone(), kernel.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                each_rows(sums, of_image, batch, work, |(first, sums)| {
                    let gradients = gradient[first * of_result..].chunks_exact(of_result.max(1));
                    for (sums, d_y) in sums.chunks_exact_mut(of_image.max(1)).zip(gradients) {
                        slide_back(sizes, d_y, &weights, sums);
                    }
                });
            })?;
            let share = fixed_chunk(work, batch);
            let images = values.chunks((share * of_image).max(1));
            let jobs = images.zip(gradient.chunks((share * of_result).max(1))).collect();
            let mut totals = vec![0.0; taps * filters];
            let parts = parallel(jobs, |(images, d_y): (&[f32], &[f32])| {
                let (mut block, mut totals) =
                    (vec![0.0; taps * filters], vec![0.0; taps * filters]);
                let images = images.chunks_exact(of_image.max(1));
                for (image, d_y) in images.zip(d_y.chunks_exact(of_result.max(1))) {
                    add_kernel_gradient(sizes, image, d_y, &mut block, &mut totals);
                }
                totals
            });
            for part in parts {
                totals.iter_mut().zip(part).for_each(|(total, sum)| *total += sum);
            }
            grads.add_sums(&kernel, &totals)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Where the windows are, and of what.
#[derive(Clone, Copy)]
struct Sizes {
    window: Window,
    channels: usize,
    /// A multiple of the channels, and not 0 where there are values.
    filters: usize,
}

vectorized! {
    /// Adds what the windows see of an image.
    fn slide<'a>(sizes: Sizes, image: &'a [f32], kernel: &'a [f32], y: &'a mut [f32]) {
        let mut pixels = sizes.window.pixels();
        for y in y.chunks_exact_mut(sizes.filters) {
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
    /// Adds the gradient of the kernel that an image has: that of a few places in single precision, to a block, and those of
    /// the blocks in double.
    fn add_kernel_gradient<'a>(
        sizes: Sizes,
        image: &'a [f32],
        d_y: &'a [f32],
        block: &'a mut [f32],
        totals: &'a mut [f64],
    ) {
        let mut pixels = sizes.window.pixels();
        for places in d_y.chunks(BLOCK * sizes.filters) {
            block.fill(0.0);
            for d_y in places.chunks_exact(sizes.filters) {
                for sums in block.chunks_exact_mut(sizes.filters) {
                    if let Some(pixel) = pixels.next().flatten() {
                        let x = &image[pixel * sizes.channels..][..sizes.channels];
                        add_products(sums, x, d_y);
                    }
                }
            }
            totals.iter_mut().zip(&*block).for_each(|(total, &sum)| *total += f64::from(sum));
        }
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
