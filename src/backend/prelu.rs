//! Rectifiers with slopes that are weights.

use dfdx::{
    prelude::{TryMul, TrySub},
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::{
    ActivationKind, Backend, Element, IntoShape, NormWeights, every_row,
    memory::{elements, elements_of, filled, look_for_copy},
    rows_of,
};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// The slope of each of the last values of a sample, of which there are so many along the last axes.
fn spread<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    alpha: &Tensor<S, E, D>,
    own: &[usize],
    sizes: &[usize],
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let mut places = vec![0];
    for (&own, &size) in own.iter().zip(sizes) {
        let along =
            |place: usize| (0..size).map(move |i| place * own + if own == 1 { 0 } else { i });
        places = places.into_iter().flat_map(along).collect();
    }
    let count = places.len();
    rows_of(alpha.retaped::<T>().into_shape(&(elements(own)?, 1))?, places)?.into_shape(&(count,))
}

/// `max(x, 0) - alpha * max(-x, 0)` of samples of some `sizes`, with as many slopes along each axis as `own` says: 1 is
/// one slope for all.
///
/// # Errors
/// [`Error::Mismatch`] if there are others than these along an axis; [`Error::Device`].
pub(crate) fn prelu<S: Shape, A: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    sizes: &[usize],
    alpha: &Tensor<A, E, D>,
    own: &[usize],
) -> Result<Tensor<S, E, D, T>, Error> {
    let shape = *x.shape();
    let total = elements_of(&shape)?;
    if total == 0 {
        return Ok(x);
    }
    if let Some((own, size)) = own.iter().zip(sizes).find(|(own, size)| **own != 1 && own != size) {
        return Err(Error::mismatch(
            "the values along an axis with slopes of their own",
            own,
            size,
        ));
    }
    // Axes in front that share their slopes are rows.
    let first = own.iter().take_while(|own| **own == 1).count().min(own.len().saturating_sub(1));
    let (own, sizes) = (&own[first..], &sizes[first..]);
    let width = elements(sizes)?;
    look_for_copy(&x)?;
    let below = D::relu(x.retaped::<T>().try_negate().or_device()?)?;
    let below: Tensor<(usize, usize), E, D, T> = below.into_shape(&(total / width, width))?;
    let below = if own == sizes {
        // To normalise with a mean of 0 and a variance of 1 is to multiply, with sums of gradients that keep their digits.
        let (gamma, dev) = (alpha.clone().into_shape(&(width,))?, alpha.device());
        let all = |value| dev.try_tensor_from_vec(filled(&[width], value)?, (width,)).or_device();
        let (zeros, ones) = (all(E::zero())?, all(E::one())?);
        let weights = NormWeights { gamma, beta: zeros.clone(), epsilon: 0.0 };
        D::batch_norm(below, weights, &zeros, &ones, ActivationKind::Nothing)?
    } else {
        let alpha = every_row(spread::<_, E, D, T>(alpha, own, sizes)?, total / width)?;
        below.try_mul(alpha).or_device()?
    };
    let above = D::relu(x)?;
    look_for_copy(&above)?;
    above.try_sub(below.into_shape(&shape)?).or_device()
}
