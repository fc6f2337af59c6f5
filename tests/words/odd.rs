//! Files of word vectors with odd lines, and files that are none: nothing odd loses a whole file.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use kerata::{
    Cpu, Embedding, Error,
    data::Vocabulary,
    prelude::*,
    words::{Coverage, Oddity, WordVectors, load_vectors, read_vectors},
};

use crate::{says, temporary};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/foreign").join(name)
}

/// The words of a file, and what was odd, read into an embedding and as a whole.
fn both(bytes: &[u8]) -> (Vec<String>, [Coverage; 2]) {
    let all = WordVectors::read(bytes).unwrap();
    assert_eq!(all.get("king"), Some([7.0, 8.0, 9.0].as_slice()));
    let vocabulary = Vocabulary::words().list(["king", "the"]).unwrap();
    let mut table: Embedding<3, 3> = vocabulary.embedding(&Cpu::default()).unwrap();
    let coverage = read_vectors(&mut table, &vocabulary, bytes).unwrap();
    assert_eq!(table.embeddings.array()[1], [7.0, 8.0, 9.0]);
    let words = all.iter().map(|(word, _)| word.to_owned()).collect();
    (words, [coverage, all.coverage().unwrap().clone()])
}

#[test]
fn odd_lines_are_counted_and_named() {
    for (name, words, odd) in [
        ("vec_empty_token_glove.txt", &["the", "king"][..], &[(2, Oddity::Blank)][..]),
        ("vec_space_token.txt", &["the", "king"], &[(3, Oddity::Blank)]),
        ("vec_first_line_spaces.txt", &[". . .", "the", "king"], &[]),
        ("vec_phrase_number.txt", &["the", "sept 11", "king"], &[(3, Oddity::NumericEnd)]),
        ("vec_gz.txt", &["the", "king"], &[]),
    ] {
        let (found, coverages) = both(&fs::read(case(name)).unwrap());
        assert_eq!(found, words, "{name}");
        for coverage in coverages {
            assert_eq!(coverage.odd_lines, odd, "{name}");
        }
    }
    let (words, [table, all]) = both(&fs::read(case("vec_latin1_two.txt")).unwrap());
    assert_eq!(words, ["king", "caf\u{fffd}"]);
    assert_eq!((table.not_utf8, all.not_utf8, all.collided, all.found), (2, 2, 1, 2));
    let text = "2 of 2 words found (100.0 %) among 3 vectors, 2 of them without a readable word \
                (lines 2, 3), 1 of them for words that cannot be told from others (line 3)";
    assert_eq!(all.to_string(), text);

    let many: String = (0..30).map(|i| format!(" {i} 2 3\n")).collect();
    let (words, [coverage, _]) = both(format!("king 7 8 9\n{many}").as_bytes());
    assert_eq!((words.len(), coverage.blank, coverage.odd_lines.len()), (1, 30, 10));
    let text = "1 of 2 words found (50.0 %) among 31 vectors, 30 of them without a word \
                (lines 2, 3, 4, ..)";
    assert_eq!(coverage.to_string(), text);
}

#[test]
fn spaces_in_words_and_around_them() {
    let text = "  4   3 \nking 7 8 9\narea 51 1 2 3\n\tthe  1  2\t3\nat me@home.org 1 2 3\n";
    let (words, _) = both(text.as_bytes());
    assert_eq!(words, ["king", "area 51", "the", "at me@home.org"]);
    // Without the first line of two numbers, and with the odd one first.
    for first in ["area 51 1 2 3\n", ". . . 1 2 3\n", "1 2 3 1 2 3\n", " 1 2 3\n", "nan 1 2 3\n"] {
        let (words, _) = both(format!("{first}king 7 8 9\nthe 1 2 3\n").as_bytes());
        assert_eq!(words.last().unwrap(), "the", "{first}");
        let (words, _) = both(format!("{first}king 7 8 9\n").as_bytes());
        assert_eq!(words.last().unwrap(), "king", "{first}");
    }
}

