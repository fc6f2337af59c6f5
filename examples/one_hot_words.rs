//! Words of ten letters, one-hot: `(Batch, 10, 27)` goes into an LSTM as it is. With an Embedding in front, ids go in.
//! And one-hot times a matrix is the look-up that an Embedding does, number by number.
//!
//! An Embedding behind one-hot rows is what does not compile. For `#[model(input = (Batch, 10, 27))]`, cargo says at
//! the line `letters: Embedding<27, 27>`:
//!
//! ```text
//! error[E0277]: token ids are needed here, `Ids<(Batch, Length)>`, but `(usize, kerata::Const<10>, kerata::Const<27>)` arrives
//!   = note: ids are whole numbers: feed a tensor of `usize`
//!   = note: one-hot rows need no `Embedding`: feed them to the next layer as they are, or turn them into ids
//! ```

use std::array::from_fn;

use bip39::Language;
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Masking, Sigmoid,
    data::{InMemory, Vocabulary, from_one_hot_padded, one_hot_padded},
    loss::BinaryCrossentropy,
    metric::BinaryAccuracy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use unicode_normalization::UnicodeNormalization;

/// The 27 letters of Spanish.
const ALPHABET: &str = "abcdefghijklmnñopqrstuvwxyz";

/// Letters as rows with a one; padding is a row of zeros, which `Masking` finds.
#[model(input = (Batch, 10, 27), output = (Batch, 1))]
struct OneHot {
    mask: Masking,
    lstm: Lstm<_, 32>,
    spanish: Dense<_, 1, Sigmoid>,
}

/// The same letters as ids: 1 to 27, and 0 for padding.
#[model(input = Ids<(Batch, 10)>, output = (Batch, 1))]
struct FromIds {
    letters: Embedding<28, 27, MaskZero>,
    lstm: Lstm<_, 32>,
    spanish: Dense<_, 1, Sigmoid>,
}

/// Accents are folded away; ñ is a letter of its own.
fn plain(word: &str) -> String {
    word.nfc().map(|c| if c == 'ñ' { c } else { c.nfd().next().unwrap_or(c) }).collect()
}

fn main() -> Result<(), Error> {
    let letters = Vocabulary::characters().list(ALPHABET.chars().map(String::from))?;
    let lists = [(Language::Spanish, 1.0), (Language::Italian, 0.0)];
    let mut words: Vec<(String, [f32; 1])> = lists
        .iter()
        .flat_map(|(language, is)| language.word_list().iter().map(|word| (plain(word), [*is])))
        .collect();
    words.shuffle(&mut StdRng::seed_from_u64(1));
    let (words, spanish): (Vec<String>, Vec<[f32; 1]>) = words.into_iter().unzip();
    let ids = letters.encode_padded::<10>(&words)?;
    let rows = one_hot_padded::<27, 10>(&ids)?;
    println!("{} has the ids {:?}", words[0], ids[0]);
    assert_eq!(letters.decode(&from_one_hot_padded(&rows)?[0])?, words[0]);

    // One-hot rows go into the LSTM as they are.
    let model = OneHot::build(&Cpu::seed_from_u64(0))?;
    let mut trainer = Trainer::new(model, BinaryCrossentropy::default(), Adam::new(0.01))?
        .metric(BinaryAccuracy::default());
    let (train, held_out) = InMemory::new(rows.clone(), spanish)?.split(0.2)?;
    let history = trainer.fit_validated(&train, &held_out, &Fit::epochs(5))?;
    let accuracy = history.last("val_binary_accuracy").unwrap_or(0.0);
    println!("Spanish or Italian, on words never seen: {accuracy:.3} are right");
    assert!(accuracy > 0.7);

    // One-hot times the kernel of the LSTM is a row of it, which an Embedding with that table looks up.
    let OneHot { lstm, spanish, .. } = trainer.model.clone();
    let table = [vec![0.0; 4 * 32], lstm.kernel.as_vec()].concat();
    let dev = Cpu::default();
    let table: Embedding<28, 128> =
        Embedding::from_embeddings(dev.tensor_from_vec(table, (Const, Const)));
    let mut product = Dense::<27, 128>::build(&dev)?;
    product.kernel.copy_from(&lstm.kernel.as_vec());
    let multiplied = product.forward(dev.tensor(rows[0]))?.as_vec();
    let looked_up = table.forward(dev.tensor(ids[0]))?.as_vec();
    println!("one-hot times a matrix  {:?} ..", &multiplied[..4]);
    println!("the row of the first id {:?} ..", &looked_up[..4]);
    assert_eq!(multiplied, looked_up);

    // So the model from ids, with the one-hot rows themselves as its table, gives the same answers.
    let identity: [[f32; 27]; 28] = from_fn(|i| from_fn(|j| f32::from(u8::from(i == j + 1))));
    let letters = Embedding::from_embeddings(dev.tensor(identity));
    let from_ids = FromIds { letters, lstm, spanish };
    let (a, b) = (trainer.model.predict(&rows, 512)?, from_ids.predict(&ids, 512)?);
    assert_eq!(a.as_vec(), b.as_vec());
    println!("the model from ids gives the same {} answers", words.len());
    Ok(())
}
