use dfdx::{
    prelude::{HasShape, TryMul},
    tensor::{Tape, Tensor},
};

use super::sums::middle_sums;
use crate::{
    backend::{Backend, Element, keep_rows, memory::elements_of, zeros_after},
    error::{Error, OrDevice},
    mask::Mask,
};

pub(crate) fn mean_over_steps<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize, usize), E, D, T>,
    mask: Option<&Mask>,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    let (rows, length, features) = *x.shape();
    if elements_of(&x)? == 0 {
        return zeros_after(x, &(rows, features));
    }
    let dev = x.device().clone();
    let lengths = match mask {
        Some(mask) => mask.try_lengths()?,
        None => vec![length; rows],
    };
    let x = match mask {
        Some(mask) => keep_rows(x, mask.as_slice(), E::zero())?,
        None => x,
    };
    let sum = middle_sums(x)?;
    let share = lengths
        .iter()
        .flat_map(|&n| (0..features).map(move |_| E::of(1.0 / n.max(1) as f64)))
        .collect();
    let share = dev.try_tensor_from_vec(share, *sum.shape()).or_device()?;
    sum.try_mul(share).or_device()
}
