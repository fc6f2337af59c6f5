//! Data as plain numbers, so that ranks can tell each other what they have computed: the sizes of each tensor, then its values.

use dfdx::{
    prelude::{TensorFromVec, Unit},
    shapes::HasShape,
    tensor::Tensor,
};
use num_traits::{NumCast, cast};

use crate::{
    backend::{memory::reserved, to_values},
    error::{Error, OrDevice},
    mask::Mask,
    shape,
    shape::Shape,
};

/// What is left of a message.
pub type Rest<'a, 'b> = &'a mut &'b [f64];

pub(crate) fn send<S: Shape, E: Unit + NumCast, D: TensorFromVec<E>>(
    data: &Tensor<S, E, D>,
    message: &mut Vec<f64>,
) -> Result<(), Error> {
    message.extend(data.shape().concrete().into_iter().map(|size| size as f64));
    let values = to_values(data)?;
    message.extend(values.into_iter().map(|value| cast(value).unwrap_or(f64::NAN)));
    Ok(())
}

pub(crate) fn receive<S: Shape, E: Unit + NumCast, D: TensorFromVec<E>>(
    rest: Rest<'_, '_>,
    dev: &D,
) -> Result<Tensor<S, E, D>, Error> {
    let mut sizes = S::Concrete::default();
    let own = take(rest, S::NUM_DIMS)?;
    own.iter().enumerate().for_each(|(axis, &size)| sizes[axis] = size as usize);
    let shape = S::from_concrete(&sizes).ok_or_else(|| {
        Error::mismatch("what a rank has computed", shape::display::<S>(), format!("{own:?}"))
    })?;
    let sent = take(rest, shape.num_elements())?;
    let mut values = reserved::<E>(sent.len())?;
    values.extend(sent.iter().map(|&value| cast::<f64, E>(value).unwrap_or_default()));
    dev.try_tensor_from_vec(values, shape).or_device()
}

pub(crate) fn send_mask(mask: &Mask, message: &mut Vec<f64>) {
    message.extend([mask.batch() as f64, mask.length() as f64]);
    message.extend(mask.as_slice().iter().map(|&keep| if keep { 1.0 } else { 0.0 }));
}

pub(crate) fn receive_mask(rest: Rest<'_, '_>) -> Result<Mask, Error> {
    let sizes = take(rest, 2)?;
    let (batch, length) = (sizes[0] as usize, sizes[1] as usize);
    let keep = take(rest, batch.saturating_mul(length))?;
    let keep: Vec<bool> = keep.iter().map(|&keep| keep != 0.0).collect();
    Mask::from_bools(keep, batch, length)
}

fn take<'b>(rest: Rest<'_, 'b>, count: usize) -> Result<&'b [f64], Error> {
    let parts = rest.split_at_checked(count);
    let (own, left) =
        parts.ok_or_else(|| Error::mismatch("what a rank has computed", count, rest.len()))?;
    *rest = left;
    Ok(own)
}
