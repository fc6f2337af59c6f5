use dfdx::tensor::Tape;

use super::{Inputs, Signal};
use crate::{
    backend::{Backend, Element},
    tuples::several,
};

/// A signal that is several, [`Inputs`]: what `#[from(input.0)]` takes apart, counted from 0.
#[diagnostic::on_unimplemented(
    message = "there is no part `.{AT}` in `{Self}`",
    label = "here one of several outputs is taken",
    note = "`Inputs<(A, B)>` has the parts `.0` and `.1`, and so on; in a `#[model]`, `#[from(a, b)]` on the field names two; `.output` and `.state` are those of a `ReturnState<Lstm<_, N>>`"
)]
pub trait PartAt<const AT: usize>: Signal {
    /// The signal of the part.
    type Part: Signal;
    /// Nothing.
    const CHECK: () = ();

    /// Its data.
    fn take<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Self::Data<E, D, T>,
    ) -> <Self::Part as Signal>::Data<E, D, T>;

    /// A step of it.
    fn step<'a, E: Element>(step: Self::StepData<'a, E>)
    -> <Self::Part as Signal>::StepData<'a, E>;
}

macro_rules! parts {
    ($($S:ident $at:tt)*) => {
        parts!(@at [$($S)*] $($S $at)*);
    };
    (@at $all:tt $($S:ident $at:tt)*) => {$(
        parts!(@one $all $S $at);
    )*};
    (@one [$($S:ident)*] $One:ident $at:tt) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Signal),*> PartAt<$at> for Inputs<($($S,)*)> {
            type Part = $One;

            fn take<E: Element, D: Backend<E>, T: Tape<E, D>>(
                data: Self::Data<E, D, T>,
            ) -> $One::Data<E, D, T> {
                data.$at
            }

            fn step<'a, E: Element>(step: Self::StepData<'a, E>) -> $One::StepData<'a, E> {
                step.$at
            }
        }
    };
}
several!(parts);
