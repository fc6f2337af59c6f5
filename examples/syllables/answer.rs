//! From the probabilities of the net to sentences.

use std::collections::{BTreeSet, HashMap, HashSet};

use kerata::{Error, data::Ragged, prelude::*};

use super::{
    dictionary::{self, MOST},
    net::Syllables,
    question::{Question, encode},
};

/// From which probability on the net counts as sure.
pub(crate) const SURE: f32 = 0.8;

/// What was asked: the text, and the question or why it is none.
pub(crate) type Asked = (String, Result<Question, String>);

/// What the net was never shown, and what the dictionary says.
pub(crate) struct Known {
    /// The counts of the parts that are in the dictionary.
    pub(crate) counts: HashMap<String, usize>,
    /// The words that were asked for when the net was trained.
    pub(crate) kept_away: HashSet<String>,
}

impl Known {
    /// Looks the parts of questions up.
    pub(crate) fn of(asked: &[Asked], kept_away: HashSet<String>) -> std::io::Result<Self> {
        let questions = asked.iter().filter_map(|(_, question)| question.as_ref().ok());
        let parts: BTreeSet<&String> = questions.flat_map(|question| &question.parts).collect();
        // Both are in alphabetical order, so that one walk finds all.
        let mut parts = parts.into_iter().peekable();
        let mut counts = HashMap::new();
        dictionary::for_each(|word, count| {
            while parts.next_if(|part| part.as_str() < word).is_some() {}
            if let Some(part) = parts.next_if(|part| *part == word) {
                counts.insert(part.clone(), count);
            }
        })?;
        Ok(Self { counts, kept_away })
    }

    fn was_learned(&self, part: &String) -> bool {
        self.counts.contains_key(part)
            && !dictionary::is_held_out(part)
            && !self.kept_away.contains(dictionary::stem(part))
    }
}

/// Prints an answer to each question.
pub(crate) fn reply(net: &Syllables, asked: &[Asked], known: &Known) -> Result<(), Error> {
    let questions = asked.iter().filter_map(|(_, question)| question.as_ref().ok());
    let words: Vec<Vec<usize>> =
        questions.flat_map(|question| &question.parts).map(|part| encode(part)).collect();
    let probabilities =
        if words.is_empty() { Vec::new() } else { net.predict(&Ragged(words), 256)?.as_vec() };
    let mut rows = probabilities.chunks(MOST);
    for (text, question) in asked {
        match question {
            Ok(question) => {
                let rows: Vec<&[f32]> = rows.by_ref().take(question.parts.len()).collect();
                println!("{text}: {}", sentence(&rows, &question.parts, known));
            }
            Err(reason) => println!("`{text}` {reason}"),
        }
    }
    Ok(())
}

/// The answer to one question, from the row of probabilities of each of its parts.
fn sentence(rows: &[&[f32]], parts: &[String], known: &Known) -> String {
    // The probability of each sum of syllables.
    let mut total = vec![1.0];
    for row in rows {
        let mut next = vec![0.0; total.len() + MOST];
        for (i, p) in total.iter().enumerate() {
            row.iter().enumerate().for_each(|(j, q)| next[i + j + 1] += p * q);
        }
        total = next;
    }
    let mut order: Vec<usize> = (0..total.len()).collect();
    order.sort_by(|&a, &b| total[b].total_cmp(&total[a]));
    // The last class is open, and so is a sum that it can be part of.
    let number = |count: usize| {
        if count >= MOST { format!("{count} or more") } else { count.to_string() }
    };
    let (first, second) = (order[0], order[1]);
    let syllables = if first == 1 { "syllable" } else { "syllables" };
    let (p, q) = (percent(total[first]), percent(total[second]));
    let mut sentence = if total[first] >= SURE {
        format!("{} {syllables} ({p})", number(first))
    } else {
        format!("unsure, {} ({p}) or {} ({q})", number(first), number(second))
    };
    let count: Option<usize> = parts.iter().map(|part| known.counts.get(part)).sum();
    match count {
        None => sentence += "; not in the dictionary",
        Some(count) if count == first && total[first] >= SURE => {
            sentence += ", as in the dictionary";
        }
        Some(count) => sentence += &format!("; the dictionary says {}", number(count)),
    }
    if parts.iter().any(|part| known.was_learned(part)) {
        sentence += " (learned from)";
    }
    sentence
}

/// The most probable class, and its probability.
pub(crate) fn best(row: &[f32]) -> (usize, f32) {
    let top = row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    top.unwrap_or((0, 0.0))
}

/// Nothing is certain: 99.6 is not rounded to 100.
fn percent(probability: f32) -> String {
    match probability * 100.0 {
        p if p > 99.0 => "> 99 %".to_owned(),
        p if p < 1.0 => "< 1 %".to_owned(),
        p => format!("{p:.0} %"),
    }
}
