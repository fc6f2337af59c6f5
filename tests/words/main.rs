//! Vocabularies, one-hot rows and word vectors: held against Keras, and against hostile input.

#![allow(missing_docs)]

#[allow(dead_code)]
#[path = "../keras/case.rs"]
mod case;
mod files;
mod odd;
mod one_hot;
mod rows;
mod vectors;
mod vocabulary;

use kerata::Error;

fn says<T>(result: Result<T, Error>, text: &str) {
    match result {
        Ok(_) => panic!("no error; expected `{text}`"),
        Err(error) => assert_eq!(error.to_string(), text),
    }
}

/// A path for a file that only this run has.
fn temporary(name: &str) -> std::path::PathBuf {
    std::env::temp_dir().join(format!("kerata-words-{}-{name}", std::process::id()))
}
