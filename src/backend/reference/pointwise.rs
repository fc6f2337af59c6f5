use dfdx::{
    prelude::{
        BroadcastTo, ChooseFrom, HasShape, MaxTo, ReshapeTo, SelectTo, TryAdd, TryDiv, TryEq,
        TryLe, TryLt, TryMul, TrySub,
    },
    shapes::Axis,
    tensor::{NoneTape, Tape, Tensor},
};

use super::sums::{along_rows, row_sums};
use crate::{
    backend::{
        ActivationKind, Backend, Element, Elementwise, IntoShape, WithFunction, check_classes,
        drop_values, dropout_parts,
        memory::{elements_of, filled, listed, look_for_copy},
        near, random_u64, rows_in_batch, to_values, turned, zeros_after,
    },
    error::{Error, OrDevice},
    mask::Mask,
    shape::Shape,
};

pub(crate) fn relu<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    // NaN is not at most 0 and stays; `try_relu` makes it 0.
    let zeros = x.device().try_zeros_like(x.shape()).or_device()?;
    let negative = x.try_le(E::zero()).or_device()?;
    negative.try_choose(zeros.retaped::<T>(), x).or_device()
}

/// What is done to the values of a result.
pub(crate) fn finish<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    then: ActivationKind,
) -> Result<Tensor<S, E, D, T>, Error> {
    match then {
        ActivationKind::Nothing => Ok(x),
        ActivationKind::Rectifier => D::relu(x),
        ActivationKind::HyperbolicTangent => D::tanh(x),
        ActivationKind::Logistic => D::sigmoid(x),
    }
}

pub(crate) fn add<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    a: Tensor<S, E, D, T>,
    b: Tensor<S, E, D, T>,
    then: ActivationKind,
) -> Result<Tensor<S, E, D, T>, Error> {
    finish(a.try_add(b).or_device()?, then)
}

pub(crate) fn tanh<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    x.try_tanh().or_device()
}

pub(crate) fn sigmoid<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if x.shape().num_elements() == 0 {
        return Ok(x);
    }
    // By `e = exp(-|x|)`, which cannot overflow: `1 / (1 + e)`, and `e / (1 + e)` below 0. (The slope of `try_abs` at 0
    // would be 0.)
    let below = x.try_lt(E::zero()).or_device()?;
    let opposite = x.retaped::<T>().try_negate().or_device()?;
    let e = below.clone().try_choose(x, opposite).or_device()?.try_exp().or_device()?;
    let share = e.retaped::<T>().try_add(E::one()).or_device()?.try_recip().or_device()?;
    let small = e.try_mul(share.retaped::<T>()).or_device()?;
    below.try_choose(small, share).or_device()
}

/// A function of each value, by its value and slope at what is there.
pub(crate) fn activation<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    function: Elementwise,
) -> Result<Tensor<S, E, D, T>, Error> {
    struct Values<E>(Vec<E>);

    impl<E: Element> WithFunction<E> for Values<E> {
        type Out = [Vec<E>; 2];

        fn run(self, function: impl Fn(E) -> E, slope: impl Fn(E, E) -> E) -> [Vec<E>; 2] {
            self.of(&function, &slope)
        }
    }

    impl<E: Element> Values<E> {
        // Compiled once, not for each function.
        fn of(self, function: &dyn Fn(E) -> E, slope: &dyn Fn(E, E) -> E) -> [Vec<E>; 2] {
            let y: Vec<E> = self.0.iter().map(|&x| function(x)).collect();
            let slopes = self.0.iter().zip(&y).map(|(&x, &y)| slope(x, y)).collect();
            [y, slopes]
        }
    }

    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let arguments = to_values(&x)?;
    let Some([y, slopes]) = function.with(Values(arguments.clone())) else {
        let expected = "an activation that is a function of each value";
        return Err(Error::invalid("activation", function, expected));
    };
    // What is not finite has no gradient.
    let finite = |slope: E| if slope.is_finite() { slope } else { E::zero() };
    let slopes = slopes.into_iter().map(finite).collect();
    let y = x.device().try_tensor_from_vec(y, *x.shape()).or_device()?;
    near(x, arguments, slopes)?.try_add(y).or_device()
}

/// `ln(1 + x)` of `x > -1`, with all digits where `x` is small.
fn log_1p<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if x.shape().num_elements() == 0 {
        return Ok(x);
    }
    // The logarithm of the rounded sum, and what rounding has taken from the sum, to first order. That is no part of
    // the gradient, and all of the result where the sum is 1.
    let addend = x.retaped::<NoneTape>();
    let sum = x.try_add(E::one()).or_device()?;
    let rounded = sum.retaped::<NoneTape>();
    let infinite = rounded.try_eq(E::infinity()).or_device()?;
    let zeros = sum.device().try_zeros_like(sum.shape()).or_device()?;
    let kept = rounded.clone().try_sub(E::one()).or_device()?;
    let taken = addend.try_sub(kept).or_device()?.try_div(rounded).or_device()?;
    let taken = infinite.try_choose(zeros, taken).or_device()?;
    sum.try_ln().or_device()?.try_add(taken).or_device()
}

