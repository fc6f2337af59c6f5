//! Operations on the values of a tensor one by one: a function of each, and another arrangement of them.

use std::sync::Arc;

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Tape, Tensor},
};

use super::{JOB, made};
use crate::{
    backend::{
        Elementwise, WithFunction,
        memory::{NoMemory, collected, elements_of, filled, listed},
        tape::{Recorder, borrow, from_vec, record},
    },
    error::Error,
    shape::Shape,
};
use kerata_kernels::{curves::Pointwise, threads::parallel};

/// A function of each value. `slope` is its derivative, from the argument and the result.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn map_values<S: Shape, T: Tape<f32, Cpu>>(
    x: Tensor<S, f32, Cpu, T>,
    function: impl Fn(f32) -> f32 + Sync + Send,
    slope: impl Fn(f32, f32) -> f32 + Sync + Send + 'static,
) -> Result<Tensor<S, f32, Cpu, T>, Error> {
    let values = |values: &mut [f32]| values.iter_mut().for_each(|x| *x = function(*x));
    map_slices(x, values, move |places| places.add(&slope))
}

/// An activation that is a function of each value.
pub(crate) fn activation(
    x: Tensor<(usize, usize), f32, Cpu, Recorder>,
    function: Elementwise,
) -> Result<Tensor<(usize, usize), f32, Cpu, Recorder>, Error> {
    if !function.is_of_each() {
        let expected = "an activation that is a function of each value";
        return Err(Error::invalid("activation", function, expected));
    }
    let values = |values: &mut [f32]| {
        function.in_place(values);
    };
    map_slices(x, values, move |places| match function.curve() {
        Some(curve) => places.along(curve),
        None => {
            function.with(places);
        }
    })
}

/// Where a gradient goes back through a function of each value.
pub(crate) struct Places<'a> {
    arguments: &'a [f32],
    results: &'a [f32],
    gradient: &'a [f32],
    sums: &'a mut [f32],
}

impl Places<'_> {
    /// By the derivative, from the argument and the result.
    pub(crate) fn add(self, slope: impl Fn(f32, f32) -> f32) {
        let values = self.arguments.iter().zip(self.results).zip(self.gradient);
        for (sum, ((&x, &y), &d_y)) in self.sums.iter_mut().zip(values) {
            // What does not reach the result may be infinite.
            if d_y != 0.0 {
                *sum += slope(x, y) * d_y;
            }
        }
    }

    /// By that of a kernel.
    pub(crate) fn along(self, curve: Pointwise) {
        curve.add_gradient(self.arguments, self.gradient, self.sums);
    }
}

impl WithFunction<f32> for Places<'_> {
    type Out = ();

    fn run(self, _: impl Fn(f32) -> f32, slope: impl Fn(f32, f32) -> f32) {
        self.add(slope);
    }
}

/// A function of each value by functions of slices, one that writes the results over the arguments, and one for the way
/// back.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn map_slices<S: Shape, T: Tape<f32, Cpu>>(
    x: Tensor<S, f32, Cpu, T>,
    values: impl Fn(&mut [f32]) + Sync + Send,
    back: impl Fn(Places<'_>) + Sync + Send + 'static,
) -> Result<Tensor<S, f32, Cpu, T>, Error> {
    let (x, mut tape) = x.split_tape();
    let arguments = borrow(&x)?;
    let y = made(arguments.len(), 1, |at, y| {
        y.copy_from_slice(&arguments[at..at + y.len()]);
        values(y);
    })?;
    let y = from_vec(x.device(), *x.shape(), y)?;
    if T::OWNS_TAPE {
        let (of_y, results) = (y.clone(), borrow(&y)?);
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| {
                let parts = arguments.chunks(JOB).zip(results.chunks(JOB));
                let parts = parts.zip(gradient.chunks(JOB)).zip(sums.chunks_mut(JOB));
                let parts = parts.map(|(((arguments, results), gradient), sums)| Places {
                    arguments,
                    results,
                    gradient,
                    sums,
                });
                parallel(parts.collect(), &back);
            })?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// No place: there is a 0.
pub(crate) const NOWHERE: u32 = u32::MAX;

/// The values in the given places of a tensor, in the order of its indices; [`NOWHERE`] gives 0. One that is taken several
/// times gets the sum of the gradients.
///
/// # Errors
/// [`Error::Mismatch`] if there are more or fewer places than the shape has, or one is outside; [`Error::Device`].
pub(crate) fn pick_values<S: Shape, O: Shape, T: Tape<f32, Cpu>>(
    x: Tensor<S, f32, Cpu, T>,
    places: Arc<Vec<u32>>,
    shape: O,
) -> Result<Tensor<O, f32, Cpu, T>, Error> {
    let count = elements_of(&shape)?;
    if places.len() != count {
        return Err(Error::mismatch("the values of a tensor", count, places.len()));
    }
    let (x, mut tape) = x.split_tape();
    let values = borrow(&x)?;
    let outside = |&&place: &&u32| place != NOWHERE && place as usize >= values.len();
    if let Some(outside) = places.iter().find(outside) {
        return Err(Error::mismatch("the places of a tensor (below)", values.len(), outside));
    }
    // `NOWHERE` is outside.
    let picked = places.iter().map(|&place| values.get(place as usize).copied().unwrap_or(0.0));
    let y = from_vec(x.device(), shape, collected(&[count], picked)?)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| add_at(sums, &places, &gradient))??;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}

/// Adds values at places, those outside to none.
fn add_at(sums: &mut [f32], places: &[u32], values: &[f32]) -> Result<(), NoMemory> {
    let values = places.iter().map(|&place| place as usize).zip(values);
    // A place that is named more often than a few times would lose digits.
    if places.len() > sums.len() {
        let mut totals = listed(sums.iter().map(|&sum| f64::from(sum)))?;
        for (place, &value) in values {
            totals.get_mut(place).into_iter().for_each(|total| *total += f64::from(value));
        }
        sums.iter_mut().zip(totals).for_each(|(sum, total)| *sum = total as f32);
        return Ok(());
    }
    for (place, value) in values {
        sums.get_mut(place).into_iter().for_each(|sum| *sum += value);
    }
    Ok(())
}

/// What has been added up until each value of a row, in double precision.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn running_sums<T: Tape<f32, Cpu>>(
    x: Tensor<(usize, usize), f32, Cpu, T>,
) -> Result<Tensor<(usize, usize), f32, Cpu, T>, Error> {
    fn add_up<'a>(values: impl Iterator<Item = (&'a mut f32, &'a f32)>) {
        let mut sum = 0.0;
        for (to, &value) in values {
            sum += f64::from(value);
            *to += sum as f32;
        }
    }

    let (x, mut tape) = x.split_tape();
    let (shape, width) = (*x.shape(), x.shape().1.max(1));
    let mut y = filled(&[shape.0, shape.1], 0.0)?;
    let rows = move |to: &mut [f32], from: &[f32], back: bool| {
        for (to, from) in to.chunks_exact_mut(width).zip(from.chunks_exact(width)) {
            match back {
                false => add_up(to.iter_mut().zip(from)),
                true => add_up(to.iter_mut().zip(from).rev()),
            }
        }
    };
    rows(&mut y, &borrow(&x)?, false);
    let y = from_vec(x.device(), shape, y)?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        record(&mut tape, move |grads| {
            let gradient = grads.take(&of_y)?;
            grads.with(&x, |sums| rows(sums, &gradient, true))?;
            grads.give(&of_y, gradient)
        });
    }
    Ok(y.put_tape(tape))
}