#[test]
fn foreign_files_are_named() {
    let load = |path: &Path| {
        let vocabulary = Vocabulary::words().list(["king"]).unwrap();
        let mut table: Embedding<2, 3> = vocabulary.embedding(&Cpu::default()).unwrap();
        let error = load_vectors(&mut table, &vocabulary, path).unwrap_err();
        assert_eq!(WordVectors::load(path).unwrap_err(), error);
        let Error::File { path: named, message } = error else { panic!("{error}") };
        assert_eq!(named, path.display().to_string());
        message
    };
    for (name, start) in [
        ("vec_utf16.txt", "this is text in UTF-16, not text with word vectors: convert it"),
        ("vec_word2vec.bin", "this is word2vec's binary form, not text with word vectors: gensim"),
        ("foreign.h5", "this is an HDF5 file (`.h5`), not text with word vectors"),
        ("foreign.keras", "this is a `.keras` archive, not text with word vectors"),
        ("foreign_html.npz", "this is a web page (HTML), not text with word vectors"),
        ("foreign_single.npy", "this is a single array of NumPy (`.npy`), not text"),
        ("f16.npz", "this is an archive of NumPy (`.npz`), not text with word vectors"),
        ("f16_bf16.safetensors", "this is a safetensors file, not text with word vectors"),
        ("vocab_unreachable_words.json", "this is JSON, not text with word vectors"),
    ] {
        let message = load(&case(name));
        assert!(message.starts_with(start), "{message}");
    }
    assert_eq!(load(&std::env::temp_dir()), "this is a folder, not a regular file");
    let binary = WordVectors::read(&b"abc\0def\nghi"[..]);
    says(binary, "the word vectors, line 1: this is binary data, not text");
    #[cfg(target_os = "linux")]
    {
        assert_eq!(load(Path::new("/dev/zero")), "this is a device, not a regular file");
        let pipe = temporary("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(load(&pipe), "this is a named pipe, not a regular file");
        let vocabulary = Vocabulary::load(&pipe).unwrap_err().to_string();
        assert!(vocabulary.ends_with("this is a named pipe, not a regular file"), "{vocabulary}");
        fs::remove_file(pipe).unwrap();
    }
}

#[test]
fn compressed_files() {
    let vectors = WordVectors::load(case("vec_gz.txt")).unwrap();
    let path = temporary("vectors.txt.GZ");
    vectors.save_word2vec(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.starts_with(b"\x1f\x8b"));
    assert_eq!(WordVectors::load(&path).unwrap(), vectors);
    fs::remove_file(&path).unwrap();
    // Parts one behind the other are one text; an end too early has a line.
    let twice = [&bytes[..], &bytes].concat();
    let error = WordVectors::read(&twice[..]).unwrap_err().to_string();
    assert!(error.starts_with("the word vectors, line 4: "), "{error}");
    for end in 0..bytes.len() {
        assert!(WordVectors::read(&bytes[..end]).is_err(), "{end}");
    }
    // Whatever single byte is wrong, the vectors are the same or there is an error.
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 0x15;
        assert!(!WordVectors::read(&wrong[..]).is_ok_and(|read| read != vectors), "{at}");
    }
    // A small file with a huge line, and one with another compressed file in it.
    let pack = |text: &[u8]| {
        let mut gz = GzEncoder::new(Vec::new(), Compression::best());
        gz.write_all(text).unwrap();
        gz.finish().unwrap()
    };
    let error = WordVectors::read(&pack(&vec![b'1'; 64 << 20])[..]);
    says(error, "the word vectors, line 1: it is longer than 1048576 bytes");
    let error = WordVectors::read(&pack(&bytes)[..]).unwrap_err().to_string();
    assert!(error.starts_with("the word vectors: this is compressed by gzip"), "{error}");
}

#[test]
fn every_cut_is_an_error_or_fewer_words() {
    for text in ["3 3\nthe 1 2 3\narea 51 1 2 3\nking 7 8 9\n", "the 1 2 3\nking 7 8 9\n"] {
        let whole = WordVectors::read(text.as_bytes()).unwrap();
        for end in 0..text.len() {
            let Ok(part) = WordVectors::read(&text.as_bytes()[..end]) else { continue };
            // A first line that is cut can only be believed.
            let lines = text[..end].matches('\n').count();
            assert!(lines == 0 || part.iter().all(|(word, _)| whole.get(word).is_some()), "{end}");
        }
    }
}
