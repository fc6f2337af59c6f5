//! The one error type of the crate.

/// What can go wrong at run time. Each error names the place and the value.
///
/// Mistakes of wiring (ranks, sizes, masks that would vanish) are not here: they do not compile.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device could not do what was asked, for example allocate.
    #[error("the device failed: {0}")]
    Device(String),

    /// A token id that the embedding has no row for.
    #[error(
        "token id {id} at row {row}, step {step} is outside the vocabulary of {vocabulary} (ids are 0 to {})",
        vocabulary - 1
    )]
    IdOutsideVocabulary {
        /// The id that was found.
        id: usize,
        /// The number of rows of the embedding.
        vocabulary: usize,
        /// The row of the batch.
        row: usize,
        /// The time step in that row; 0 where there are no steps.
        step: usize,
    },

    /// A class label that the prediction has no column for.
    #[error(
        "label {label} at position {position} is out of range: there are {classes} classes (0 to {})",
        classes - 1
    )]
    LabelOutOfRange {
        /// The label that was found.
        label: usize,
        /// The number of classes of the prediction.
        classes: usize,
        /// The position, counted row by row.
        position: usize,
    },

    /// Two things that must have the same length have not.
    #[error("{what}: expected {expected}, found {found}")]
    Mismatch {
        /// What was compared.
        what: &'static str,
        /// What the first of the two, or the type, says.
        expected: String,
        /// What was found.
        found: String,
    },

    /// A dataset without samples, or a stream that yielded no batch.
    #[error("{0} is empty")]
    Empty(&'static str),

    /// The loss is NaN or infinite. The parameters are those of the step before.
    #[error(
        "the loss is {value} in epoch {epoch}, batch {batch}: lower the learning rate or look at that batch"
    )]
    NonFiniteLoss {
        /// The value: NaN or an infinity.
        value: f64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The batch within the epoch, counted from 1.
        batch: usize,
    },

    /// A number that is NaN or infinite where only finite ones make sense.
    #[error("{what} {index} is {value}, which is not finite")]
    NonFinite {
        /// What was looked at.
        what: &'static str,
        /// Its index.
        index: usize,
        /// Its value.
        value: f64,
    },

    /// A setting that makes no sense.
    #[error("{name} is {value}: {expected}")]
    Invalid {
        /// The name of the setting.
        name: &'static str,
        /// The value that was given.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Error {
    pub(crate) fn mismatch(
        what: &'static str,
        expected: impl std::fmt::Debug,
        found: impl std::fmt::Debug,
    ) -> Self {
        Error::Mismatch { what, expected: format!("{expected:?}"), found: format!("{found:?}") }
    }
}

/// Turns the error of a device into an [`Error`].
pub(crate) trait OrDevice<T> {
    fn or_device(self) -> Result<T, Error>;
}

impl<T, F: std::fmt::Display> OrDevice<T> for Result<T, F> {
    fn or_device(self) -> Result<T, Error> {
        self.map_err(|e| Error::Device(e.to_string()))
    }
}
