//! What an optimiser needs of a device: the gradient of a parameter as a slice, and the parameter changed by it.

use dfdx::{
    prelude::ReshapeTo,
    shapes::HasShape,
    tensor::{Cpu, Gradients, Storage, Tensor},
};

use kerata_kernels::simd::Arch;

use super::{
    Backend, Element,
    memory::look_for_copy,
    tape::{values_mut, values_of},
    to_values,
};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// Runs loops over slices, compiled for the widest vectors that the processor has.
#[inline(always)]
pub(crate) fn vectorized_loops(loops: impl FnOnce()) {
    Arch::new().dispatch(loops);
}

/// The values of a gradient.
pub(super) fn gradient<S: Shape, E: Element, D: Backend<E>>(
    gradients: &mut Gradients<E, D>,
    of: &Tensor<S, E, D>,
    look: &mut dyn FnMut(&[E]),
) -> Result<(), Error> {
    gradients.try_alloc_for(of).or_device()?;
    look(&to_values(&gradients.get(of))?);
    Ok(())
}

/// The same on the CPU, where nothing is copied.
pub(super) fn gradient_in_place<S: Shape, E: Element>(
    gradients: &mut Gradients<E, Cpu>,
    of: &Tensor<S, E, Cpu>,
    look: &mut dyn FnMut(&[E]),
    vec: impl FnOnce(&mut <Cpu as Storage<E>>::Vec) -> &mut Vec<E>,
) -> Result<(), Error>
where
    Cpu: Backend<E>,
{
    // A gradient lies in memory as its tensor does.
    if values_of(of).is_none() {
        return gradient(gradients, of, look);
    }
    look(vec(gradients.get_or_alloc_mut(of).or_device()?));
    Ok(())
}

/// Hands out the values of a parameter and its gradient, as copies, and takes the values back.
pub(super) fn with_gradient<S: Shape, E: Element, D: Backend<E>>(
    parameter: &mut Tensor<S, E, D>,
    gradients: &mut Gradients<E, D>,
    change: &mut dyn FnMut(&mut [E], &mut [E]) -> Result<(), Error>,
) -> Result<(), Error> {
    gradients.try_alloc_for(parameter).or_device()?;
    let (mut values, mut gradient) = (to_values(parameter)?, to_values(&gradients.get(parameter))?);
    change(&mut values, &mut gradient)?;
    assign(parameter, &values)
}

/// Gives a parameter other values, in the order of its indices.
///
/// # Errors
/// [`Error::Device`]; [`Error::Mismatch`] if there are not as many.
pub(crate) fn assign<S: Shape, E: Element, D: Backend<E>>(
    parameter: &mut Tensor<S, E, D>,
    values: &[E],
) -> Result<(), Error> {
    let expected = parameter.shape().num_elements();
    if expected != values.len() {
        return Err(Error::mismatch("the values of a parameter", expected, values.len()));
    }
    if expected > 0 {
        // In place, so that the parameter stays the one that gradients know.
        *parameter = parameter.clone().try_contiguous().or_device()?;
        look_for_copy(parameter)?;
        parameter.copy_from(values);
    }
    Ok(())
}

/// The same on the CPU, where neither is copied.
pub(super) fn with_gradient_in_place<S: Shape, E: Element>(
    parameter: &mut Tensor<S, E, Cpu>,
    gradients: &mut Gradients<E, Cpu>,
    change: &mut dyn FnMut(&mut [E], &mut [E]) -> Result<(), Error>,
    // That the storage is a `Vec` is known only where `E` is.
    vec: impl FnOnce(&mut <Cpu as Storage<E>>::Vec) -> &mut Vec<E>,
) -> Result<(), Error>
where
    Cpu: Backend<E>,
{
    if values_mut(parameter).is_none() {
        return with_gradient(parameter, gradients, change);
    }
    let gradient = vec(gradients.get_or_alloc_mut(parameter).or_device()?);
    values_mut(parameter).map_or(Ok(()), |values| change(values, gradient))
}

/// Replaces the gradient of a tensor whose values lie in the order of its indices, as [`assign`] leaves them.
pub(super) fn replace_gradient<S: Shape, E: Element>(
    gradients: &mut Gradients<E, Cpu>,
    of: &Tensor<S, E, Cpu>,
    values: &[E],
    vec: impl FnOnce(&mut <Cpu as Storage<E>>::Vec) -> &mut Vec<E>,
) -> Result<(), Error>
where
    Cpu: Backend<E>,
{
    let gradient = vec(gradients.get_or_alloc_mut(of).or_device()?);
    if gradient.len() != values.len() {
        return Err(Error::mismatch("the values of a gradient", gradient.len(), values.len()));
    }
    gradient.copy_from_slice(values);
    Ok(())
}
