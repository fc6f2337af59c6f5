use dfdx::{
    prelude::{TryMul, TrySub},
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::sums::{every_row, rows_of};
use crate::{
    backend::{
        ActivationKind, Backend, Element, IntoShape, NormWeights,
        memory::{elements_of, filled, listed, look_for_copy},
    },
    error::{Error, OrDevice},
};

pub(crate) fn prelu<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    alpha: &Tensor<(usize,), E, D>,
    places: &[usize],
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (rows, width) = *x.shape();
    if places.len() != width {
        return Err(Error::mismatch("the slopes of a row", width, places.len()));
    }
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    look_for_copy(&x)?;
    let below = D::relu(x.retaped::<T>().try_negate().or_device()?)?;
    let below = if places.iter().copied().eq(0..alpha.shape().0) {
        // To normalise with a mean of 0 and a variance of 1 is to multiply, with sums of gradients that keep their digits.
        let dev = alpha.device();
        let all = |value| dev.try_tensor_from_vec(filled(&[width], value)?, (width,)).or_device();
        let (zeros, ones) = (all(E::zero())?, all(E::one())?);
        let weights = NormWeights { gamma: alpha.clone(), beta: zeros.clone(), epsilon: 0.0 };
        D::batch_norm(below, weights, &zeros, &ones, ActivationKind::Nothing)?
    } else {
        let alpha = alpha.retaped::<T>().into_shape(&(alpha.shape().0, 1_usize))?;
        let spread = rows_of(alpha, listed(places.iter().copied())?)?;
        below.try_mul(every_row(spread, rows)?).or_device()?
    };
    let above = D::relu(x)?;
    look_for_copy(&above)?;
    above.try_sub(below).or_device()
}
