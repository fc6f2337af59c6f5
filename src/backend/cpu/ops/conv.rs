use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, PutTape, SplitTape, Tape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        cpu::{
            buffer::Buffer,
            gemm::{Matrix, product},
            simd::{add_rows, vectorized},
            threads::parallel,
        },
        tape::{Grads, put, read, record},
        window::{Finish, ImageShape, Window},
    },
    error::Error,
};

/// Cells of the window, one after the other, that lie on pixels one after the other, or on none.
struct Run {
    pixel: Option<usize>,
    cells: usize,
}

/// All cells at all places.
fn runs(window: &Window) -> Arc<[Run]> {
    let mut runs: Vec<Run> = Vec::new();
    for pixel in window.pixels() {
        match (runs.last_mut(), pixel) {
            (Some(run), None) if run.pixel.is_none() => run.cells += 1,
            (Some(run), Some(at)) if run.pixel.is_some_and(|from| from + run.cells == at) => {
                run.cells += 1;
            }
            _ => runs.push(Run { pixel, cells: 1 }),
        }
    }
    runs.into()
}

/// The channels of each cell of the window at each place, as rows: a convolution is then a product.
fn im2col(image: &[f32], runs: &[Run], channels: usize, mut columns: &mut [f32]) {
    for run in runs {
        let (to, rest) = std::mem::take(&mut columns).split_at_mut(run.cells * channels);
        match run.pixel {
            Some(pixel) => to.copy_from_slice(&image[pixel * channels..][..to.len()]),
            None => to.fill(0.0),
        }
        columns = rest;
    }
}

vectorized! {
    /// The way back: adds each cell to its pixel.
    fn col2im<'a>(columns: &'a [f32], runs: &'a [Run], channels: usize, image: &'a mut [f32]) {
        let mut columns = columns;
        for run in runs {
            let (from, rest) = columns.split_at(run.cells * channels);
            if let Some(pixel) = run.pixel {
                let to = &mut image[pixel * channels..][..from.len()];
                for (to, &from) in to.iter_mut().zip(from) {
                    *to += from;
                }
            }
            columns = rest;
        }
    }
}

vectorized! {
    /// Adds the bias at each place. For a ReLU also notes what is positive, and makes the rest 0.
    fn finish<'a>(y: &'a mut [f32], bias: Option<&'a [f32]>, then: Finish, positive: &'a mut [bool]) {
        if let Some(bias) = bias {
            for place in y.chunks_exact_mut(bias.len().max(1)) {
                for (y, &bias) in place.iter_mut().zip(bias) {
                    *y += bias;
                }
            }
        }
        if then == Finish::AtLeastZero {
            for (y, positive) in y.iter_mut().zip(positive) {
                *positive = *y > 0.0;
                *y = if *positive { *y } else { 0.0 };
            }
        }
    }
}

vectorized! {
    /// The gradient in front of a ReLU.
    fn mask<'a>(to: &'a mut [f32], d_y: &'a [f32], positive: &'a [bool]) {
        for ((to, &g), &positive) in to.iter_mut().zip(d_y).zip(positive) {
            *to = if positive { g } else { 0.0 };
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
    /// Images of a job.
    share: usize,
}

pub(crate) fn conv2d<T: Tape<f32, Cpu>>(
    x: Tensor<ImageShape, f32, Cpu, T>,
    kernel: Tensor<(usize, usize), f32, Cpu>,
    bias: Option<Tensor<(usize,), f32, Cpu>>,
    window: &Window,
    then: Finish,
) -> Result<Tensor<ImageShape, f32, Cpu, T>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, height, width, channels) = *x.shape();
    let (reach, filters) = *kernel.shape();
    let places = window.all_places();
    let sizes = Sizes {
        image: height * width * channels,
        out: places * filters,
        columns: places * reach,
        channels,
        filters,
        places,
        reach,
        share: share(batch * places * reach * filters, batch),
    };
    let runs = runs(window);
    let (numbers, weights) = (read(&x)?, read(&kernel)?);
    let offsets = bias.as_ref().map(read).transpose()?;
    let mut y = vec![0.0; batch * sizes.out];
    let mut positive = vec![false; if then == Finish::AtLeastZero { y.len() } else { 0 }];
    let jobs = {
        let mut positive = positive.chunks_mut((sizes.out * sizes.share).max(1));
        let jobs = chunks(&mut y, sizes.out * sizes.share, 1)
            .into_iter()
            .zip(numbers.chunks((sizes.image * sizes.share).max(1)));
        jobs.map(|(y, x)| (y, x, positive.next().unwrap_or_default())).collect()
    };
    parallel(jobs, |(y, x, positive): (&mut [f32], &[f32], &mut [bool])| {
        let mut columns = Buffer::uncleared(sizes.columns);
        let mut positive = positive.chunks_exact_mut(sizes.out.max(1));
        let each = y.chunks_exact_mut(sizes.out.max(1)).zip(x.chunks_exact(sizes.image.max(1)));
        for (y, image) in each {
            im2col(image, &runs, channels, &mut columns);
            let columns = Matrix::new(&columns, places, reach);
            product(y, columns, Matrix::new(&weights, reach, filters), false);
            let positive = positive.next().unwrap_or_default();
            finish(y, offsets.as_deref(), then, positive);
        }
    });
    let shape = (batch, window.places[0], window.places[1], filters);
    let y = put(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let kept = Kept { sizes, runs, numbers, weights, positive };
            backward(grads, &kept, (&x, &kernel, bias.as_ref(), &of_y))
        });
    }
    Ok(y.put_tape(tape))
}

