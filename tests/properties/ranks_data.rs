//! Data, outputs and metrics of all kinds on ranks.

use kerata::{
    Batch, BatchNorm, Bidirectional, Concatenate, Cpu, Dense, Dropout, Embedding, Error, Gru, Ids,
    Inputs, Length, MaskZero, Relu, Sequences, Sigmoid, Softmax, TimeDistributed,
    data::{InMemory, Ragged, Stream},
    distributed::ThreadRank,
    loss::{BinaryCrossentropy, Circle, Dice, MeanSquaredError, SparseCategoricalCrossentropy},
    metric::{
        Auc, BinaryAccuracy, ConcordanceCorrelation, CosineSimilarity, F1Score, MeanIoU, MeanLoss,
        PearsonCorrelation, PrecisionAtRecall, R2Score, Recall, RootMeanSquaredError,
        SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    },
    model,
    optim::{Adam, Sgd},
    prelude::*,
    reduce::PerStep,
    train::{Fit, Trainer},
};

use super::ranks::{Outcome, on_ranks};

fn fit() -> Fit {
    Fit { batch_size: 5, progress: false, ..Fit::epochs(4) }
}

fn assert_alike(
    work: impl Fn(Option<ThreadRank>) -> Result<Outcome, Error> + Clone + Send + Sync + 'static,
) {
    let one = work(None).unwrap();
    for size in [1, 2, 3, 4] {
        one.assert_close(&on_ranks(size, work.clone()));
    }
}

macro_rules! outcome {
    ($rank:expr, $trainer:expr, $data:expr, $fit:expr, $asked:expr, |$answer:ident| $values:expr) => {{
        let mut trainer = $trainer;
        if let Some(rank) = $rank {
            trainer = trainer.distributed(rank);
        }
        let data = $data;
        let history = trainer.fit(&data, &$fit)?;
        let $answer = trainer.predict($asked, 3)?;
        Ok::<_, Error>(Outcome { history, answers: $values, measured: trainer.evaluate(&data, 4)? })
    }};
}

/// Numbers from 0 to 1 that follow from a place.
fn number(place: usize) -> f32 {
    (place * 37 % 101) as f32 / 101.0
}

#[model(input = (Batch, 3), output = (Batch, 2))]
struct Yes {
    hidden: Dense<_, 5, Relu>,
    norm: BatchNorm<_>,
    head: Dense<_, 2, Sigmoid>,
}

// Units that are active for all samples have a bias of which the normalisation leaves no gradient but rounding, which `Adam` would make as large as
// any other.
fn yes() -> (Vec<[f32; 3]>, Vec<[f32; 2]>) {
    let x = (0..13).map(|i| [number(i), number(i * 3 + 1), number(i * 7 + 2)]).collect();
    (x, (0..13).map(|i| [(i % 2) as f32, (i * 5 % 3 / 2) as f32]).collect())
}

#[test]
fn metrics_of_all_kinds_are_those_of_the_whole() {
    assert_alike(|rank| {
        let (x, y) = yes();
        let model = Yes::build(&Cpu::seed_from_u64(2))?;
        let trainer = Trainer::new(model, BinaryCrossentropy::default(), Sgd::new(0.1))?
            .metric(BinaryAccuracy::default())
            .metric(Auc::default())
            .metric(PrecisionAtRecall::new(0.5))
            .metric(F1Score::default())
            .metric(Recall::default())
            .metric(R2Score::default())
            .metric(PearsonCorrelation)
            .metric(ConcordanceCorrelation)
            .metric(CosineSimilarity)
            .metric(RootMeanSquaredError)
            // One that looks at the whole batch.
            .metric(MeanLoss(Dice::default()));
        outcome!(rank, trainer, InMemory::new(x.clone(), y)?, fit(), &x, |a| a.as_vec())
    });
}

#[test]
fn classes_are_counted_alike() {
    #[model(input = (Batch, 3), output = (Batch, 3))]
    struct Classes {
        hidden: Dense<_, 5, Relu>,
        head: Dense<_, 3, Softmax>,
    }
    assert_alike(|rank| {
        let x = yes().0;
        let y: Vec<usize> = (0..13).map(|i| i * 5 % 3).collect();
        let loss = SparseCategoricalCrossentropy::default();
        let trainer = Trainer::new(Classes::build(&Cpu::seed_from_u64(2))?, loss, Adam::new(0.05))?
            .metric(SparseCategoricalAccuracy)
            .metric(SparseTopKCategoricalAccuracy { k: 2 })
            .metric(MeanIoU)
            .metric(MeanLoss(Circle { gamma: 1.0, ..Circle::default() }));
        outcome!(rank, trainer, InMemory::new(x.clone(), y)?, fit(), &x, |a| a.as_vec())
    });
}

