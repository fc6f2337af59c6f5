//! Sizes and memory: how many elements a shape has, and room for them, or an error.
//!
//! dfdx multiplies the sizes of a shape without a check, so that in a release build `(2^63 + 3, 2)` is a shape of 6
//! elements; and a `Vec` that finds no memory ends the process. So a size is multiplied here, and what grows with the
//! data or the layers is allocated here.

use std::sync::OnceLock;

use bytemuck::Zeroable;
use dfdx::{
    shapes::{HasShape, Shape, Unit},
    tensor::{CpuError, Storage, Tensor},
};

use crate::error::Error;

/// There is no memory for so many values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoMemory {
    values: usize,
}

impl From<NoMemory> for Error {
    fn from(NoMemory { values }: NoMemory) -> Self {
        Error::Device(format!("there is no memory for {values} values"))
    }
}

impl From<NoMemory> for CpuError {
    fn from(_: NoMemory) -> Self {
        CpuError::OutOfMemory
    }
}

impl NoMemory {
    pub(crate) fn of(values: usize) -> Self {
        Self { values }
    }
}

/// How many elements there are of these sizes.
///
/// A size of 0 excuses no others: their product is what strides are made of.
///
/// # Errors
/// [`Error::Device`] if they are more than there can be.
pub fn elements(sizes: &[usize]) -> Result<usize, Error> {
    let most = isize::MAX as usize;
    let product = sizes.iter().try_fold(1_usize, |n, &size| n.checked_mul(size.max(1)));
    match product.filter(|&n| n <= most) {
        Some(_) if sizes.contains(&0) => Ok(0),
        Some(n) => Ok(n),
        None => Err(Error::Device(format!("a shape of {sizes:?} has more elements than fit"))),
    }
}

/// How many elements a tensor has.
///
/// # Errors
/// [`Error::Device`] if its shape has more than there can be.
pub(crate) fn elements_of<T: HasShape>(x: &T) -> Result<usize, Error> {
    elements(x.shape().concrete().as_ref())
}

/// Room for some values.
pub(crate) fn reserved<T>(len: usize) -> Result<Vec<T>, NoMemory> {
    let mut values = Vec::new();
    values.try_reserve_exact(len).map_err(|_| NoMemory::of(len))?;
    Ok(values)
}

/// Room for one more in a list that grows.
///
/// # Errors
/// [`NoMemory`].
pub(crate) fn one_more<T>(values: &mut Vec<T>) -> Result<(), NoMemory> {
    values.try_reserve(1).map_err(|_| NoMemory::of(values.len() + 1))
}

/// Makes a list at least so long, by a value.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn lengthened<T: Clone>(values: &mut Vec<T>, len: usize, value: T) -> Result<(), Error> {
    let missing = len.saturating_sub(values.len());
    values.try_reserve_exact(missing).map_err(|_| NoMemory::of(len))?;
    values.extend(std::iter::repeat_n(value, missing));
    Ok(())
}

/// A value for each element.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn filled<T: Clone>(sizes: &[usize], value: T) -> Result<Vec<T>, Error> {
    let len = elements(sizes)?;
    let mut values = reserved(len)?;
    values.resize(len, value);
    Ok(values)
}

/// The values for the elements, which are as many.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn collected<T>(
    sizes: &[usize],
    from: impl IntoIterator<Item = T>,
) -> Result<Vec<T>, Error> {
    let len = elements(sizes)?;
    let mut values = reserved(len)?;
    values.extend(from.into_iter().take(len));
    Ok(values)
}

/// All items, however many there are.
pub(crate) fn listed<T>(from: impl IntoIterator<Item = T>) -> Result<Vec<T>, NoMemory> {
    let from = from.into_iter();
    let mut items = reserved(from.size_hint().0)?;
    for item in from {
        one_more(&mut items)?;
        items.push(item);
    }
    Ok(items)
}

/// A copy of some values.
pub(crate) fn copied<T: Copy>(values: &[T]) -> Result<Vec<T>, NoMemory> {
    let mut copy = reserved(values.len())?;
    copy.extend_from_slice(values);
    Ok(copy)
}

/// Whether there is memory for some values, for what does not look itself and would abort. It is free again.
pub(crate) fn look_for_values<T>(len: usize) -> Result<(), NoMemory> {
    // The compiler must not leave it out.
    drop(std::hint::black_box(reserved::<T>(len)?));
    Ok(())
}

/// The same for some bytes.
pub(crate) fn look_for(bytes: usize) -> Result<(), NoMemory> {
    look_for_values::<u8>(bytes).map_err(|_| NoMemory::of(bytes.div_ceil(size_of::<f32>())))
}

/// What a cell holds, or what is made for it now.
pub(crate) fn get_or_make<T, E>(
    cell: &OnceLock<T>,
    make: impl FnOnce() -> Result<T, E>,
) -> Result<&T, E> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

/// Looks for the memory of a copy of a tensor, which dfdx makes without a look where an operation changes one that is shared.
pub(crate) fn look_for_copy<S: Shape, E: Unit, D: Storage<E>, T>(
    of: &Tensor<S, E, D, T>,
) -> Result<(), Error> {
    Ok(look_for(elements_of(of)?.saturating_mul(size_of::<E>()))?)
}

/// Zeros for a kernel. What the system has just handed out it has cleared, and that is not done again.
pub(crate) fn zeros<T: Zeroable>(len: usize) -> Result<Vec<T>, NoMemory> {
    bytemuck::allocation::try_zeroed_vec(len).map_err(|()| NoMemory::of(len))
}

/// The same for the elements of a shape.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn zeros_of(sizes: &[usize]) -> Result<Vec<f32>, Error> {
    Ok(zeros(elements(sizes)?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_right_or_an_error() {
        assert_eq!(elements(&[]).unwrap(), 1);
        assert_eq!(elements(&[2, 3]).unwrap(), 6);
        assert_eq!(elements(&[2, 0, 3]).unwrap(), 0);
        assert_eq!(elements(&[isize::MAX as usize]).unwrap(), isize::MAX as usize);
        for sizes in
            [&[usize::MAX / 2 + 4, 2][..], &[1 << 63, 2, 0], &[0, 1 << 32, 1 << 32], &[usize::MAX]]
        {
            elements(sizes).unwrap_err();
        }
    }

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        for len in [1 << 50, isize::MAX as usize] {
            zeros::<f32>(len).unwrap_err();
            look_for(len).unwrap_err();
            listed(std::iter::repeat_n(0_u8, len)).unwrap_err();
            reserved::<f32>(len).unwrap_err();
            filled(&[len], 1.0_f64).unwrap_err();
            collected(&[len], std::iter::repeat(true)).unwrap_err();
        }
        assert_eq!(zeros::<f32>(3).unwrap(), [0.0; 3]);
        assert!(zeros::<f64>(0).unwrap().is_empty());
        assert_eq!(collected(&[2], [1, 2, 3]).unwrap(), [1, 2]);
        assert_eq!(listed((0..9).filter(|i| i % 4 == 0)).unwrap(), [0, 4, 8]);
        assert_eq!(copied(&[1, 2]).unwrap(), [1, 2]);
        look_for(9).unwrap();
    }
}
