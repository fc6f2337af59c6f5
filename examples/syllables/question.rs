//! What a person types, as the letters that the net knows.

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Padding, a to z, and the apostrophe.
pub(crate) const SYMBOLS: usize = 28;

/// Longer words are refused. The longest one to learn from has 28 letters.
const LONGEST: usize = 60;

/// A word asked for, in parts that stood apart by a hyphen or a space.
pub(crate) struct Question {
    pub(crate) parts: Vec<String>,
}

impl Question {
    /// Accents and capitals are folded (`É` is `e`, `ß` is `ss`), and whatever is neither letter nor digit separates
    /// parts.
    ///
    /// # Errors
    /// A sentence that says why the word cannot be read.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut folded = String::new();
        for c in text.nfkd().flat_map(char::to_lowercase).filter(|&c| !is_combining_mark(c)) {
            match c {
                'a'..='z' | '\'' => folded.push(c),
                '’' | '‘' | 'ʼ' | '＇' => folded.push('\''),
                'ß' => folded.push_str("ss"),
                'æ' => folded.push_str("ae"),
                'œ' => folded.push_str("oe"),
                'ø' => folded.push('o'),
                'ł' => folded.push('l'),
                'đ' | 'ð' => folded.push('d'),
                'þ' => folded.push_str("th"),
                'ı' => folded.push('i'),
                // The soft hyphen and signs without a width stand within words.
                '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{feff}' => {}
                '\u{fffd}' => return Err("is not valid UTF-8".into()),
                c if c.is_numeric() => {
                    return Err(format!("has the digit {c}: write numbers as words"));
                }
                c if c.is_alphabetic() => {
                    return Err(format!(
                        "has the letter {c}: only a to z are known, with or without accents"
                    ));
                }
                _ => folded.push(' '),
            }
        }
        let has_letter = |part: &&str| part.contains(|c| c != '\'');
        let parts: Vec<String> = folded.split(' ').filter(has_letter).map(str::to_owned).collect();
        if parts.is_empty() {
            return Err("has no letters".into());
        }
        match parts.iter().find(|part| part.len() > LONGEST) {
            Some(part) => Err(format!("has {} letters, more than {LONGEST}", part.len())),
            None => Ok(Self { parts }),
        }
    }
}

/// A word as ids: 1 to 26 for a to z, 27 for the apostrophe. 0 is left for padding.
pub(crate) fn encode(word: &str) -> Vec<usize> {
    let id = |byte| if byte == b'\'' { 27 } else { usize::from(byte - b'a') + 1 };
    word.bytes().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_typed_is_read_or_refused_with_a_sentence() {
        for (text, parts) in [
            ("BANANA", vec!["banana"]),
            ("Café", vec!["cafe"]),
            ("nai\u{308}ve", vec!["naive"]),
            ("Straße", vec!["strasse"]),
            ("ﬁne", vec!["fine"]),
            ("don’t", vec!["don't"]),
            ("co\u{ad}operate", vec!["cooperate"]),
            ("mother-in-law", vec!["mother", "in", "law"]),
            ("co\u{2011}op", vec!["co", "op"]),
            (" ice  cream! ", vec!["ice", "cream"]),
            ("e.g.", vec!["e", "g"]),
        ] {
            assert_eq!(
                Question::read(text).map(|question| question.parts),
                Ok(parts.iter().map(|p| p.to_string()).collect()),
                "{text}"
            );
        }
        let long = "a".repeat(LONGEST + 1);
        for (text, reason) in [
            ("", "no letters"),
            ("-", "no letters"),
            ("'", "no letters"),
            ("🙂", "no letters"),
            ("3d", "digit 3"),
            ("x²", "digit 2"),
            ("٣", "digit ٣"),
            ("дом", "letter д"),
            ("日本", "letter 日"),
            ("caf\u{fffd}", "UTF-8"),
            (&long, "61 letters"),
        ] {
            let error = Question::read(text).map(|question| question.parts).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn ids_leave_0_for_padding() {
        assert_eq!(encode("az'"), [1, 26, 27]);
        assert!(encode("zebra's").iter().all(|id| (1..SYMBOLS).contains(id)));
    }
}