/// The logarithm of the softmax of rows.
///
/// It is `d - ln(1 + sum(exp(d)))` with `d = x - max`, where the sum leaves the maximum itself out, and so does the
/// gradient: both keep their digits where one class is nearly certain.
pub(crate) fn log_softmax<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    let (rows, classes) = shape;
    if rows * classes == 0 {
        return Ok(x);
    }
    let values = to_values(&x)?;
    // The first of the largest; a NaN reaches all of the row wherever it stands.
    let first =
        |row: &[E]| (1..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
    let most = listed(values.chunks_exact(classes).map(first))?;
    let mut rest = filled(&[rows, classes], E::one())?;
    most.iter().enumerate().for_each(|(row, i)| rest[row * classes + i] = E::zero());
    // Multiplied, not chosen: what an infinite maximum makes is NaN.
    let rest = dev.try_tensor_from_vec(rest, shape).or_device()?;
    let most = dev.try_tensor_from_vec(most, (rows,)).or_device()?;
    let most = x.retaped::<T>().try_select(most).or_device()?;
    let most = most.try_broadcast_like::<_, Axis<1>>(&shape).or_device()?;
    look_for_copy(&x)?;
    let d = x.try_sub(most).or_device()?.try_mul(rest.clone()).or_device()?;
    look_for_copy(&d)?;
    let exponentials = d.retaped::<T>().try_exp().or_device()?.try_mul(rest).or_device()?;
    let sum = log_1p(row_sums(exponentials)?)?;
    d.try_sub(along_rows(sum, classes)?).or_device()
}

pub(crate) fn softmax<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    let shape = *x.shape();
    let width = shape.concrete().into_iter().last().unwrap_or(1);
    let rows = (shape.num_elements() / width, width);
    let x = x.try_contiguous().or_device()?.into_shape(&rows)?;
    let e = without_largest(x)?.try_exp().or_device()?;
    let sum = along_rows(row_sums(e.retaped::<T>())?, width)?;
    e.try_div(sum).or_device()?.into_shape(&shape)
}

pub(crate) fn softmax_along<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize, usize), E, D, T>, Error> {
    turned(D::softmax(turned(x)?)?)
}

pub(crate) fn dropout<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    // The kernels drop the same.
    let seed = random_u64(&dev);
    let mut ones = vec![E::one(); shape.num_elements()];
    for part in dropout_parts(&mut ones, rows_in_batch(shape.concrete().as_ref())?, mask) {
        drop_values(part, rate, seed);
    }
    if ones.is_empty() {
        return Ok(x);
    }
    let dropped = ones.into_iter().map(|x| x == E::zero()).collect();
    let dropped = dev.try_tensor_from_vec(dropped, shape).or_device()?;
    let zeros = dev.try_zeros_like(&shape).or_device()?;
    // Of all that drop, nothing is made up for.
    let scale = if rate < 1.0 { 1.0 / (1.0 - rate) } else { 0.0 };
    let scaled = x.try_mul(E::of(scale)).or_device()?;
    dropped.try_choose(zeros.retaped::<T>(), scaled).or_device()
}

/// Rows without the largest number of each, which is no part of the gradient.
fn without_largest<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let shape = *x.shape();
    let largest = x.retaped::<NoneTape>().try_max::<(usize,), Axis<1>>().or_device()?;
    let largest = largest.try_broadcast_like::<_, Axis<1>>(&shape).or_device()?;
    x.try_sub(largest.retaped::<T>()).or_device()
}

pub(crate) fn sparse_crossentropy<E: Element, D: Backend<E>, T: Tape<E, D>>(
    prediction: Tensor<(usize, usize), E, D, T>,
    labels: Vec<usize>,
    least: Option<f64>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let (rows, classes) = *prediction.shape();
    check_classes(&labels, classes)?;
    if rows == 0 {
        return zeros_after(prediction, &(rows,));
    }
    let logits = match least {
        None => prediction,
        Some(least) => {
            let p = prediction.try_clamp(least, 1.0 - least).or_device()?;
            p.try_ln().or_device()?
        }
    };
    let logs = log_softmax(logits)?;
    let labels = logs.device().try_tensor_from_vec(labels, (rows,)).or_device()?;
    logs.try_select(labels).or_device()?.try_negate().or_device()
}
