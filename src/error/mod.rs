//! The one error type of the crate.

mod device;
mod finite;
mod foreign;
mod opened;
mod text;
mod vocabulary;

pub use device::OrDevice;
#[doc(hidden)]
pub use opened::{NotOfResults, Opened};
pub(crate) use text::{PRINTED, Words, nearest, shortened};
use text::{list, number, of_layer, or_known, place};

/// What can go wrong at run time. Each error names the place and the value.
///
/// Mistakes of wiring (ranks, sizes, masks that would vanish) are not here: they do not compile.
#[derive(Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device could not do what was asked, for example allocate.
    #[error("the device failed: {0}")]
    Device(String),

    /// A token id that the embedding has no row for.
    #[error(
        "token id {id} at row {row}, step {step} is outside the vocabulary of {vocabulary} ({})",
        match vocabulary.checked_sub(1) {
            Some(last) => format!("ids are 0 to {last}"),
            None => "there are none".into(),
        }
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
        "label {label} at position {position} is out of range: there are {classes} classes ({})",
        match classes.checked_sub(1) {
            Some(last) => format!("0 to {last}"),
            None => "none".into(),
        }
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

    /// A sample of other sizes than the first one, or than the model takes.
    #[error(
        "row {row} has the sizes {found:?}, but {expected:?} are expected (sequences of different lengths go into a `Ragged`, or one by one as `Padded`)"
    )]
    SampleSizes {
        /// The index of the sample.
        row: usize,
        /// The sizes that it should have.
        expected: Vec<usize>,
        /// The sizes that it has.
        found: Vec<usize>,
    },

    /// A number that is no id or label: it is negative, or larger than there can be.
    #[error(
        "row {row} holds {value}, which is {}: ids and labels count from 0",
        if value.starts_with('-') { "no id" } else { "too large for an id" }
    )]
    NotAnId {
        /// The index of the sample.
        row: usize,
        /// The number.
        value: String,
    },

    /// A dataset without samples, or a stream that yielded no batch.
    #[error("{0} is empty")]
    Empty(&'static str),

    /// A dataset that yielded fewer batches than an epoch is to have, or a stream that has come to its end before.
    #[error(
        "the data ended after {found} batches of the epoch{}",
        match expected {
            Some(expected) => format!(", which is to have {expected} (`{setting}`)"),
            None => ": the stream was read to its end before; one that opens anew, `Stream::new`, can be read again".into(),
        }
    )]
    DataEnded {
        /// How many batches there were.
        found: usize,
        /// How many there were to be, if that was said.
        expected: Option<usize>,
        /// What says so: `steps_per_epoch`, or `validation_steps`.
        setting: &'static str,
    },

    /// Reading the data failed: what a source of yours says.
    #[error("reading the data failed: {0}")]
    Data(String),

    /// Whatever else goes wrong in code of yours: in a callback, a layer, a loss. It says what that says.
    #[error("{0}")]
    Other(String),

    /// The thread that reads the data panicked.
    #[error("reading the data panicked: {message}")]
    Panicked {
        /// The message of the panic.
        message: String,
    },

    /// A rank of a [distributed](crate::distributed) training that failed, or that the others waited for in vain.
    #[error("rank {rank} failed: {message}")]
    Rank {
        /// The number of the rank, from 0.
        rank: usize,
        /// What went wrong there.
        message: String,
    },

    /// The loss is NaN or infinite. The step was not made.
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

    /// A value of a gradient is NaN or infinite. The step was not made.
    #[error(
        "a gradient of `{parameter}` is {value}{}: lower the learning rate or look at that batch",
        place(*at)
    )]
    NonFiniteGradient {
        /// The name of the parameter, `lstm1.kernel`.
        parameter: String,
        /// The value: NaN or an infinity.
        value: f64,
        /// The epoch, and the batch within it, each counted from 1, where a `Trainer` counts them.
        at: Option<(usize, usize)>,
    },

    /// A step would make a parameter, a moving statistic or what the optimiser remembers of one NaN or infinite. It
    /// was not made.
    #[error(
        "the step would make `{parameter}` {value}{}: lower the learning rate or look at that batch",
        place(*at)
    )]
    NonFiniteParameter {
        /// The name of the parameter, `lstm1.kernel`.
        parameter: String,
        /// The value: NaN or an infinity.
        value: f64,
        /// The epoch, and the batch within it, each counted from 1, where a `Trainer` counts them.
        at: Option<(usize, usize)>,
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

    /// A finite value that the elements of the model cannot hold: `1e300` in a model of `f32`.
    #[error("{what} {index} holds {value:e}, which is beyond the range of the model's elements")]
    Overflow {
        /// What was looked at.
        what: &'static str,
        /// Its index.
        index: usize,
        /// The value.
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

    /// A config or a weight file that does not fit. All differences are listed.
    #[error("{what} does not fit:{}", list(differences))]
    Differences {
        /// What was compared.
        what: String,
        /// Each place where it does not fit.
        differences: Vec<Difference>,
    },

    /// A name that is not known.
    #[error("{what} `{}` is not known{}", shortened(name), or_known(name, known))]
    Unknown {
        /// What is named, such as `the layer`.
        what: &'static str,
        /// The name.
        name: String,
        /// The names that are known.
        known: Vec<String>,
    },

    /// Data of a shape or kind that a layer cannot take, where types do not know it.
    #[error("{}{message}", of_layer(layer))]
    Wiring {
        /// The layer.
        layer: String,
        /// What it takes, what arrives, and what to do about it.
        message: String,
    },

    /// What is wrong with the config of a layer in a model.
    #[error("layer `{layer}`: {error}")]
    InLayer {
        /// The layer.
        layer: String,
        /// What is wrong.
        error: Box<Error>,
    },

    /// A text that is no JSON, or not of the form that was expected.
    #[error("not a JSON that can be read: {0}")]
    Json(String),

    /// A word that the vocabulary does not hold, where there is no token for unknown words.
    #[error("`{}` is not among the {words} words of the vocabulary", shortened(word))]
    UnknownWord {
        /// The word.
        word: String,
        /// How many words there are.
        words: usize,
    },

    /// A row that should be a one and zeros and is not.
    #[error("row {row}, step {step} is not one-hot: it must be a single 1, and zeros")]
    NotOneHot {
        /// The row of the batch.
        row: usize,
        /// The time step in that row.
        step: usize,
    },

    /// A line of a text file that cannot be read.
    #[error("{path}, line {line}: {message}")]
    Line {
        /// The path of the file.
        path: String,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        message: String,
    },

    /// A file that cannot be read or written.
    #[error("{path}: {message}")]
    File {
        /// The path of the file.
        path: String,
        /// What is wrong.
        message: String,
    },
}

/// One place where two things differ: `units: the type says 2, the JSON says 10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The place: the key of a config, the name of a parameter.
    pub place: String,
    /// What was expected there.
    pub expected: String,
    /// What was found there.
    pub found: String,
}

