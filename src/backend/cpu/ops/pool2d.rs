use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        memory::elements_of,
        tape::{Recorder, borrow, from_vec, record},
        window::{ImageShape, Pooling, Window},
        zeros_after,
    },
    error::Error,
};
use kerata_kernels::{
    buffer::{Part, Unwritten},
    pool::{Pool, backward, forward, largest},
    threads::parallel,
};

pub(crate) fn pool2d(
    x: Tensor<ImageShape, f32, Cpu, Recorder>,
    pooling: Pooling,
    window: &Window,
) -> Result<Tensor<ImageShape, f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (batch, height, width, channels) = *x.shape();
    let shape = (batch, window.places[0], window.places[1], channels);
    crate::backend::check_window(window, x.shape())?;
    let (pixels, results) = (elements_of(&x)?, elements_of(&shape)?);
    if pixels == 0 || results == 0 {
        return zeros_after(x.put_tape(tape), &shape);
    }
    let (image, out) = (height * width * channels, window.outputs() * channels);
    let pool = Arc::new(Pool::new(pooling, window, channels)?);
    let share = share(batch * window.outputs() * window.taps() * channels, batch);
    let values = borrow(&x)?;
    if !tape.is_on() && pooling == Pooling::Max {
        let mut y = Unwritten::new(results)?;
        let jobs = y.parts(out * share).zip(values.chunks((image * share).max(1)));
        parallel(jobs.collect(), |(mut y, x): (Part<'_, f32>, &[f32])| {
            x.chunks_exact(image.max(1)).for_each(|image| largest(&pool, image, y.cleared(out)));
        });
        return Ok(from_vec(x.device(), shape, y.finish())?.put_tape(tape));
    }
    let (mut y, mut from) = (Unwritten::new(results)?, Unwritten::new(results)?);
    let jobs = y.parts(out * share).zip(from.parts(out * share));
    let jobs = jobs.zip(values.chunks((image * share).max(1)));
    parallel(jobs.collect(), |((mut y, mut from), x)| {
        for image in x.chunks_exact(image.max(1)) {
            forward(&pool, image, y.cleared(out), from.cleared(out));
        }
    });
    let (y, from) = (y.finish(), from.finish());
    drop(values);
    let y = from_vec(x.device(), shape, y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |d_x| {
                let jobs = chunks(d_x, image * share, 1)
                    .into_iter()
                    .zip(gradient.chunks((out * share).max(1)))
                    .zip(from.chunks((out * share).max(1)));
                parallel(jobs.collect(), |((d_x, d_y), from)| {
                    let each = d_x.chunks_exact_mut(image.max(1)).zip(d_y.chunks_exact(out.max(1)));
                    for ((d_x, d_y), from) in each.zip(from.chunks_exact(out.max(1))) {
                        backward(&pool, d_x, d_y, from);
                    }
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
