//! Tells the language of a word from its letters.
//!
//! ```text
//! cargo run --release --example language_id -- [--epochs N] [WORD ..]
//! ```

mod bayes;
mod words;

use kerata::{
    Batch, Cpu, Dense, Dropout, Embedding, Error, Ids, Lstm, MaskZero, Sequences, Softmax,
    data::InMemory,
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Adam,
    prelude::*,
    train::{Fit, Trainer},
};
use words::{LANGUAGES, LETTERS, SYMBOLS, Word};

#[model(input = Ids<(Batch, LETTERS)>, output = (Batch, 6))]
struct Classifier {
    letters: Embedding<SYMBOLS, 32, MaskZero>,
    lstm1: Lstm<_, 128, Sequences>,
    drop1: Dropout<30>,
    lstm2: Lstm<_, 128>,
    drop2: Dropout<30>,
    language: Dense<_, 6, Softmax>,
}

fn main() -> Result<(), Error> {
    let (epochs, asked) = arguments();
    let ((train, train_labels), (held_out, held_out_labels)) = words::split();
    println!("{} words to learn from, {} held out", train.len(), held_out.len());
    let bigrams = bayes::Bigrams::learn(&train, &train_labels);
    let baseline = bigrams.accuracy(&held_out, &held_out_labels);

    println!("\n{}\n", Classifier::summary());

    let dev = Cpu::seed_from_u64(7);
    let model = Classifier::build(&dev)?;
    let loss = SparseCategoricalCrossentropy::default();
    let mut trainer = Trainer::new(model, loss, Adam::default())?.metric(SparseCategoricalAccuracy);
    let data = InMemory::new(train, train_labels)?;
    let validation = InMemory::new(held_out, held_out_labels)?;
    for epoch in 1..=epochs {
        let fit = Fit { batch_size: 64, ..Fit::default() };
        let history = trainer.fit_validated(&data, &validation, &fit)?;
        let shown = |name| history.last(name).unwrap_or(f64::NAN);
        println!(
            "epoch {epoch:>2}: loss {:.4}, accuracy {:.4}, held out {:.4}",
            shown("loss"),
            shown("sparse_categorical_accuracy"),
            shown("val_sparse_categorical_accuracy"),
        );
    }

    let answers = answers(&trainer.predict(validation.inputs(), 256)?.as_vec());
    let mut confusion = [[0; LANGUAGES.len()]; LANGUAGES.len()];
    for (&(answer, _), &label) in answers.iter().zip(validation.targets()) {
        confusion[label][answer] += 1;
    }
    let right: usize = (0..LANGUAGES.len()).map(|i| confusion[i][i]).sum();
    let accuracy = right as f64 / validation.len() as f64;
    println!("\nheld-out accuracy {accuracy:.4}, naive Bayes on letter pairs {baseline:.4}\n");
    print_confusion(&confusion);

    let ids: Vec<Word> = asked.iter().map(|word| words::encode(word)).collect();
    if !ids.is_empty() {
        let told = self::answers(&trainer.predict(&ids, 256)?.as_vec());
        println!();
        for (word, (label, probability)) in asked.iter().zip(told) {
            println!("{word}: {} ({:.0} %)", LANGUAGES[label].0, probability * 100.0);
        }
    }
    Ok(())
}

/// The most probable language of each row, and its probability.
fn answers(probabilities: &[f32]) -> Vec<(usize, f32)> {
    let best = |row: &[f32]| {
        let top = row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
        top.unwrap_or((0, 0.0))
    };
    probabilities.chunks(LANGUAGES.len()).map(best).collect()
}

fn print_confusion(confusion: &[[usize; LANGUAGES.len()]; LANGUAGES.len()]) {
    print!("{:<12}", "is \\ taken for");
    LANGUAGES.iter().for_each(|(name, _)| print!("{name:>12}"));
    println!();
    for ((name, _), row) in LANGUAGES.iter().zip(confusion) {
        print!("{name:<14}");
        row.iter().for_each(|count| print!("{count:>12}"));
        println!();
    }
}

/// The number of epochs, and the words asked for.
fn arguments() -> (usize, Vec<String>) {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    let mut epochs = 12;
    if let Some(at) = words.iter().position(|word| word == "--epochs") {
        let given = words.get(at + 1).and_then(|n| n.parse().ok());
        epochs = given.unwrap_or_else(|| {
            eprintln!("--epochs takes a number");
            std::process::exit(2);
        });
        words.drain(at..at + 2);
    }
    (epochs, words)
}
