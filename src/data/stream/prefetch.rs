use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
};

use super::Batches;
use crate::{data::InMemory, error::Error};

/// The most batches that wait, which a channel has places for from the beginning.
const MOST: usize = 1 << 12;

type Item<X, Y, W> = Result<InMemory<X, Y, W>, Error>;

/// Reads batches on a thread, at most `ahead` before they are asked for, and one that waits for its place.
///
/// The thread ends with the batches, with an error, or as soon as nobody receives any more.
///
/// # Errors
/// [`Error::Data`] if there is no thread.
pub(super) fn prefetched<X, Y, W>(
    open: impl FnOnce() -> Result<Batches<X, Y, W>, Error> + Send + 'static,
    ahead: usize,
) -> Result<Batches<X, Y, W>, Error>
where
    X: Send + 'static,
    Y: Send + 'static,
    W: Send + 'static,
{
    let (sender, receiver) = sync_channel(ahead.min(MOST));
    let read = move || {
        let reading = catch_unwind(AssertUnwindSafe(|| send_all(open, &sender)));
        if let Err(panic) = reading {
            // Nobody is there to be told if the training has ended.
            drop(sender.send(Err(panicked(&*panic))));
        }
    };
    let thread = thread::Builder::new().name("kerata-prefetch".to_owned()).spawn(read);
    thread.map_err(Error::data)?;
    Ok(Box::new(Received(receiver)))
}

fn send_all<X, Y, W>(
    open: impl FnOnce() -> Result<Batches<X, Y, W>, Error>,
    sender: &SyncSender<Item<X, Y, W>>,
) where
    X: Send + 'static,
    Y: Send + 'static,
    W: Send + 'static,
{
    let batches = match open() {
        Ok(batches) => batches,
        Err(error) => Box::new(std::iter::once(Err(error))) as Batches<X, Y, W>,
    };
    for batch in batches {
        let failed = batch.is_err();
        if sender.send(batch).is_err() || failed {
            return;
        }
    }
}

/// The error of a source that panicked.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Panicked { message: text.unwrap_or_else(|| "without a message".to_owned()) }
}

struct Received<X, Y, W>(Receiver<Item<X, Y, W>>);

impl<X, Y, W> Iterator for Received<X, Y, W> {
    type Item = Item<X, Y, W>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.recv().ok()
    }
}
