//! The errors of the standard library that the code around a model meets.

use super::Error;

// What is turned into an error is no list for who lacks another one: `Error::other` takes any.
#[diagnostic::do_not_recommend]
impl From<std::io::Error> for Error {
    /// [`Error::Other`], with the words of the system, which do not name the file.
    fn from(error: std::io::Error) -> Self {
        Self::other(error)
    }
}
