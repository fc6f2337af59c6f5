//! Another arrangement of values, and several tensors one behind the other.

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, Merge, NoneTape, PutTape, SplitTape, Tensor},
};

use super::{JOB, chunks, made};
use crate::{
    backend::{
        memory::{NoMemory, elements, elements_of, listed},
        tape::{Failure, Grads, Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Unwritten,
    layout::{Axis, Layout},
    pointwise::add,
    threads::parallel,
};

type Rows<T = Recorder> = Tensor<(usize, usize), f32, Cpu, T>;

/// Which values of a tensor stand where.
#[derive(Debug, Clone)]
pub(crate) struct Arrangement {
    /// All of it.
    pub(super) layout: Layout,
    /// That of a sample, if all are arranged alike; of how many values it is made.
    sample: Option<(Layout, usize)>,
}

impl Arrangement {
    /// Of so many values, along these axes.
    ///
    /// # Errors
    /// [`Error::Device`] if there are too many; [`Error::Mismatch`] if there are fewer values than are taken.
    pub(crate) fn new(axes: Vec<Axis>, values: usize) -> Result<Self, Error> {
        elements(&axes.iter().map(Axis::len).collect::<Vec<_>>())?;
        let each = axes.first().filter(|first| first.len() > 1).and_then(|first| {
            let each = values / first.len();
            (*first == Axis::even(first.len(), each) && each > 0).then_some(each)
        });
        let sample = each.map(|each| (Layout::new(axes[1..].iter().cloned()), each));
        let layout = Layout::new(axes);
        if layout.reach() > values {
            return Err(Error::mismatch("the values of a tensor", layout.reach(), values));
        }
        Ok(Self { layout, sample: sample.filter(|(sample, each)| sample.reach() <= *each) })
    }

    /// Adds a gradient to that of what the values were taken from.
    pub(super) fn add(&self, gradient: &[f32], sums: &mut [f32]) -> Result<(), NoMemory> {
        if self.layout.is_same(sums.len()) {
            add(sums, gradient);
            return Ok(());
        }
        let (layout, from, to) = match &self.sample {
            Some((sample, each)) => (sample, *each, sample.len()),
            None => (&self.layout, sums.len(), gradient.len()),
        };
        if to == 0 {
            return Ok(());
        }
        let some = (JOB / 4).div_ceil(to);
        let jobs = sums.chunks_mut(some * from).zip(gradient.chunks(some * to)).collect();
        let done = parallel(jobs, |(sums, gradient): (&mut [f32], &[f32])| {
            for (sums, gradient) in sums.chunks_mut(from).zip(gradient.chunks(to)) {
                // What is taken more often than a few times would lose digits.
                if gradient.len() > sums.len() {
                    let mut totals = listed(sums.iter().map(|&sum| f64::from(sum)))?;
                    layout.add(gradient, &mut totals, |sum, x| *sum += f64::from(x));
                    sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum = total as f32);
                } else {
                    layout.add(gradient, sums, |sum, x| *sum += x);
                }
            }
            Ok(())
        });
        done.into_iter().collect()
    }
}

/// The values as they are arranged, in a tensor of this shape.
///
/// # Errors
/// [`Error::Mismatch`] if the shape has more values or fewer; [`Error::Device`].
pub(crate) fn arrange_values(
    x: Rows,
    arrangement: Arrangement,
    shape: (usize, usize),
) -> Result<Rows, Error> {
    let (layout, count) = (&arrangement.layout, elements_of(&shape)?);
    if layout.len() != count {
        return Err(Error::mismatch("the values of a tensor", count, layout.len()));
    }
    let (x, mut tape) = x.split_tape();
    let values = borrow(&x)?;
    let y = made(count, layout.width(), |at, y| layout.fill(&values, at, y))?;
    drop(values);
    let y = from_vec(x.device(), shape, y)?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| arrangement.add(&gradient, sums))??;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Rows side by side: `(R, A)`, `(R, B)` and so on give `(R, A + B + ..)`. A tensor may be there several times.
///
/// # Errors
/// [`Error::Empty`] without a tensor; [`Error::Mismatch`] if the numbers of rows differ; [`Error::Device`].
pub(crate) fn join_rows(list: Vec<Rows>) -> Result<Rows, Error> {
    let mut tape: Option<Recorder> = None;
    let mut parts = Vec::with_capacity(list.len());
    for x in list {
        let (x, more) = x.split_tape();
        tape = Some(match tape {
            Some(tape) => tape.merge(more),
            None => more,
        });
        parts.push(x);
    }
    let (Some(first), Some(mut tape)) = (parts.first(), tape) else {
        return Err(Error::Empty("the list of tensors"));
    };
    let (dev, rows) = (first.device().clone(), first.shape().0);
    if let Some(other) = parts.iter().find(|x| x.shape().0 != rows) {
        return Err(Error::mismatch("the rows of tensors", rows, other.shape().0));
    }
    let width = parts.iter().fold(0, |width: usize, x| width.saturating_add(x.shape().1));
    let mut y = Unwritten::new(elements(&[rows, width])?)?;
    {
        let values = parts.iter().map(borrow).collect::<Result<Vec<_>, _>>()?;
        let lists: Vec<(&[f32], usize)> =
            values.iter().zip(&parts).map(|(values, x)| (&**values, x.shape().1)).collect();
        let some = JOB.div_ceil(width.max(1));
        parallel(y.parts(some * width).enumerate().collect(), |(i, mut part)| {
            for row in i * some..rows.min((i + 1) * some) {
                for &(values, wide) in &lists {
                    part.copy(&values[row * wide..][..wide]);
                }
            }
        });
    }
    let y = from_vec(&dev, (rows, width), y.finish())?;
    if tape.is_on() {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            let mut from = 0;
            for x in &parts {
                let wide = x.shape().1;
                add_columns(grads, x, &gradient, (width, from))?;
                from += wide;
            }
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Adds the columns from one on of rows of such a width.
fn add_columns(
    grads: &mut Grads<'_>,
    x: &Rows<NoneTape>,
    gradient: &[f32],
    (width, from): (usize, usize),
) -> Result<(), Failure> {
    let (rows, wide) = *x.shape();
    if wide == 0 {
        return Ok(());
    }
    let some = JOB.div_ceil(width);
    grads.with(x, |sums| {
        let jobs = chunks(sums, some * wide, rows.div_ceil(some)).into_iter();
        let jobs = jobs.zip(gradient.chunks(some * width)).collect();
        parallel(jobs, |(sums, gradient): (&mut [f32], &[f32])| {
            for (sums, d_y) in sums.chunks_exact_mut(wide).zip(gradient.chunks_exact(width)) {
                let d_y = &d_y[from..from + wide];
                sums.iter_mut().zip(d_y).for_each(|(sum, d_y)| *sum += d_y);
            }
        });
    })
}
