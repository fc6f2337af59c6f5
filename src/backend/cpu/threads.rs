use crate::error::Error;

/// Sets how many threads the kernels use; by default as many as there are cores, or as the environment variable
/// `RAYON_NUM_THREADS` says. It can be set once, before the first operation.
///
/// # Errors
/// [`Error::Invalid`] if the number is settled already, 0, or above 4096.
pub fn set_threads(threads: usize) -> Result<(), Error> {
    let invalid = |expected| {
        Err(Error::Invalid { name: "the number of threads", value: threads.to_string(), expected })
    };
    match threads {
        0 => invalid("there must be at least 1"),
        4097.. => invalid("there may be at most 4096"),
        _ if kerata_kernels::threads::set_threads(threads) => Ok(()),
        _ => invalid("it must be set once, before the first operation"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_threads_as_no_machine_has_are_refused() {
        for (threads, text) in [(0, "there must be at least 1"), (usize::MAX, "at most 4096")] {
            let error = set_threads(threads).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }
}
