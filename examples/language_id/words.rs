//! Real words of six languages, from the lists that the crate `bip39` carries.

use bip39::Language;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use unicode_normalization::UnicodeNormalization;

/// The longest word, in letters; what is longer is cut.
pub(crate) const LETTERS: usize = 10;
/// Padding, then a to z.
pub(crate) const SYMBOLS: usize = 27;

pub(crate) const LANGUAGES: [(&str, Language); 6] = [
    ("English", Language::English),
    ("French", Language::French),
    ("Italian", Language::Italian),
    ("Spanish", Language::Spanish),
    ("Portuguese", Language::Portuguese),
    ("Czech", Language::Czech),
];

/// A word as ids: 1 to 26 for a to z, then padding.
pub(crate) type Word = [usize; LETTERS];

/// Folds accents away and turns letters into ids. Whatever is no letter then is left out.
pub(crate) fn encode(word: &str) -> Word {
    let folded = word.nfd().flat_map(char::to_lowercase);
    let letters = folded.filter(char::is_ascii_lowercase).map(|c| c as usize - 'a' as usize + 1);
    let mut ids = [0; LETTERS];
    ids.iter_mut().zip(letters).for_each(|(id, letter)| *id = letter);
    ids
}

/// All words with the number of their language: four fifths to learn from, and a fifth held out.
#[allow(clippy::type_complexity)]
pub(crate) fn split() -> ((Vec<Word>, Vec<usize>), (Vec<Word>, Vec<usize>)) {
    let list = |(label, (_, language)): (usize, &(&str, Language))| {
        language.word_list().iter().map(move |word| (encode(word), label)).collect::<Vec<_>>()
    };
    let mut all: Vec<(Word, usize)> = LANGUAGES.iter().enumerate().flat_map(list).collect();
    all.shuffle(&mut StdRng::seed_from_u64(1));
    let held_out = all.split_off(all.len() * 4 / 5);
    (all.into_iter().unzip(), held_out.into_iter().unzip())
}
