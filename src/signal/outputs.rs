use dfdx::tensor::NoneTape;

use super::{Ids, Inputs, Masked, Signal, StateH, StateHc};
use crate::{
    backend::{Backend, Element},
    never::{Never, Nobody},
    shape::{Sequence, Shape},
    tuples::several,
};

/// A signal that is one output of a model, or several of them. Every signal of this crate is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no output that a trainer can judge",
    label = "not one output, and not several",
    note = "a generic function names what the model takes and gives, `M: Model<Input = .., Output = ..>`; a signal of your own says of itself that it is one: it implements `signal::Outputs`, with `One` for its `Number`"
)]
pub trait Outputs: Signal {
    /// [`One`] or [`Several`].
    type Number;
}

/// A model has one output.
#[derive(Debug, Clone, Copy)]
pub enum One {}

/// A model has several outputs, [`Inputs`].
#[derive(Debug, Clone, Copy)]
pub enum Several {}

#[diagnostic::do_not_recommend]
impl<S: Shape> Outputs for S {
    type Number = One;
}

/// Else what is no shape had the number of one all the same, and more would be told of it.
#[diagnostic::do_not_recommend]
impl<S: Signal> Outputs for S
where
    for<'a> Nobody: Never<'a>,
{
    type Number = Nobody;
}

#[diagnostic::do_not_recommend]
impl<S: Sequence> Outputs for Masked<S> {
    type Number = One;
}

macro_rules! one {
    ($([$($param:tt)*] $signal:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl<$($param)*> Outputs for $signal
        where
            $signal: Signal,
        {
            type Number = One;
        }
    )*};
}
one!([S] Ids<S>, [S] StateH<S>, [S] StateHc<S>);

/// One of several signals side by side, which are counted from 0.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no part {AT}",
    label = "there are not so many, or it is not several",
    note = "the outputs of a model are those that `outputs(..)` names"
)]
pub trait OutputAt<const AT: usize>: Signal {
    /// The signal of it.
    type Signal: Signal;

    /// Its data.
    fn at<E: Element, D: Backend<E>>(
        data: &Self::Data<E, D, NoneTape>,
    ) -> &<Self::Signal as Signal>::Data<E, D, NoneTape>;
}

macro_rules! outputs {
    ($($S:ident $at:tt)*) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Signal),*> Outputs for Inputs<($($S,)*)> {
            type Number = Several;
        }

        outputs!(@at [$($S)*] $($S $at)*);
    };
    (@at $all:tt $($S:ident $at:tt)*) => {$(
        outputs!(@one $all $S $at);
    )*};
    (@one [$($S:ident)*] $One:ident $at:tt) => {
        #[diagnostic::do_not_recommend]
        impl<$($S: Signal),*> OutputAt<$at> for Inputs<($($S,)*)> {
            type Signal = $One;

            fn at<E: Element, D: Backend<E>>(
                data: &Self::Data<E, D, NoneTape>,
            ) -> &$One::Data<E, D, NoneTape> {
                &data.$at
            }
        }
    };
}
several!(outputs);
