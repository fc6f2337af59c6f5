//! English words, and the sounds that each of their letters stands for.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::align::{Chunk, Entry, align};

/// Made by [`pack`] from `cmudict.dict`; its licence is in `examples/syllables/LICENSE-CMUDICT`.
static PACKED: &[u8] = include_bytes!("words.gz");

/// A word has at most this many letters.
pub(crate) const LETTERS: usize = 12;

/// One word in so many is in the file.
const SHARE: u64 = 3;

pub(crate) struct Words {
    /// The names of the sounds; the first is that of a silent letter.
    pub(crate) sounds: Vec<String>,
    /// Each word, and for each letter the place of its sounds in the list.
    pub(crate) entries: Vec<(String, Vec<usize>)>,
}

/// In the file: the names of the sounds, the words, and for each letter a byte, in a line each.
pub(crate) fn load() -> io::Result<Words> {
    let mut text = String::new();
    GzDecoder::new(PACKED).read_to_string(&mut text)?;
    let mut lines = text.lines().map(|line| line.split(' '));
    let mut line = || lines.next().into_iter().flatten();
    let sounds = line().map(str::to_owned).collect();
    let words: Vec<&str> = line().collect();
    let labels = line().map(|labels| labels.bytes().map(|b| usize::from(b - FIRST)).collect());
    Ok(Words { sounds, entries: words.into_iter().map(str::to_owned).zip(labels).collect() })
}

/// The byte of the first sound.
const FIRST: u8 = b'!';

/// Reads `cmudict.dict` and writes what [`load`] reads: of the words of 3 to [`LETTERS`] letters from a to z, with their first
/// pronunciations, one in [`SHARE`], chosen by families.
pub(crate) fn pack(dictionary: &str) -> io::Result<Vec<u8>> {
    let entries: Vec<Entry> = dictionary.lines().filter_map(entry).collect();
    let mut aligned = align(&entries);
    aligned.retain(|(word, _)| (family(word) / 10).is_multiple_of(SHARE));
    let used: BTreeSet<&Chunk> = aligned.iter().flat_map(|(_, chunks)| chunks).collect();
    let sounds: Vec<&Chunk> = used.into_iter().collect();
    let label = |chunk: &Chunk| {
        char::from(FIRST + sounds.iter().position(|known| *known == chunk).unwrap_or(0) as u8)
    };
    let names: Vec<&str> =
        sounds.iter().map(|sound| if sound.is_empty() { "-" } else { sound }).collect();
    let words: Vec<&str> = aligned.iter().map(|(word, _)| word.as_str()).collect();
    let labels: Vec<String> =
        aligned.iter().map(|(_, chunks)| chunks.iter().map(label).collect()).collect();
    let mut file = GzEncoder::new(Vec::new(), Compression::best());
    write!(file, "{}\n{}\n{}", names.join(" "), words.join(" "), labels.join(" "))?;
    file.finish()
}

/// A line such as `queue K Y UW1`. Further pronunciations, as `queue(2)`, are left out.
fn entry(line: &str) -> Option<Entry> {
    let mut parts = line.split('#').next()?.split_whitespace();
    let word = parts.next()?;
    let plain = word.bytes().all(|b| b.is_ascii_lowercase());
    let sounds = parts.map(|sound| sound.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned());
    (plain && (3..=LETTERS).contains(&word.len())).then(|| (word.to_owned(), sounds.collect()))
}

/// Words that begin with the same five letters are of one family, as most forms of a word are: a number for it.
pub(crate) fn family(word: &str) -> u64 {
    // FNV-1a, and the upper bits of it mixed in.
    let hash = word.bytes().take(5).fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^ (hash >> 32)
}

/// A tenth of the families is held out.
pub(crate) fn is_held_out(word: &str) -> bool {
    family(word).is_multiple_of(10)
}
