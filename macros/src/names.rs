//! Names that are known, and the one that is nearest to a name that is not.

/// ` (did you mean ..?)` for a name that is one slip or two away from a known one.
pub(crate) fn nearest(name: &str, known: &[&str]) -> String {
    let near = |other: &&&str| distance(name, other);
    match known.iter().min_by_key(near) {
        Some(other) if near(&other) <= 1 + other.len() / 4 => format!(" (did you mean `{other}`?)"),
        _ => String::new(),
    }
}

/// That a name is none of these: the nearest one, or else what there is. `place` has them all.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str], place: &str) -> String {
    let near = nearest(&snake(name), known);
    let near = near.trim_start_matches(" (").trim_end_matches(')');
    let hint = match near {
        "" if known.len() > LONG => format!("all that there are stand in `{place}`"),
        "" => format!("there are {}", listed(known)),
        near => near.to_owned(),
    };
    format!("`{name}` is no {what}: {hint}")
}

/// How many names are too many for a message.
const LONG: usize = 12;

/// How many letters must be put in, left out or changed to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, c) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, d) in b.chars().enumerate() {
            let changed = diagonal + usize::from(c != d);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// `a`, `b` and `c`.
pub(crate) fn listed(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// `HeNormal` for `he_normal`.
pub(crate) fn camel(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('_').map(word).collect()
}

/// `he_normal` for `HeNormal`.
pub(crate) fn snake(name: &str) -> String {
    name.chars().fold(String::new(), |name, c| {
        let gap = if c.is_uppercase() && !name.is_empty() { "_" } else { "" };
        format!("{name}{gap}{}", c.to_lowercase())
    })
}
