//! The net, and the same one without `MaskZero`.

use std::time::Instant;

use kerata::{
    Batch, Const, Dense, Embedding, Error, Ids, Length, Lstm, MaskZero, Sequences, Softmax,
    data::{InMemory, Ragged},
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    model::Model,
    optim::Adam,
    train::{Fit, Trainer},
};

use super::{
    PARTS, RATES,
    dictionary::{Entry, MOST},
    question::{SYMBOLS, encode},
};

/// Reads letters, skips padding, and gives the probability of each number of syllables.
#[model(input = Ids<(Batch, Length)>, output = (Batch, MOST))]
pub(crate) struct Syllables {
    letters: Embedding<SYMBOLS, 32, MaskZero>, // id 0 is padding
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    count: Dense<_, MOST, Softmax>,
}

/// The same without the mask: the padding is read like letters.
#[model(input = Ids<(Batch, Length)>, output = (Batch, MOST))]
pub(crate) struct Unmasked {
    letters: Embedding<SYMBOLS, 32>,
    lstm1: Lstm<_, 128, Sequences>,
    lstm2: Lstm<_, 128>,
    count: Dense<_, MOST, Softmax>,
}

type Words = Ids<(Batch, Length)>;
type Counts = (Batch, Const<MOST>);

pub(crate) type Data = InMemory<Ragged, Vec<usize>>;

/// Words as ids, counts as labels from 0. Each batch is padded to its longest word.
pub(crate) fn data(entries: &[Entry]) -> Result<Data, Error> {
    let words = entries.iter().map(|(word, _)| encode(word)).collect();
    InMemory::new(Ragged(words), entries.iter().map(|(_, count)| count - 1).collect())
}

/// The accuracies of training and validation, one after each part of an epoch.
#[derive(Default)]
pub(crate) struct Curve {
    pub(crate) learned: Vec<f64>,
    pub(crate) held_out: Vec<f64>,
}

/// Trains on a number of parts of the data, one after the other, with a learning rate for each epoch; measures after each
/// part, and prints what was measured.
pub(crate) fn train<M>(
    mut model: M,
    parts: &[Data],
    held_out: &Data,
    count: usize,
) -> Result<(M, Curve), Error>
where
    M: Model<Input = Words, Output = Counts>,
{
    let (start, mut curve) = (Instant::now(), Curve::default());
    for (epoch, &rate) in RATES.iter().enumerate() {
        let parts = parts.iter().take(count.saturating_sub(epoch * PARTS));
        let loss = SparseCategoricalCrossentropy::default();
        let mut trainer =
            Trainer::new(model, loss, Adam::new(rate))?.metric(SparseCategoricalAccuracy);
        let fit = Fit { batch_size: 128, seed: epoch as u64, progress: false, ..Fit::default() };
        for (i, part) in parts.enumerate() {
            let history = trainer.fit_validated(part, held_out, &fit)?;
            let last = |name| history.last(name).unwrap_or(f64::NAN);
            curve.learned.push(last("sparse_categorical_accuracy"));
            curve.held_out.push(last("val_sparse_categorical_accuracy"));
            println!(
                "epoch {:.1}: loss {:.3}, accuracy {:.3}, held out {:.3}, {:.0} s",
                epoch as f64 + (i + 1) as f64 / PARTS as f64,
                last("loss"),
                last("sparse_categorical_accuracy"),
                last("val_sparse_categorical_accuracy"),
                start.elapsed().as_secs_f64(),
            );
        }
        model = trainer.model;
    }
    Ok((model, curve))
}
