//! Values that are kept, and others instead of the rest. They are chosen, not multiplied with 0 or 1: NaN must not reach
//! what is made of them, nor its gradient.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, PutTape, SplitTape, Tensor},
};

use super::{JOB, made};
use crate::{
    backend::{
        memory::{collected, elements_of},
        operands::same,
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::threads::parallel;

type Rows = Tensor<(usize, usize), f32, Cpu, Recorder>;

/// Which values are kept: all of a row are, or none.
struct Keep {
    rows: Vec<bool>,
    width: usize,
}

impl Keep {
    fn new(keep: &[bool], x: &Rows) -> Result<Self, Error> {
        let count = elements_of(x)?;
        match count.checked_div(keep.len()) {
            Some(width) if width * keep.len() == count => {
                Ok(Self { rows: collected(&[keep.len()], keep.iter().copied())?, width })
            }
            None if count == 0 => Ok(Self { rows: Vec::new(), width: 0 }),
            _ => Err(Error::mismatch("the rows to keep", x.shape().0, keep.len())),
        }
    }

    /// Does something with the pieces of a part that begins at `at`: a row each, but for the first and the last one.
    fn each(&self, at: usize, len: usize, mut f: impl FnMut(bool, std::ops::Range<usize>)) {
        let mut from = 0;
        while from < len {
            let row = (at + from) / self.width;
            let to = len.min((row + 1) * self.width - at);
            f(self.rows[row], from..to);
            from = to;
        }
    }

    /// Adds the gradient of what is kept, or of what is not.
    fn add(&self, sums: &mut [f32], gradient: &[f32], kept: bool) {
        let jobs = sums.chunks_mut(JOB).zip(gradient.chunks(JOB)).enumerate();
        parallel(jobs.collect(), |(i, (sums, gradient))| {
            self.each(i * JOB, sums.len(), |keep, at| {
                if keep == kept {
                    let values = sums[at.clone()].iter_mut().zip(&gradient[at]);
                    values.for_each(|(sum, more)| *sum += more);
                }
            });
        });
    }
}

/// The values of the rows to keep, and `other` instead of the rest.
pub(crate) fn keep_rows(x: Rows, keep: &[bool], other: f32) -> Result<Rows, Error> {
    let keep = Keep::new(keep, &x)?;
    let (x, mut tape) = x.split_tape();
    let values = borrow(&x)?;
    let y = made(values.len(), 1, |from, y| {
        keep.each(from, y.len(), |keep, at| match keep {
            true => y[at.clone()].copy_from_slice(&values[from + at.start..from + at.end]),
            false => y[at].fill(other),
        });
    })?;
    drop(values);
    let y = from_vec(x.device(), *x.shape(), y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| keep.add(sums, &gradient, true))?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// The values of the rows to keep, and those of `others` instead of the rest.
pub(crate) fn choose_rows([x, others]: [Rows; 2], keep: &[bool]) -> Result<Rows, Error> {
    same("the shape of the other rows", x.shape(), others.shape())?;
    let keep = Keep::new(keep, &x)?;
    let ((x, tape), (others, more)) = (x.split_tape(), others.split_tape());
    let mut tape = tape.merge(more);
    let (values, rest) = (borrow(&x)?, borrow(&others)?);
    let y = made(values.len(), 1, |from, y| {
        keep.each(from, y.len(), |keep, at| {
            let source = if keep { &values } else { &rest };
            y[at.clone()].copy_from_slice(&source[from + at.start..from + at.end]);
        });
    })?;
    drop((values, rest));
    let y = from_vec(x.device(), *x.shape(), y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| keep.add(sums, &gradient, true))?;
            grads.with(&others, |sums| keep.add(sums, &gradient, false))?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Each value times its factor; nothing where that is 0.
pub(crate) fn drop_by(x: Rows, factors: &[f32]) -> Result<Rows, Error> {
    let (x, mut tape) = x.split_tape();
    let values = borrow(&x)?;
    if factors.len() != values.len() {
        return Err(Error::mismatch("the factors of a dropout", values.len(), factors.len()));
    }
    let times = |x: f32, factor: f32| if factor == 0.0 { 0.0 } else { x * factor };
    let y = made(values.len(), 1, |at, y| {
        let each = y.iter_mut().zip(&values[at..]).zip(&factors[at..]);
        each.for_each(|((y, &x), &factor)| *y = times(x, factor));
    })?;
    drop(values);
    let y = from_vec(x.device(), *x.shape(), y)?;
    if tape.is_on() {
        let of_y = y.clone();
        let factors = collected(&[factors.len()], factors.iter().copied())?;
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                let jobs = sums.chunks_mut(JOB).zip(gradient.chunks(JOB)).zip(factors.chunks(JOB));
                parallel(jobs.collect(), |((sums, gradient), factors)| {
                    let each = sums.iter_mut().zip(gradient).zip(factors);
                    each.for_each(|((sum, &d_y), &factor)| *sum += times(d_y, factor));
                });
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
