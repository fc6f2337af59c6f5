use std::{marker::PhantomData, ops::Range};

use dfdx::tensor::{PutTape, SplitTape, Tape, Tensor};

use super::{
    Rest, Signal, message,
    rows::{concat, rows_of, without_padding},
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

    fn put_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Tensor<S, usize, D>,
        tape: T,
    ) -> Tensor<S, usize, D, T> {
        PutTape::put_tape(data, tape)
    }

    fn split_tape<E: Element, D: Backend<E>, T: Tape<E, D>>(
        data: Tensor<S, usize, D, T>,
    ) -> (Tensor<S, usize, D>, T) {
        SplitTape::split_tape(data)
    }

    fn share<E: Element, D: Backend<E>>(data: &Tensor<S, usize, D>) -> Tensor<S, usize, D> {
        data.clone()
    }

    fn without_padding<E: Element, D: Backend<E>>(
        data: &Tensor<S, usize, D>,
        keep: &[bool],
    ) -> Result<Tensor<S, usize, D>, Error> {
        without_padding(data, keep)
    }

    fn concat<E: Element, D: Backend<E>>(
        parts: &[Tensor<S, usize, D>],
    ) -> Result<Tensor<S, usize, D>, Error> {
        concat(parts)
    }

    fn rows_of<E: Element, D: Backend<E>>(
        data: &Tensor<S, usize, D>,
        rows: Range<usize>,
    ) -> Result<Tensor<S, usize, D>, Error> {
        rows_of(data, rows)
    }

    fn send<E: Element, D: Backend<E>>(
        data: &Tensor<S, usize, D>,
        message: &mut Vec<f64>,
    ) -> Result<(), Error> {
        message::send(data, message)
    }

    fn receive<E: Element, D: Backend<E>>(
        rest: Rest<'_, '_>,
        dev: &D,
    ) -> Result<Tensor<S, usize, D>, Error> {
        message::receive(rest, dev)
    }

    fn display() -> String {
        format!("Ids<{}>", shape::display::<S>())
    }
}

#[diagnostic::do_not_recommend]
impl<S> Features for Ids<S> {
    const SIZE: usize = 0;
}
