//! Tensors that no gradient is required of.

use std::{
    any::Any,
    cell::RefCell,
    rc::{Rc, Weak},
};

use dfdx::tensor::{Cpu, Tensor};

use super::storage::first;
use crate::shape::Shape;

thread_local! {
    /// Where the first number is of each of them.
    static STOPPED: RefCell<Vec<(*const f32, Weak<dyn Any>)>> = const { RefCell::new(Vec::new()) };
}

/// Says that no gradient is required of a tensor, once this is dropped: operations that had the tensor as their
/// input on this thread, in the meantime, save that work then. A device gives it, by
/// [`Backend::stop_gradient`](crate::backend::Backend::stop_gradient).
///
/// Such a gradient is not there afterwards, or lacks what those operations did not add. But a backward pass that runs
/// before the drop finds all gradients, as that of a layer which differentiates by its own input.
///
/// A tensor is known by the place of its values, so clones and other shapes of it are meant too: a parameter must have
/// values of its own.
///
/// ```
/// use dfdx::prelude::{Backward, SumTo};
/// use kerata::{Cpu, Dense, Error, backend::Backend, prelude::*};
///
/// let (dev, x) = (Cpu::seed_from_u64(0), Cpu::default().tensor([[1.0_f32, 2.0]]));
/// let dense = Dense::<2, 1>::build(&dev)?;
/// let constant = Cpu::stop_gradient(&x);
/// let y = dense.forward(x.leaky_trace())?;
/// drop(constant);
/// let gradients = y.sum().backward();
/// assert_eq!(gradients.get(&dense.kernel).array(), [[1.0], [2.0]]);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "what comes before it is dropped is meant"]
pub struct StopGradient {
    /// A clone of the tensor: no other gets its memory.
    held: Option<Rc<dyn Any>>,
}

impl StopGradient {
    /// Says nothing.
    pub(crate) fn nothing() -> Self {
        Self { held: None }
    }

    pub(crate) fn new<S: Shape>(x: &Tensor<S, f32, Cpu>) -> Self {
        let Some(first) = first(x) else { return Self::nothing() };
        let held: Rc<dyn Any> = Rc::new(x.clone());
        STOPPED.with_borrow_mut(|constants| constants.push((first, Rc::downgrade(&held))));
        Self { held: Some(held) }
    }
}

impl Drop for StopGradient {
    fn drop(&mut self) {
        // The tensor is freed when nothing is borrowed any more.
        drop(self.held.take());
        STOPPED.with_borrow_mut(|constants| {
            constants.retain(|(_, constant)| constant.strong_count() > 0);
        });
    }
}

impl std::fmt::Debug for StopGradient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("StopGradient")
    }
}

/// Whether somebody may ask for the gradient of an operation's input.
pub(crate) struct RequiresGrad(Option<Weak<dyn Any>>);

impl RequiresGrad {
    pub(crate) fn of<S: Shape>(x: &Tensor<S, f32, Cpu>) -> Self {
        let constant = first(x).and_then(|first| {
            STOPPED.with_borrow(|constants| {
                constants.iter().find(|(at, _)| *at == first).map(|(_, constant)| constant.clone())
            })
        });
        Self(constant)
    }

    /// Whether now: the input was no [`StopGradient`], or is one still.
    pub(crate) fn now(&self) -> bool {
        self.0.as_ref().is_none_or(|constant| constant.strong_count() > 0)
    }
}
