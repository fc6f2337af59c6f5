//! The errors of devices.

use super::Error;

// What is turned into an error is no list for who lacks another one: `Error::other` takes any.
#[diagnostic::do_not_recommend]
impl From<dfdx::tensor::CpuError> for Error {
    fn from(error: dfdx::tensor::CpuError) -> Self {
        Self::Device(error.to_string())
    }
}

/// Turns the error of a device into an [`Error`].
///
/// ```
/// use kerata::{Backend, Element, Error, Tensor, tensor::{OrDevice, Shape}};
///
/// /// On any device. On a `Cpu`, `?` alone would do.
/// fn root<S: Shape, E: Element, D: Backend<E>>(x: Tensor<S, E, D>) -> Result<Tensor<S, E, D>, Error> {
///     x.try_sqrt().or_device()
/// }
/// ```
pub trait OrDevice<T> {
    /// [`Error::Device`] instead of the error.
    ///
    /// # Errors
    /// [`Error::Device`].
    fn or_device(self) -> Result<T, Error>;
}

impl<T, F: std::fmt::Display> OrDevice<T> for Result<T, F> {
    fn or_device(self) -> Result<T, Error> {
        self.map_err(|e| Error::Device(e.to_string()))
    }
}
