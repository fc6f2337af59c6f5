use dfdx::{
    prelude::{
        GatherTo, HasShape, PermuteTo, ReshapeTo, TryAdd, TryConcatAlong, TryMatMul, TryMul,
    },
    shapes::{Axes3, Axis},
    tensor::{Tape, Tensor},
};

use super::{
    pointwise::finish,
    sums::{every_row, middle_sums, product},
};
use crate::{
    backend::{
        Backend, ConvWeights, Element, Epilogue, FixedNorm, IntoShape,
        memory::{collected, elements, elements_of, filled},
        to_values,
        window::{ActivationKind, ImageShape, Pooling, Window},
        zeros_after,
    },
    error::{Error, OrDevice},
};

/// For each image, each place and each tap of the window the channels of its pixel; `padding` where there is none.
fn windows<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    window: &Window,
    padding: E,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let (batch, height, width, channels) = *x.shape();
    let dev = x.device().clone();
    let pixels = height * width;
    let x: Tensor<(usize, usize, usize), E, D, T> = x.into_shape(&(batch, pixels, channels))?;
    // One pixel more, for the padding.
    let more = dev
        .try_tensor_from_vec(filled(&[batch, channels], padding)?, (batch, 1, channels))
        .or_device()?;
    let x: Tensor<(usize, usize, usize), E, D, T> =
        (x, more.retaped::<T>()).try_concat_along(Axis::<1>).or_device()?;
    let of_one = [window.outputs(), window.taps()];
    elements(&[batch, of_one[0], of_one[1], channels])?;
    let of_one = collected(&of_one, window.pixels().map(|pixel| pixel.unwrap_or(pixels)))?;
    let sizes = [batch, of_one.len()];
    let all = collected(&sizes, (0..batch).flat_map(|_| of_one.iter().copied()))?;
    let all = dev.try_tensor_from_vec(all, (batch, of_one.len())).or_device()?;
    x.try_gather(all).or_device()
}

pub(crate) fn conv2d<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    weights: ConvWeights<'_, E, D>,
    window: &Window,
    then: Epilogue<E, D>,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    weights.check(x.shape(), window)?;
    let ConvWeights { kernel, bias, groups, .. } = weights;
    let (batch, _, _, channels) = *x.shape();
    let filters = kernel.shape().1;
    let out = (batch, window.places[0], window.places[1], filters);
    let rows = elements(&[batch, window.places[0], window.places[1]])?;
    elements_of(&out)?;
    if rows * filters * channels == 0 {
        return zeros_after(x, &out);
    }
    let windows = windows(x, window, E::zero())?;
    let mut y = if groups == 1 {
        let windows = windows.into_shape(&(rows, window.taps() * channels))?;
        product(windows, kernel.retaped::<T>())?
    } else {
        // Each group by itself: its channels, and its filters.
        let (taps, each) = (window.taps(), channels / groups);
        let windows = grouped(windows.into_shape(&(rows * taps, groups, each))?)?;
        let windows = windows.into_shape(&(groups, rows, taps * each))?;
        let kernel = kernel.retaped::<T>().into_shape(&(taps * each, groups, filters / groups))?;
        let y = windows.try_matmul(grouped(kernel)?).or_device()?;
        grouped(y)?.into_shape(&(rows, filters))?
    };
    if let Some(bias) = bias {
        y = y.try_add(every_row(bias.retaped::<T>(), rows)?).or_device()?;
    }
    if let Some(FixedNorm { weights, mean, variance }) = then.norm {
        let activation = ActivationKind::Nothing;
        y = D::batch_norm(y, weights, &mean, &variance, activation)?;
    }
    finish(y.into_shape(&out)?, then.activation)
}

/// The first two axes exchanged.
fn grouped<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    let x = x.try_permute::<(usize, usize, usize), Axes3<1, 0, 2>>().or_device()?;
    x.try_contiguous().or_device()
}

pub(crate) fn pool2d<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<ImageShape, E, D, T>,
    pooling: Pooling,
    window: &Window,
) -> Result<Tensor<ImageShape, E, D, T>, Error> {
    crate::backend::check_window(window, x.shape())?;
    let (batch, _, _, channels) = *x.shape();
    let out = (batch, window.places[0], window.places[1], channels);
    let rows = elements(&[batch, window.places[0], window.places[1]])?;
    elements_of(&out)?;
    if rows * channels == 0 {
        return zeros_after(x, &out);
    }
    let dev = x.device().clone();
    let padding = match pooling {
        Pooling::Max => E::neg_infinity(),
        Pooling::Average => E::zero(),
    };
    let windows = windows(x, window, padding)?;
    let windows = windows.into_shape(&(rows, window.taps(), channels))?;
    let pooled: Tensor<(usize, usize), E, D, T> = match pooling {
        Pooling::Max => {
            // dfdx's maximum hands the gradient to each of several equals; here the first of them has it.
            let values = to_values(&windows)?;
            let first = largest(&values, window, channels);
            let first = dev.try_tensor_from_vec(first, (rows * channels,)).or_device()?;
            let flat: Tensor<(usize,), E, D, T> = windows.into_shape(&(values.len(),))?;
            let largest: Tensor<(usize,), E, D, T> = flat.try_gather(first).or_device()?;
            largest.into_shape(&(rows, channels))?
        }
        Pooling::Average => {
            let sums = middle_sums(windows)?;
            let shares: Vec<E> = shares(window).map(E::of).collect();
            let shares = (0..batch)
                .flat_map(|_| shares.iter())
                .flat_map(|&share| std::iter::repeat_n(share, channels));
            let shares = collected(&[rows, channels], shares)?;
            let shares = dev.try_tensor_from_vec(shares, (rows, channels)).or_device()?;
            sums.try_mul(shares).or_device()?
        }
    };
    pooled.into_shape(&out)
}

/// Where the largest number of each window and channel is: the first of equals, or the first NaN. Padding never wins.
fn largest<E: Element>(values: &[E], window: &Window, channels: usize) -> Vec<usize> {
    let taps = window.taps();
    let real: Vec<Vec<usize>> = (0..window.outputs())
        .map(|place| (0..taps).filter(|&tap| window.pixel(place, tap).is_some()).collect())
        .collect();
    let of_one = |row: usize, channel: usize| {
        let at = |tap: usize| (row * taps + tap) * channels + channel;
        let real = real[row % real.len()].iter().map(|&tap| at(tap));
        let larger = |best: usize, next: usize| {
            let (x, largest) = (values[next], values[best]);
            if x > largest || (x.is_nan() && !largest.is_nan()) { next } else { best }
        };
        real.reduce(larger).unwrap_or_else(|| at(0))
    };
    let rows = values.len() / (taps * channels);
    (0..rows).flat_map(|row| (0..channels).map(move |channel| of_one(row, channel))).collect()
}

/// One over the number of pixels that are no padding, for each place.
fn shares(window: &Window) -> impl Iterator<Item = f64> + '_ {
    (0..window.outputs()).map(|place| {
        let real = (0..window.taps()).filter(|&tap| window.pixel(place, tap).is_some()).count();
        1.0 / real.max(1) as f64
    })
}
