use dfdx::{
    prelude::{Axis, BroadcastTo, GatherTo, HasShape, SumTo, TryAdd, TryConcatAlong, TryMul},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{
        Backend, Element, ImageShape, IntoShape, Resampling,
        memory::{collected, elements},
        zeros_after,
    },
    error::{Error, OrDevice},
};

pub(crate) fn resampled<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    to: &Resampling,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    let (batch, rows, columns, channels) = *x.shape();
    let [height, width] = to.size;
    let out = (batch, height, width, channels);
    let (new, taps) = (elements(&[height, width])?, to.taps);
    if elements(&[batch, new, taps, channels])? == 0 || rows * columns == 0 {
        return zeros_after(x, &out);
    }
    let dev = x.device().clone();
    let pixels = rows * columns;
    let x = x.into_shape(&(batch, pixels, channels))?;
    // One pixel more, of zeros, in place of those outside.
    let zeros = dev.try_zeros_like(&(batch, 1, channels)).or_device()?.retaped::<T>();
    let x: Tensor<(usize, usize, usize), E, D, T> =
        (x, zeros).try_concat_along(Axis::<1>).or_device()?;
    let places = to.pixels.iter().map(|&pixel| pixel.min(pixels));
    let places = collected(&[batch, new, taps], places)?;
    let places = dev.try_tensor_from_vec(places, (batch, new * taps)).or_device()?;
    let taken: Tensor<(usize, usize, usize), E, D, T> = x.try_gather(places).or_device()?;
    let taken = taken.into_shape(&(batch * new, taps, channels))?;
    let of = |values: &[f64]| collected(&[values.len()], values.iter().map(|&v| E::of(v)));
    let weights: Tensor<(usize, usize), E, D> =
        dev.try_tensor_from_vec(of(&to.weights)?, (batch * new, taps)).or_device()?;
    let weights =
        weights.try_broadcast_like::<_, Axis<2>>(&(batch * new, taps, channels)).or_device()?;
    let y: Tensor<(usize, usize), E, D, T> =
        taken.try_mul(weights).or_device()?.try_sum::<_, Axis<1>>().or_device()?;
    let added: Tensor<(usize,), E, D> =
        dev.try_tensor_from_vec(of(&to.added)?, (batch * new,)).or_device()?;
    let added = added.try_broadcast_like::<_, Axis<1>>(&(batch * new, channels)).or_device()?;
    y.try_add(added).or_device()?.into_shape(&out)
}
