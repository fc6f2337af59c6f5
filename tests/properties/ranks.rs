//! Several ranks train as one process does on the whole batch, however the batches are shared out.

use kerata::{
    Batch, BatchNorm, Bidirectional, Const, Cpu, Dense, Dropout, Embedding, Error,
    GlobalAveragePooling1d, Ids, Length, Linear, Lstm, MaskZero, Relu, Sequences, Softmax,
    TimeDistributed,
    data::{InMemory, Ragged},
    distributed::{Communicator, ThreadRank, Threads},
    loss::{MeanSquaredError, Reduction, SparseCategoricalCrossentropy},
    metric::{MeanIoU, SparseCategoricalAccuracy},
    model,
    model::Sequential,
    optim::{Adam, Sgd},
    prelude::*,
    reduce::PerSample,
    train::{Fit, History, Trainer},
};
use proptest::prelude::{ProptestConfig, any, proptest};

/// Tags for each step of texts of unequal lengths.
#[model(input = Ids<(Batch, Length)>)]
struct Tagger {
    #[with(activity_regularizer = L1(0.01))]
    embed: Embedding<9, 4, MaskZero>,
    #[with(recurrent_dropout = 0.2)]
    both: Bidirectional<Lstm<_, 3, Sequences>>,
    drop: Dropout<30>,
    norm: BatchNorm<_>,
    #[with(kernel_regularizer = L2(0.01))]
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

/// Two answers to a text.
#[model(input = Ids<(Batch, Length)>, outputs(size, color))]
struct TwoHeads {
    embed: Embedding<9, 4, MaskZero>,
    mean: GlobalAveragePooling1d,
    #[with(activity_regularizer = L2(0.01))]
    trunk: Dense<_, 6, Relu>,
    norm: BatchNorm<_>,
    drop: Dropout<40>,
    size: Dense<_, 1>,
    #[from(drop)]
    color: Dense<_, 3, Softmax>,
}

/// A history, answers of the trained model, and what `evaluate` says.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) history: History,
    pub(crate) answers: Vec<f32>,
    pub(crate) measured: Vec<(String, f64)>,
}

impl Outcome {
    pub(crate) fn assert_close(&self, to: &Self) {
        // Some metrics are NaN where there is nothing to measure, and a loss may be infinite.
        let near = |a: f64, b: f64| {
            (a - b).abs() <= 1e-5 * a.abs().max(0.1) || a == b || (a.is_nan() && b.is_nan())
        };
        assert_eq!(self.history.epochs(), to.history.epochs());
        assert!(to.history.names().all(|name| self.history.get(name).is_some()));
        for name in to.history.names() {
            let (one, many) = (self.history.get(name).unwrap(), to.history.get(name).unwrap());
            for (epoch, (a, b)) in one.iter().zip(many).enumerate() {
                assert!(near(*a, *b), "{name} of epoch {epoch}: {a} in one process, {b} on ranks");
            }
        }
        assert_eq!(self.answers.len(), to.answers.len());
        for (a, b) in self.answers.iter().zip(&to.answers) {
            assert!((a - b).abs() < 1e-4, "an answer: {a} in one process, {b} on ranks");
        }
        for ((name, a), (_, b)) in self.measured.iter().zip(&to.measured) {
            assert!(near(*a, *b), "`evaluate`: {name} is {a} in one process, {b} on ranks");
        }
    }
}

/// The same work as one process, and as a rank of several. All ranks have the same outcome.
pub(crate) fn on_ranks(
    size: usize,
    work: impl Fn(Option<ThreadRank>) -> Result<Outcome, Error> + Send + Sync + 'static,
) -> Outcome {
    let mut all = Threads::new(size).run(move |rank| work(Some(rank))).unwrap();
    let last = all.pop().unwrap();
    for other in all {
        // What a callback has added stands in that of rank 0.
        for name in last.history.names() {
            let bits = |of: &Outcome| -> Vec<u64> {
                of.history.get(name).unwrap().iter().map(|value| value.to_bits()).collect()
            };
            assert_eq!(bits(&other), bits(&last), "{name}");
        }
        assert_eq!(other.answers, last.answers);
        assert_eq!(format!("{:?}", other.measured), format!("{:?}", last.measured));
    }
    last
}

fn random(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    }
}

/// Texts of 1 to 6 words, of which some are padding alone.
fn texts(count: usize, seed: u64) -> Vec<Vec<usize>> {
    let mut random = random(seed);
    let text = |i: usize| match i % 5 {
        4 => vec![0; 1 + random(3)],
        _ => (0..1 + random(6)).map(|_| 1 + random(8)).collect(),
    };
    (0..count).map(text).collect()
}

fn tagged(count: usize, seed: u64) -> InMemory<Ragged<usize>, Ragged<usize>, PerSample> {
    let (texts, mut random) = (texts(count, seed), random(seed + 1));
    let tags = texts.iter().map(|text| text.iter().map(|word| word % 3).collect()).collect();
    let weights = (0..count).map(|_| random(4) as f32 / 2.0).collect();
    let data = InMemory::new(Ragged(texts), Ragged(tags)).unwrap();
    data.with_weights(PerSample(weights)).unwrap()
}

