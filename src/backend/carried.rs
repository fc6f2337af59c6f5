//! States that stay from one batch to the next.

use std::{
    cell::RefCell,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Backend, Element, HiddenStates};
use crate::{distributed, error::Error};

/// Where a stateful layer keeps its states from one batch to the next. A clone has its own.
///
/// A pass that fails leaves it as the last whole pass did.
pub struct CarriedStates<E: Element, D: Backend<E>>(Arc<Mutex<Slot<E, D>>>);

struct Slot<E: Element, D: Backend<E>> {
    now: Option<HiddenStates<E, D>>,
    /// Those of a pass that has not ended yet.
    next: Option<HiddenStates<E, D>>,
}

/// What is to be done when a pass ends, well or not.
type Ending = Box<dyn FnOnce(bool)>;

thread_local! {
    /// Of the pass that this thread is in.
    static ENDINGS: RefCell<Option<Vec<Ending>>> = const { RefCell::new(None) };
}

/// Runs a pass of a whole model: only if it succeeds its layers keep their new states.
///
/// # Errors
/// Those of the pass.
pub(crate) fn whole_pass<R>(pass: impl FnOnce() -> Result<R, Error>) -> Result<R, Error> {
    struct End(bool);

    impl Drop for End {
        fn drop(&mut self) {
            let endings = ENDINGS.take().unwrap_or_default();
            endings.into_iter().for_each(|end| end(self.0));
        }
    }

    if ENDINGS.with_borrow(Option::is_some) {
        return pass();
    }
    ENDINGS.set(Some(Vec::new()));
    let mut end = End(false);
    let result = pass();
    end.0 = result.is_ok();
    result
}

impl<E: Element, D: Backend<E>> CarriedStates<E, D> {
    fn lock(&self) -> MutexGuard<'_, Slot<E, D>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The states to begin with.
    pub(crate) fn get(&self) -> Option<HiddenStates<E, D>> {
        let slot = self.lock();
        slot.next.as_ref().or(slot.now.as_ref()).cloned()
    }

    /// Keeps states, as soon as the pass has ended well.
    ///
    /// # Errors
    /// [`Error::Wiring`] on one of several ranks, which has those of its share only.
    pub(crate) fn set(&self, states: HiddenStates<E, D>) -> Result<(), Error> {
        if distributed::current().is_some() {
            let message = "a layer that is `stateful` is trained by one process only, and not by several ranks";
            return Err(Error::Wiring { layer: "stateful".into(), message: message.into() });
        }
        self.lock().next = Some(states);
        let slot = Self(Arc::clone(&self.0));
        let end = move |ok: bool| {
            let mut slot = slot.lock();
            if let (Some(next), true) = (slot.next.take(), ok) {
                slot.now = Some(next);
            }
        };
        let mut end: Option<Ending> = Some(Box::new(end));
        ENDINGS.with_borrow_mut(|endings| {
            if let Some(endings) = endings {
                endings.extend(end.take());
            }
        });
        // Outside of a pass this is all of it.
        if let Some(end) = end {
            end(true);
        }
        Ok(())
    }

    /// Forgets the states: the next sequence begins with zeros.
    pub(crate) fn reset(&self) {
        *self.lock() = Slot { now: None, next: None };
    }
}

impl<E: Element, D: Backend<E>> Default for CarriedStates<E, D> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Slot { now: None, next: None })))
    }
}

impl<E: Element, D: Backend<E>> Clone for CarriedStates<E, D> {
    fn clone(&self) -> Self {
        Self(Arc::new(Mutex::new(Slot { now: self.lock().now.clone(), next: None })))
    }
}

impl<E: Element, D: Backend<E>> fmt::Debug for CarriedStates<E, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.lock().now.is_some() { "kept" } else { "none" })
    }
}
