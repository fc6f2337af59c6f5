use dfdx::{
    prelude::{ChooseFrom, HasShape, ReshapeTo, SelectTo, TryLe, TryMul},
    shapes::{Axis, Shape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, Finish, drop_values, dropout_parts, random_u64, zeros_after},
    error::{Error, OrDevice},
    signal::Mask,
};

pub(crate) fn relu<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if x.shape().num_elements() == 0 {
        return Ok(x);
    }
    // NaN is not at most 0 and stays; `try_relu` makes it 0.
    let zeros = x.device().try_zeros_like(x.shape()).or_device()?;
    let negative = x.try_le(E::zero()).or_device()?;
    negative.try_choose(zeros.retaped::<T>(), x).or_device()
}

/// What is done to the numbers of a result.
pub(crate) fn finish<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    then: Finish,
) -> Result<Tensor<S, E, D, T>, Error> {
    match then {
        Finish::Nothing => Ok(x),
        Finish::AtLeastZero => D::relu(x),
        Finish::HyperbolicTangent => D::tanh(x),
        Finish::Logistic => D::sigmoid(x),
    }
}

pub(crate) fn tanh<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    x.try_tanh().or_device()
}

pub(crate) fn sigmoid<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    x.try_sigmoid().or_device()
}

pub(crate) fn softmax<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    if x.shape().num_elements() == 0 {
        return Ok(x);
    }
    // dfdx gives the gradient in the wrong order to what does not lie in its own.
    x.try_contiguous().or_device()?.try_softmax::<S::LastAxis>().or_device()
}

pub(crate) fn dropout<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    mask: Option<&Mask>,
    rate: f64,
) -> Result<Tensor<S, E, D, T>, Error> {
    let seed = random_u64(x.device());
    let mut factors = vec![E::one(); x.shape().num_elements()];
    for (number, part) in dropout_parts(&mut factors, mask).into_iter().enumerate() {
        drop_values(part, rate, seed, number);
    }
    if factors.is_empty() {
        return Ok(x);
    }
    let factors = x.device().try_tensor_from_vec(factors, *x.shape()).or_device()?;
    x.try_mul(factors).or_device()
}

pub(crate) fn sparse_crossentropy<E: Element, D: Backend<E>, T: Tape<E, D>>(
    prediction: Tensor<(usize, usize), E, D, T>,
    labels: Vec<usize>,
    least: Option<f64>,
) -> Result<Tensor<(usize,), E, D, T>, Error> {
    let (rows, _) = *prediction.shape();
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
    let logs = logits.try_log_softmax::<Axis<1>>().or_device()?;
    let labels = logs.device().try_tensor_from_vec(labels, (rows,)).or_device()?;
    logs.try_select(labels).or_device()?.try_negate().or_device()
}
