//! How an operation of our own gets onto dfdx's tape: the one place that knows.
//!
//! A kernel wants slices. [`read`] gives the numbers of a tensor in the order of its indices, [`put`] makes a
//! tensor of a `Vec`, and [`Grads`] hands out gradients while the tape runs backwards.

use dfdx::{
    prelude::ReshapeTo,
    shapes::{HasShape, Rank2, Shape},
    tensor::{Cpu, CpuError, Gradients, NoneTape, Tape, Tensor, TensorFromVec},
};

use super::cpu::{Buffer, keep_memory};
use crate::error::{Error, OrDevice};

/// The numbers of a tensor, row-major, in a buffer.
pub(crate) fn read<S: Shape, T>(x: &Tensor<S, f32, Cpu, T>) -> Result<Buffer, Error> {
    let mut buffer = Buffer::uncleared(x.shape().num_elements());
    if !buffer.is_empty() {
        // `copy_into` copies as the numbers lie in memory, which is their order once they are contiguous.
        let x = x.retaped::<NoneTape>().try_contiguous().or_device()?;
        x.copy_into(&mut buffer);
    }
    Ok(buffer)
}

/// The numbers of one row of a matrix, one by one.
pub(crate) fn row<const R: usize, const C: usize>(
    x: &Tensor<Rank2<R, C>, f32, Cpu>,
    row: usize,
) -> impl Iterator<Item = f32> {
    (0..C).map(move |column| x[[row, column]])
}

/// A tensor of numbers.
pub(crate) fn put<S: Shape>(
    dev: &Cpu,
    shape: S,
    numbers: Vec<f32>,
) -> Result<Tensor<S, f32, Cpu>, Error> {
    keep_memory();
    dev.try_tensor_from_vec(numbers, shape).or_device()
}

/// The gradients, while the tape runs backwards.
pub(crate) struct Grads<'a>(&'a mut Gradients<f32, Cpu>);

impl Grads<'_> {
    /// Takes the gradient of a tensor out, without a copy; [`give`](Grads::give) puts it back.
    ///
    /// Only for a tensor that [`put`] made for this operation: another may be an input twice, and its
    /// gradient would be gone the second time.
    pub(crate) fn take<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
    ) -> Result<Vec<f32>, CpuError> {
        Ok(std::mem::take(&mut **self.0.get_or_alloc_mut(of)?))
    }

    /// Puts back what [`take`](Grads::take) took.
    pub(crate) fn give<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        gradient: Vec<f32>,
    ) -> Result<(), CpuError> {
        **self.0.get_or_alloc_mut(of)? = gradient;
        Ok(())
    }

    /// Hands out the gradient of a tensor, which is contiguous, to be added to.
    pub(crate) fn with<S: Shape, R>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        f: impl FnOnce(&mut [f32]) -> R,
    ) -> Result<R, CpuError> {
        Ok(f(self.0.get_or_alloc_mut(of)?))
    }

    /// Adds to the gradient of a tensor, which is contiguous.
    pub(crate) fn add<S: Shape>(
        &mut self,
        of: &Tensor<S, f32, Cpu>,
        more: &[f32],
    ) -> Result<(), CpuError> {
        self.with(of, |sums| sums.iter_mut().zip(more).for_each(|(sum, &more)| *sum += more))
    }
}

/// Puts the backward pass of an operation on the tape.
pub(crate) fn record<T: Tape<f32, Cpu>>(
    tape: &mut T,
    backward: impl FnOnce(&mut Grads<'_>) -> Result<(), CpuError> + 'static,
) {
    tape.add_backward_op(move |gradients| backward(&mut Grads(gradients)));
}
