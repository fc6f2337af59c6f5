//! Texts to ids and back.

use kerata::{
    Cpu, Embedding, Error, MaskZero,
    data::{Split, Splitter, Vocabulary},
};
use proptest::prelude::*;

use crate::{says, temporary};

fn words(vocabulary: &Vocabulary) -> Vec<&str> {
    vocabulary.iter().map(|(_, word)| word).collect()
}

/// `StringLookup` of Keras, adapted on these letters, has them in this order: by count, then from high to low.
#[test]
fn the_order_is_keras_s() {
    let texts = ["a c d", "d z b"];
    let vocabulary = Vocabulary::words().unknown("[UNK]").learn(texts).unwrap();
    assert_eq!(words(&vocabulary), ["[UNK]", "d", "z", "c", "b", "a"]);
    assert_eq!(vocabulary.encode("a c d d z m").unwrap(), [6, 4, 2, 2, 3, 1]);
    let capped = Vocabulary::words().unknown("[UNK]").max_size(4).learn(texts).unwrap();
    assert_eq!((capped.size(), words(&capped)), (4, vec!["[UNK]", "d", "z"]));
    let often = Vocabulary::words().min_count(2).learn(texts).unwrap();
    assert_eq!((often.size(), words(&often), often.unknown()), (2, vec!["d"], None));
    says(
        Vocabulary::words().unknown("?").max_size(2).learn(texts),
        "max_size is 2: it must leave room for a word",
    );
}

#[test]
fn texts_are_split_as_in_keras() {
    let text = "Hello, World! It's 3.14 (well-known): a_b\tc\u{b}d\n";
    let expected = ["hello", "world", "its", "314", "wellknown", "ab", "c", "d"];
    assert_eq!(Splitter::WORDS.split(text), expected);
    let spaces = Splitter { split: Split::Whitespace, ..Splitter::WORDS };
    assert_eq!(spaces.split(text), expected);
    let as_they_are = Splitter { lower: false, strip_punctuation: false, ..spaces };
    assert_eq!(as_they_are.split(" A-b,  C "), ["A-b,", "C"]);
    let stripped = Splitter { lower: true, strip_punctuation: true, ..Splitter::CHARACTERS };
    assert_eq!(stripped.split("A b!"), ["a", " ", "b"]);
}

#[test]
fn other_scripts_behave() {
    let split = |text| Splitter::WORDS.split(text);
    assert_eq!(split("ÉCOLE, Straße; ΟΔΟΣ — «год»"), ["école", "straße", "οδος", "год"]);
    assert_eq!(split("שלום עולם"), ["שלום", "עולם"]);
    // Vowel signs stay with their letters, and marks of direction are no words.
    assert_eq!(split("\u{202b}قَلَمٌ، كتاب؟\u{202c}"), ["قَلَمٌ", "كتاب"]);
    assert_eq!(split("我爱北京。"), ["我", "爱", "北", "京"]);
    assert_eq!(split("ที่นี่"), ["ที่", "นี่"]);
    assert_eq!(split("한국어 텍스트"), ["한국어", "텍스트"]);
    for nothing in ["", " \t\n", "!?;", "\u{200f}", "—", "😀"] {
        assert_eq!(split(nothing), [""; 0], "{nothing:?}");
    }
    let vocabulary = Vocabulary::words().learn(["שלום עולם", "我爱"]).unwrap();
    let ids = vocabulary.encode("我 שלום").unwrap();
    assert_eq!(vocabulary.decode(&ids).unwrap(), "我 שלום");
}

