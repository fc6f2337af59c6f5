use dfdx::{
    prelude::{HasShape, ReshapeTo, TryAdd},
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use super::{
    pointwise::finish,
    sums::{every_row, product},
};
use crate::{
    backend::{Backend, DenseWeights, Element, Finish, zeros_after},
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
    if rows.size() * O == 0 {
        return zeros_after(x, &(rows, Const));
    }
    let count = rows.size();
    let x = x.try_reshape_like(&(count, I)).or_device()?;
    let kernel = kernel.retaped::<T>().try_reshape_like(&(I, O)).or_device()?;
    let y = product(x, kernel)?.try_add(every_row(bias.retaped::<T>(), count)?).or_device()?;
    finish(y.try_reshape_like(&(rows, Const)).or_device()?, then)
}
