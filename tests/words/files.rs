//! Files of word vectors, those of others and broken ones.

use std::fs;

use kerata::{
    Cpu, Embedding, Error, MaskZero,
    data::Vocabulary,
    prelude::*,
    words::{Coverage, WordVectors, load_vectors, read_vectors},
};
use proptest::prelude::*;

use crate::{says, temporary};

/// In the form of each program, as it writes it: GloVe without a first line, word2vec with it, fastText with a space
/// at the end of its lines; and with the line ends of Windows, behind a byte order mark.
const FORMS: [&str; 4] = [
    "the 0.25 -1 2e-1\nking 1 2 3\n. . . 7 8 9\nqueen 4 5 6\n",
    "4 3\nthe 0.25 -1 2e-1\nking 1 2 3\n. . . 7 8 9\nqueen 4 5 6\n",
    "4 3\nthe 0.25 -1 2e-1 \nking 1 2 3 \n. . . 7 8 9 \nqueen 4 5 6",
    "\u{feff}4\t3\r\nthe\t0.25 -1  2e-1\r\nking 1 2 3\r\n\r\n. . . 7 8 9\r\nqueen 4 5 6\r\n\r\n",
];

fn vocabulary() -> Vocabulary {
    Vocabulary::words().list(["queen", "kerata", "king"]).unwrap()
}

fn embedding() -> Embedding<4, 3, MaskZero> {
    Embedding::build(&Cpu::seed_from_u64(1)).unwrap()
}

fn read(text: impl AsRef<[u8]>) -> Result<Coverage, Error> {
    let mut table = embedding();
    let coverage = read_vectors(&mut table, &vocabulary(), text.as_ref());
    if coverage.is_err() {
        assert_eq!(table.embeddings.array(), embedding().embeddings.array());
    }
    coverage
}

#[test]
fn the_forms_of_other_programs() {
    for text in FORMS {
        let mut table = embedding();
        let before = table.embeddings.array();
        let coverage = read_vectors(&mut table, &vocabulary(), text.as_bytes()).unwrap();
        assert_eq!((coverage.words, coverage.found, coverage.vectors), (3, 2, 4));
        assert_eq!(coverage.missing, ["kerata"]);
        assert!((coverage.share() - 2.0 / 3.0).abs() < 1e-12);
        let after = table.embeddings.array();
        assert_eq!(after, [before[0], [4.0, 5.0, 6.0], before[2], [1.0, 2.0, 3.0]]);
        let all = WordVectors::read(text.as_bytes()).unwrap();
        assert_eq!(all.get(". . ."), Some([7.0, 8.0, 9.0].as_slice()));
        assert_eq!(all.get("the"), Some([0.25, -1.0, 0.2].as_slice()));
        assert_eq!(all.by_id(0), Some([0.0; 3].as_slice()));
    }
    // Words with characters that Unicode takes for spaces or ends of lines; one that is no UTF-8.
    let text = "a\u{a0}b 1 2 3\n\u{2028} 4 5 6\n\u{85} 7 8 9\n";
    let all = WordVectors::read(text.as_bytes()).unwrap();
    assert_eq!(all.get("\u{2028}"), Some([4.0, 5.0, 6.0].as_slice()));
    let bytes = b"4 3\n\xff\xfe 1 2 3\nking 1 2 3\n\xc3 1 2 3\nqueen 1 2 3\n";
    let text = "2 of 3 words found (66.7 %) among 4 vectors, 2 of them without a readable word (lines 2, 4)";
    assert_eq!(read(bytes).unwrap().to_string(), text);
    let all = WordVectors::read(&bytes[..]).unwrap();
    let words: Vec<&str> = all.iter().map(|(word, _)| word).collect();
    assert_eq!(words, ["\u{fffd}\u{fffd}", "king", "\u{fffd}", "queen"]);
}

/// The first vector of a word counts, as in gensim: GloVe's largest file has a word twice.
#[test]
fn words_that_are_there_twice() {
    let text = "4 3\nking 1 2 3\nthe 1 2 3\nking 4 5 6\nthe 7 8 9\n";
    let mut table = embedding();
    let coverage = read_vectors(&mut table, &vocabulary(), text.as_bytes()).unwrap();
    assert_eq!(table.embeddings.array()[3], [1.0, 2.0, 3.0]);
    let said =
        "1 of 3 words found (33.3 %) among 4 vectors, 1 of them for words that had one (line 4)";
    assert_eq!(coverage.to_string(), said);
    let all = WordVectors::read(text.as_bytes()).unwrap();
    assert_eq!((all.iter().len(), all.get("king")), (2, Some([1.0, 2.0, 3.0].as_slice())));
}

