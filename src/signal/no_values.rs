//! What a tensor has not, but is written as in PyTorch or NumPy.

use dfdx::{
    dtypes::Unit,
    shapes::Shape,
    tensor::{Storage, Tensor},
};

use super::Masked;
use crate::just_the_type::elsewhere;

/// The values of a tensor whose sizes are known at run time only, which `array` cannot give: see `crate::model::Untrained`.
#[doc(hidden)]
pub trait NoValues {
    fn array(&self) {}
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

/// The values of what a generic layer gives, of which only a named output says that it is a tensor: see `crate::model::Untrained`.
#[doc(hidden)]
pub trait Unnamed {
    fn as_vec(&self) {}
}

/// What would have to be a tensor for [`Unnamed`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`as_vec` reads the values of a tensor, and nothing says that this is one",
    label = "no tensor; what a generic layer gives is named: `L: Layer<In, Out = (Batch, Const<2>)>`"
)]
pub trait IsTensor<'a> {}

impl<T: ?Sized> Unnamed for T where for<'a> T: IsTensor<'a> {}

/// What a tensor would have to be to have its values under other names.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "the values of a tensor are read by `array()`, or by `as_vec()` as one list",
    label = "of a loss, `array()` is the number itself; `to_rows()?` gives the rows of a batch"
)]
pub trait NamesValues {
    type Out;

    fn never() -> Self::Out;
}

/// What a tensor would have to be to say whether it has a gradient.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a weight stands still where `trainer.freeze(\"hidden\")?` names its layer, or `#[with(trainable = false)]` is above the field",
    label = "a tensor has a gradient if the operations on it are on a tape: `x.trace(..)`"
)]
pub trait WantsGradient {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfTensors:
    NamesValues: item() numpy() tolist();
    WantsGradient: requires_grad_(_flag) detach();
}

impl<S: Shape, E: Unit, D: Storage<E>, T> NotOfTensors for Tensor<S, E, D, T> {}

/// What a masked sequence would have to be to have values alone.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a masked sequence has values and a mask: read its values by `values().array()` or `values().as_vec()`",
    label = "`values()` comes first; `to_rows()?` gives the rows without their padding"
)]
pub trait HasBoth {
    type Out;

    fn never() -> Self::Out;
}

elsewhere! {
    NotOfMasked:
    HasBoth: array() as_vec() item() numpy() tolist();
}

impl<T> NotOfMasked for Masked<T> {}
