//! What there is to beat: naive Bayes on pairs of letters.

use super::words::{LANGUAGES, SYMBOLS, Word};

pub(crate) struct Bigrams {
    /// The logarithm of the probability of a letter after another one, for each language.
    logs: Vec<[[f64; SYMBOLS]; SYMBOLS]>,
}

/// The pairs of a word, with the edges of the word as symbol 0.
fn pairs(word: &Word) -> impl Iterator<Item = (usize, usize)> {
    let letters: Vec<usize> = word.iter().copied().filter(|&id| id != 0).collect();
    let from = std::iter::once(0).chain(letters.clone());
    from.zip(letters.into_iter().chain([0]))
}

impl Bigrams {
    pub(crate) fn learn(words: &[Word], labels: &[usize]) -> Self {
        let mut counts = vec![[[1.0; SYMBOLS]; SYMBOLS]; LANGUAGES.len()];
        for (word, &label) in words.iter().zip(labels) {
            pairs(word).for_each(|(from, to)| counts[label][from][to] += 1.0);
        }
        for row in counts.iter_mut().flatten() {
            let sum: f64 = row.iter().sum();
            row.iter_mut().for_each(|count| *count = (*count / sum).ln());
        }
        Self { logs: counts }
    }

    pub(crate) fn accuracy(&self, words: &[Word], labels: &[usize]) -> f64 {
        let score = |word: &Word, language: &[[f64; SYMBOLS]; SYMBOLS]| -> f64 {
            pairs(word).map(|(from, to)| language[from][to]).sum()
        };
        let best = |word: &Word| {
            let scores = self.logs.iter().map(|language| score(word, language));
            scores.enumerate().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(label, _)| label)
        };
        let right = words.iter().zip(labels).filter(|(word, label)| best(word) == Some(**label));
        right.count() as f64 / words.len() as f64
    }
}
