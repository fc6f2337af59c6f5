//! What a layer, loss, metric or optimiser of your own needs of [`dfdx`], so that a program does not depend on it.
//!
//! Tensors, tapes, axes, and the operations as traits: `x + y`, `x.relu()` and the like need none of them. Errors of
//! the device turn into an [`Error`] by `?`; for a device that is generic, [`OrDevice`] does it.

pub use crate::{
    error::OrDevice,
    shape::{ConstDim, Dim, Shape},
};
pub use dfdx::{
    shapes::{
        Axes2, Axes3, Axes4, Axis, BroadcastShapeTo, Const, HasShape, Rank0, Rank1, Rank2, Rank3,
        Rank4, Rank5, ReduceShape, ReduceShapeTo,
    },
    tensor::{
        AsArray, Cpu, Gradients, Merge, NoneTape, OnesTensor, OwnedTape, PutTape, SampleTensor,
        SplitTape, Storage, Tape, Tensor, TensorFrom, TensorFromVec, Trace, WithEmptyTape,
        ZerosTensor,
    },
    tensor_ops::{
        BroadcastTo, ChooseFrom, Device, GatherTo, MaxTo, MeanTo, MinTo, PermuteTo, RealizeTo,
        ReshapeTo, SelectTo, StddevTo, SumTo, TryAdd, TryConcatAlong, TryDiv, TryMatMul, TryMul,
        TryStack, TrySub, VarTo,
    },
};

use crate::{
    backend::{Backend, Element, keep_rows},
    error::Error,
    mask::Mask,
};

/// Computes gradients: what `loss.backward()` is.
///
/// ```
/// use kerata::{Cpu, Dense, Error, loss::MeanSquaredError, prelude::*, tensor::{OwnedTape, PutTape}};
///
/// let dev = Cpu::seed_from_u64(0);
/// let net = Dense::<2, 1>::build(&dev)?;
/// let x = dev.tensor([[1.0, 2.0]]).put_tape(OwnedTape::default());
/// let loss = MeanSquaredError.compute(net.forward(x)?, dev.tensor([[0.0]]))?;
/// let gradients = loss.backward();
/// assert_eq!(gradients.get(&net.kernel).shape(), net.kernel.shape());
/// # use kerata::tensor::HasShape;
/// # Ok::<(), Error>(())
/// ```
// All types have it, and what is asked of the loss is said by a trait of its own, with words.
pub trait Backward: Sized {
    /// The gradients of a loss, with respect to all that it was computed from.
    ///
    /// # Panics
    /// If the device fails, as for want of memory; [`try_backward`](Backward::try_backward) does not.
    fn backward(self) -> Self::Gradients
    where
        Self: Recorded,
    {
        match self.gradients() {
            Ok(gradients) => gradients,
            Err(error) => panic!("{error}"),
        }
    }

    /// The gradients of a loss, with respect to all that it was computed from.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn try_backward(self) -> Result<Self::Gradients, Error>
    where
        Self: Recorded,
    {
        self.gradients()
    }
}

impl<L> Backward for L {}

/// What gradients can be computed from: a loss [with a tape](OnTape) that operations were [recorded](Records) on.
pub trait Recorded {
    /// [`Gradients`].
    type Gradients;

    /// The gradients.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn gradients(self) -> Result<Self::Gradients, Error>;
}

impl<L> Recorded for L
where
    L: OnTape,
    L::Tape: Records<L::Element, L::Device>,
{
    type Gradients = Gradients<L::Element, L::Device>;

    fn gradients(self) -> Result<Self::Gradients, Error> {
        self.run()
    }
}

/// A loss: a tensor of one number.
#[diagnostic::on_unimplemented(
    message = "a loss is one number, and no gradients can be computed from `{Self}`",
    label = "not one number",
    note = "a loss of `kerata::loss` computes one, and so does `.mean()`"
)]
pub trait OnTape {
    /// The type of the number.
    type Element;
    /// The device.
    type Device: Storage<Self::Element>;
    /// The tape.
    type Tape;

    /// The gradients.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn run(self) -> Result<Gradients<Self::Element, Self::Device>, Error>
    where
        Self::Tape: Records<Self::Element, Self::Device>;
}

// For one shape only, so that the compiler finds out what `.sum().backward()` is the sum of.
#[diagnostic::do_not_recommend]
impl<E, D: RunsBack<E>, T> OnTape for Tensor<Rank0, E, D, T> {
    type Element = E;
    type Device = D;
    type Tape = T;

    fn run(self) -> Result<Gradients<E, D>, Error>
    where
        T: Records<E, D>,
    {
        D::run_back(self)
    }
}

/// A device that can run a tape backwards.
#[doc(hidden)]
pub trait RunsBack<E>: Storage<E> {
    fn run_back<T>(loss: Tensor<Rank0, E, Self, T>) -> Result<Gradients<E, Self>, Error>
    where
        T: Records<E, Self>;
}

impl<E, D> RunsBack<E> for D
where
    E: Clone,
    D: Storage<E>,
    Tensor<Rank0, E, D>: PutTape<OwnedTape<E, D>, Output = Tensor<Rank0, E, D, OwnedTape<E, D>>>,
    Tensor<Rank0, E, D, OwnedTape<E, D>>: dfdx::tensor_ops::Backward<E, D>,
{
    fn run_back<T>(loss: Tensor<Rank0, E, D, T>) -> Result<Gradients<E, D>, Error>
    where
        T: Records<E, D>,
    {
        let (loss, tape) = loss.split_tape();
        dfdx::tensor_ops::Backward::try_backward(loss.put_tape(tape.recorded())).or_device()
    }
}

/// A tape that operations are recorded on.
#[diagnostic::on_unimplemented(
    message = "nothing was recorded on the way to this loss, so there are no gradients",
    label = "no tape",
    note = "put one under the input: `net.forward_mut(x.put_tape(OwnedTape::default()))`"
)]
pub trait Records<E, D: Storage<E>>: Sized {
    /// The tape.
    fn recorded(self) -> OwnedTape<E, D>;
}

// By way of another trait, as the compiler would list the one tape that is meant, at length.
#[diagnostic::do_not_recommend]
impl<E, D: Storage<E>, T: Into<OwnedTape<E, D>>> Records<E, D> for T {
    fn recorded(self) -> OwnedTape<E, D> {
        self.into()
    }
}

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
