use dfdx::tensor::{Gradients, Tensor};

use crate::{
    backend::{Backend, Element, largest, to_values},
    error::{Error, OrDevice},
    shape::Shape,
};

pub(crate) fn largest_gradient<S: Shape, E: Element, D: Backend<E>>(
    gradients: &mut Gradients<E, D>,
    of: &Tensor<S, E, D>,
) -> Result<E, Error> {
    gradients.try_alloc_for(of).or_device()?;
    Ok(largest(&to_values(&gradients.get(of))?))
}
