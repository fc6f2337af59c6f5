use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{chunks, share};
use crate::{
    backend::{
        memory::zeros_of,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    threads::parallel,
    unit::{backward, forward},
};

/// Rows of length 1. None is multiplied by more than `most`.
pub(crate) fn of_length_one(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    most: f32,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (n, width) = *x.shape();
    let values = borrow(&x)?;
    let share = share(n * width, n);
    let size = (share * width).max(1);
    let (mut y, mut factors) = (zeros_of(&[n, width])?, Buffer::zeros(n)?);
    let jobs = chunks(&mut y, share * width, 1)
        .into_iter()
        .zip(values.chunks(size))
        .zip(factors.chunks_mut(share));
    parallel(jobs.collect(), |((y, x), factors)| forward(y, x, factors, width, most));
    let y = from_vec(x.device(), (n, width), y)?;
    if tape.is_on() {
        let (of_y, result) = (y.clone(), borrow(&y)?);
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |d_x| {
                let jobs = chunks(d_x, share * width, 1)
                    .into_iter()
                    .zip(result.chunks(size))
                    .zip(gradient.chunks(size))
                    .zip(factors.chunks(share));
                parallel(jobs.collect(), |(((d_x, y), d_y), factors)| {
                    backward(d_x, y, d_y, factors, width, most);
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
