use dfdx::{
    prelude::{BroadcastTo, HasShape, TryAdd, TryMatMul},
    shapes::{Axis, Const, Dim, Rank1, Rank2},
    tensor::{Tape, Tensor},
};

use crate::{
    backend::{Backend, Element, zeros_after},
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
    kernel: &Tensor<Rank2<I, O>, E, D>,
    bias: &Tensor<Rank1<O>, E, D>,
) -> Result<Tensor<(R, Const<O>), E, D, T>, Error> {
    let (rows, _) = *x.shape();
    if rows.size() * O == 0 {
        return zeros_after(x, &(rows, Const));
    }
    let y = x.try_matmul(kernel.clone()).or_device()?;
    let shape = *y.shape();
    let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(&shape).or_device()?;
    y.try_add(bias).or_device()
}
