//! A model from a file, in a program that warns of all that might be amiss.
#![deny(missing_docs, unused, unreachable_pub)]

use kerata::{Batch, model, prelude::*};

/// Counts the vowels of a word.
#[model(keras = "examples/from_keras/vowels.keras", output = (Batch, 1), embed)]
struct Vowels;

mod inner {
    /// Of a module of its own.
    #[kerata::model(keras = "tests/cases/keras-3.15.1-branches/net.json")]
    pub(crate) struct Net;
}

fn main() -> Result<(), kerata::Error> {
    let model = Vowels::load()?;
    let banana = [2, 1, 14, 1, 14, 1, 0, 0, 0, 0, 0, 0];
    assert_eq!(model.predict(&vec![banana], 1)?.as_vec()[0].round(), 3.0);
    assert_eq!(model.reader.kernel.as_vec().len(), 4 * 3 * 8);
    assert!(inner::Net::PARAMS > 0);
    Ok(())
}
