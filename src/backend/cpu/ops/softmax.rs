use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{JOB, made, pointwise::finished};
use crate::{
    backend::{
        memory::NoMemory,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::{Buffer, Part, Unwritten},
    softmax::{
        add_columns_gradient, add_log_softmax_gradient, add_softmax_gradient,
        log_softmax as log_softmax_of, softmax as softmax_of, softmax_of_columns,
    },
    threads::parallel,
};

type Rows = Tensor<(usize, usize), f32, Cpu, Recorder>;

/// The softmax along the last axis.
pub(crate) fn softmax(x: Rows) -> Result<Rows, Error> {
    let width = x.shape().1;
    let values = borrow(&x)?;
    let y = made(values.len(), width, |at, y| {
        y.copy_from_slice(&values[at..at + y.len()]);
        softmax_of(y, width);
    })?;
    drop(values);
    finished(x, y, width, move |d_x, y, d_y| add_softmax_gradient(d_x, y, d_y, width))
}

/// The softmax along the middle one of three axes.
pub(crate) fn softmax_along(
    x: Tensor<(usize, usize, usize), f32, Cpu, Recorder>,
) -> Result<Tensor<(usize, usize, usize), f32, Cpu, Recorder>, Error> {
    let (along, width) = (x.shape().1, x.shape().2);
    let values = borrow(&x)?;
    let y = made(values.len(), along * width, |at, y| {
        y.copy_from_slice(&values[at..at + y.len()]);
        y.chunks_exact_mut((along * width).max(1)).for_each(|y| softmax_of_columns(y, width));
    })?;
    drop(values);
    finished(x, y, along * width, move |d_x, y, d_y| {
        let each = (along * width).max(1);
        let matrices = d_x.chunks_exact_mut(each).zip(y.chunks_exact(each));
        for ((d_x, y), d_y) in matrices.zip(d_y.chunks_exact(each)) {
            add_columns_gradient(d_x, y, d_y, width);
        }
    })
}

/// The logarithm of the softmax along the last axis.
pub(crate) fn log_softmax(x: Rows) -> Result<Rows, Error> {
    let (x, mut tape) = x.split_tape();
    let (shape, width) = (*x.shape(), x.shape().1.max(1));
    let values = borrow(&x)?;
    let job = JOB.div_ceil(width) * width;
    let mut y = Unwritten::new(values.len())?;
    let jobs = y.parts(job).zip(values.chunks(job)).collect();
    let done = parallel(jobs, |(mut y, x): (Part<'_, f32>, &[f32])| -> Result<(), NoMemory> {
        let mut room = Buffer::uncleared(width)?;
        for row in x.chunks_exact(width) {
            let y = y.cleared(width);
            y.copy_from_slice(row);
            log_softmax_of(y, &mut room);
        }
        Ok(())
    });
    done.into_iter().collect::<Result<(), _>>()?;
    let y = from_vec(x.device(), shape, y.finish())?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let done = grads.with(&x, |sums| {
                let jobs = sums.chunks_mut(job).zip(values.chunks(job)).zip(gradient.chunks(job));
                let work = |((d_x, x), d_y): ((&mut [f32], &[f32]), &[f32])| {
                    let mut room = Buffer::uncleared(width)?;
                    add_log_softmax_gradient(d_x, x, d_y, &mut room);
                    Ok(())
                };
                parallel(jobs.collect(), work).into_iter().collect::<Result<(), NoMemory>>()
            })?;
            done?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