#[test]
fn characters_are_ids() {
    let alphabet = "abcdefghijklmnopqrstuvwxyz_";
    let letters = Vocabulary::characters().list(alphabet.chars().map(String::from)).unwrap();
    assert_eq!(letters.size(), 28);
    let rows = letters.encode_padded::<10>(["hello", "", "sequence__and_more"]).unwrap();
    assert_eq!(rows[0], [8, 5, 12, 12, 15, 0, 0, 0, 0, 0]);
    assert_eq!(rows[1], [0; 10]);
    assert_eq!(letters.decode(&rows[2]).unwrap(), "sequence__");
    says(letters.encode("Hello"), "`H` is not among the 27 words of the vocabulary");
    let text = "token id 28 at row 0, step 1 is outside the vocabulary of 28 (ids are 0 to 27)";
    says(letters.decode(&[0, 28]), text);
}

#[test]
fn empty_texts_and_very_long_ones() {
    let nothing: [&str; 0] = [];
    let vocabulary = Vocabulary::words().learn(nothing).unwrap();
    assert_eq!((vocabulary.size(), vocabulary.encode("").unwrap()), (1, vec![]));
    assert_eq!(vocabulary.decode(&[0, 0]).unwrap(), "");
    let word = "x".repeat(1 << 20);
    let error = vocabulary.encode(&word).unwrap_err().to_string();
    assert_eq!(error, format!("`{}…` is not among the 0 words of the vocabulary", "x".repeat(40)));
    // None of these may take more than a time that grows with the length.
    let started = std::time::Instant::now();
    for piece in ["word ", "x", "'", "我", "🇫", "\u{301}", "\u{200d}", "\n", "a.", "א\"", "1,"]
    {
        let text = piece.repeat((2 << 20) / piece.len());
        for splitter in [Splitter::WORDS, Splitter::CHARACTERS] {
            let raw = Splitter { strip_punctuation: false, ..splitter };
            assert!(splitter.split(&text).len().max(raw.split(&text).len()) <= text.len());
        }
    }
    assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
}

#[test]
fn lists_are_checked() {
    let text = "the word is `Love`: it must be what a text is split into: mind letter case and \
                punctuation";
    says(Vocabulary::words().list(["king", "Love"]), text);
    says(Vocabulary::words().list(["two words"]), &text.replace("Love", "two words"));
    says(Vocabulary::words().list([""]), &text.replace("Love", ""));
    let text = "a word of the vocabulary is `a`: it must be there once";
    says(Vocabulary::words().list(["a", "b", "a"]), text);
    says(Vocabulary::words().unknown("a").list(["a"]), text);
    let text = "the size of the vocabulary (at most): expected 2, found 3";
    says(Vocabulary::words().max_size(2).list(["a", "b"]), text);
}

#[test]
fn it_owns_the_size() {
    let vocabulary = Vocabulary::words().list(["king", "queen"]).unwrap();
    let fits: Embedding<3, 4, MaskZero> = vocabulary.embedding(&Cpu::default()).unwrap();
    assert_eq!(fits.embeddings.as_vec().len(), 12);
    let text = "the rows of an embedding for this vocabulary: expected 3, found 10000";
    says(vocabulary.embedding::<10_000, 4, MaskZero, f32, _>(&Cpu::default()), text);
}

