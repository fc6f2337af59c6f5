use dfdx::{
    prelude::{PermuteTo, ReshapeTo},
    shapes::{Axes4, HasShape},
    tensor::{Tape, Tensor},
};

use super::norm::{batch_norm, layer_norm};
use crate::{
    backend::{
        ActivationKind, Backend, Centre, Element, IntoShape, NormWeights,
        memory::{elements, filled},
    },
    error::{Error, OrDevice},
};

type Four = (usize, usize, usize, usize);

/// # Errors
/// [`Error::Mismatch`] if the channels are not those of the weights, or no multiple of the groups.
pub(crate) fn check_groups<E: Element, D: Backend<E>>(
    weights: &NormWeights<E, D>,
    channels: usize,
    groups: usize,
) -> Result<(), Error> {
    weights.check(channels)?;
    if groups == 0 || !channels.is_multiple_of(groups) {
        let expected = format!("a multiple of {groups}");
        return Err(Error::mismatch(
            "the channels of a normalisation of groups",
            expected,
            channels,
        ));
    }
    Ok(())
}

pub(crate) fn group_norm<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    weights: NormWeights<E, D>,
    groups: usize,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (shape @ (batch, held, channels), dev) = (*x.shape(), x.device().clone());
    check_groups(&weights, channels, groups)?;
    if elements(&[batch, held, channels])? == 0 {
        return Ok(x);
    }
    let width = channels / groups;
    let apart = x.into_shape(&(batch, held, groups, width))?;
    // The values of a group, with all that it holds, in a row.
    let row = held * width;
    let each = NormWeights {
        gamma: constant(&dev, row, 1.0)?,
        beta: constant(&dev, row, 0.0)?,
        epsilon: weights.epsilon,
    };
    let rows = swapped(apart)?.into_shape(&(batch * groups, row))?;
    let rows = layer_norm(rows, each, Centre::Mean)?;
    let back = swapped(rows.into_shape(&(batch, groups, held, width))?)?;
    // What is done to each channel is done where they stand last.
    let (mean, variance) = (constant(&dev, channels, 0.0)?, constant(&dev, channels, 1.0)?);
    let back = back.into_shape(&(batch * held, channels))?;
    let weights = NormWeights { epsilon: 0.0, ..weights };
    batch_norm(back, weights, &mean, &variance, ActivationKind::Nothing)?.into_shape(&shape)
}

/// One value for each feature.
fn constant<E: Element, D: Backend<E>>(
    dev: &D,
    features: usize,
    value: f64,
) -> Result<Tensor<(usize,), E, D>, Error> {
    let values = filled(&[features], E::of(value))?;
    dev.try_tensor_from_vec(values, (features,)).or_device()
}

/// With the middle dimensions the other way around.
fn swapped<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<Four, E, D, T>,
) -> Result<Tensor<Four, E, D, T>, Error> {
    let &(batch, a, b, width) = x.shape();
    if a == 1 || b == 1 {
        return x.into_shape(&(batch, b, a, width));
    }
    let x: Tensor<Four, E, D, T> = x.try_permute::<_, Axes4<0, 2, 1, 3>>().or_device()?;
    x.try_contiguous().or_device()
}
