//! Values that are chosen, or scaled, by the row that they are of or by their place in it.

use dfdx::{
    prelude::{BroadcastTo, ChooseFrom, HasShape, TryAdd, TryMul},
    shapes::Axis,
    tensor::{Tape, Tensor},
};

use super::sums::every_row;
use crate::{
    backend::{
        Backend, Element, IntoShape, Scale, apart,
        memory::{collected, elements, elements_of, filled},
        operands::same,
    },
    error::{Error, OrDevice},
    shape::Shape,
};

pub(crate) fn keep_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    keep: &[bool],
    other: E,
) -> Result<Tensor<S, E, D, T>, Error> {
    let others = filled(x.shape().concrete().as_ref(), other)?;
    let others = x.device().try_tensor_from_vec(others, *x.shape()).or_device()?;
    choose_rows([x, others.retaped()], keep)
}

pub(crate) fn choose_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    [x, others]: [Tensor<S, E, D, T>; 2],
    keep: &[bool],
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    let sizes = shape.concrete();
    let count = elements(sizes.as_ref())?;
    if count == 0 {
        return Ok(x);
    }
    let others = apart(&x, others)?;
    let each = count.checked_div(keep.len()).unwrap_or(0);
    if each * keep.len() != count {
        return Err(Error::mismatch("the rows to keep", count, keep.len()));
    }
    let keep = keep.iter().flat_map(|&keep| std::iter::repeat_n(keep, each));
    let keep = collected(sizes.as_ref(), keep)?;
    let keep = dev.try_tensor_from_vec(keep, shape).or_device()?;
    keep.try_choose(x, others).or_device()
}

pub(crate) fn drop_by<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    factors: &[E],
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    if factors.len() != elements_of(&x)? {
        return Err(Error::mismatch("the factors of a dropout", elements_of(&x)?, factors.len()));
    }
    if factors.is_empty() {
        return Ok(x);
    }
    // Chosen, not multiplied by 0: what is dropped may be infinite.
    let dropped = collected(&[factors.len()], factors.iter().map(|&factor| factor == E::zero()))?;
    let dropped = dev.try_tensor_from_vec(dropped, shape).or_device()?;
    let factors = collected(&[factors.len()], factors.iter().copied())?;
    let factors = dev.try_tensor_from_vec(factors, shape).or_device()?;
    let zeros = dev.try_zeros_like(&shape).or_device()?;
    dropped.try_choose(zeros.retaped::<T>(), x.try_mul(factors).or_device()?).or_device()
}

pub(crate) fn add_row<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    row: &Tensor<(usize,), E, D>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (n, width) = *x.shape();
    same("the shape of a row", &(width,), row.shape())?;
    match n * width {
        0 => Ok(x),
        _ => x.try_add(every_row(row.retaped::<T>(), n)?).or_device(),
    }
}

pub(crate) fn clamp<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    least: f64,
    most: f64,
) -> Result<Tensor<S, E, D, T>, Error> {
    x.try_clamp(least, most).or_device()
}

pub(crate) fn scaled<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    scale: Scale<'_, E>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev, count) = (*x.shape(), x.device().clone(), elements_of(&x)?);
    scale.check(count)?;
    if count == 0 {
        return Ok(x);
    }
    let Scale { factors, summands, sum_first } = scale;
    let width = factors.len();
    let rows = (count / width, width);
    let each = |values: &[E]| {
        let one = collected(&[width], values.iter().copied())?;
        let one: Tensor<(usize,), E, D> = dev.try_tensor_from_vec(one, (width,)).or_device()?;
        one.try_broadcast_like::<_, Axis<0>>(&rows).or_device()
    };
    let (factors, summands) = (each(factors)?, each(summands)?);
    let x = x.into_shape(&rows)?;
    let y = match sum_first {
        true => x.try_add(summands).or_device()?.try_mul(factors),
        false => x.try_mul(factors).or_device()?.try_add(summands),
    };
    y.or_device()?.into_shape(&shape)
}
