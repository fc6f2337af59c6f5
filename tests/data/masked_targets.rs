//! Targets that are sequences of any length, with a mask of their own.

use kerata::{
    Batch, Dense, Embedding, Error, Gru, Ids, Length, MaskZero, Masked, Sequences, Sigmoid,
    TimeDistributed,
    data::{InMemory, Padded, Ragged, Stream},
    distributed::{ThreadRank, Threads},
    loss::{BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError},
    metric::{MeanLoss, RootMeanSquaredError},
    model,
    optim::Sgd,
    train::{Fit, Trainer},
};

use super::{built, fitted};

#[model(input = Masked<(Batch, Length, 2)>, output = Masked<(Batch, Length, 1)>)]
struct Series {
    gru: Gru<_, 4, Sequences>,
    head: TimeDistributed<Dense<_, 1>>,
}

#[model(input = Ids<(Batch, Length)>)]
struct Labels {
    embed: Embedding<9, 4, MaskZero>,
    head: TimeDistributed<Dense<_, 3, Sigmoid>>,
}

fn inputs() -> Vec<Vec<[f32; 2]>> {
    [3, 1, 5, 2].map(|n| (0..n).map(|i| [i as f32 / 5.0, n as f32 / 5.0]).collect()).to_vec()
}

fn targets() -> Vec<Vec<[f32; 1]>> {
    inputs().iter().map(|row| row.iter().map(|[a, b]| [a + b]).collect()).collect()
}

#[test]
fn a_value_for_each_step() {
    let ragged = InMemory::new(Ragged(inputs()), Ragged(targets())).unwrap();
    let mut padded = targets();
    padded.iter_mut().for_each(|row| row.resize(5, [7.0]));
    let by_hand = InMemory::new(Ragged(inputs()), padded).unwrap();
    let expected = fitted::<Series, _, _>(MeanSquaredError, &by_hand).unwrap();
    assert_eq!(fitted::<Series, _, _>(MeanSquaredError, &ragged).unwrap(), expected);

    // Numbers alone are vectors of one.
    let numbers = targets().iter().map(|row| row.as_flattened().to_vec()).collect();
    let numbers = InMemory::new(Ragged(inputs()), Ragged::<f32>(numbers)).unwrap();
    assert_eq!(fitted::<Series, _, _>(MeanSquaredError, &numbers).unwrap(), expected);

    let samples = || inputs().into_iter().map(Padded).zip(targets().into_iter().map(Padded));
    let stream = Stream::new(move |_| Ok(samples().map(Ok)));
    let mut trainer = Trainer::new(built::<Series>(), MeanSquaredError, Sgd::new(0.1)).unwrap();
    trainer = trainer.metric(RootMeanSquaredError).metric(MeanLoss(MeanAbsoluteError));
    let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(200) };
    let history = trainer.fit_validated(&stream, &ragged, &fit).unwrap();
    assert!(history.last("val_loss").unwrap() < 0.1 * expected, "{history:?}");
    assert!(history.last("val_root_mean_squared_error").unwrap() < 0.2, "{history:?}");
}

#[test]
fn several_labels_for_each_word() {
    let words = Ragged(vec![vec![1_usize, 8], vec![3, 0, 4]]);
    let labels = vec![vec![[0.0_f32, 1.0, 1.0], [1.0, 0.0, 0.0]], vec![[0.0, 0.0, 1.0]; 3]];
    let data = InMemory::new(words.clone(), Ragged(labels.clone())).unwrap();
    let loss = fitted::<Labels, _, _>(BinaryCrossentropy::default(), &data).unwrap();
    // What the prediction leaves out need not be there.
    let mut short = labels;
    short[0].push([1.0; 3]);
    let data = InMemory::new(words, Ragged(short)).unwrap();
    assert_eq!(fitted::<Labels, _, _>(BinaryCrossentropy::default(), &data).unwrap(), loss);
}

#[test]
fn a_row_of_targets_that_is_too_short_is_named() {
    // As long as the longest row all the same.
    let mut short = targets();
    short.swap(0, 1);
    let data = InMemory::new(Ragged(inputs()), Ragged(short)).unwrap();
    let message = "the real steps of a target: expected 3 in row 0, found 1";
    let error: Error = fitted::<Series, _, _>(MeanSquaredError, &data).unwrap_err();
    assert_eq!(error.to_string(), message);
    // Where no step of the prediction is masked, too.
    let full = Ragged(vec![vec![[0.0_f32, 1.0]; 3]; 2]);
    let data = InMemory::new(full, Ragged(vec![vec![1.0_f32; 3], vec![1.0]])).unwrap();
    let mut trainer = Trainer::new(built::<Series>(), MeanSquaredError, Sgd::new(0.1)).unwrap();
    trainer = trainer.metric(RootMeanSquaredError);
    let error = trainer.evaluate(&data, 2).unwrap_err();
    assert_eq!(error.to_string(), "the real steps of a target: expected 3 in row 1, found 1");
}

#[test]
fn ranks_share_targets_of_any_length() {
    let train = |rank: Option<ThreadRank>| {
        let data = InMemory::new(Ragged(inputs()), Ragged(targets()))?;
        let mut trainer = Trainer::new(built::<Series>(), MeanSquaredError, Sgd::new(0.1))?;
        trainer = trainer.metric(RootMeanSquaredError);
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        trainer.fit(&data, &Fit { batch_size: 3, progress: false, ..Fit::epochs(3) })
    };
    let alone = train(None).unwrap();
    let shared = Threads::new(2).run(move |rank| train(Some(rank))).unwrap();
    for name in ["loss", "root_mean_squared_error"] {
        let (a, b) = (alone.last(name).unwrap(), shared[1].last(name).unwrap());
        assert!((a - b).abs() < 1e-6, "{name}: {a} {b}");
    }
}
