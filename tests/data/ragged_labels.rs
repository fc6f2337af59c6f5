//! Labels for each word, as many as a text has, and weights of them.

use kerata::{
    Batch, Cpu, Dense, Embedding, Error, Ids, Length, Lstm, MaskZero, Masked, Sequences, Softmax,
    TimeDistributed,
    data::{InMemory, Padded, Ragged, Stream},
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model,
    optim::Sgd,
    prelude::*,
    reduce::PerStep,
    train::{Fit, Trainer},
};

use super::{built, fitted};

#[model(input = Ids<(Batch, Length)>, output = Masked<(Batch, Length, 3)>)]
struct Tagger {
    embed: Embedding<9, 4, MaskZero>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

fn words() -> Vec<Vec<usize>> {
    vec![vec![1, 8], vec![3, 5, 4], vec![2]]
}

fn labels() -> Vec<Vec<usize>> {
    vec![vec![0, 2], vec![1, 1, 0], vec![2]]
}

fn loss() -> SparseCategoricalCrossentropy {
    SparseCategoricalCrossentropy::default()
}

#[test]
fn labels_need_a_label_for_each_word() {
    let data = InMemory::new(Ragged(words()), Ragged(labels())).unwrap();
    let mut padded = labels();
    padded.iter_mut().for_each(|row| row.resize(3, 7));
    let by_hand = InMemory::new(Ragged(words()), padded).unwrap();
    let expected = fitted::<Tagger, _, _>(loss(), &by_hand).unwrap();
    assert_eq!(fitted::<Tagger, _, _>(loss(), &data).unwrap(), expected);

    let mut short = labels();
    short[0].pop();
    let data = InMemory::new(Ragged(words()), Ragged(short.clone())).unwrap();
    let message = "the real steps of a target: expected 2 in row 0, found 1";
    let error: Error = fitted::<Tagger, _, _>(loss(), &data).unwrap_err();
    assert_eq!(error.to_string(), message);
    let mut trainer = Trainer::new(built::<Tagger>(), loss(), Sgd::new(0.1)).unwrap();
    trainer = trainer.metric(SparseCategoricalAccuracy);
    assert_eq!(trainer.evaluate(&data, 3).unwrap_err().to_string(), message);
    let samples =
        move || words().into_iter().map(Padded).zip(short.clone().into_iter().map(Padded));
    let stream = Stream::new(move |_| Ok(samples().map(Ok)));
    assert_eq!(trainer.evaluate(&stream, 3).unwrap_err().to_string(), message);
}

/// The losses of all epochs, in batches of so many rows.
fn weighted(weighted: bool, batch_size: usize) -> Vec<f64> {
    let data = InMemory::new(Ragged(words()), Ragged(labels())).unwrap();
    let fit = Fit { batch_size, shuffle: false, progress: false, ..Fit::epochs(3) };
    let mut trainer = Trainer::new(built::<Tagger>(), loss(), Sgd::new(0.1)).unwrap();
    let history = if weighted {
        let data = data.with_class_weight([1.0, 2.0, 3.0]).unwrap();
        trainer.fit_validated(&data, &data, &fit)
    } else {
        let rows = vec![vec![1.0_f32, 3.0], vec![2.0, 2.0, 1.0], vec![3.0]];
        let data = data.with_weights(PerStep::from(rows)).unwrap();
        trainer.fit_validated(&data, &data, &fit)
    };
    let history = history.unwrap();
    ["loss", "val_loss"].iter().flat_map(|name| history.get(name).unwrap().to_vec()).collect()
}

#[test]
fn weights_of_classes_and_steps_are_as_long_as_their_rows() {
    for batch_size in [1, 2, 3] {
        let (classes, steps) = (weighted(true, batch_size), weighted(false, batch_size));
        assert_eq!(classes, steps);
        assert!(classes.iter().all(|loss| loss.is_finite()), "{classes:?}");
    }
    // By hand: the first row alone, whose labels have the weights 1 and 3.
    let first =
        InMemory::new(Ragged(words()[..1].to_vec()), Ragged(labels()[..1].to_vec())).unwrap();
    let first = first.with_class_weight([1.0, 2.0, 3.0]).unwrap();
    let trainer = Trainer::new(built::<Tagger>(), loss(), Sgd::new(0.1)).unwrap();
    let found = trainer.evaluate(&first, 1).unwrap()[0].1;
    let rows = trainer.predict(first.inputs(), 1).unwrap().to_rows().unwrap();
    let of = |step: usize, label: usize| -f64::from(rows[0][step][label]).ln();
    let expected = (of(0, 0) + 3.0 * of(1, 2)) / 2.0;
    assert!((found - expected).abs() < 1e-6, "{found} {expected}");

    // A weight that is missing at a real step is told.
    let data = InMemory::new(Ragged(words()), Ragged(labels())).unwrap();
    let short = vec![vec![1.0_f32], vec![2.0, 2.0, 1.0], vec![3.0]];
    let data = data.with_weights(PerStep::from(short)).unwrap();
    let trainer = Trainer::new(built::<Tagger>(), loss(), Sgd::new(0.1)).unwrap();
    let error = trainer.evaluate(&data, 3).unwrap_err().to_string();
    assert!(error.contains("is NaN, which is not finite"), "{error}");
}

#[model(input = Ids<(Batch, Length)>, output = Masked<(Batch, Length, 4)>)]
struct States {
    embed: Embedding<9, 4, MaskZero>,
    lstm: Lstm<_, 4, Sequences>,
}

#[test]
fn a_batch_of_empty_rows_is_answered() {
    let net = States::build(&Cpu::seed_from_u64(0)).unwrap();
    let rows = Ragged(vec![vec![1_usize, 2], vec![], vec![3]]);
    let whole = net.predict(&rows, 3).unwrap();
    for batch_size in [1, 2] {
        let parts = net.predict(&rows, batch_size).unwrap();
        assert_eq!(parts.mask().lengths(), [2, 0, 1]);
        assert_eq!(parts.to_rows().unwrap(), whole.to_rows().unwrap());
    }
}

#[model(input = Ids<(Batch, Length)>, output = (Batch, Length, 4))]
struct Bare {
    embed: Embedding<9, 4>,
}

#[test]
fn batches_of_other_lengths_are_told_of_the_mask() {
    let net = Bare::build(&Cpu::seed_from_u64(0)).unwrap();
    let rows = Ragged(vec![vec![1_usize, 2], vec![3]]);
    assert!(net.predict(&rows, 2).is_ok());
    let error = net.predict(&rows, 1).unwrap_err().to_string();
    assert!(error.contains("they are joined if the output is `Masked<..>`"), "{error}");
}
