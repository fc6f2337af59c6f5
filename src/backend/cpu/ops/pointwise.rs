use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tensor},
};

use super::{JOB, made, map_values};
use crate::{
    backend::{
        ActivationKind, drop_values, dropout_parts, random_u64, rows_in_batch,
        tape::{Recorder, borrow, copy, from_vec, record},
    },
    error::Error,
    mask::Mask,
    shape::Shape,
};
use kerata_kernels::{buffer::Buffer, threads::parallel};

/// `max(x, 0)`, the hyperbolic tangent and the logistic function of each value.
macro_rules! curves {
    ($($name:ident: $curve:ident;)*) => {
        $(pub(crate) fn $name(
            x: Tensor<(usize, usize), f32, Cpu, Recorder>,
        ) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
            curve(x, ActivationKind::$curve)
        })*
    };
}
curves! {
    relu: Rectifier;
    tanh: HyperbolicTangent;
    sigmoid: Logistic;
}

/// The activation that an operation was told to do, as one of its own.
pub(super) fn then_apply(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    then: ActivationKind,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    if then.is_fused() { curve(x, then) } else { Ok(x) }
}

/// A function of each number.
fn curve(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    curve: ActivationKind,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let values = borrow(&x)?;
    let y = made(values.len(), 1, |at, y| {
        y.copy_from_slice(&values[at..at + y.len()]);
        curve.apply(y);
    })?;
    drop(values);
    finished(x, y, 1, move |d_x, y, d_y| curve.gradient(y, d_y, d_x, true))
}

/// The result, whose gradient goes back by the result, of so many values at a time.
pub(super) fn finished<S: Shape>(
    x: Tensor<S, f32, Cpu, Recorder>,
    y: Vec<f32>,
    each: usize,
    back: impl Fn(&mut [f32], &[f32], &[f32]) + Send + Sync + 'static,
) -> Result<Tensor<S, f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let y = from_vec(x.device(), *x.shape(), y)?;
    if tape.is_on() {
        let (of_y, result) = (y.clone(), borrow(&y)?);
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            if passes_nothing(&gradient) {
                return grads.give(&of_y, gradient);
            }
            grads.with(&x, |sums| {
                let job = JOB.div_ceil(each.max(1)) * each.max(1);
                let jobs = sums.chunks_mut(job).zip(result.chunks(job)).zip(gradient.chunks(job));
                parallel(jobs.collect(), |((d_x, y), d_y): ((&mut [f32], &[f32]), &[f32])| {
                    back(d_x, y, d_y);
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Whether no gradient has come, as where a loss has gone back to the logits.
fn passes_nothing(gradient: &[f32]) -> bool {
    gradient.iter().all(|&g| g == 0.0)
}

/// Each value, or the limit that it is beyond. NaN stays.
pub(crate) fn clamp(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    least: f64,
    most: f64,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (least, most) = (least as f32, most as f32);
    let limited = move |x: f32| {
        let x = if x < least { least } else { x };
        if x > most { most } else { x }
    };
    let slope = move |x: f32, _| if x >= least && x <= most { 1.0 } else { 0.0 };
    map_values(x, limited, slope)
}

/// Drops a share of the values of the real steps.
pub(crate) fn dropout(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let (seed, mut y) = (random_u64(x.device()), copy(&x)?);
    let (mask, rows) = (mask.cloned(), rows_in_batch(&[x.shape().0])?);
    let drop = move |values: &mut [f32]| {
        let parts = dropout_parts(values, rows, mask.as_ref());
        parallel(parts, |part| drop_values(part, rate, seed));
    };
    drop(&mut y);
    let y = from_vec(x.device(), *x.shape(), y.into())?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let mut d_x = Buffer::uncleared(gradient.len())?;
            d_x.copy_from_slice(&gradient);
            drop(&mut d_x);
            grads.add(&x, &d_x)?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
