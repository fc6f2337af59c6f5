//! What a model that is known at run time runs on.

use dfdx::tensor::{Cpu, Tensor};

use super::value::{DynamicValue, FromDynamic};
use crate::{
    shape::{Sequence, Shape},
    signal::{Ids, Masked},
    tuples::several,
};

/// What [`DynamicLayer::run`](super::DynamicLayer::run) takes: a [`DynamicValue`], a tensor, a masked sequence, token ids, or a tuple of
/// these for several inputs.
///
/// ```
/// use kerata::{Cpu, Error, config::{Config, CustomObjects, layer_from_config}, prelude::*};
///
/// let config: Config = r#"{"class_name": "Add", "config": {}}"#.parse()?;
/// let mut add = layer_from_config(&config, &CustomObjects::new())?;
/// let dev = Cpu::default();
/// let sum = add.run((dev.tensor([[1.0, 2.0]]), dev.tensor([[3.0, 4.0]])))?;
/// assert_eq!(sum.values(), [4.0, 6.0]);
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "a model whose layers are known at run time takes tensors of `f32` or ids, and `{Self}` is none",
    label = "write `dev.tensor(rows)`, of `f32` or of ids in `usize`; for several inputs a tuple, or `DynamicValue::Several(vec![..])`"
)]
pub trait RunsOn {
    /// The value.
    fn value(self) -> DynamicValue;
}

#[diagnostic::do_not_recommend]
impl<T: Into<DynamicValue>> RunsOn for T {
    fn value(self) -> DynamicValue {
        self.into()
    }
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Shape> From<Tensor<S, f32, Cpu>> for DynamicValue {
    fn from(x: Tensor<S, f32, Cpu>) -> Self {
        S::into_dynamic(x)
    }
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Shape> From<Tensor<S, usize, Cpu>> for DynamicValue {
    fn from(ids: Tensor<S, usize, Cpu>) -> Self {
        Ids::<S>::into_dynamic(ids)
    }
}

/// Panics if there is no memory for the copy; [`FromDynamic::try_into_dynamic`] gives an error then.
impl<S: Sequence> From<Masked<Tensor<S, f32, Cpu>>> for DynamicValue {
    fn from(x: Masked<Tensor<S, f32, Cpu>>) -> Self {
        Masked::<S>::into_dynamic(x)
    }
}

macro_rules! side_by_side {
    ($($part:ident $at:tt)*) => {
        impl<$($part: Into<DynamicValue>),*> From<($($part,)*)> for DynamicValue {
            fn from(parts: ($($part,)*)) -> Self {
                Self::Several(vec![$(parts.$at.into()),*])
            }
        }
    };
}
several!(side_by_side);