#[test]
fn streams_are_shared_out_too() {
    assert_alike(|rank| {
        let stream = Stream::new(|_: &kerata::data::Order| {
            let (x, y) = yes();
            Ok(x.into_iter().zip(y).map(Ok))
        });
        let model = Yes::build(&Cpu::seed_from_u64(2))?;
        let mut trainer = Trainer::new(model, BinaryCrossentropy::default(), Sgd::new(0.1))?;
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        let fit = Fit { steps_per_epoch: Some(2), ..fit() };
        let history = trainer.fit(&stream.shuffle(6, 3), &fit)?;
        let (x, y) = yes();
        let answers = trainer.predict(&x, 3)?.as_vec();
        Ok(Outcome { history, answers, measured: trainer.evaluate(&InMemory::new(x, y)?, 4)? })
    });
}

/// Two inputs, and two outputs of which one is masked: their means have other divisors.
#[model(input = Inputs<(Ids<(Batch, Length)>, (Batch, 2))>, outputs(tags, grade))]
struct Both {
    #[from(input.0)]
    embed: Embedding<9, 4, MaskZero>,
    #[with(dropout = 0.2, recurrent_dropout = 0.1)]
    both: Bidirectional<Gru<_, 3, Sequences>>,
    tags: TimeDistributed<Dense<_, 3, Softmax>>,
    #[from(both)]
    last: Gru<_, 4>,
    drop: Dropout<30>,
    #[from(drop, input.1)]
    joined: Concatenate<_>,
    grade: Dense<_, 1>,
}

#[test]
fn outputs_with_and_without_a_mask_are_learned_alike() {
    assert_alike(|rank| {
        let text = |i: usize| -> Vec<usize> {
            (0..1 + i * 5 % 4).map(|k| if i % 4 == 3 { 0 } else { 1 + (i + k * 3) % 8 }).collect()
        };
        let texts: Vec<_> = (0..13).map(text).collect();
        let tags = texts.iter().map(|text| text.iter().map(|word| word % 3).collect()).collect();
        let beside: Vec<[f32; 2]> = (0..13).map(|i| [number(i), number(i * 5)]).collect();
        let kinds: Vec<[f32; 1]> = (0..13).map(|i| [number(i * 11)]).collect();
        let model = Both::build(&Cpu::seed_from_u64(2))?;
        let losses = (SparseCategoricalCrossentropy::default(), MeanSquaredError);
        let trainer = Trainer::new(model, losses, Adam { clipnorm: Some(0.3), ..Adam::new(0.05) })?
            .metric_of(Both::TAGS, SparseCategoricalAccuracy)
            .metric_of(Both::GRADE, RootMeanSquaredError);
        let x = (Ragged(texts), beside);
        let data = InMemory::new(x.clone(), (Ragged::<usize>(tags), kinds))?;
        outcome!(rank, trainer, data, fit(), &x, |a| [a.0.values().as_vec(), a.1.as_vec()].concat())
    });
}

#[test]
fn weights_of_steps_are_shared_out_too() {
    #[model(input = (Batch, 4, 2), output = (Batch, 4, 1))]
    struct Steps {
        gru: Gru<_, 3, Sequences>,
        head: TimeDistributed<Dense<_, 1>>,
    }
    assert_alike(|rank| {
        let row = |i: usize| [0, 1, 2, 3].map(|k| [number(i * 8 + k), number(i * 3 + k)]);
        let x: Vec<_> = (0..13).map(row).collect();
        let y: Vec<_> = (0..13).map(|i| [0, 1, 2, 3].map(|k| [number(i + k * 5)])).collect();
        let weights = (0..13).map(|i| [0, 1, 2, 3].map(|k| ((i + k) % 3) as f32));
        let data = InMemory::new(x.clone(), y)?
            .with_weights(PerStep::from(weights.collect::<Vec<[f32; 4]>>()))?;
        let model = Steps::build(&Cpu::seed_from_u64(2))?;
        let trainer = Trainer::new(model, MeanSquaredError, Adam::new(0.05))?
            .weighted_metric(RootMeanSquaredError);
        outcome!(rank, trainer, data, fit(), &x, |a| a.as_vec())
    });
}
