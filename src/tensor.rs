//! What a layer, loss, metric or optimiser of your own needs of [`dfdx`], so that a program does not depend on it.
//!
//! Tensors, tapes, axes, and the operations as traits: `x + y`, `x.relu()` and the like need none of them. Errors of
//! the device turn into an [`Error`](crate::Error) by `?`; for a device that is generic, [`OrDevice`] does it.

pub use crate::error::OrDevice;
pub use dfdx::{
    shapes::{
        Axes2, Axes3, Axes4, Axis, BroadcastShapeTo, Const, ConstDim, ConstShape, Dim, HasShape,
        Rank0, Rank1, Rank2, Rank3, Rank4, Rank5, ReduceShape, ReduceShapeTo, Shape,
    },
    tensor::{
        AsArray, Cpu, Gradients, Merge, NoneTape, OnesTensor, OwnedTape, PutTape, SampleTensor,
        SplitTape, Tape, Tensor, TensorFrom, TensorFromVec, Trace, ZerosTensor,
    },
    tensor_ops::{
        Backward, BroadcastTo, ChooseFrom, Device, GatherTo, MaxTo, MeanTo, MinTo, PermuteTo,
        ReshapeTo, SelectTo, StddevTo, SumTo, TryAdd, TryConcatAlong, TryDiv, TryMatMul, TryMul,
        TryStack, TrySub, VarTo,
    },
};
