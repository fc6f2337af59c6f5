use dfdx::{
    prelude::{HasShape, TryAdd},
    shapes::{Const, Dim},
    tensor::{Tape, Tensor},
};

use super::{
    pointwise::finish,
    sums::{every_row, product},
};
use crate::{
    backend::{
        Backend, DenseWeights, Element, Finish, IntoShape,
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
    let count = rows.size();
    let x = x.into_shape(&(count, I))?;
    let kernel = kernel.retaped::<T>().into_shape(&(I, O))?;
    let y = product(x, kernel)?.try_add(every_row(bias.retaped::<T>(), count)?).or_device()?;
    finish(y.into_shape(&(rows, Const))?, then)
}
