//! The CMU Pronouncing Dictionary, reduced to words and their numbers of syllables, and packed into a small file.

use std::{
    collections::HashSet,
    io::{self, Read, Write},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

/// Made by [`pack`] from `cmudict.dict`; its licence is in `LICENSE-CMUDICT`.
static PACKED: &[u8] = include_bytes!("words.gz");

/// The most syllables that are told apart; the last class is this many or more.
pub(crate) const MOST: usize = 9;

/// A word in lower case, with its number of syllables, at most [`MOST`].
pub(crate) type Entry = (String, usize);

/// All words, in alphabetical order.
pub(crate) fn load() -> io::Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(125_000);
    for_each(|word, count| entries.push((word.to_owned(), count)))?;
    Ok(entries)
}

/// Hands over one word after the other, in alphabetical order.
pub(crate) fn for_each(take: impl FnMut(&str, usize)) -> io::Result<()> {
    unpack(PACKED, take)
}

/// In the file, each word shares its first letters with the one before it: a capital says how many, A for none. The
/// counts of all words, one digit each, are the second line, because like compresses best beside like.
fn unpack(packed: &[u8], mut take: impl FnMut(&str, usize)) -> io::Result<()> {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text)?;
    let (words, counts) = text.split_once('\n').unwrap_or_default();
    let mut word = String::new();
    let mut counts = counts.bytes().map(|digit| usize::from(digit - b'0'));
    for c in words.chars() {
        if c.is_ascii_uppercase() {
            if !word.is_empty() {
                take(&word, counts.next().unwrap_or(MOST));
            }
            word.truncate(usize::from(c as u8 - b'A'));
        } else {
            word.push(c);
        }
    }
    take(&word, counts.next().unwrap_or(MOST));
    Ok(())
}

/// Reads `cmudict.dict` and writes what [`load`] reads.
///
/// Kept are words of the letters a to z and the apostrophe, with the number of vowels, which carry a digit for their
/// stress, of the first pronunciation. Words with other characters (`a.m.`, `anti-war`) and without a vowel (`hmm`) are
/// left out.
pub(crate) fn pack(dictionary: &str) -> io::Result<Vec<u8>> {
    let mut entries: Vec<Entry> = dictionary.lines().filter_map(entry).collect();
    entries.sort();
    entries.dedup_by(|later, first| later.0 == first.0);
    let (mut words, mut counts, mut before) = (String::new(), String::new(), "");
    for (word, count) in &entries {
        let shared = before.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count().min(25);
        words.push(char::from(b'A' + shared as u8));
        words.push_str(&word[shared..]);
        counts.push_str(&count.to_string());
        before = word;
    }
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    write!(file, "{words}\n{counts}")?;
    file.finish()
}

/// A line such as `queue K Y UW1`. Further pronunciations, as `queue(2)`, are left out.
fn entry(line: &str) -> Option<Entry> {
    let mut parts = line.split('#').next()?.split_whitespace();
    let word = parts.next()?;
    let vowels = parts.filter(|sound| sound.ends_with(|c: char| c.is_ascii_digit())).count();
    let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b == b'\'');
    (plain && vowels > 0).then(|| (word.to_owned(), vowels.min(MOST)))
}

/// A tenth of the words is held out: which ones follows from their letters alone, so that a trained net can be asked
/// later. A word and its possessive (`king`, `king's`) are always on the same side; other forms, such as a plural,
/// may not be.
pub(crate) fn is_held_out(word: &str) -> bool {
    // FNV-1a, and the upper bits of it mixed in.
    let hash = stem(word).bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 32)).is_multiple_of(10)
}

/// A word without the ending of a possessive.
pub(crate) fn stem(word: &str) -> &str {
    word.strip_suffix("'s").or_else(|| word.strip_suffix('\'')).unwrap_or(word)
}

/// The words to learn from, and those held out. Those asked for are in neither: the net is to answer what it never saw.
pub(crate) fn split(entries: &[Entry], asked: &HashSet<String>) -> (Vec<Entry>, Vec<Entry>) {
    let free = entries.iter().filter(|(word, _)| !asked.contains(stem(word)));
    free.cloned().partition(|(word, _)| !is_held_out(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_back() {
        let file = "'tis T IH1 Z\na EY1\na. EY1\nanti-war AE1 N\nhmm HH M\nqueue K Y UW1\nqueue(2) K AH0 W AY1\n\
            queued K Y UW1 D # a comment with a digit 1\nrhythm R IH1 DH AH0 M";
        let mut back = Vec::new();
        unpack(&pack(file).unwrap(), |word, count| back.push((word.to_owned(), count))).unwrap();
        let expected = [("'tis", 1), ("a", 1), ("queue", 1), ("queued", 1), ("rhythm", 2)];
        assert_eq!(back, expected.map(|(word, count)| (word.to_owned(), count)));
    }

    #[test]
    fn words_asked_for_and_held_out_are_not_learned_from() {
        let entries = load().unwrap();
        assert!(entries.is_sorted() && entries.iter().all(|(_, count)| (1..=MOST).contains(count)));
        let (learn, held_out) = split(&entries, &HashSet::from(["queen".to_owned()]));
        let has = |list: &[Entry], word: &str| list.iter().any(|(other, _)| other == word);
        assert!(!has(&learn, "queen") && !has(&learn, "queen's") && has(&learn, "queens"));
        let stems: HashSet<&str> = learn.iter().map(|(word, _)| stem(word)).collect();
        assert!(held_out.iter().all(|(word, _)| !stems.contains(stem(word))));
        let share = held_out.len() as f64 / entries.len() as f64;
        assert!((share - 0.1).abs() < 0.005, "{share}");
    }
}
