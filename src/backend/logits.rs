//! What a softmax or a sigmoid was applied to, for the losses of what it gives.
//!
//! A saturated probability is 0 or 1, with no gradient left, while its logit still says how wrong it is. So a cross-entropy
//! of a prediction that came straight out of the activation goes back to the logits, as Keras does it.
//!
//! A prediction is known by the identity of its tensor, which another shape keeps and every operation changes.

use std::{
    any::Any,
    cell::RefCell,
    rc::{Rc, Weak},
};

use dfdx::{
    optim::UnusedTensors,
    shapes::HasShape,
    tensor::{NoneTape, PutTape, SplitTape, Tape, Tensor, UniqueId},
};

use super::{
    ActivationFunction, ActivationKind, Backend, Element, IntoShape, is_on, memory::elements_of,
};
use crate::{error::Error, shape::Shape};

thread_local! {
    /// Those of this thread. A tape has them as long as it is not used up, and [`remembered`] as long as it runs.
    static KNOWN: RefCell<Vec<Weak<dyn Any>>> = const { RefCell::new(Vec::new()) };
    static HELD: RefCell<Option<Vec<Rc<dyn Any>>>> = const { RefCell::new(None) };
}

/// An output of an activation, and what it was applied to.
struct Entry<E: Element, D: Backend<E>> {
    output: UniqueId,
    function: ActivationFunction,
    logits: Tensor<(usize, usize), E, D>,
}

/// Runs a pass without a tape and what measures its outputs, so that the losses find the logits there too.
pub(crate) fn remembered<R>(pass: impl FnOnce() -> R) -> R {
    struct Restore(Option<Vec<Rc<dyn Any>>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            drop(HELD.replace(self.0.take()));
        }
    }
    let _restore = Restore(HELD.replace(Some(Vec::new())));
    pass()
}

/// Whether a loss may ask what an activation was applied to.
fn wanted(recorded: bool) -> bool {
    recorded || HELD.with_borrow(Option::is_some)
}

/// What an operation is told to do at once: all but a sigmoid whose logits are wanted.
pub(crate) fn fused(kind: ActivationKind, recorded: bool) -> ActivationKind {
    match kind {
        ActivationKind::Logistic if wanted(recorded) => ActivationKind::Nothing,
        kind => kind,
    }
}

/// Applies a softmax or sigmoid, and remembers to what; another activation is applied only.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn activation<E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<(usize, usize), E, D, T>,
    function: ActivationFunction,
) -> Result<Tensor<(usize, usize), E, D, T>, Error> {
    match function {
        ActivationFunction::SOFTMAX => softmax(x),
        ActivationFunction::SIGMOID => sigmoid(x),
        _ => function.apply(x),
    }
}

/// [`Backend::softmax`], remembered.
pub(crate) fn softmax<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    let width = x.shape().concrete().into_iter().last().unwrap_or(1);
    of_rows(x, width, ActivationFunction::SOFTMAX)
}

/// [`Backend::sigmoid`], remembered.
pub(crate) fn sigmoid<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
) -> Result<Tensor<S, E, D, T>, Error> {
    of_rows(x, 1, ActivationFunction::SIGMOID)
}

fn of_rows<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    width: usize,
    function: ActivationFunction,
) -> Result<Tensor<S, E, D, T>, Error> {
    let softmax = function == ActivationFunction::SOFTMAX;
    let (x, mut tape) = x.split_tape();
    let recorded = is_on(&mut tape);
    let x = x.put_tape(tape);
    let shape = *x.shape();
    if elements_of(&x)? == 0 || !wanted(recorded) {
        return if softmax { D::softmax(x) } else { D::sigmoid(x) };
    }
    let x = x.into_shape(&(elements_of(&shape)? / width, width))?;
    let logits = x.retaped::<NoneTape>();
    let y = if softmax { D::softmax(x)? } else { D::sigmoid(x)? };
    let (y, mut tape) = y.into_shape(&shape)?.split_tape();
    let entry: Rc<dyn Any> = Rc::new(Entry { output: id(&y), function, logits });
    KNOWN.with_borrow_mut(|known| {
        if known.len() == known.capacity() {
            known.retain(|entry| entry.strong_count() > 0);
        }
        known.push(Rc::downgrade(&entry));
    });
    if recorded {
        tape.add_backward_op(move |_| {
            drop(entry);
            Ok(())
        });
    } else {
        HELD.with_borrow_mut(|held| held.iter_mut().for_each(|held| held.push(Rc::clone(&entry))));
    }
    Ok(y.put_tape(tape))
}

/// The rows that a function was applied to with these as its result, if it is known.
///
/// # Errors
/// [`Error::Device`].
pub(crate) fn behind<E: Element, D: Backend<E>, T: Tape<E, D>>(
    y: &Tensor<(usize, usize), E, D, T>,
    function: ActivationFunction,
) -> Result<Option<Tensor<(usize, usize), E, D>>, Error> {
    let id = id(y);
    let found = KNOWN.with_borrow(|known| {
        known.iter().rev().filter_map(Weak::upgrade).find_map(|entry| {
            let entry = entry.downcast_ref::<Entry<E, D>>()?;
            let is = entry.output == id && entry.function == function;
            is.then(|| entry.logits.clone())
        })
    });
    let Some(logits) = found else { return Ok(None) };
    // Rows of another width are not those that were normalised.
    if function == ActivationFunction::SOFTMAX && logits.shape() != y.shape() {
        return Ok(None);
    }
    logits.into_shape(y.shape()).map(Some)
}

/// The identity of a tensor, which another shape keeps and every operation changes.
pub(crate) fn id<S: Shape, E: Element, D: Backend<E>, T>(x: &Tensor<S, E, D, T>) -> UniqueId {
    // One of the two places where dfdx shows which tensor is which.
    let mut seen = UnusedTensors::default();
    seen.add(x);
    seen.ids[0]
}

/// The softmax along the middle one of three dimensions, whose sizes are given.
pub(crate) fn softmax_along<S: Shape, E: Element, D: Backend<E>, T: Tape<E, D>>(
    x: Tensor<S, E, D, T>,
    sizes: [usize; 3],
) -> Result<Tensor<S, E, D, T>, Error> {
    let (shape, [outer, along, inner]) = (*x.shape(), sizes);
    if elements_of(&x)? == 0 {
        return Ok(x);
    }
    match inner {
        1 => D::softmax(x.into_shape(&(outer, along))?)?.into_shape(&shape),
        _ => D::softmax_along(x.into_shape(&(outer, along, inner))?)?.into_shape(&shape),
    }
}
