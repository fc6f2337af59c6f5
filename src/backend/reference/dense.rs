use dfdx::{
    prelude::{HasShape, TryAdd},
    tensor::{Tape, Tensor},
};

use super::{
    pointwise::finish,
    sums::{every_row, product},
};
use crate::{
    backend::{
        ActivationKind, Backend, DenseWeights, Element,
        memory::{elements, elements_of},
        zeros_after,
    },
    error::{Error, OrDevice},
};

pub(crate) fn dense<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    weights: DenseWeights<'_, E, D>,
    then: ActivationKind,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (rows, inputs) = *x.shape();
    weights.check(inputs)?;
    let DenseWeights { kernel, bias, .. } = weights;
    let units = kernel.shape().1;
    elements_of(&x)?;
    if elements(&[rows, units])? == 0 {
        return zeros_after(x, &(rows, units));
    }
    let y = product(x, kernel.retaped())?;
    let y = match bias {
        Some(bias) => y.try_add(every_row(bias.retaped::<T>(), rows)?).or_device()?,
        None => y,
    };
    finish(y, then)
}
