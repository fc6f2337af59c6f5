//! What layers ask of a single dimension.

use dfdx::shapes::Const;

use kerata_macros::words;

use crate::shape::Dim;

/// A dimension of the size `N`.
#[words(FEATURES)]
#[diagnostic::on_unimplemented(
    message = "the number of features must be {N} here, but `{Self}` arrives",
    label = "this layer takes features of this number, {N}",
    note = "in a `#[model]`, `_` stands for the number of features that arrives"
)]
pub trait Is<const N: usize>: Dim {}

#[diagnostic::do_not_recommend]
impl<D: Exactly<N>, const N: usize> Is<N> for D {}

/// What [`Is`] stands on. Of a trait for each size, the compiler would tell which one is implemented, at length.
#[doc(hidden)]
pub trait Exactly<const N: usize>: Dim {}

impl<const N: usize> Exactly<N> for Const<N> {}

/// The same dimension as another.
#[diagnostic::on_unimplemented(
    message = "`{D}` features are needed here, but `{Self}` arrives",
    label = "the layer within takes `{D}`",
    note = "in a `#[model]`, `_` stands for the number of features that arrives"
)]
pub trait IsDim<D: Dim>: Dim {}

impl<D: Dim> IsDim<D> for D {}
