use dfdx::{
    prelude::{BroadcastTo, HasShape, TryAdd, TryMatMul},
    shapes::{Axis, Const, Dim},
    tensor::{Tape, Tensor},
};

use super::pointwise::finish;
use crate::{
    backend::{
        Backend, DenseWeights, Element, Finish,
        memory::{elements, elements_of},
        zeros_after,
    },
    error::{Error, OrDevice},
};

pub(crate) fn dense<
    R: Dim,
    const I: usize,
    const O: usize,
    E: Element,
    D: Backend<E>,
    T: Tape<E, D>,
>(
    x: Tensor<(R, Const<I>), E, D, T>,
    weights: DenseWeights<'_, I, O, E, D>,
    then: Finish,
) -> Result<Tensor<(R, Const<O>), E, D, T>, Error> {
    let DenseWeights { kernel, bias, .. } = weights;
    let (rows, _) = *x.shape();
    elements_of(&x)?;
    if elements(&[rows.size(), O])? == 0 {
        return zeros_after(x, &(rows, Const));
    }
    let y = x.try_matmul(kernel.clone()).or_device()?;
    let shape = *y.shape();
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape).or_device()?;
    finish(y.try_add(bias).or_device()?, then)
}
