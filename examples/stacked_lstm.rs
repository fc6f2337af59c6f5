//! Embedding, two LSTMs with dropout 0.5, and a softmax: the first LSTM must hand on its sequence, the
//! second only its last state. Any other wiring does not compile: without `Sequences` on `lstm1` the compiler
//! says "a sequence is needed here" at the line of `lstm2`; with it on `lstm2`, "one vector per sample is needed
//! here" at the line of `head`.

use kerata::{
    Batch, Cpu, Dense, Dropout, Embedding, Error, Ids, Lstm, MaskZero, Sequences, Softmax,
    data::{InMemory, Side, pad_sequences},
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};

#[model(input = Ids<(Batch, 8)>, output = (Batch, 3))]
struct Sentences {
    embed: Embedding<20, 16, MaskZero>,
    lstm1: Lstm<_, 32, Sequences>,
    drop1: Dropout<50>,
    lstm2: Lstm<_, 32>,
    drop2: Dropout<50>,
    head: Dense<_, 3, Softmax>,
}

/// Sentences of 3 to 8 words. The label is told by the first word, so it has to be remembered.
fn sentences(
    range: std::ops::Range<usize>,
) -> Result<InMemory<Vec<[usize; 8]>, Vec<usize>>, Error> {
    let word = |i: usize, at: usize| 1 + (i * 7919 + at * 104_729 + i * at) % 19;
    let sentence = |i: usize| (0..3 + i % 6).map(|at| word(i, at)).collect::<Vec<usize>>();
    let sentences: Vec<Vec<usize>> = range.map(sentence).collect();
    let labels = sentences.iter().map(|words| words[0] % 3).collect();
    InMemory::new(pad_sequences(&sentences, 0, Side::Post, Side::Post), labels)
}

fn main() -> Result<(), Error> {
    let model = Sentences::build(&Cpu::seed_from_u64(0))?;
    let loss = SparseCategoricalCrossentropy::default();
    let mut trainer =
        Trainer::new(model, loss, Adam::new(0.005))?.metric(SparseCategoricalAccuracy);
    let (train, test) = (sentences(0..600)?, sentences(600..800)?);
    let history = trainer.fit_validated(&train, &test, &Fit::epochs(8))?;
    print!("{history}");

    // Dropout acts in the training pass only: two predictions are the same.
    let once = trainer.predict(test.inputs(), 32)?.as_vec();
    assert_eq!(once, trainer.predict(test.inputs(), 32)?.as_vec());
    let accuracy = history.last("val_sparse_categorical_accuracy").unwrap_or(0.0);
    println!("accuracy on sentences never seen: {accuracy:.3}");
    assert!(accuracy > 0.95);
    Ok(())
}
