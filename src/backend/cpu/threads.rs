use crate::error::Error;

/// Sets how many threads the kernels use; by default as many as there are cores, or as the environment variable
/// `RAYON_NUM_THREADS` says. It can be set once, before the first operation.
///
/// # Errors
/// [`Error::Invalid`] if the number is settled already, or 0.
pub fn set_threads(threads: usize) -> Result<(), Error> {
    let invalid = |expected| {
        Err(Error::Invalid { name: "the number of threads", value: threads.to_string(), expected })
    };
    match threads {
        0 => invalid("there must be at least 1"),
        _ if kerata_kernels::threads::set_threads(threads) => Ok(()),
        _ => invalid("it must be set once, before the first operation"),
    }
}