#[test]
fn saved_and_loaded() {
    let path = temporary("vocabulary.json");
    let letters = Vocabulary::characters().list(["\n", " ", "\"", "é", "我"]).unwrap();
    let cased = Splitter { lower: false, ..Splitter::WORDS };
    let words = Vocabulary::split_by(cased).unknown("?").learn(["B a a"]).unwrap();
    for vocabulary in [letters, words] {
        vocabulary.save(&path).unwrap();
        assert_eq!(Vocabulary::load(&path).unwrap(), vocabulary);
    }
    let whole = std::fs::read_to_string(&path).unwrap();
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Vocabulary::load(&path)
    };
    for end in 0..whole.len() {
        assert!(matches!(load(&whole[..end]), Err(Error::File { .. })), "{end}");
    }
    let other = load(&whole.replace(": 1,", ": 2,")).unwrap_err().to_string();
    assert!(other.ends_with("the form 2 is not known"), "{other}");
    // What a list may not hold, a file may not.
    let token = "it must be what a text is split into: mind letter case and punctuation";
    for (word, text) in [
        ("\"a\"", "a word of the vocabulary is `a`: it must be there once"),
        ("\"?\"", &format!("word 2: the word is `?`: {token}")),
        ("\"b c\"", &format!("word 2: the word is `b c`: {token}")),
        ("\"don't\"", &format!("word 2: the word is `don't`: {token}")),
        ("\"\"", &format!("word 2: the word is ``: {token}")),
    ] {
        let text = format!("{}: {text}", path.display());
        says(load(&whole.replace("\"B\"", word)), &text);
    }
    let unknown = load(&whole.replace("\"unknown\": \"?\"", "\"unknown\": \"a\""));
    says(
        unknown,
        &format!("{}: a word of the vocabulary is `a`: it must be there once", path.display()),
    );
    // Behind a byte-order mark; and with what is no JSON, but Python writes it.
    assert!(load(&format!("\u{feff}{whole}")).is_ok());
    let error = load(&whole.replace("\"B\"", "NaN")).unwrap_err().to_string();
    let start = format!("{}: this is not a vocabulary in JSON: expected value", path.display());
    assert!(error.starts_with(&start) && error.contains(" at line "), "{error}");
    let utf16: Vec<u8> = whole.encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, utf16).unwrap();
    let error = Vocabulary::load(&path).unwrap_err().to_string();
    assert!(error.contains("this is text in UTF-16, not a vocabulary in JSON"), "{error}");
    assert!(load(&"[".repeat(100_000)).is_err());
    std::fs::remove_file(path).unwrap();
    assert!(matches!(Vocabulary::load("no/such/file"), Err(Error::File { .. })));
}

#[test]
fn words_that_no_text_gives_are_not_loaded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/foreign");
    let path = folder.join("vocab_unreachable_words.json");
    let text = "word 1: the word is `The`: it must be what a text is split into: mind letter case and \
                punctuation";
    says(Vocabulary::load(&path), &format!("{}: {text}", path.display()));
    // Nor are they written, as they can come from a file of word vectors.
    let vectors = kerata::words::WordVectors::read(". . . 1 2\nthe 1 2\n".as_bytes()).unwrap();
    let path = temporary("phrases.json");
    says(vectors.vocabulary().save(&path), &text[8..].replace("The", ". . ."));
    assert!(!path.exists());
}

proptest! {
    /// Whatever is learned can be saved and loaded.
    #[test]
    fn what_was_learned_is_a_list(texts in prop::collection::vec(any::<String>(), 0..8)) {
        for split in [Split::Words, Split::Whitespace, Split::Characters] {
            for (lower, strip_punctuation) in [(true, true), (true, false), (false, true), (false, false)] {
                let splitter = Splitter { split, lower, strip_punctuation };
                let vocabulary = Vocabulary::split_by(splitter).learn(&texts).unwrap();
                let list = vocabulary.iter().map(|(_, word)| word);
                prop_assert_eq!(&Vocabulary::split_by(splitter).list(list).unwrap(), &vocabulary);
            }
        }
    }

    /// Whatever the texts are, their words have ids, and the ids give the words.
    #[test]
    fn what_was_learned_comes_back(texts in prop::collection::vec(any::<String>(), 0..8)) {
        for splitter in [Splitter::WORDS, Splitter::CHARACTERS] {
            let vocabulary = Vocabulary::split_by(splitter).learn(&texts).unwrap();
            for text in &texts {
                let tokens = splitter.split(text);
                let ids = vocabulary.encode(text).unwrap();
                prop_assert!(ids.iter().all(|&id| id > 0 && id < vocabulary.size()));
                let back: Vec<&str> = ids.iter().filter_map(|&id| vocabulary.word(id)).collect();
                prop_assert_eq!(&back, &tokens);
                let separator = if splitter == Splitter::WORDS { " " } else { "" };
                prop_assert_eq!(vocabulary.decode(&ids).unwrap(), tokens.join(separator));
            }
        }
    }
}
