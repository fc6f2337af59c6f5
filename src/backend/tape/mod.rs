//! How an operation of our own gets onto dfdx's tape, and how it borrows the storage of tensors: the one place that knows
//! dfdx's insides.
//!
//! An operation takes the values of its inputs by [`borrow`], without a copy where that can be had, makes its output by
//! [`from_vec`], and finds by [`RequiresGrad`] whether the gradient of an input is wanted. [`record`] puts it onto the tape,
//! [`Grads`] hands out gradients while the tape runs backwards, and [`Weights`] are values that stay from call to call.

mod apart;
mod followed;
mod ranks;
mod recorder;
mod sizes;
mod stop_gradient;
mod storage;

pub(crate) use apart::apart;
pub(super) use followed::read_followed;
pub use followed::{BringRows, FollowedRows, ReadRows};
pub(crate) use ranks::over_ranks;
pub(super) use recorder::Taped;
pub(crate) use recorder::{Recorder, is_on};
pub(crate) use sizes::{IntoShape, sized};
pub(super) use stop_gradient::RequiresGrad;
pub use stop_gradient::StopGradient;
pub(super) use storage::{Values, borrow, copy, from_vec, values_mut, values_of};

use std::{ops::Deref, sync::Arc};

use dfdx::{
    shapes::HasShape,
    tensor::{Cpu, CpuError, Gradients, Tape, Tensor},
};

use kerata_kernels::{buffer::Buffer, memory::NoMemory, pointwise::add};

use super::{WeightCache, memory::elements_of};
use crate::{error::Error, shape::Shape};
use storage::{corners, scattered};

/// The tensor that values were read from.
#[derive(Debug)]
pub(crate) struct Origin<S: Shape>(Tensor<S, f32, Cpu>);

impl<S: Shape> Origin<S> {
    /// Whether the values are still those of a tensor. The tensor they were read from is held, so its memory
    /// can neither be written to nor be given to another: a tensor in the same place has the same values.
    pub(crate) fn is(&self, of: &Tensor<S, f32, Cpu>) -> bool {
        self.0.shape() == of.shape()
            && (elements_of(of).is_ok_and(|n| n == 0)
                || corners(&self.0).zip(corners(of)).all(|(a, b)| a == b))
    }
}

/// The values of weights, and where they were read from.
#[derive(Debug)]
pub(crate) struct Weights<S: Shape> {
    origin: Origin<S>,
    values: Buffer,
}

impl<S: Shape> Weights<S> {
    pub(crate) fn read(of: &Tensor<S, f32, Cpu>) -> Result<Self, Error> {
        Ok(Self { origin: Origin(of.clone()), values: copy(of)? })
    }

    /// The values of weights that are used as they are, read anew only if they changed.
    pub(crate) fn kept(
        of: &Tensor<S, f32, Cpu>,
        cache: &WeightCache,
        keep: bool,
    ) -> Result<Arc<Self>, Error> {
        cache.get(keep, |kept: &Self| kept.are_of(of), || Self::read(of))
    }

    /// Whether the values are still those of a tensor.
    pub(crate) fn are_of(&self, of: &Tensor<S, f32, Cpu>) -> bool {
        self.origin.is(of)
    }

    /// The values alone, for who makes something else of them.
    pub(crate) fn take(self) -> (Origin<S>, Buffer) {
        (self.origin, self.values)
    }
}

impl<S: Shape> Deref for Weights<S> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.values
    }
}

/// Why a backward pass failed, in the words of dfdx.
#[derive(Debug)]
pub(crate) struct Failure(CpuError);

impl From<CpuError> for Failure {
    fn from(error: CpuError) -> Self {
        Self(error)
    }
}

impl From<NoMemory> for Failure {
    fn from(_: NoMemory) -> Self {
        Self(CpuError::OutOfMemory)
    }
}

/// The gradients, while the tape runs backwards.
pub(crate) struct Grads<'a>(&'a mut Gradients<f32, Cpu>);

impl Grads<'_> {
    /// Takes the gradient of a tensor out, without a copy; [`give`](Grads::give) puts it back.
    ///
    /// Only for a tensor that [`from_vec`] made for this operation: another may be an input twice, and its
    /// gradient would be gone the second time.
    pub(crate) fn take<S: Shape>(&mut self, of: &Tensor<S, f32, Cpu>) -> Result<Vec<f32>, Failure> {
        Ok(std::mem::take(&mut **self.0.get_or_alloc_mut(of)?))
    }

    /// Puts back what [`take`](Grads::take) took.
    pub(crate) fn give<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        gradient: Vec<f32>,
    ) -> Result<(), Failure> {
        **self.0.get_or_alloc_mut(of)? = gradient;
        Ok(())
    }

    /// Hands out the gradient of a tensor, row-major, to be added to.
    pub(crate) fn with<S: Shape, R>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        f: impl FnOnce(&mut [f32]) -> R,
    ) -> Result<R, Failure> {
        let (sums, places) = self.lend(of)?;
        let Some(places) = places else { return Ok(f(sums)) };
        let mut more = Buffer::zeros(places.len())?;
        let result = f(&mut more);
        add_at(sums, &places, &more);
        Ok(result)
    }

    /// The gradient of a tensor, and where each number is in it, unless they are in their order: dfdx keeps a gradient as its tensor
    /// lies in memory.
    fn lend<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
    ) -> Result<(&mut [f32], Option<Vec<usize>>), Failure> {
        Ok((self.0.get_or_alloc_mut(of)?, scattered(of)?))
    }

    /// Adds to the gradient of a tensor.
    pub(crate) fn add<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        more: &[f32],
    ) -> Result<(), Failure> {
        self.with(of, |sums| add(sums, more))
    }

    /// Adds sums in double precision to the gradient of a tensor.
    pub(crate) fn add_sums<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        more: &[f64],
    ) -> Result<(), Failure> {
        let add = |(sum, &more): (&mut f32, &f64)| *sum = (f64::from(*sum) + more) as f32;
        self.with(of, |sums| sums.iter_mut().zip(more).for_each(add))
    }
}

fn add_at(sums: &mut [f32], places: &[usize], more: &[f32]) {
    places.iter().zip(more).for_each(|(&place, more)| sums[place] += more);
}

/// Puts the backward pass of an operation on the tape.
pub(crate) fn record<T: Tape<f32, Cpu>>(
    tape: &mut T,
    backward: impl FnOnce(&mut Grads<'_>) -> Result<(), Failure> + 'static,
) {
    tape.add_backward_op(move |gradients| {
        backward(&mut Grads(gradients)).map_err(|Failure(error)| error)
    });
}
