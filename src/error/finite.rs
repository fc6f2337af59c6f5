use super::Error;

impl Error {
    /// Checks that all values are finite.
    ///
    /// # Errors
    /// [`Error::NonFinite`] with the first that is not.
    pub(crate) fn check_finite(
        what: &'static str,
        values: &[impl Copy + Into<f64>],
    ) -> Result<(), Error> {
        let infinite = |(_, value): &(usize, f64)| !value.is_finite();
        match values.iter().map(|&value| value.into()).enumerate().find(infinite) {
            Some((index, value)) => Err(Error::NonFinite { what, index, value }),
            None => Ok(()),
        }
    }
}
