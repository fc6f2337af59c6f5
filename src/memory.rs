//! Sizes and memory: how many elements a shape has, and room for them, or an error.
//!
//! dfdx multiplies the sizes of a shape without a check, so that in a release build `(2^63 + 3, 2)` is a shape of 6
//! elements; and a `Vec` that finds no memory ends the process. So a size is multiplied here, and what grows with the
//! data or the layers is allocated here.

use dfdx::{
    shapes::{HasShape, Shape, Unit},
    tensor::{Storage, Tensor},
};
pub(crate) use kerata_kernels::memory::{
    NoMemory, copied, get_or_make, listed, look_for, look_for_values, one_more, reserved, zeros,
};

use crate::error::Error;

#[diagnostic::do_not_recommend]
impl From<NoMemory> for Error {
    fn from(error: NoMemory) -> Self {
        Error::Device(error.to_string())
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

/// Looks for the memory of a copy of a tensor, which dfdx makes without a look where an operation changes one that is shared.
pub(crate) fn look_for_copy<S: Shape, E: Unit, D: Storage<E>, T>(
    of: &Tensor<S, E, D, T>,
) -> Result<(), Error> {
    Ok(look_for(elements_of(of)?.saturating_mul(size_of::<E>()))?)
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
            filled(&[len], 1.0_f64).unwrap_err();
            collected(&[len], std::iter::repeat(true)).unwrap_err();
        }
        assert_eq!(collected(&[2], [1, 2, 3]).unwrap(), [1, 2]);
    }
}
