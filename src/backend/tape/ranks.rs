//! Sums over the ranks of a distributed pass.

use std::any::Any;

use dfdx::{
    prelude::ReshapeTo,
    shapes::HasShape,
    tensor::{Cpu, PutTape, SplitTape, Storage, Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, to_values},
    distributed::{self, Pass},
    error::{Error, OrDevice},
};

/// A vector, summed over the ranks of the pass; itself, where there are no others.
///
/// What each rank makes of the sums depends on the values of all, so the gradient is a sum over the ranks too.
pub(crate) fn over_ranks<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize,), E, D, T>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let Some(pass) = distributed::current() else { return Ok(x) };
    let (x, mut tape) = x.try_contiguous().or_device()?.split_tape();
    let mut values = to_values(&x)?;
    sum(&pass, &mut values)?;
    let y = x.device().try_tensor_from_vec(values, *x.shape()).or_device()?;
    if T::OWNS_TAPE {
        let of_y = y.clone();
        tape.add_backward_op(move |grads| {
            grads.try_alloc_for(&of_y)?;
            let mut more = grads.get(&of_y).as_vec();
            let sums = grads.get_or_alloc_mut(&x)?;
            // dfdx has one error type a device, which cannot say which rank failed.
            if let Err(error) = sum(&pass, &mut more).and_then(|()| add::<E, D>(sums, &more)) {
                distributed::keep_failure(error);
            }
            Ok(())
        });
    }
    Ok(y.put_tape(tape))
}

fn sum<E: Element>(pass: &Pass, values: &mut [E]) -> Result<(), Error> {
    let mut wide: Vec<f64> = values.iter().map(|value| value.as_f64()).collect();
    pass.sum(&mut wide)?;
    values.iter_mut().zip(wide).for_each(|(value, sum)| *value = E::of(sum));
    Ok(())
}

/// Adds to a gradient.
fn add<E: Element, D: Storage<E>>(sums: &mut D::Vec, more: &[E]) -> Result<(), Error> {
    let sums: &mut dyn Any = sums;
    let Some(sums) = sums.downcast_mut::<<Cpu as Storage<E>>::Vec>() else {
        let message = "gradients are summed over several ranks on a `Cpu` only".into();
        return Err(Error::Device(message));
    };
    sums.iter_mut().zip(more).for_each(|(sum, &more)| *sum += more);
    Ok(())
}
