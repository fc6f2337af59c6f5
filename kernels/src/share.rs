//! The threads that share the jobs of an operation: the one that asks for it, and others that are awake.

use std::{
    any::Any,
    hint,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::threads::spawn;

/// What other threads do.
type Theirs<'a> = &'a (dyn Fn() + Sync);

/// Calls `next`, which does the next of some jobs, until it says that none is left, on this thread and on `others`; comes
/// back when all jobs are done.
pub fn share(others: usize, next: &(dyn Fn() -> bool + Sync)) {
    let all = || while next() {};
    if others == 0 { all() } else { beside(others, &all, all) }
}

/// Does `mine` on this thread, and meanwhile `theirs` on as many of the `others` as begin in time; comes back when all
/// have ended that have begun.
///
/// A thread that sleeps takes as long to wake up as a small job, so one that has not begun is not waited for, as rayon's
/// scopes do: `mine` has to see to what is left.
pub fn beside(others: usize, theirs: Theirs<'_>, mine: impl FnOnce()) {
    // SAFETY: only the lifetime is changed. A thread takes the reference out of the state and is counted as busy under one
    // lock; `Leave`, which is dropped before this function ends in any way, takes it back under the same lock and
    // waits until nobody is busy. So nobody has it when `theirs` ends.
    let lent = unsafe { std::mem::transmute::<Theirs<'_>, Theirs<'static>>(theirs) };
    let team = Arc::new(Team {
        state: Mutex::new(State { theirs: Some(lent), panic: None }),
        busy: AtomicUsize::new(0),
        ended: Condvar::new(),
    });
    let leave = Leave(&team);
    for _ in 0..others {
        let team = Arc::clone(&team);
        spawn(move || team.help());
    }
    mine();
    drop(leave);
    let panic = team.state().panic.take();
    if let Some(panic) = panic {
        resume_unwind(panic);
    }
}

struct State {
    /// Until `mine` is done.
    theirs: Option<Theirs<'static>>,
    /// What another thread has panicked with.
    panic: Option<Box<dyn Any + Send>>,
}

struct Team {
    state: Mutex<State>,
    /// How many other threads have begun and not ended; changed with the lock of the state only.
    busy: AtomicUsize,
    ended: Condvar,
}

impl Team {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn help(&self) {
        let state = self.state();
        let Some(theirs) = state.theirs else { return };
        self.busy.fetch_add(1, Ordering::Relaxed);
        drop(state);
        let done = catch_unwind(AssertUnwindSafe(theirs));
        let mut state = self.state();
        state.panic = done.err().or(state.panic.take());
        if self.busy.fetch_sub(1, Ordering::Release) == 1 {
            self.ended.notify_one();
        }
    }
}

/// Lets no other thread begin any more when it is dropped, and waits for those who have.
struct Leave<'a>(&'a Team);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        /// How often to look before going to sleep: for some microseconds.
        const LOOKS: usize = 2000;
        self.0.state().theirs = None;
        let busy = || self.0.busy.load(Ordering::Acquire) > 0;
        for _ in 0..LOOKS {
            if !busy() {
                return;
            }
            hint::spin_loop();
        }
        let mut state = self.0.state();
        while busy() {
            state = self.0.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_job_is_done_once() {
        for (others, jobs) in [(0, 0), (0, 5), (1, 0), (1, 1), (1, 1000), (7, 3), (7, 1000)] {
            let (left, done) = (AtomicUsize::new(jobs), AtomicUsize::new(0));
            share(others, &|| {
                let job =
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                job.map(|_| done.fetch_add(1, Ordering::Relaxed)).is_ok()
            });
            assert_eq!(done.into_inner(), jobs, "{others} others");
        }
    }

    /// Wherever a job panics, the panic arrives here, and only when no other thread is at a job.
    #[test]
    fn panics_arrive() {
        for bad in [0, 1, 50, 99] {
            let (next, at_work) = (AtomicUsize::new(0), AtomicUsize::new(0));
            let all = || {
                share(3, &|| {
                    let job = next.fetch_add(1, Ordering::Relaxed);
                    at_work.fetch_add(1, Ordering::Relaxed);
                    std::thread::yield_now();
                    at_work.fetch_sub(1, Ordering::Relaxed);
                    assert!(job != bad, "job {job}");
                    job < 100
                });
            };
            let panic = catch_unwind(AssertUnwindSafe(all)).unwrap_err();
            assert_eq!(panic.downcast_ref(), Some(&format!("job {bad}")));
            assert_eq!(at_work.into_inner(), 0);
        }
    }

    /// Jobs that share jobs of their own wait for nobody who waits for them.
    #[test]
    fn jobs_within_jobs() {
        fn sum(depth: usize) -> usize {
            let (left, total) = (AtomicUsize::new(4), AtomicUsize::new(0));
            share(3, &|| {
                let job =
                    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
                let more = if depth == 0 { 1 } else { sum(depth - 1) };
                job.map(|_| total.fetch_add(more, Ordering::Relaxed)).is_ok()
            });
            total.into_inner()
        }
        assert_eq!(sum(2), 64);
    }
}
