//! Work on several threads: each takes rows of the batch for the whole of an operation.

use crate::error::Error;

/// On how many threads work of a size is worth it. A number of multiplications below this, or of numbers that are
/// copied, does not pay for waking a thread.
const WORTH_A_THREAD: usize = 200_000;

/// How many threads share work of a number of multiplications over a number of rows.
pub(crate) fn threads(multiplications: usize, rows: usize) -> usize {
    (multiplications / WORTH_A_THREAD).clamp(1, rayon::current_num_threads()).min(rows.max(1))
}

/// Runs a job for each part, each on a thread, and gives the results in order.
pub(crate) fn parallel<J: Send, R: Send>(
    jobs: Vec<J>,
    work: impl Fn(J) -> R + Send + Sync,
) -> Vec<R> {
    if jobs.len() == 1 {
        return jobs.into_iter().map(work).collect();
    }
    use rayon::prelude::*;
    jobs.into_par_iter().map(work).collect()
}

/// Does two things that each go over so many numbers: at the same time, if that is worth waking a thread.
pub(crate) fn both<A: Send, B: Send>(
    numbers: usize,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if numbers < WORTH_A_THREAD { (a(), b()) } else { rayon::join(a, b) }
}

/// Sets how many threads the kernels use; by default as many as there are cores, or as the environment variable
/// `RAYON_NUM_THREADS` says. It can be set once, before the first operation.
///
/// # Errors
/// [`Error::Invalid`] if the number is settled already, or 0.
pub fn set_threads(threads: usize) -> Result<(), Error> {
    let invalid = |expected| {
        Err(Error::Invalid { name: "the number of threads", value: threads.to_string(), expected })
    };
    if threads == 0 {
        return invalid("there must be at least 1");
    }
    match rayon::ThreadPoolBuilder::new().num_threads(threads).build_global() {
        Ok(()) => Ok(()),
        Err(_) => invalid("it must be set once, before the first operation"),
    }
}