/// As [`Display`](std::fmt::Display), since this is what a `main` prints that ends in an error.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}, {}", self.place, self.expected, self.found)
    }
}

impl Error {
    /// The error of a source of data, of whatever type: [`Error::Data`].
    ///
    /// ```
    /// use kerata::Error;
    ///
    /// let number = |text: &str| text.parse::<f32>().map_err(Error::data);
    /// assert_eq!(number("x").unwrap_err().to_string(), "reading the data failed: invalid float literal");
    /// ```
    pub fn data(error: impl std::fmt::Display) -> Self {
        Self::Data(error.to_string())
    }

    /// The error of a callback, a layer or a loss of yours, of whatever type: [`Error::Other`]. One of input and output becomes it by `?`.
    ///
    /// ```
    /// use kerata::Error;
    ///
    /// fn number(text: &str) -> Result<f32, Error> {
    ///     text.parse().map_err(|e| Error::other(format!("`{text}`: {e}")))
    /// }
    ///
    /// fn read() -> Result<f32, Error> {
    ///     number(&std::fs::read_to_string("no such file")?)
    /// }
    ///
    /// assert_eq!(number("x"), Err(Error::Other("`x`: invalid float literal".into())));
    /// assert!(matches!(read(), Err(Error::Other(_))));
    /// ```
    pub fn other(error: impl std::fmt::Display) -> Self {
        Self::Other(error.to_string())
    }

    /// The error of a layer of a model, with its name if it speaks of what reaches the layer.
    #[doc(hidden)]
    #[must_use]
    pub fn in_layer(self, layer: &str) -> Self {
        match self {
            Self::Mismatch { .. } => self.within(layer),
            other => other,
        }
    }

    /// The error of a step, with the epoch and the batch.
    pub(crate) fn in_batch(mut self, epoch: usize, batch: usize) -> Self {
        if let Self::NonFiniteGradient { at, .. } | Self::NonFiniteParameter { at, .. } = &mut self
        {
            *at = Some((epoch, batch));
        }
        self
    }

    /// The error of a layer in a model, with its name.
    pub(crate) fn within(self, layer: &str) -> Self {
        Self::InLayer { layer: shortened(layer), error: Box::new(self) }
    }

    pub(crate) fn mismatch(
        what: &'static str,
        expected: impl std::fmt::Debug,
        found: impl std::fmt::Debug,
    ) -> Self {
        fn mismatch(what: &'static str, sides: [&dyn std::fmt::Debug; 2]) -> Error {
            let [expected, found] = sides.map(|side| format!("{side:?}"));
            Error::Mismatch { what, expected, found }
        }
        mismatch(what, [&expected, &found])
    }

    pub(crate) fn invalid(
        name: &'static str,
        value: impl std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Invalid { name, value: number(value.to_string()), expected }
    }
}
