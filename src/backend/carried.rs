//! States that stay from one batch to the next.

use std::{
    cell::RefCell,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use dfdx::tensor::Tensor;

use super::{Backend, Element, HiddenStates, to_values};
use crate::{
    distributed::{self, Pass},
    error::{Error, OrDevice},
};

/// Where a stateful layer keeps its states from one batch to the next. A clone has its own.
///
/// A pass that fails leaves it as the last whole pass did. On several ranks each has the states of the whole batch, and begins with those of its
/// rows.
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
    ///
    /// # Errors
    /// [`Error::Mismatch`] on one of several ranks, for states of a batch that has other rows.
    pub(crate) fn get(&self) -> Result<Option<HiddenStates<E, D>>, Error> {
        let slot = self.lock();
        let states = slot.next.as_ref().or(slot.now.as_ref()).cloned();
        match (states, distributed::current()) {
            (Some(states), Some(pass)) => each(&states, &|state| own_rows(state, &pass)).map(Some),
            (states, _) => Ok(states),
        }
    }

    /// Keeps states, as soon as the pass has ended well.
    ///
    /// # Errors
    /// Those of other ranks.
    pub(crate) fn set(&self, mut states: HiddenStates<E, D>) -> Result<(), Error> {
        if let Some(pass) = distributed::current() {
            states = each(&states, &|state| all_rows(state, &pass))?;
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

type State<E, D> = Tensor<(usize, usize), E, D>;

/// The same of each tensor of the states.
fn each<E: Element, D: Backend<E>>(
    states: &HiddenStates<E, D>,
    change: &impl Fn(&State<E, D>) -> Result<State<E, D>, Error>,
) -> Result<HiddenStates<E, D>, Error> {
    Ok(HiddenStates {
        h: change(&states.h)?,
        c: states.c.as_ref().map(change).transpose()?,
        below: states.below.iter().map(|below| each(below, change)).collect::<Result<_, _>>()?,
    })
}

/// The rows of a rank, of those of all.
fn own_rows<E: Element, D: Backend<E>>(
    state: &State<E, D>,
    pass: &Pass,
) -> Result<State<E, D>, Error> {
    use dfdx::shapes::HasShape;
    let (rows, units) = *state.shape();
    let own = pass.own_rows(rows)?;
    let values = to_values(state)?[own.start * units..own.end * units].to_vec();
    state.device().try_tensor_from_vec(values, (own.len(), units)).or_device()
}

/// The rows of all ranks, of those of each.
fn all_rows<E: Element, D: Backend<E>>(
    state: &State<E, D>,
    pass: &Pass,
) -> Result<State<E, D>, Error> {
    use dfdx::shapes::HasShape;
    let (rows, units) = *state.shape();
    let wide: Vec<f64> = to_values(state)?.iter().map(|value| value.as_f64()).collect();
    let (_, all) = pass.gather_rows(rows, &wide)?;
    let all: Vec<E> = all.into_iter().map(E::of).collect();
    let rows = all.len() / units.max(1);
    state.device().try_tensor_from_vec(all, (rows, units)).or_device()
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
