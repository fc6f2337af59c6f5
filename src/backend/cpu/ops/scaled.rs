use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{JOB, made};
use crate::{
    backend::{
        Scale,
        memory::elements_of,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    batch_norm::repeated,
    scaled::{Scale as Slices, backward, forward},
    threads::parallel,
};

/// How wide rows are made at least, of several.
pub(super) const WIDE: usize = 256;

/// Values times factors, plus summands.
pub(crate) fn scaled(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    scale: Scale<'_, f32>,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    scale.check(elements_of(&x)?)?;
    let (x, mut tape) = x.split_tape();
    let width = scale.factors.len().max(1);
    let times = WIDE.div_ceil(width);
    let (factors, summands) = (repeated(scale.factors, times)?, repeated(scale.summands, times)?);
    let slices = Slices { factors: &factors, summands: &summands, sum_first: scale.sum_first };
    let values = borrow(&x)?;
    let y = made(values.len(), width, |at, y| forward(y, &values[at..at + y.len()], slices))?;
    drop(values);
    let y = from_vec(x.device(), *x.shape(), y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                let job = JOB.div_ceil(width) * width;
                let jobs = sums.chunks_mut(job).zip(gradient.chunks(job)).collect();
                parallel(jobs, |(d_x, d_y): (&mut [f32], &[f32])| backward(d_x, d_y, &factors));
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
