use std::{marker::PhantomData, ops::Range};

use dfdx::{
    shapes::HasShape,
    tensor::{PutTape, SplitTape, Tape, Tensor},
};

use super::{
    Rest, Signal, message, real_steps,
    rows::{concat, rows_of, without_padding},
    tensor_data::tensor_data,
};
use crate::{
    backend::{Backend, Element, to_values},
    error::Error,
    shape::{self, Features, Shape},
};

/// Token ids, the input of an [`Embedding`](crate::layers::Embedding), or class labels, the target of
/// a [`SparseCategoricalCrossentropy`](crate::loss::SparseCategoricalCrossentropy).
///
/// It only names the wire; its data is a tensor of `usize`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ids<S>(PhantomData<S>);

/// What stands behind the labels of a row that has fewer than others: no label, and no id.
pub(crate) const NO_LABEL: usize = usize::MAX;

#[diagnostic::do_not_recommend]
impl<S: Shape> Signal for Ids<S> {
    type Data<E: Element, D: Backend<E>, T: Tape<E, D>> = Tensor<S, usize, D, T>;
    type StepData<'a, E: Element> = &'a [usize];

    tensor_data!(usize);

    fn display() -> String {
        format!("Ids<{}>", shape::display::<S>())
    }

    fn check_real<E: Element, D: Backend<E>>(
        data: &Tensor<S, usize, D>,
        keep: Option<&[bool]>,
    ) -> Result<(), Error> {
        // Of a single label for each sample none is missing.
        if S::NUM_DIMS < 2 {
            return Ok(());
        }
        let labels = to_values(data)?;
        // Other sizes are told of where they are compared.
        if keep.is_some_and(|keep| keep.len() != labels.len()) {
            return Ok(());
        }
        let kept = |at: usize| keep.is_none_or(|keep| keep[at]);
        let missing = |at: &usize| kept(*at) && labels[*at] == NO_LABEL;
        let Some(first) = (0..labels.len()).find(missing) else { return Ok(()) };
        let sizes: Vec<usize> = data.shape().concrete().into();
        let width: usize = sizes[1..].iter().product();
        let row = first / width;
        let last = (row * width..(row + 1) * width).rev().find(|&at| kept(at)).unwrap_or(first);
        let real =
            labels[row * width..(row + 1) * width].iter().filter(|&&label| label != NO_LABEL);
        Err(Error::Mismatch {
            what: real_steps(keep),
            expected: format!("{} in row {row}", last - row * width + 1),
            found: real.count().to_string(),
        })
    }
}

#[diagnostic::do_not_recommend]
impl<S> Features for Ids<S> {
    const SIZE: usize = 0;
}
