use dfdx::{
    prelude::{ChooseFrom, TryMul, TrySub},
    shapes::HasShape,
    tensor::{Tape, Tensor},
};

use super::{Backend, Element, memory::collected};
use crate::{
    error::{Error, OrDevice},
    shape::Shape,
};

/// What an operation without operations of dfdx adds near the `values` of its input: `(x - values) * slopes`. Its value is 0 and
/// its gradient is the slopes, so that the result of the operation, calculated by itself, gets its gradient by adding this. Where `x`
/// is not finite, it depends on nothing.
pub(crate) fn near<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    values: Vec<E>,
    slopes: Vec<E>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, dev) = (*x.shape(), x.device().clone());
    let finite = collected(shape.concrete().as_ref(), values.iter().map(|x| x.is_finite()))?;
    let all = finite.iter().all(|finite| *finite);
    let values = dev.try_tensor_from_vec(values, shape).or_device()?;
    let mut change = x.try_sub(values).or_device()?;
    if !all {
        let finite = dev.try_tensor_from_vec(finite, shape).or_device()?;
        let zeros = dev.try_zeros_like(&shape).or_device()?;
        change = finite.try_choose(change, zeros.retaped::<T>()).or_device()?;
    }
    let slopes = dev.try_tensor_from_vec(slopes, shape).or_device()?;
    change.try_mul(slopes).or_device()
}
