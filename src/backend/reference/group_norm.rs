use dfdx::{
    prelude::{PermuteTo, ReshapeTo},
    shapes::{Axes4, HasShape},
    tensor::{Tape, Tensor},
};

use super::norm::{batch_norm, layer_norm};
use crate::{
    backend::{ActivationKind, Backend, Centre, Element, IntoShape, NormWeights, memory::elements},
    error::{Error, OrDevice},
};

type Four = (usize, usize, usize, usize);

pub(crate) fn group_norm<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    weights: NormWeights<E, D>,
    groups: usize,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (shape @ (batch, held, channels), dev) = (*x.shape(), x.device().clone());
    weights.check_groups(channels, groups)?;
    if elements(&[batch, held, channels])? == 0 {
        return Ok(x);
    }
    let width = channels / groups;
    let apart = x.into_shape(&(batch, held, groups, width))?;
    // The values of a group, with all that it holds, in a row.
    let row = held * width;
    let each = NormWeights {
        gamma: dev.try_ones_like(&(row,)).or_device()?,
        beta: dev.try_zeros_like(&(row,)).or_device()?,
        epsilon: weights.epsilon,
    };
    let rows = swapped(apart)?.into_shape(&(batch * groups, row))?;
    let rows = layer_norm(rows, each, Centre::Mean)?;
    let back = swapped(rows.into_shape(&(batch, groups, held, width))?)?;
    // What is done to each channel is done where they stand last.
    let mean = dev.try_zeros_like(&(channels,)).or_device()?;
    let variance = dev.try_ones_like(&(channels,)).or_device()?;
    let back = back.into_shape(&(batch * held, channels))?;
    let weights = NormWeights { epsilon: 0.0, ..weights };
    batch_norm(back, weights, &mean, &variance, ActivationKind::Nothing)?.into_shape(&shape)
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
