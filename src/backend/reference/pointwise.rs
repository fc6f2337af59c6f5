use dfdx::{
    prelude::{HasShape, SelectTo},
    shapes::{Axis, Shape},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, zeros_after},
    error::{Error, OrDevice},
};

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
    x.try_softmax::<S::LastAxis>().or_device()
}

pub(crate) fn dropout<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    rate: f64,
) -> Result<Tensor<S, E, D, T>, Error> {
    x.try_dropout(rate).or_device()
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
