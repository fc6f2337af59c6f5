use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use crate::{
    backend::{
        ImageShape, Resampling,
        memory::filled,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::threads::{parallel, threads};

pub(crate) fn resampled(
    x: Tensor<ImageShape, f32, Cpu, Recorder>,
    to: &Resampling,
) -> Result<Tensor<ImageShape, f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, rows, columns, channels) = *x.shape();
    let [height, width] = to.size;
    let out = (batch, height, width, channels);
    let mut y = filled(&[batch, height, width, channels], 0.0)?;
    let (old, new) = (rows * columns * channels, height * width * channels);
    let values = borrow(&x)?;
    // How many images a thread has.
    let part =
        batch.div_ceil(threads(batch.saturating_mul(new).saturating_mul(to.taps), batch)).max(1);
    if old > 0 && new > 0 {
        let parts = values.chunks(part * old).zip(y.chunks_mut(part * new)).enumerate();
        parallel(parts.collect(), |(number, (x, y))| {
            let images = x.chunks_exact(old).zip(y.chunks_exact_mut(new));
            for (image, (x, y)) in (number * part..).zip(images) {
                for (i, y) in y.chunks_exact_mut(channels).enumerate() {
                    let i = image * height * width + i;
                    y.fill(to.added[i] as f32);
                    for (pixel, weight) in taps(to, i) {
                        let x = &x[pixel * channels..][..channels];
                        y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
                    }
                }
            }
        });
    }
    let y = from_vec(x.device(), out, y)?;
    if tape.is_on() && old > 0 && new > 0 {
        let (of_y, to) = (y.clone(), Arc::new(to.copied()?));
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                let gradient: &[f32] = &gradient;
                let parts = sums.chunks_mut(part * old).zip(gradient.chunks(part * new));
                parallel(parts.enumerate().collect(), |(number, (sums, d_y))| {
                    let images = sums.chunks_exact_mut(old).zip(d_y.chunks_exact(new));
                    for (image, (sums, d_y)) in (number * part..).zip(images) {
                        for (i, d_y) in d_y.chunks_exact(channels).enumerate() {
                            for (pixel, weight) in taps(&to, image * height * width + i) {
                                let sums = &mut sums[pixel * channels..][..channels];
                                let terms = sums.iter_mut().zip(d_y);
                                terms.for_each(|(sum, d_y)| *sum += weight * d_y);
                            }
                        }
                    }
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// The pixels that a new one is made of, and their weights.
fn taps(to: &Resampling, new: usize) -> impl Iterator<Item = (usize, f32)> + '_ {
    let range = new * to.taps..(new + 1) * to.taps;
    let pixels = to.pixels[range.clone()].iter().zip(&to.weights[range]);
    let inside = pixels.filter(|(pixel, _)| **pixel != Resampling::OUTSIDE);
    inside.map(|(pixel, weight)| (*pixel, *weight as f32))
}
