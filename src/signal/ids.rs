use std::{marker::PhantomData, ops::Range};

use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};

use super::{
    Rest, Signal, message,
    rows::{concat, rows_of, without_padding},
    tensor_data::tensor_data,
};
use crate::{
    backend::{Backend, Element},
    error::Error,
    shape::{self, Features, Shape},
};

/// Token ids, the input of an [`Embedding`](crate::layers::Embedding), or class labels, the target of
/// a [`SparseCategoricalCrossentropy`](crate::loss::SparseCategoricalCrossentropy).
///
/// It only names the wire; its data is a tensor of `usize`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids<S>(PhantomData<S>);

#[diagnostic::do_not_recommend]
impl<S: Shape> Signal for Ids<S> {
    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = Tensor<S, usize, D, T>;
    type StepData<'a, E: Element> = &'a [usize];

    tensor_data!(usize);

    fn display() -> String {
        format!("Ids<{}>", shape::display::<S>())
    }
}

#[diagnostic::do_not_recommend]
impl<S> Features for Ids<S> {
    const SIZE: usize = 0;
}
