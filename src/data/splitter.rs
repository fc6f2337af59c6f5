use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, shortened};

/// Where a text is split into tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Into words, by the rules of [Unicode](https://www.unicode.org/reports/tr29/): runs of letters and digits,
    /// and each sign of a script that sets no spaces, such as Chinese. What holds neither letter nor digit is
    /// left out.
    Words,
    /// At white space only: Keras's `split="whitespace"`.
    Whitespace,
    /// Into characters, code points as in Keras's `split="character"`.
    Characters,
    /// Nowhere: a text is one token, but for an empty one.
    Whole,
}

/// The characters that Keras's `TextVectorization` strips: the punctuation of ASCII.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

/// How a text becomes tokens: lower-cased, stripped of punctuation, split.
///
/// Lower case and punctuation are those of Keras's
/// [`TextVectorization`](https://keras.io/api/layers/preprocessing_layers/text/text_vectorization/): ASCII
/// punctuation is taken out, so that `don't` becomes `dont`. On ASCII text, [`Split::Words`] and
/// [`Split::Whitespace`] give the same words as Keras. Beyond ASCII, Keras lower-cases nothing and splits at
/// spaces only; here all letters are lower-cased, and [`Split::Words`] takes `«bonjour»` for `bonjour` and
/// Chinese for one word a sign.
///
/// ```
/// use kerata::data::{Split, Splitter};
///
/// assert_eq!(Splitter::WORDS.split("Don't PANIC!"), ["dont", "panic"]);
/// assert_eq!(Splitter::WORDS.split("Ça va? 我们 שלום"), ["ça", "va", "我", "们", "שלום"]);
/// assert_eq!(Splitter::CHARACTERS.split("Añ!"), ["A", "ñ", "!"]);
/// let cased = Splitter { lower: false, ..Splitter::WORDS };
/// assert_eq!(cased.split("Don't PANIC!"), ["Dont", "PANIC"]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Splitter {
    /// Where the text is split.
    pub split: Split,
    /// Whether letters become small ones.
    pub lower: bool,
    /// Whether ASCII punctuation is taken out.
    pub strip_punctuation: bool,
}

impl Splitter {
    /// Words, lower-cased, without punctuation.
    pub const WORDS: Self = Self { split: Split::Words, lower: true, strip_punctuation: true };

    /// All characters as they are.
    pub const CHARACTERS: Self =
        Self { split: Split::Characters, lower: false, strip_punctuation: false };

    /// The tokens of a text.
    pub fn split(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        self.each(text, |token| tokens.push(token.to_owned()));
        tokens
    }

    /// Hands the tokens of a text on, one by one.
    pub(crate) fn each(&self, text: &str, mut f: impl FnMut(&str)) {
        let lower = self.lower.then(|| text.to_lowercase());
        let text = lower.as_deref().unwrap_or(text);
        let stripped = self.strip_punctuation.then(|| text.replace(is_punctuation, ""));
        let text = stripped.as_deref().unwrap_or(text);
        match self.split {
            Split::Words => text.unicode_words().for_each(f),
            // What Keras takes for white space, which a no-break space is not.
            Split::Whitespace => {
                let spaces = |c| matches!(c, ' ' | '\t'..='\r');
                text.split(spaces).filter(|token| !token.is_empty()).for_each(f);
            }
            Split::Whole => Some(text).filter(|text| !text.is_empty()).into_iter().for_each(f),
            Split::Characters => {
                let mut bytes = [0; 4];
                text.chars().for_each(|c| f(c.encode_utf8(&mut bytes)));
            }
        }
    }

    /// Checks that a word is what a text can be split into.
    ///
    /// # Errors
    /// [`Error::Invalid`].
    pub(crate) fn check_token(&self, word: &str) -> Result<(), Error> {
        let (mut tokens, mut same) = (0, false);
        self.each(word, |token| {
            tokens += 1;
            same = token == word;
        });
        if tokens == 1 && same {
            return Ok(());
        }
        let (name, value) = ("the word", format!("`{}`", shortened(word)));
        let expected = "it must be what a text is split into: mind letter case and punctuation";
        Err(Error::Invalid { name, value, expected })
    }

    /// What stands between the tokens of a text.
    pub(crate) fn separator(&self) -> &'static str {
        match self.split {
            Split::Words | Split::Whitespace | Split::Whole => " ",
            Split::Characters => "",
        }
    }
}

fn is_punctuation(c: char) -> bool {
    PUNCTUATION.contains(c)
}
