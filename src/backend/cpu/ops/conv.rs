use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, PutTape, SplitTape, Tape, Tensor},
};

use super::chunks;
use crate::{
    backend::{
        cpu::{
            buffer::Buffer,
            gemm::{Matrix, product},
            threads::{parallel, threads},
        },
        tape::{Grads, put, read, record},
        window::{ImageShape, Pooling, Window},
    },
    error::Error,
};

/// Cuts images, or what belongs to them, into a piece a thread.
fn images(numbers: &[f32], size: usize, share: usize) -> impl Iterator<Item = &[f32]> {
    numbers.chunks((size * share).max(1))
}

/// The channels of each cell of the window at each place, as rows: a convolution is then a product.
fn im2col(image: &[f32], pixels: &[Option<usize>], channels: usize, columns: &mut [f32]) {
    for (to, pixel) in columns.chunks_exact_mut(channels.max(1)).zip(pixels) {
        match pixel {
            Some(pixel) => to.copy_from_slice(&image[pixel * channels..(pixel + 1) * channels]),
            None => to.fill(0.0),
        }
    }
}

/// The way back: adds each cell to its pixel.
fn col2im(columns: &[f32], pixels: &[Option<usize>], channels: usize, image: &mut [f32]) {
    for (from, pixel) in columns.chunks_exact(channels.max(1)).zip(pixels) {
        if let Some(pixel) = pixel {
            let to = &mut image[pixel * channels..(pixel + 1) * channels];
            to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
        }
    }
}

struct Sizes {
    /// Numbers of an image, in and out, and of its columns.
    image: usize,
    out: usize,
    columns: usize,
    channels: usize,
    filters: usize,
    places: usize,
    /// Numbers of a row of columns: the cells of the window times the channels.
    reach: usize,
    /// Images of a thread.
    share: usize,
}

pub(crate) fn conv2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    kernel: Tensor<(usize, usize), f32, Cpu>,
    bias: Option<Tensor<(usize,), f32, Cpu>>,
    window: &Window,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, height, width, channels) = *x.shape();
    let (reach, filters) = *kernel.shape();
    let places = window.all_places();
    let work = batch * places * reach * filters;
    let sizes = Sizes {
        image: height * width * channels,
        out: places * filters,
        columns: places * reach,
        channels,
        filters,
        places,
        reach,
        share: batch.div_ceil(threads(work, batch)).max(1),
    };
    let pixels: Arc<[Option<usize>]> = window.pixels().collect();
    let (numbers, weights) = (read(&x)?, read(&kernel)?);
    let offsets = match &bias {
        Some(bias) => read(bias)?,
        None => Buffer::zeros(filters),
    };
    let mut y = vec![0.0; batch * sizes.out];
    let jobs = chunks(&mut y, sizes.out * sizes.share, 1).into_iter().zip(images(
        &numbers,
        sizes.image,
        sizes.share,
    ));
    parallel(jobs.collect(), |(y, x)| {
        let mut columns = Buffer::uncleared(sizes.columns);
        let each = y.chunks_exact_mut(sizes.out.max(1)).zip(x.chunks_exact(sizes.image.max(1)));
        for (y, image) in each {
            im2col(image, &pixels, channels, &mut columns);
            for place in y.chunks_exact_mut(filters.max(1)) {
                place.copy_from_slice(&offsets);
            }
            let columns = Matrix::new(&columns, places, reach);
            product(y, columns, Matrix::new(&weights, reach, filters), true);
        }
    });
    let shape = (batch, window.places[0], window.places[1], filters);
    let y = put(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let tensors = (&x, &kernel, bias.as_ref(), &of_y);
            backward(grads, &sizes, &pixels, &numbers, &weights, tensors)
        });
    }
    Ok(y.put_tape(tape))
}

type Tensors<'a> = (
    &'a Tensor<ImageShape, f32, Cpu>,
    &'a Tensor<(usize, usize), f32, Cpu>,
    Option<&'a Tensor<(usize,), f32, Cpu>>,
    &'a Tensor<ImageShape, f32, Cpu>,
);

