//! Functions of several values that stand at the same places, each in an arrangement of its own.

use dfdx::tensor::{Cpu, Merge, PutTape, SplitTape, Tensor};

use super::{JOB, arrange::Arrangement, made};
use crate::{
    backend::{
        memory::{NoMemory, elements_of},
        tape::{Recorder, RequiresGrad, Values, borrow, from_vec, record},
    },
    error::Error,
};
use kerata_kernels::threads::parallel;

/// How many values are made at a time: with those that they are made of, they stay at hand.
const SOME: usize = 2 << 10;

/// A tensor, and which of its values stand where; without, they stand where they are.
pub(crate) struct Operand {
    pub(crate) x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    pub(crate) arrangement: Option<Arrangement>,
}

impl Operand {
    /// With all values where they are.
    pub(crate) fn plain(x: Tensor<(usize, usize), f32, Cpu, Recorder>) -> Self {
        Self { x, arrangement: None }
    }
}

/// An operand without its tape.
struct Input {
    x: Tensor<(usize, usize), f32, Cpu>,
    arrangement: Option<Arrangement>,
    values: Values,
}

impl Input {
    /// The values from a place on, perhaps arranged in a place for them.
    fn part<'a>(&'a self, at: usize, len: usize, room: &'a mut [f32]) -> &'a [f32] {
        match &self.arrangement {
            None => &self.values[at..at + len],
            Some(arrangement) => {
                arrangement.layout.fill(&self.values, at, &mut room[..len]);
                &room[..len]
            }
        }
    }
}

/// The parts of all operands from a place on, as many values as `len`.
fn with_parts<const N: usize, R>(
    inputs: &[Input; N],
    at: usize,
    len: usize,
    f: impl FnOnce([&[f32]; N]) -> R,
) -> R {
    if inputs.iter().all(|input| input.arrangement.is_none()) {
        return f(std::array::from_fn(|i| inputs[i].part(at, len, &mut [])));
    }
    let mut room = [[0.0; SOME]; N];
    let mut rooms = room.iter_mut().zip(inputs);
    f(std::array::from_fn(|_| match rooms.next() {
        Some((room, input)) => input.part(at, len, room),
        None => &[],
    }))
}

/// A function of several values. `function` writes the results; `slope` multiplies the gradient of them by the derivative to
/// the argument of a number, in its place.
///
/// # Errors
/// [`Error::Mismatch`] if an operand has more values or fewer; [`Error::Device`].
pub(crate) fn combine<const N: usize>(
    operands: [Operand; N],
    shape: (usize, usize),
    function: impl Fn([&[f32]; N], &mut [f32]) + Send + Sync,
    slope: impl Fn(usize, [&[f32]; N], &mut [f32]) + Send + Sync + 'static,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    let count = elements_of(&shape)?;
    let mut tape: Option<Recorder> = None;
    let mut inputs = Vec::with_capacity(N);
    for Operand { x, arrangement } in operands {
        let (x, more) = x.split_tape();
        tape = Some(match tape {
            Some(tape) => tape.merge(more),
            None => more,
        });
        let values = borrow(&x)?;
        let found = arrangement.as_ref().map_or(values.len(), |one| one.layout.len());
        if found != count {
            return Err(Error::mismatch("the values of a tensor", count, found));
        }
        inputs.push(Input { x, arrangement, values });
    }
    let empty = || Error::Empty("the list of inputs");
    let mut tape = tape.ok_or_else(empty)?;
    let inputs: [Input; N] = inputs.try_into().map_err(|_| empty())?;
    let y = made(count, 1, |at, y| {
        with_parts(&inputs, at, y.len(), |parts| function(parts, y));
    })?;
    let dev = inputs[0].x.device().clone();
    let y = from_vec(&dev, shape, y)?;
    if tape.is_on() {
        let of_y = y.clone();
        let wanted: Vec<RequiresGrad> =
            inputs.iter().map(|input| RequiresGrad::of(&input.x)).collect();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            for (i, wanted) in wanted.iter().enumerate() {
                if !wanted.now() {
                    continue;
                }
                let write = |at: usize, d_x: &mut [f32]| {
                    d_x.copy_from_slice(&gradient[at..at + d_x.len()]);
                    with_parts(&inputs, at, d_x.len(), |parts| slope(i, parts, d_x));
                };
                let input: &Input = &inputs[i];
                grads.with(&input.x, |sums| match &input.arrangement {
                    Some(arrangement) => arrangement.add(&made(gradient.len(), 1, write)?, sums),
                    None => {
                        add(sums, write);
                        Ok::<_, NoMemory>(())
                    }
                })??;
            }
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Adds what is written.
fn add(sums: &mut [f32], write: impl Fn(usize, &mut [f32]) + Sync + Send) {
    parallel(sums.chunks_mut(JOB).enumerate().collect(), |(job, sums): (usize, &mut [f32])| {
        let mut room = [0.0; SOME];
        for (i, sums) in sums.chunks_mut(SOME).enumerate() {
            let d_x = &mut room[..sums.len()];
            write(job * JOB + i * SOME, d_x);
            sums.iter_mut().zip(d_x).for_each(|(sum, d_x)| *sum += *d_x);
        }
    });
}
