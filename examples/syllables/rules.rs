//! What there is to beat: rules of thumb.

/// Counts groups of vowels: `banana` has three, `queue` has one.
pub(crate) fn vowel_groups(word: &str) -> usize {
    let is_vowel = |c: char| "aeiouy".contains(c);
    word.split(|c| !is_vowel(c)).filter(|group| !group.is_empty()).count().max(1)
}

/// Counts groups of vowels without an `e` at the end: `house` has one.
pub(crate) fn silent_e(word: &str) -> usize {
    (vowel_groups(word) - usize::from(word.ends_with('e'))).max(1)
}

/// Knows more endings: the `e` of `-es` and `-ed` is silent too (`names`, `asked`), but not behind a consonant and `l`
/// (`table`), a hiss (`boxes`), a `t` or a `d` (`wanted`).
pub(crate) fn silent_endings(word: &str) -> usize {
    let groups = vowel_groups(word);
    let word = word.strip_suffix("'s").unwrap_or(word);
    let body = ["es", "ed", "e"].into_iter().find_map(|ending| word.strip_suffix(ending));
    let Some(body) = body else { return groups };
    let ends = |endings: &[&str]| endings.iter().any(|ending| body.ends_with(ending));
    let behind_vowel = ends(&["a", "e", "i", "o", "u", "y"]);
    let syllabic_l = ends(&["l"]) && !ends(&["al", "el", "il", "ol", "ul", "yl", "ll"]);
    let spoken = match word.as_bytes().last() {
        Some(b's') => ends(&["s", "c", "x", "z", "sh", "ch", "g"]) || syllabic_l,
        Some(b'd') => ends(&["t", "d"]),
        _ => syllabic_l,
    };
    if behind_vowel || spoken { groups } else { (groups - 1).max(1) }
}
