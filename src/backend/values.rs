//! What operations of every device have in common: values as slices, and what they are checked for.

use std::any::Any;

use dfdx::{
    shapes::Unit,
    tensor::{Cpu, NoneTape, PutTape, SplitTape, Storage, Tape, Tensor},
};

use super::{
    Backend, Element,
    memory::{elements_of, look_for_values},
    tape::values_of,
};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// Looks for labels where there is no class: those of more classes have been checked.
///
/// # Errors
/// [`Error::LabelOutOfRange`].
pub(crate) fn check_classes(labels: &[usize], classes: usize) -> Result<(), Error> {
    match labels.first() {
        Some(&label) if classes == 0 => Err(Error::LabelOutOfRange { label, classes, position: 0 }),
        _ => Ok(()),
    }
}

/// The values of a tensor, in the order of its indices. (dfdx's `as_vec` panics if there are none.)
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn to_values<S: Shape, E: Unit, D: Storage<E>, T>(
    x: &Tensor<S, E, D, T>,
) -> Result<Vec<E>, Error> {
    match elements_of(x)? {
        0 => Ok(Vec::new()),
        len => {
            // A copy aborts where there is no memory, so this looks first.
            look_for_values::<E>(len)?;
            let x = x.retaped::<NoneTape>();
            let of_cpu = (&x as &dyn Any).downcast_ref::<Tensor<S, E, Cpu>>();
            // `as_vec` goes from one value to the next.
            Ok(of_cpu.and_then(values_of).map_or_else(|| x.as_vec(), <[E]>::to_vec))
        }
    }
}

/// The largest magnitude that stays in the padding. A sum of 2^20 squares of it is finite, with room for weights.
pub(crate) fn largest_padding<E: Element>() -> E {
    E::max_value().sqrt() * E::of(1e-6)
}

/// The largest magnitude of some values: NaN if one of them is NaN, 0 if there are none.
pub(crate) fn largest<E: Element>(values: &[E]) -> E {
    values.iter().fold(
        E::zero(),
        |most, x| {
            if x.is_nan() || x.abs() > most { x.abs() } else { most }
        },
    )
}

/// Zeros of the given shape on the tape of `x`: the result of an operation on no values, which dfdx's
/// iterators do not survive.
pub(crate) fn zeros_after<S: Shape, O: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    shape: &O,
) -> Result<Tensor<O, E, D, T>, Error> {
    elements_of(shape)?;
    let (x, tape) = x.split_tape();
    Ok(x.device().try_zeros_like(shape).or_device()?.put_tape(tape))
}
