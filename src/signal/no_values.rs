//! What a tensor has not, but is written as in PyTorch or NumPy: see `crate::model::Untrained`.

use dfdx::{
    dtypes::Unit,
    shapes::Shape,
    tensor::{Storage, Tensor},
};

use super::Masked;
use crate::error::{Error, Opened};

/// The values of a tensor, under the names of others.
#[doc(hidden)]
pub trait NoValues {
    fn as_vec(&self) {}

    fn array(&self) {}

    fn item(&self) {}

    fn numpy(&self) {}

    fn tolist(&self) {}
}

/// What a tensor would have to be for [`NoValues`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the values of a tensor are read by `array()`, or by `as_vec()` as one list",
    label = "of a loss, `array()` is the number itself; `to_rows()?` gives the rows of a batch"
)]
pub trait HasValues<'a> {}

impl<S: Shape, E: Unit, D: Storage<E>, T> NoValues for Tensor<S, E, D, T> where
    for<'a> Tensor<S, E, D, T>: HasValues<'a>
{
}

/// What a masked sequence would have to be for [`NoValues`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a masked sequence has values and a mask: read its values by `values().array()` or `values().as_vec()`",
    label = "`values()` comes first; `to_rows()?` gives the rows without their padding"
)]
pub trait HasBoth<'a> {}

impl<T> NoValues for Masked<T> where for<'a> Masked<T>: HasBoth<'a> {}

impl<T> NoValues for Result<T, Error> where for<'a> Result<T, Error>: Opened<'a> {}
