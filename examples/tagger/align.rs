//! Which sounds each letter stands for. The dictionary does not say it, only the sounds of the word: so letters and sounds
//! are laid side by side in the way that is likeliest, given how often each letter has stood for each sound so far.

use std::collections::HashMap;

/// The sounds of a letter: none, one or two, `K` and `S` for an `x`.
pub(crate) type Chunk = String;

/// A word, and its sounds without stress.
pub(crate) type Entry = (String, Vec<String>);

const ROUNDS: usize = 6;
/// A chunk that is rarer is a slip of the alignment, or of the dictionary: the word is left out.
const LEAST: usize = 40;

type Scores = HashMap<(u8, Chunk), f64>;

/// The words with a chunk for each letter.
pub(crate) fn align(entries: &[Entry]) -> Vec<(String, Vec<Chunk>)> {
    let mut scores = Scores::new();
    let mut aligned = Vec::new();
    for _ in 0..ROUNDS {
        aligned = entries
            .iter()
            .filter_map(|(word, sounds)| Some((word.clone(), likeliest(word, sounds, &scores)?)))
            .collect();
        scores = learned(&aligned);
    }
    let mut counts = HashMap::<Chunk, usize>::new();
    aligned.iter().flat_map(|(_, chunks)| chunks).for_each(|chunk| {
        *counts.entry(chunk.clone()).or_default() += 1;
    });
    aligned.retain(|(_, chunks)| chunks.iter().all(|chunk| counts[chunk] >= LEAST));
    aligned
}

/// The logarithms of how likely a letter stands for a chunk.
fn learned(aligned: &[(String, Vec<Chunk>)]) -> Scores {
    let mut counts = HashMap::<(u8, Chunk), f64>::new();
    let mut totals = HashMap::<u8, f64>::new();
    for (word, chunks) in aligned {
        for (letter, chunk) in word.bytes().zip(chunks) {
            *counts.entry((letter, chunk.clone())).or_default() += 1.0;
            *totals.entry(letter).or_default() += 1.0;
        }
    }
    counts
        .into_iter()
        .map(|(key, n)| {
            let total = totals[&key.0];
            (key, (n / total).ln())
        })
        .collect()
}

/// The best path: `best[i][j]` is of the first `i` letters and `j` sounds, with how many sounds the last letter has.
fn likeliest(word: &str, sounds: &[String], scores: &Scores) -> Option<Vec<Chunk>> {
    let (letters, n) = (word.as_bytes(), sounds.len());
    let mut best = vec![vec![(f64::NEG_INFINITY, 0); n + 1]; letters.len() + 1];
    best[0][0] = (0.0, 0);
    for (i, &letter) in letters.iter().enumerate() {
        for j in 0..=n {
            let (so_far, _) = best[i][j];
            if so_far == f64::NEG_INFINITY {
                continue;
            }
            for taken in 0..=2.min(n - j) {
                let chunk = sounds[j..j + taken].join("+");
                // At first all that is known is that one sound is usual, and two are rare.
                let unseen = if scores.is_empty() { [-2.0, -1.0, -6.0][taken] } else { -12.0 };
                let score = so_far + scores.get(&(letter, chunk)).copied().unwrap_or(unseen);
                if score > best[i + 1][j + taken].0 {
                    best[i + 1][j + taken] = (score, taken);
                }
            }
        }
    }
    let (mut j, mut chunks) = (n, Vec::new());
    for i in (0..letters.len()).rev() {
        let (score, taken) = best[i + 1][j];
        if score == f64::NEG_INFINITY {
            return None;
        }
        chunks.push(sounds[j - taken..j].join("+"));
        j -= taken;
    }
    chunks.reverse();
    Some(chunks)
}
