//! Tensors whose gradients nobody asks for.

use std::{any::Any, cell::RefCell};

use dfdx::{
    shapes::{HasShape, Shape},
    tensor::{Cpu, Tensor},
};

thread_local! {
    /// Where the first number is of each of them.
    static CONSTANTS: RefCell<Vec<*const f32>> = const { RefCell::new(Vec::new()) };
}

/// As long as it lives, operations on this thread that see the tensor as their input save the work of its gradient,
/// which stays 0. A device gives it, by [`Backend::constant`](super::Backend::constant).
///
/// ```
/// use dfdx::prelude::{Backward, SumTo};
/// use kerata::{Cpu, Dense, Error, backend::Backend, prelude::*};
///
/// let (dev, x) = (Cpu::seed_from_u64(0), Cpu::default().tensor([[1.0_f32, 2.0]]));
/// let dense = Dense::<2, 1>::build(&dev)?;
/// let constant = Cpu::constant(&x);
/// let gradients = dense.forward(x.leaky_trace())?.sum().backward();
/// drop(constant);
/// assert_eq!(gradients.get(&dense.kernel).array(), [[1.0], [2.0]]);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "the gradient is asked for again when it is dropped"]
pub struct Constant {
    first: *const f32,
    /// A clone of the tensor: no other gets its memory.
    _held: Option<Box<dyn Any>>,
}

impl Constant {
    /// Says nothing.
    pub(super) fn nothing() -> Self {
        Self { first: std::ptr::null(), _held: None }
    }

    pub(super) fn new<S: Shape>(x: &Tensor<S, f32, Cpu>) -> Self {
        let Some(first) = first(x) else { return Self::nothing() };
        CONSTANTS.with_borrow_mut(|constants| constants.push(first));
        Self { first, _held: Some(Box::new(x.clone())) }
    }
}

impl Drop for Constant {
    fn drop(&mut self) {
        CONSTANTS.with_borrow_mut(|constants| {
            if let Some(at) = constants.iter().position(|&first| first == self.first) {
                constants.swap_remove(at);
            }
        });
    }
}

impl std::fmt::Debug for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Constant")
    }
}

/// Whether anybody may ask for the gradient of a tensor: it is no [`Constant`], nor another shape of one.
pub(crate) fn needs_gradient<S: Shape>(x: &Tensor<S, f32, Cpu>) -> bool {
    first(x).is_none_or(|first| !CONSTANTS.with_borrow(|constants| constants.contains(&first)))
}

/// Where the first number of a tensor is, if it has any.
fn first<S: Shape>(x: &Tensor<S, f32, Cpu>) -> Option<*const f32> {
    (x.shape().num_elements() > 0).then(|| &raw const x[S::Concrete::default()])
}
