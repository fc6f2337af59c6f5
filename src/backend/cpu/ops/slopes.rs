use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::JOB;
use crate::{
    backend::tape::{Recorder, borrow, from_vec, record},
    error::Error,
};
use kerata_kernels::threads::parallel;

/// A value for each row, which changes with the row by its slopes.
pub(crate) fn with_slopes(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    y: Vec<f32>,
    slopes: Vec<f32>,
) -> Result<Tensor<(usize,), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (rows, width) = *x.shape();
    if slopes.len() != rows * width {
        return Err(Error::mismatch("the slopes of rows", rows * width, slopes.len()));
    }
    let y = from_vec(x.device(), (rows,), y)?;
    if tape.is_on() && width > 0 {
        let (values, of_y) = (borrow(&x)?, y.clone());
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                let rows = JOB.div_ceil(width);
                let size = rows * width;
                let jobs = sums.chunks_mut(size).zip(slopes.chunks(size));
                let jobs = jobs.zip(values.chunks(size).zip(gradient.chunks(rows)));
                parallel(jobs.collect(), |((sums, slopes), (values, gradient))| {
                    let (sums, slopes, values): (&mut [f32], &[f32], &[f32]) =
                        (sums, slopes, values);
                    let rows = sums.chunks_exact_mut(width).zip(slopes.chunks_exact(width));
                    let rows = rows.zip(values.chunks_exact(width).zip(gradient));
                    for ((sums, slopes), (values, &g)) in rows {
                        add_slopes(sums, slopes, values, g);
                    }
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// What is not finite depends on nothing, and what has no gradient may have an infinite slope.
fn add_slopes(sums: &mut [f32], slopes: &[f32], values: &[f32], gradient: f32) {
    if gradient == 0.0 {
        return;
    }
    for ((sum, &slope), value) in sums.iter_mut().zip(slopes).zip(values) {
        *sum += if value.is_finite() { slope * gradient } else { 0.0 };
    }
}