/// What the backward pass needs.
struct Kept {
    sizes: Sizes,
    runs: Arc<[Run]>,
    numbers: Buffer,
    weights: Buffer,
    /// With a ReLU: which outputs are positive.
    positive: Vec<bool>,
}

type Tensors<'a> = (
    &'a Tensor<ImageShape, f32, Cpu>,
    &'a Tensor<(usize, usize), f32, Cpu>,
    Option<&'a Tensor<(usize,), f32, Cpu>>,
    &'a Tensor<ImageShape, f32, Cpu>,
);

fn backward(
    grads: &mut Grads<'_>,
    kept: &Kept,
    (x, kernel, bias, y): Tensors<'_>,
) -> Result<(), CpuError> {
    let Kept { sizes, numbers, positive, .. } = kept;
    let gradient = grads.take(y)?;
    let parts = grads.with(x, |d_x| {
        let mut positive = positive.chunks((sizes.out * sizes.share).max(1));
        let jobs = chunks(d_x, sizes.image * sizes.share, 1)
            .into_iter()
            .zip(numbers.chunks((sizes.image * sizes.share).max(1)))
            .zip(gradient.chunks((sizes.out * sizes.share).max(1)))
            .map(|((d_x, x), d_y)| (d_x, x, d_y, positive.next().unwrap_or_default()));
        parallel(jobs.collect(), |(d_x, x, d_y, positive)| kept.images(d_x, x, d_y, positive))
    })?;
    for (d_kernel, d_bias) in &parts {
        grads.add(kernel, d_kernel)?;
        if let Some(bias) = bias {
            grads.add(bias, d_bias)?;
        }
    }
    grads.give(y, gradient)
}

impl Kept {
    /// The backward pass of some images: adds to the gradients of their pixels, and gives those of the kernel
    /// and of the bias.
    fn images(
        &self,
        d_x: &mut [f32],
        x: &[f32],
        d_y: &[f32],
        positive: &[bool],
    ) -> (Buffer, Buffer) {
        let &Sizes { channels, filters, places, reach, image, out, .. } = &self.sizes;
        let mut columns = Buffer::uncleared(self.sizes.columns);
        let mut masked = Buffer::uncleared(if positive.is_empty() { 0 } else { out });
        let mut d_kernel = Buffer::zeros(reach * filters);
        let mut d_bias = Buffer::zeros(filters);
        let mut positive = positive.chunks_exact(out.max(1));
        let each = d_x
            .chunks_exact_mut(image.max(1))
            .zip(x.chunks_exact(image.max(1)))
            .zip(d_y.chunks_exact(out.max(1)));
        for ((d_x, image), d_y) in each {
            let d_y = match positive.next() {
                Some(positive) => {
                    mask(&mut masked, d_y, positive);
                    &masked[..]
                }
                None => d_y,
            };
            im2col(image, &self.runs, channels, &mut columns);
            let of_y = Matrix::new(d_y, places, filters);
            let of_x = Matrix::new(&columns, places, reach).transposed();
            product(&mut d_kernel, of_x, of_y, true);
            add_rows(&mut d_bias, d_y);
            let transposed = Matrix::new(&self.weights, reach, filters).transposed();
            product(&mut columns, of_y, transposed, false);
            col2im(&columns, &self.runs, channels, d_x);
        }
        (d_kernel, d_bias)
    }
}
