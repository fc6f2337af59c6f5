//! Words and categories before the model: Keras's `StringLookup`, `TextVectorization` and `CategoryEncoding`.

mod category;
mod config;
mod lookup;
mod saved;
mod vectorization;

pub use category::CategoryEncoding;
pub use lookup::{Learned, StringLookup};
pub use saved::{Preprocessing, SaveWith};
pub use vectorization::{Standardize, TextSplit, TextVectorization};

/// What is made of the tokens of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OutputMode {
    /// The id of each token.
    #[default]
    Int,
    /// A vector with a 1 at the id, for a sample of one token.
    OneHot,
    /// A vector with a 1 at each id that occurs.
    MultiHot,
    /// How often each id occurs.
    Count,
    /// How often each id occurs, times its inverse document frequency.
    TfIdf,
}

impl OutputMode {
    /// All, with what Keras calls them.
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Int, "int"),
        (Self::OneHot, "one_hot"),
        (Self::MultiHot, "multi_hot"),
        (Self::Count, "count"),
        (Self::TfIdf, "tf_idf"),
    ];
}
