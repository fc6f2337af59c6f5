use std::{fmt, marker::PhantomData};

use super::Model;
use crate::backend::{Backend, Element};

/// One of several outputs of the model `M`, counted from 0.
///
/// `#[model(.., outputs(size, color))]` makes a constant of each, `M::SIZE` and `M::COLOR`. Of a model whose output is
/// [`Inputs`](crate::Inputs) these are `Output::<M, 0>::new()` and so on.
pub struct Output<M, const AT: usize>(PhantomData<fn() -> M>);

impl<M, const AT: usize> Output<M, AT> {
    /// The output.
    #[must_use]
    pub const fn new() -> Self {
        Self(PhantomData)
    }

    /// Its name.
    pub fn name<E: Element, D: Backend<E>>(self) -> String
    where
        M: Model<E, D>,
    {
        M::output_names().into_iter().nth(AT).unwrap_or_else(|| AT.to_string())
    }
}

impl<M, const AT: usize> Clone for Output<M, AT> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M, const AT: usize> Copy for Output<M, AT> {}

impl<M, const AT: usize> Default for Output<M, AT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<M, const AT: usize> fmt::Debug for Output<M, AT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Output<{AT}>")
    }
}
