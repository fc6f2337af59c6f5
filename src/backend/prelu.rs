//! Rectifiers with slopes that are weights.

use dfdx::{
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::{
    Backend, Element, IntoShape,
    memory::{elements, elements_of, reserved},
};
use crate::{error::Error, shape::Shape};

/// Which slope each of the last values of a sample has, of which there are so many along the last axes.
fn places(own: &[usize], sizes: &[usize]) -> Result<Vec<usize>, Error> {
    let mut places = vec![0];
    for (&own, &size) in own.iter().zip(sizes) {
        let before = std::mem::take(&mut places);
        places = reserved(elements(&[before.len(), size])?)?;
        for place in before {
            places.extend((0..size).map(|i| place * own + if own == 1 { 0 } else { i }));
        }
    }
    Ok(places)
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
    let (width, alpha) = (elements(sizes)?, alpha.clone().into_shape(&(elements(own)?,))?);
    let x = x.into_shape(&(total / width, width))?;
    D::prelu(x, &alpha, &places(own, sizes)?)?.into_shape(&shape)
}
