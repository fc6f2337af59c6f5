//! What an optimiser needs of a device: the gradient of a parameter as a slice, and the parameter changed by it.

use dfdx::{
    prelude::ReshapeTo,
    shapes::{HasShape, Shape},
    tensor::{Cpu, Gradients, Storage, Tensor, TensorFromVec},
};

use super::{Backend, Element, to_values};
use crate::error::{Error, OrDevice};

/// Runs loops over slices, compiled for the widest vectors that the processor has.
#[inline(always)]
pub(crate) fn vectorized_loops(loops: impl FnOnce()) {
    pulp::Arch::new().dispatch(loops);
}

/// The values of a gradient.
pub(super) fn gradient<S: Shape, E: Element, D: Backend<E>, R>(
    gradients: &mut Gradients<E, D>,
    of: &Tensor<S, E, D>,
    look: impl FnOnce(&[E]) -> R,
) -> Result<R, Error> {
    gradients.try_alloc_for(of).or_device()?;
    Ok(look(&to_values(&gradients.get(of))?))
}

/// Subtracts from a parameter what `change` makes of its gradient, and a fraction of itself.
pub(super) fn descend<S: Shape, E: Element, D: Backend<E>>(
    parameter: &mut Tensor<S, E, D>,
    gradients: &mut Gradients<E, D>,
    decay: E,
    change: impl FnOnce(&Tensor<S, E, D>, &mut [E]) -> Result<(), Error>,
) -> Result<(), Error> {
    gradients.try_alloc_for(parameter).or_device()?;
    let mut gradient = to_values(&gradients.get(parameter))?;
    change(parameter, &mut gradient)?;
    let mut values = to_values(parameter)?;
    let kept = E::one() - decay;
    vectorized_loops(|| {
        for (value, g) in values.iter_mut().zip(&gradient) {
            *value = *value * kept - *g;
        }
    });
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
        parameter.copy_from(values);
    }
    Ok(())
}

/// The same on the CPU, where neither is copied.
pub(super) fn descend_in_place<S: Shape, E: Element>(
    parameter: &mut Tensor<S, E, Cpu>,
    gradients: &mut Gradients<E, Cpu>,
    decay: E,
    change: impl FnOnce(&Tensor<S, E, Cpu>, &mut [E]) -> Result<(), Error>,
    // That the storage is a `Vec` is known only where `E` is.
    vec: impl FnOnce(&mut <Cpu as Storage<E>>::Vec) -> &mut Vec<E>,
) -> Result<(), Error>
where
    Cpu: Backend<E>,
{
    if !is_row_major(parameter) {
        return descend(parameter, gradients, decay, change);
    }
    let gradient = vec(gradients.get_or_alloc_mut(parameter).or_device()?);
    change(parameter, gradient)?;
    // The gradient is used up: its memory becomes a tensor.
    let (values, dev) = (std::mem::take(gradient), parameter.device().clone());
    let gradient = dev.try_tensor_from_vec(values, *parameter.shape()).or_device()?;
    // The stride along an axis of one element says nothing, but both tensors must have the same.
    *parameter = parameter.clone().try_contiguous().or_device()?;
    parameter.try_axpy(1.0 - decay.as_f64(), &gradient, -1.0).or_device()
}

/// Whether a tensor that has values has them in the order of its indices, without gaps.
pub(super) fn is_row_major<S: Shape, E: Element>(x: &Tensor<S, E, Cpu>) -> bool {
    let sizes = x.shape().concrete();
    if x.shape().num_elements() == 0 {
        return false;
    }
    let first = &raw const x[S::Concrete::default()];
    (0..S::NUM_DIMS).all(|axis| {
        let mut at = S::Concrete::default();
        at[axis] = 1.min(sizes[axis] - 1);
        sizes[axis] == 1 || &raw const x[at] == first.wrapping_add(x.shape().strides()[axis])
    })
}