fn tag(
    rank: Option<ThreadRank>,
    (count, seed): (usize, u64),
    reduction: Reduction,
    fit: Fit,
) -> Result<Outcome, Error> {
    // Only the weights of rank 0 count.
    let own = rank.as_ref().map_or(0, Communicator::rank) as u64;
    let model = Tagger::build(&Cpu::seed_from_u64(7 + own))?;
    let loss = SparseCategoricalCrossentropy::default().reduced_by(reduction);
    let optimizer = Adam { global_clipnorm: Some(0.5), ..Adam::new(0.01) };
    let mut trainer = Trainer::new(model, loss, optimizer)?
        .metric(SparseCategoricalAccuracy)
        .weighted_metric(SparseCategoricalAccuracy);
    if let Some(rank) = rank {
        trainer = trainer.distributed(rank);
    }
    let (data, validation) = (tagged(count, seed), tagged(5, seed + 2));
    let history = trainer.fit_validated(&data, &validation, &fit)?;
    let answers = trainer.predict(data.inputs(), 4)?.values().as_vec();
    Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
}

#[test]
fn masked_texts_are_learned_alike_on_any_number_of_ranks() {
    // 5 batches, 50 steps.
    let fit = Fit { batch_size: 6, progress: false, ..Fit::epochs(10) };
    let work = move |rank| tag(rank, (26, 3), Reduction::SumOverBatchSize, fit);
    let one = work(None).unwrap();
    assert!(one.history.last("loss") < one.history.get("loss").map(|all| all[0]));
    for size in [1, 2, 3, 4] {
        one.assert_close(&on_ranks(size, work));
    }
}

fn judge_twice(rank: Option<ThreadRank>, count: usize, fit: Fit) -> Result<Outcome, Error> {
    let model = TwoHeads::build(&Cpu::seed_from_u64(1))?;
    let losses = (
        MeanSquaredError.reduced_by(Reduction::Sum).with_loss_weight(0.1),
        SparseCategoricalCrossentropy::default().reduced_by(Reduction::MeanWithSampleWeight),
    );
    let optimizer = Sgd { momentum: 0.9, clipnorm: Some(1.0), ..Sgd::new(0.02) };
    let mut trainer = Trainer::new(model, losses, optimizer)?
        .metric_of(TwoHeads::COLOR, MeanIoU)
        .weighted_metric_of(TwoHeads::COLOR, SparseCategoricalAccuracy);
    if let Some(rank) = rank {
        trainer = trainer.distributed(rank);
    }
    let texts = texts(count, 9);
    let sizes: Vec<f32> = texts.iter().map(|text| text.len() as f32 / 3.0).collect();
    let colors: Vec<usize> = texts.iter().map(|text| text[0] % 3).collect();
    let weights: Vec<f32> = (0..count).map(|i| (i % 3) as f32).collect();
    let data = InMemory::new(Ragged(texts), (sizes, colors))?.with_weights(PerSample(weights))?;
    let history = trainer.fit(&data, &fit)?;
    let (sizes, colors) = trainer.predict(data.inputs(), 8)?;
    let answers = [sizes.as_vec(), colors.as_vec()].concat();
    Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 3)? })
}

#[test]
fn several_outputs_are_learned_alike_on_any_number_of_ranks() {
    let fit = Fit { batch_size: 5, progress: false, ..Fit::epochs(6) };
    let work = move |rank| judge_twice(rank, 17, fit);
    let one = work(None).unwrap();
    for size in [2, 3, 4] {
        one.assert_close(&on_ranks(size, work));
    }
}

#[test]
fn statistics_of_batches_are_summed_in_double_precision_too() {
    type Net = Sequential<
        (Batch, Const<2>),
        (Dense<2, 4, Linear, f64>, BatchNorm<4, f64>, Dense<4, 1, Linear, f64>),
        f64,
    >;
    let row = |i: usize| [i * 7 % 11, i * 5 % 13].map(|n| n as f64 / 6.0 - 1.0);
    let rows: Vec<[f64; 2]> = (0..13).map(row).collect();
    let targets: Vec<[f64; 1]> = rows.iter().map(|[a, b]| [a * b]).collect();
    let work = move |rank: Option<ThreadRank>, every| {
        let net = Net::build(&Cpu::seed_from_u64(3))?;
        let optimizer = Adam { gradient_accumulation_steps: every, ..Adam::new(0.05) };
        let mut trainer = Trainer::new(net, MeanSquaredError, optimizer)?;
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        let data = InMemory::new(rows.clone(), targets.clone())?;
        let fit = Fit { batch_size: 5, progress: false, ..Fit::epochs(8) };
        let history = trainer.fit(&data, &fit)?;
        let answers = trainer.predict(data.inputs(), 3)?.as_vec();
        let answers = answers.into_iter().map(|answer| answer as f32).collect();
        Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 3)? })
    };
    for every in [None, Some(2)] {
        let work = work.clone();
        let work = move |rank| work(rank, every);
        let one = work(None).unwrap();
        for size in [2, 3] {
            one.assert_close(&on_ranks(size, work.clone()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// More ranks than samples, batches of one sample, and shares of padding alone among them.
    #[test]
    fn batches_may_be_shared_out_in_any_way(
        size in 1_usize..6,
        count in 1_usize..14,
        batch_size in 1_usize..8,
        shuffle in any::<bool>(),
        seed in 0_u64..1000,
        weighted in any::<bool>(),
    ) {
        let fit = Fit { batch_size, shuffle, seed, progress: false, ..Fit::epochs(2) };
        let reduction =
            if weighted { Reduction::MeanWithSampleWeight } else { Reduction::SumOverBatchSize };
        let work = move |rank| tag(rank, (count, seed), reduction, fit);
        work(None).unwrap().assert_close(&on_ranks(size, work));
    }
}
