//! What a rank that fails is for the others.

use std::any::Any;

use crate::error::Error;

/// The error of a rank. One that is of a rank already, its own or another, stays.
#[doc(hidden)]
pub fn failed(rank: usize, error: Error) -> Error {
    match error {
        Error::Rank { .. } => error,
        error => Error::Rank { rank, message: error.to_string() },
    }
}

/// The panic of a rank.
#[doc(hidden)]
pub fn panicked(rank: usize, panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    Error::Rank { rank, message: format!("it panicked: {}", text.unwrap_or_default()) }
}