#[test]
fn broken_files() {
    let says = |text: &str, message: &str| says(read(text), message);
    says(
        "",
        "the word vectors: this is an empty file, not text with word vectors: what should have written it may have failed",
    );
    says("\n \r\n", "the word vectors: there are no word vectors in it");
    says("king\n", "the word vectors, line 1: a vector of 0 values");
    says("\nking\n", "the word vectors, line 2: a vector of 0 values");
    says("4 0\n", "the word vectors, line 1: a vector of 0 values");
    says("4 99999999\n", "the word vectors, line 1: a vector of 99999999 values");
    let text = "the word vectors, line 1: vectors of 2 values; the embedding has 3";
    says("king 1 2\n", text);
    says("9 300\nking 1 2 3\n", &text.replace("of 2", "of 300"));
    says("\n9 300\nking 1 2 3\n", &text.replace("1: vectors of 2", "2: vectors of 300"));
    says("the 1 2 3\nking 1 2\n", "the word vectors, line 2: it must be a word and 3 values");
    says("the 1 2 3\n1 2\n", "the word vectors, line 2: 2 values, not 3");
    says("2 3\nking 1 2 x\n", "the word vectors, line 2: `x` is no number");
    says("2 3\nking 1 NaN 3\n", "the word vectors, line 2: `NaN` is not finite");
    says("2 3\nking 1 -inf 3\n", "the word vectors, line 2: `-inf` is not finite");
    says("2 3\nking 1 1e39 3\n", "the word vectors, line 2: `1e39` is not finite");
    let text = "the word vectors, line 2: the end, after 1 vector; line 1 says 9";
    says("9 3\nking 1 2 3\n", text);
    says("0 3\nking 1 2 3\n", "the word vectors, line 2: the end, after 1 vector; line 1 says 0");
    let text =
        "the word vectors, line 1: it says vectors of 2 values; the lines that follow have 3";
    says("3 2\na 1 2 3\nb 1 2 3\nc 1 2 3\n", text);
    let long = WordVectors::read("a 1 2\nb 3e38 3e38\n".as_bytes());
    crate::says(long, "the word vectors, line 2: the length of the vector is not finite");
    let text = "the word vectors, line 2: it is longer than 4288 bytes";
    says(&format!("the 1 2 3\n{} 1 2 3\n", "x".repeat(1 << 20)), text);
    let text = "the word vectors, line 1: it is longer than 1048576 bytes";
    says(&"1 ".repeat(1 << 20), text);
    let mut wrong = Embedding::<5, 3>::build(&Cpu::default()).unwrap();
    let text = "the rows of an embedding for this vocabulary: expected 4, found 5";
    crate::says(read_vectors(&mut wrong, &vocabulary(), FORMS[0].as_bytes()), text);
    let missing = load_vectors(&mut embedding(), &vocabulary(), "no/such/file");
    assert!(matches!(missing, Err(Error::File { .. })));
    assert!(matches!(WordVectors::load("no/such/file"), Err(Error::File { .. })));
}

#[test]
fn written_and_read_back() {
    let vocabulary = Vocabulary::words().unknown("[UNK]").learn(["König 我 qué עולם"]).unwrap();
    let table: Embedding<6, 5> = vocabulary.embedding(&Cpu::seed_from_u64(2)).unwrap();
    let vectors = WordVectors::new(&table, &vocabulary).unwrap();
    let path = temporary("vectors.txt");
    vectors.save_word2vec(&path).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("5 5\n[UNK] "));
    let back = WordVectors::load(&path).unwrap();
    assert!(back.iter().eq(vectors.iter()));
    let mut other: Embedding<6, 5> = vocabulary.embedding(&Cpu::seed_from_u64(3)).unwrap();
    let padding = other.embeddings.array()[0];
    let coverage = load_vectors(&mut other, &vocabulary, &path).unwrap();
    assert_eq!((coverage.found, coverage.missing.len()), (5, 0));
    assert_eq!(other.embeddings.array()[1..], table.embeddings.array()[1..]);
    assert_eq!(other.embeddings.array()[0], padding);
    fs::remove_file(&path).unwrap();
    let letters = Vocabulary::characters().list(["a", "\n", "\t"]).unwrap();
    let table: Embedding<4, 2> = letters.embedding(&Cpu::seed_from_u64(2)).unwrap();
    let letters = WordVectors::new(&table, &letters).unwrap();
    let text = "the word is \"\\n\": it must not hold white space";
    says(letters.save_word2vec(&path), text);
    assert!(!path.exists());

    let folder = temporary("projector");
    assert!(matches!(letters.save_projector(&folder), Err(Error::File { .. })));
    fs::create_dir_all(&folder).unwrap();
    letters.save_projector(&folder).unwrap();
    assert_eq!(fs::read_to_string(folder.join("metadata.tsv")).unwrap(), "a\n\\n\n\\t\n");
    let rows = fs::read_to_string(folder.join("vectors.tsv")).unwrap();
    let rows: Vec<Vec<f32>> =
        rows.lines().map(|row| row.split('\t').map(|x| x.parse().unwrap()).collect()).collect();
    assert!(rows.iter().map(Vec::as_slice).eq(letters.iter().map(|(_, row)| row)));
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    fs::remove_dir_all(folder).unwrap();
}

proptest! {
    /// What a file says does not matter, only that it ends in an error or in vectors that are finite.
    #[test]
    fn mutated_files_end_in_an_error(
        form in 0..FORMS.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        end in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = FORMS[form].as_bytes().to_vec();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(end) = end {
            bytes.truncate(end.index(bytes.len()));
        }
        if let Ok(coverage) = read(&bytes) {
            prop_assert_eq!(coverage.found + coverage.missing.len(), 3);
        }
        if let Ok(vectors) = WordVectors::read(&bytes[..]) {
            prop_assert!(vectors.iter().all(|(_, row)| row.iter().all(|x| x.is_finite())));
        }
    }

    #[test]
    fn random_files_end_in_an_error(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (read(&bytes), WordVectors::read(&bytes[..]));
    }
}
