//! What a layer, loss, metric or optimiser of your own needs of [`dfdx`], so that a program does not depend on it.
//!
//! Tensors, tapes, axes, and the operations as traits: `x + y`, `x.relu()` and the like need none of them. Errors of
//! the device turn into an [`Error`] by `?`; for a device that is generic, [`OrDevice`] does it.

pub use crate::error::OrDevice;
pub use dfdx::{
    shapes::{
        Axes2, Axes3, Axes4, Axis, BroadcastShapeTo, Const, ConstDim, ConstShape, Dim, HasShape,
        Rank0, Rank1, Rank2, Rank3, Rank4, Rank5, ReduceShape, ReduceShapeTo, Shape,
    },
    tensor::{
        AsArray, Cpu, Gradients, Merge, NoneTape, OnesTensor, OwnedTape, PutTape, SampleTensor,
        SplitTape, Storage, Tape, Tensor, TensorFrom, TensorFromVec, Trace, ZerosTensor,
    },
    tensor_ops::{
        Backward, BroadcastTo, ChooseFrom, Device, GatherTo, MaxTo, MeanTo, MinTo, PermuteTo,
        ReshapeTo, SelectTo, StddevTo, SumTo, TryAdd, TryConcatAlong, TryDiv, TryMatMul, TryMul,
        TryStack, TrySub, VarTo,
    },
};

use crate::{
    backend::{Backend, Element, keep_rows},
    error::Error,
    mask::Mask,
};

/// Puts a value at the steps of the padding of `(Batch, Length, ..)`, whatever stood there, without a gradient.
///
/// # Errors
/// [`Error::Device`]; [`Error::Mismatch`] if the mask has another size.
pub fn fill_padding<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    mask: Option<&Mask>,
    value: E,
) -> Result<Tensor<S, E, D, T>, Error> {
    let Some(mask) = mask else { return Ok(x) };
    let (sizes, steps) = (x.shape().concrete(), [mask.batch(), mask.length()]);
    if !sizes.as_ref().starts_with(&steps) {
        return Err(Error::mismatch("the batch and length of a mask", sizes, steps));
    }
    keep_rows(x, mask.as_slice(), value)
}
