//! The parts of which messages are made.

use super::Difference;

pub(super) fn of_layer(layer: &str) -> String {
    if layer.is_empty() { String::new() } else { format!("`{layer}`: ") }
}

pub(super) fn place(at: Option<(usize, usize)>) -> String {
    at.map_or(String::new(), |(epoch, batch)| format!(" in epoch {epoch}, batch {batch}"))
}

/// At most this many letters of a word are printed.
const LETTERS: usize = 40;

/// A word for a message: its start, if it is long.
pub(crate) fn shortened(word: &str) -> String {
    match word.char_indices().nth(LETTERS) {
        None => word.to_owned(),
        Some((end, _)) => format!("{}…", &word[..end]),
    }
}

/// A value as text: a number of many digits, such as 1e300, in powers of ten.
pub(super) fn number(text: String) -> String {
    match text.parse::<f64>() {
        Ok(value) if text.len() > LETTERS => format!("{value:e}"),
        _ => text,
    }
}

/// More differences than these are counted, not printed.
pub(crate) const PRINTED: usize = 20;

pub(super) fn list(differences: &[Difference]) -> String {
    let mut text: String = differences.iter().take(PRINTED).map(|d| format!("\n  {d}")).collect();
    if let Some(more @ 1..) = differences.len().checked_sub(PRINTED) {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

/// `, did you mean ..?` for a name that is near to a known one, or else what is known.
pub(super) fn or_known(name: &str, known: &[String]) -> String {
    /// More are counted, not printed.
    const FEW: usize = 12;
    let near = nearest(name, known);
    match known.len() {
        _ if !near.is_empty() => near,
        0 => " here".to_owned(),
        count => {
            let mut text = format!("; known are {}", known[..count.min(FEW)].join(", "));
            if let Some(more @ 1..) = count.checked_sub(FEW) {
                text.push_str(&format!(" and {more} more"));
            }
            text
        }
    }
}

/// `, did you mean ..?` for a name that is one slip or two away from a known one.
pub(crate) fn nearest(name: &str, known: &[String]) -> String {
    // No longer than what `distance` looks at.
    let name = name.chars().take(64).collect::<String>().to_lowercase();
    let near = |other: &&String| distance(&name, &other.to_lowercase());
    match known.iter().min_by_key(near) {
        Some(other) if near(&other) <= 1 + other.len() / 4 => format!(", did you mean `{other}`?"),
        _ => String::new(),
    }
}

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, c) in a.chars().take(64).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, d) in b.iter().enumerate() {
            let changed = diagonal + usize::from(c != *d);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// What the compiler says where a trait is missing, for what is checked at run time.
pub(crate) struct Words<'a> {
    pub(crate) message: &'a str,
    pub(crate) notes: &'a [&'a str],
}

impl Words<'_> {
    /// The message with these values for `{Self}` and the like, and below it the notes.
    pub(crate) fn of(&self, values: &[(&str, &dyn std::fmt::Display)]) -> String {
        let fill = |message: String, (name, value): &(&str, &dyn std::fmt::Display)| {
            message.replace(name, &value.to_string())
        };
        let mut message = values.iter().fold(self.message.to_owned(), fill);
        self.notes.iter().for_each(|note| message.push_str(&format!("\n  note: {note}")));
        message
    }
}
