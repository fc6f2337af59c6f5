//! Values along a dimension that become one.

use dfdx::tensor::{Cpu, PutTape, SplitTape, Tensor};

use super::JOB;
use crate::{
    backend::{
        memory::{NoMemory, elements, zeros_of},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::{
    buffer::Buffer,
    layout::{Axis, Layout},
    threads::parallel,
};

/// What becomes of the values.
#[derive(Clone, Copy)]
pub(crate) struct Reduce {
    /// The value of a row, with room for as many values.
    pub(crate) row: fn(&[f32], &mut [f32]) -> f32,
    /// That of each column at once, if that is quicker.
    pub(crate) columns: Option<Columns>,
    /// Writes the derivatives of the value of a row; none for what has no gradient.
    pub(crate) slopes: Option<fn(&[f32], &mut [f32])>,
}

/// The value of each column.
type Columns = fn(&[f32], &mut [f32]) -> Result<(), NoMemory>;

/// How many columns are turned into rows at a time.
const TURNED: usize = 16;

/// Makes one of the values along the second of three dimensions.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn reduce_values(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    [outer, along, inner]: [usize; 3],
    reduce: Reduce,
) -> Result<Tensor<(usize,), f32, Cpu, Recorder>, Error> {
    let (x, mut tape) = x.split_tape();
    let values = borrow(&x)?;
    elements(&[outer, along, inner])?;
    let mut y = zeros_of(&[outer, inner])?;
    // A block of rows, or of columns.
    let block = along * inner;
    let some = JOB.div_ceil(block.max(1));
    if inner > 0 {
        let jobs = y.chunks_mut(some * inner).enumerate().collect();
        let done = parallel(jobs, |(i, y): (usize, &mut [f32])| {
            let blocks = y.chunks_mut(inner).enumerate();
            let values = |at: usize| &values[(i * some + at) * block..][..block];
            match (inner, reduce.columns) {
                (1, _) | (_, None) => {
                    let mut rows = Turned::new(along, inner)?;
                    blocks.for_each(|(at, y)| {
                        rows.each(values(at), |column, row, room| {
                            y[column] = (reduce.row)(row, room);
                        });
                    });
                    Ok(())
                }
                (_, Some(columns)) => {
                    blocks.into_iter().try_for_each(|(at, y)| columns(values(at), y))
                }
            }
        });
        done.into_iter().collect::<Result<(), NoMemory>>()?;
    }
    let y = from_vec(x.device(), (outer * inner,), y)?;
    if let (Some(slopes), true) = (reduce.slopes, tape.is_on()) {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                if block == 0 {
                    return Ok(());
                }
                let jobs = sums.chunks_mut(some * block).zip(values.chunks(some * block));
                let jobs = jobs.zip(gradient.chunks(some * inner)).collect();
                let work = |((sums, values), d_y): ((&mut [f32], &[f32]), &[f32])| {
                    let mut rows = Turned::new(along, inner)?;
                    let blocks = sums.chunks_mut(block).zip(values.chunks(block));
                    for ((sums, values), d_y) in blocks.zip(d_y.chunks(inner)) {
                        rows.each(values, |column, row, room| {
                            if d_y[column] == 0.0 {
                                return;
                            }
                            slopes(row, room);
                            let sums = sums[column..].iter_mut().step_by(inner);
                            for (sum, &slope) in sums.zip(&*room) {
                                // What is not finite has no gradient.
                                let slope = if slope.is_finite() { slope } else { 0.0 };
                                *sum += slope * d_y[column];
                            }
                        });
                    }
                    Ok::<(), NoMemory>(())
                };
                parallel(jobs, work).into_iter().collect()
            })??;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// The columns of a block as rows.
struct Turned {
    layout: Layout,
    along: usize,
    inner: usize,
    rows: Buffer,
    room: Buffer,
}

impl Turned {
    fn new(along: usize, inner: usize) -> Result<Self, NoMemory> {
        let layout = Layout::new([Axis::even(inner, 1), Axis::even(along, inner)]);
        let rows = if inner == 1 { 0 } else { along * TURNED };
        let (rows, room) = (Buffer::uncleared(rows)?, Buffer::uncleared(along)?);
        Ok(Self { layout, along, inner, rows, room })
    }

    /// Shows each column, with room for as many values.
    fn each(&mut self, values: &[f32], mut show: impl FnMut(usize, &[f32], &mut [f32])) {
        let Self { layout, along, inner, rows, room } = self;
        if *inner == 1 {
            return show(0, values, room);
        }
        for first in (0..*inner).step_by(TURNED) {
            let count = TURNED.min(*inner - first);
            let rows = &mut rows[..count * *along];
            layout.fill(values, first * *along, rows);
            (0..count).for_each(|i| show(first + i, &rows[i * *along..][..*along], room));
        }
    }
}
