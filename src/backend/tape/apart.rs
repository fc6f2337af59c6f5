use dfdx::{
    optim::UnusedTensors,
    prelude::TryMul,
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element},
    error::{Error, OrDevice},
    shape::Shape,
};

/// The second of two tensors, as a tensor of its own if it is the first.
///
/// dfdx keeps a gradient for each tensor, and lends an operation of two tensors both of theirs: if that is one tensor, it
/// panics in the backward pass. Two tensors of the same elements have a gradient each, and the operation that makes one
/// of the other adds it.
pub(crate) fn apart<A, B, E, D, T, U>(
    first: &Tensor<A, E, D, T>,
    second: Tensor<B, E, D, U>,
) -> Result<Tensor<B, E, D, U>, Error>
where
    A: Shape,
    B: Shape,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
    U: Tape<E, D>,
{
    // One of the two places where dfdx shows which tensor is which.
    let mut seen = UnusedTensors::default();
    seen.add(first);
    seen.add(&second);
    if T::OWNS_TAPE && seen.ids[0] == seen.ids[1] {
        second.try_mul(E::one()).or_device()
    } else {
        Ok(second)
    }
}
