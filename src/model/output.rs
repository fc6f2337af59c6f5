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

/// What names an output of the model `M`: an [`Output`].
///
/// Of a trait that is for all types, the compiler does not show where it is asked for: [`NamesOutput`] has the words.
#[doc(hidden)]
pub trait AsOutput<M, E: Element, D: Backend<E>> {
    /// The [`Output`].
    type Named;
    /// The same `T`.
    type By<T>;

    /// The same value.
    fn by<T>(of: T) -> Self::By<T>;

    /// Its name.
    fn name_of(self) -> String;
}

impl<O, M, E: Element, D: Backend<E>> AsOutput<M, E, D> for O
where
    O: NamesOutput<M, E, D>,
{
    type Named = O::Itself;
    type By<T> = T;

    fn by<T>(of: T) -> T {
        of
    }

    fn name_of(self) -> String {
        self.output_name()
    }
}

/// See [`AsOutput`].
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no output of `{M}`: write the constant of the `#[model]`, `{M}::NAME`",
    label = "an output is named by a constant in capitals: `outputs(size, color)` makes `{M}::SIZE` and `{M}::COLOR`"
)]
pub trait NamesOutput<M, E: Element, D: Backend<E>> {
    /// The [`Output`].
    type Itself;

    /// Its name.
    fn output_name(self) -> String;
}

#[diagnostic::do_not_recommend]
impl<M: Model<E, D>, const AT: usize, E: Element, D: Backend<E>> NamesOutput<M, E, D>
    for Output<M, AT>
{
    type Itself = Self;

    fn output_name(self) -> String {
        self.name::<E, D>()
    }
}
