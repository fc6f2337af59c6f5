use std::sync::{Arc, Mutex};

use crate::{data::Order, error::Error};

/// Batches that can be read once, one epoch behind the other.
pub(super) struct Once<F> {
    next: F,
    /// How many batches were read.
    position: usize,
    /// Whether a training that is resumed drops the batches before.
    skips: bool,
}

impl<T, F: FnMut(&Order) -> Option<Result<T, Error>>> Once<F> {
    pub(super) fn new(next: F, skips: bool) -> Self {
        Self { next, position: 0, skips }
    }

    fn read(&mut self, order: &Order) -> Option<Result<T, Error>> {
        self.position += 1;
        (self.next)(order)
    }

    /// The batches of an epoch, from one of them on.
    ///
    /// # Errors
    /// Those of the batches before, and [`Error::Panicked`] if reading did.
    pub(super) fn epoch(
        this: &Arc<Mutex<Self>>,
        order: &Order,
        first: usize,
    ) -> Result<Epoch<F>, Error> {
        let mut once = this.lock().map_err(|_| broken())?;
        let before = order.epoch.saturating_mul(order.steps.unwrap_or(0)).saturating_add(first);
        while once.skips && once.position < before {
            match once.read(order) {
                Some(batch) => batch.map(drop)?,
                None => break,
            }
        }
        Ok(Epoch { once: this.clone(), order: *order, found: first })
    }
}

fn broken() -> Error {
    Error::Panicked { message: "the stream panicked before, and cannot be read on".to_owned() }
}

/// One epoch of it.
pub(super) struct Epoch<F> {
    once: Arc<Mutex<Once<F>>>,
    order: Order,
    found: usize,
}

impl<T, F: FnMut(&Order) -> Option<Result<T, Error>>> Iterator for Epoch<F> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let Ok(mut once) = self.once.lock() else { return Some(Err(broken())) };
        let batch = once.read(&self.order);
        let found = self.found;
        self.found += 1;
        match batch {
            // Of a closed channel there is no epoch at all, which is not one of no batches.
            None if found == 0 => Some(Err(Error::DataEnded {
                found,
                expected: self.order.steps,
                setting: "steps_per_epoch",
            })),
            batch => batch,
        }
    }
}
