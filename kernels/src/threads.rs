//! Work on several threads: each takes rows of the batch for the whole of an operation.

use std::sync::{Mutex, OnceLock, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::share::share;

/// On how many threads work of a size is worth it: fewer multiplications than this do not pay for waking a thread.
const WORTH_A_THREAD: usize = 200_000;

/// How many threads share work of a number of multiplications over a number of rows.
pub fn threads(multiplications: usize, rows: usize) -> usize {
    (multiplications / WORTH_A_THREAD).clamp(1, rayon::current_num_threads()).min(rows.max(1))
}

/// How many rows are a job, of work of a number of multiplications, where it matters to the result how it is cut, as it
/// does to sums: the cut depends on the sizes alone, not on how many threads there are.
pub fn fixed_chunk(multiplications: usize, rows: usize) -> usize {
    /// More would keep more threads busy, but each job has sums of its own.
    const JOBS: usize = 16;
    rows.div_ceil((multiplications / WORTH_A_THREAD).clamp(1, JOBS)).max(1)
}

/// Runs a job for each part, each on a thread, and gives the results in order.
pub fn parallel<J: Send, R: Send>(jobs: Vec<J>, work: impl Fn(J) -> R + Send + Sync) -> Vec<R> {
    // Behind a pointer, so that neither the work nor how it is shared out is compiled for each of the two.
    let work: &(dyn Fn(J) -> R + Sync) = &work;
    if jobs.len() == 1 {
        return jobs.into_iter().map(work).collect();
    }
    let mut results: Vec<Option<R>> = jobs.iter().map(|_| None).collect();
    let others = rayon::current_num_threads().min(jobs.len()).saturating_sub(1);
    let queue = Mutex::new(jobs.into_iter().zip(&mut results));
    share(others, &|| {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some((job, result)) = next else { return false };
        *result = Some(work(job));
        true
    });
    drop(queue);
    results.into_iter().flatten().collect()
}

/// Has another thread do something, as soon as one is free.
///
/// On a thread of rayon, those are the others of its pool. Else they are threads of our own, one fewer than rayon has: with as many,
/// one would look for work on a core where another one works, and the system may let it have that core for milliseconds.
pub(crate) fn spawn(job: impl FnOnce() + Send + 'static) {
    static OTHERS: OnceLock<Option<ThreadPool>> = OnceLock::new();
    if rayon::current_thread_index().is_some() {
        return rayon::spawn(job);
    }
    let others = OTHERS.get_or_init(|| {
        let others = rayon::current_num_threads().checked_sub(1).filter(|&others| others > 0)?;
        ThreadPoolBuilder::new().num_threads(others).build().ok()
    });
    if let Some(others) = others {
        others.spawn(job);
    }
}

/// Sets how many threads the kernels use, at least 1; `false` if the number is settled already.
pub fn set_threads(threads: usize) -> bool {
    rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build_global().is_ok()
}
