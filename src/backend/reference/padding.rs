use dfdx::tensor::{Tape, Tensor};

use crate::{
    backend::{Backend, Element, keep_rows, largest_padding, to_values},
    error::Error,
    mask::Mask,
    shape::Shape,
};

pub(crate) fn bounded_padding<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    mask: Option<&Mask>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let Some(mask) = mask else { return Ok(x) };
    let values = to_values(&x)?;
    if values.is_empty() {
        return Ok(x);
    }
    let steps = values.chunks_exact(values.len() / mask.as_slice().len()).zip(mask.as_slice());
    let most = largest_padding::<E>();
    // NaN is not at most anything.
    let keep: Vec<bool> =
        steps.flat_map(|(step, &real)| step.iter().map(move |x| real || x.abs() <= most)).collect();
    keep_rows(x, &keep, E::zero())
}
