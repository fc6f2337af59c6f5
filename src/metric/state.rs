use std::fmt::Debug;

use crate::{error::Error, reduce::Mean};

/// What a metric remembers of the batches that it has seen.
///
/// Two of them can be merged into one that has seen all batches of both: so metrics of several machines are measured.
///
/// ```
/// use kerata::{metric::MetricState, reduce::Mean};
///
/// let (mut here, mut there) = (Mean::default(), Mean::default());
/// here.add([1.0, 2.0], [1.0, 1.0]);
/// there.add([6.0], [1.0]);
/// here.merge(&there);
/// assert_eq!(here.get(), 3.0);
/// assert_eq!(Mean::from_values(here.to_values())?, here);
/// # Ok::<(), kerata::Error>(())
/// ```
pub trait MetricState: Debug + Clone + Default + Send + 'static {
    /// Adds what another one has seen.
    fn merge(&mut self, other: &Self);

    /// All that it remembers, as numbers: for a checkpoint, and on the way to another machine.
    fn to_values(&self) -> Vec<f64>;

    /// The state that has these [values](MetricState::to_values).
    ///
    /// # Errors
    /// [`Error::Mismatch`] if they are none of such a state.
    fn from_values(values: Vec<f64>) -> Result<Self, Error>;
}

impl MetricState for Mean {
    fn merge(&mut self, other: &Self) {
        let ([total, weight], [more, of]) = (self.parts(), other.parts());
        *self = Self::of_parts([total + more, weight + of]);
    }

    fn to_values(&self) -> Vec<f64> {
        self.parts().into()
    }

    fn from_values(values: Vec<f64>) -> Result<Self, Error> {
        let found = values.len();
        let parts = values.try_into();
        parts.map(Self::of_parts).map_err(|_| Error::mismatch("the values of a mean", 2, found))
    }
}