fn backward(
    grads: &mut Grads<'_>,
    sizes: &Sizes,
    pixels: &[Option<usize>],
    numbers: &[f32],
    weights: &[f32],
    (x, kernel, bias, y): Tensors<'_>,
) -> Result<(), CpuError> {
    let &Sizes { channels, filters, places, reach, .. } = sizes;
    let gradient = grads.take(y)?;
    let mut d_x = Buffer::zeros(numbers.len());
    let jobs = chunks(&mut d_x, sizes.image * sizes.share, 1)
        .into_iter()
        .zip(images(numbers, sizes.image, sizes.share))
        .zip(images(&gradient, sizes.out, sizes.share));
    let parts = parallel(jobs.collect(), |((d_x, x), d_y)| {
        let mut columns = Buffer::uncleared(sizes.columns);
        let mut d_kernel = Buffer::zeros(reach * filters);
        let mut d_bias = Buffer::zeros(filters);
        let each = d_x
            .chunks_exact_mut(sizes.image.max(1))
            .zip(x.chunks_exact(sizes.image.max(1)))
            .zip(d_y.chunks_exact(sizes.out.max(1)));
        for ((d_x, image), d_y) in each {
            im2col(image, pixels, channels, &mut columns);
            let of_y = Matrix::new(d_y, places, filters);
            let of_x = Matrix::new(&columns, places, reach).transposed();
            product(&mut d_kernel, of_x, of_y, true);
            for place in d_y.chunks_exact(filters.max(1)) {
                d_bias.iter_mut().zip(place).for_each(|(sum, &g)| *sum += g);
            }
            let transposed = Matrix::new(weights, reach, filters).transposed();
            product(&mut columns, of_y, transposed, false);
            col2im(&columns, pixels, channels, d_x);
        }
        (d_kernel, d_bias)
    });
    for (d_kernel, d_bias) in &parts {
        grads.add(kernel, d_kernel)?;
        if let Some(bias) = bias {
            grads.add(bias, d_bias)?;
        }
    }
    grads.add(x, &d_x)?;
    grads.give(y, gradient)
}

/// The pixel of a maximum where all of the window is padding.
const NOWHERE: u32 = u32::MAX;

pub(crate) fn pool2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    pooling: Pooling,
    window: &Window,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, height, width, channels) = *x.shape();
    let (image, places) = (height * width * channels, window.all_places());
    let out = places * channels;
    let share = batch.div_ceil(threads(batch * image, batch)).max(1);
    let pixels: Arc<[Option<usize>]> = window.pixels().collect();
    let shares: Arc<[f32]> =
        crate::backend::reference::shares(window).map(|share| share as f32).collect();
    let (cells, numbers) = (window.cells().max(1), read(&x)?);
    let mut y = vec![0.0; batch * out];
    // For a maximum, where it was: the first of equals, or the first NaN.
    let mut from = vec![0_u32; if pooling == Pooling::Max { batch * out } else { 0 }];
    let jobs = {
        let mut from = from.chunks_mut((out * share).max(1));
        let jobs = chunks(&mut y, out * share, 1).into_iter().zip(images(&numbers, image, share));
        jobs.map(|(y, x)| (y, x, from.next().unwrap_or_default())).collect()
    };
    parallel(jobs, |(y, x, from): (&mut [f32], &[f32], &mut [u32])| {
        let each = y.chunks_exact_mut(out.max(1)).zip(x.chunks_exact(image.max(1)));
        let mut from = from.chunks_exact_mut(out.max(1));
        for (y, image) in each {
            let mut from = from.next().unwrap_or_default().chunks_exact_mut(channels.max(1));
            let windows = pixels.chunks_exact(cells).zip(shares.iter());
            for (y, (window, &share)) in y.chunks_exact_mut(channels.max(1)).zip(windows) {
                match pooling {
                    Pooling::Max => {
                        let from = from.next().unwrap_or_default();
                        let mut pixels = window.iter().flatten();
                        let Some(first) = pixels.next() else {
                            y.fill(f32::NEG_INFINITY);
                            from.fill(NOWHERE);
                            continue;
                        };
                        y.copy_from_slice(&image[first * channels..(first + 1) * channels]);
                        from.fill(*first as u32);
                        for pixel in pixels {
                            let x = &image[pixel * channels..(pixel + 1) * channels];
                            for ((y, from), &x) in y.iter_mut().zip(&mut *from).zip(x) {
                                // NaN is passed on, not passed over.
                                if x > *y || (x.is_nan() && !y.is_nan()) {
                                    *y = x;
                                    *from = *pixel as u32;
                                }
                            }
                        }
                    }
                    Pooling::Average => {
                        for pixel in window.iter().flatten() {
                            let x = &image[pixel * channels..(pixel + 1) * channels];
                            y.iter_mut().zip(x).for_each(|(y, &x)| *y += x);
                        }
                        y.iter_mut().for_each(|y| *y *= share);
                    }
                }
            }
        }
    });
    drop(numbers);
    let y = put(x.device(), (batch, window.places[0], window.places[1], channels), y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |d_x| {
                let d_x = d_x.chunks_exact_mut(image.max(1));
                for (i, (d_x, d_y)) in d_x.zip(gradient.chunks_exact(out.max(1))).enumerate() {
                    match pooling {
                        Pooling::Max => {
                            let from = &from[i * out..(i + 1) * out];
                            for (at, (&g, &pixel)) in d_y.iter().zip(from).enumerate() {
                                if pixel != NOWHERE {
                                    d_x[pixel as usize * channels + at % channels] += g;
                                }
                            }
                        }
                        Pooling::Average => {
                            let places = d_y.chunks_exact(channels.max(1)).zip(shares.iter());
                            for ((d_y, &share), window) in places.zip(pixels.chunks_exact(cells)) {
                                for pixel in window.iter().flatten() {
                                    let to = &mut d_x[pixel * channels..(pixel + 1) * channels];
                                    to.iter_mut().zip(d_y).for_each(|(to, &g)| *to += share * g);
                                }
                            }
                        }
                    }
                }
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
