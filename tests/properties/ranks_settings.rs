//! What a training is set to do, is done on ranks as in one process.

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Embedding, Error, Ids, Length, Lstm, MaskZero,
    Relu, Sequences, Softmax, TimeDistributed,
    callbacks::{EarlyStopping, ReduceLrOnPlateau, SwapEmaWeights, TerminateOnNan},
    data::{InMemory, Ragged},
    distributed::ThreadRank,
    loss::{Circle, Reduction, SparseCategoricalCrossentropy},
    metric::{MeanReciprocalRank, SparseCategoricalAccuracy},
    model,
    model::Sequential,
    optim::{Adafactor, Adam, AdamW, Lamb, Muon, ScheduleFreeAdamW, Sgd},
    prelude::*,
    reduce::PerSample,
    train::{Fit, Trainer},
};

use super::ranks::{Outcome, on_ranks};

type Net = Sequential<
    (Batch, Const<2>),
    (Dense<2, 6, Relu>, BatchNorm<6>, Dropout<20>, Dense<6, 3, Softmax>),
>;
type Rows = InMemory<Vec<[f32; 2]>, Vec<usize>>;

fn rows(count: usize, from: usize) -> Rows {
    let row = |i: usize| [(i + from) * 7 % 11, (i + from) * 5 % 13].map(|n| n as f32 / 6.0 - 1.0);
    let labels = (0..count).map(|i| (i + from) * 7 % 3).collect();
    InMemory::new((0..count).map(row).collect(), labels).unwrap()
}

fn fit() -> Fit {
    Fit { batch_size: 5, progress: false, ..Fit::epochs(8) }
}

/// The same with 1 to 4 ranks as in one process.
fn assert_alike(
    work: impl Fn(Option<ThreadRank>) -> Result<Outcome, Error> + Clone + Send + Sync + 'static,
) {
    let one = work(None).unwrap();
    let losses = one.history.get("loss").unwrap();
    assert!(losses.iter().all(|loss| loss.is_finite()), "{losses:?}");
    for size in [1, 2, 3, 4] {
        one.assert_close(&on_ranks(size, work.clone()));
    }
}

macro_rules! trained {
    ($rank:expr, $trainer:expr, $data:expr, $validation:expr $(, $values:ident)?) => {{
        let mut trainer = $trainer;
        if let Some(rank) = $rank {
            trainer = trainer.distributed(rank);
        }
        let (data, validation) = ($data, $validation);
        let history = trainer.fit_validated(&data, &validation, &fit())?;
        let answers = trainer.predict(validation.inputs(), 2)?$(.$values())?.as_vec();
        Ok::<_, Error>(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
    }};
}

macro_rules! net {
    ($optimizer:expr) => {
        Trainer::new(
            Net::build(&Cpu::seed_from_u64(3))?,
            SparseCategoricalCrossentropy::default(),
            $optimizer,
        )?
    };
}

#[test]
fn optimizers_see_the_gradients_of_the_whole_batch() {
    macro_rules! alike {
        ($($optimizer:expr),* $(,)?) => {
            $(assert_alike(|rank| trained!(rank, net!($optimizer), rows(13, 0), rows(3, 5)));)*
        };
    }
    alike!(
        Sgd { momentum: 0.9, nesterov: true, clipvalue: Some(0.01), ..Sgd::new(0.1) },
        Adam { clipnorm: Some(0.05), ..Adam::new(0.02) },
        Adam { global_clipnorm: Some(0.02), amsgrad: true, ..Adam::new(0.02) },
        Adam { gradient_accumulation_steps: Some(3), ..Adam::new(0.02) },
        AdamW::new(0.02, 0.1),
        Lamb::new(0.02),
        Adafactor::new(0.02),
        Muon::new(0.02),
        ScheduleFreeAdamW::new(0.02),
        Adam {
            use_ema: true,
            ema_momentum: 0.8,
            ema_overwrite_frequency: Some(4),
            ..Adam::new(0.02)
        },
        Adam {
            use_ema: true,
            ema_momentum: 0.8,
            gradient_accumulation_steps: Some(2),
            global_clipnorm: Some(0.02),
            ..Adam::new(0.02)
        },
    );
}

#[test]
fn averages_of_weights_are_exchanged_on_all_ranks() {
    for on_epoch in [false, true] {
        assert_alike(move |rank| {
            let optimizer = Adam { use_ema: true, ema_momentum: 0.8, ..Adam::new(0.02) };
            let swap = SwapEmaWeights::new().swap_on_epoch(on_epoch);
            trained!(rank, net!(optimizer).callback(swap), rows(13, 0), rows(3, 5))
        });
    }
}

#[test]
fn callbacks_decide_for_all() {
    assert_alike(|rank| {
        let plateau = ReduceLrOnPlateau::new("val_loss").patience(1).factor(0.3).min_delta(0.02);
        let stopping = EarlyStopping::new("val_loss").patience(3).restore_best_weights(true);
        let trainer = net!(Adam::new(0.1)).callback(plateau).callback(stopping);
        trained!(rank, trainer, rows(13, 0), rows(3, 5))
    });
}

#[test]
fn a_loss_that_is_no_number_on_one_rank_is_so_for_all() {
    assert_alike(|rank| {
        let mut x = rows(13, 0).inputs().clone();
        x[11] = [f32::NAN; 2];
        let data = InMemory::new(x, rows(13, 0).targets().clone())?;
        let trainer = net!(Adam::new(0.02)).callback(TerminateOnNan::new());
        let mut trainer = match rank {
            Some(rank) => trainer.distributed(rank),
            None => trainer,
        };
        // The batch with it is the second, after one that has been learned.
        let history = trainer.fit(&data, &Fit { shuffle: false, ..fit() });
        let answers = trainer.predict(rows(3, 5).inputs(), 2)?.as_vec();
        let clean = rows(13, 0);
        let measured = trainer.evaluate(&clean, 4)?;
        let answers = answers.into_iter().chain([trainer.steps() as f32]).collect();
        let _ = history?;
        trainer.optimizer = Adam::new(0.02);
        let history = trainer.fit(&clean, &fit())?;
        Ok(Outcome { history, answers, measured })
    });
}

#[test]
fn weights_of_classes_and_of_samples_may_leave_a_rank_nothing() {
    for weights in [[1.0, 2.0, 0.5], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]] {
        assert_alike(move |rank| {
            let data = rows(13, 0).with_class_weight(weights)?;
            let trainer = net!(Adam::new(0.02)).weighted_metric(SparseCategoricalAccuracy);
            trained!(rank, trainer, data, rows(3, 5).with_class_weight(weights)?)
        });
        assert_alike(move |rank| {
            let model = Net::build(&Cpu::seed_from_u64(3))?;
            let loss = SparseCategoricalCrossentropy::default()
                .reduced_by(Reduction::MeanWithSampleWeight);
            let trainer = Trainer::new(model, loss, Adam::new(0.02))?;
            let data = rows(13, 0).with_class_weight(weights)?;
            trained!(rank, trainer, data, rows(3, 5).with_class_weight(weights)?)
        });
    }
}

#[model(input = Ids<(Batch, Length)>)]
struct Tags {
    #[with(embeddings_regularizer = L2(0.01))]
    embed: Embedding<300, 4, MaskZero>,
    #[with(dropout = 0.2, activity_regularizer = L1(0.01))]
    lstm: Lstm<_, 4, Sequences>,
    both: TimeDistributed<(BatchNorm<4>, Dropout<30>)>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

type Tagged = InMemory<Ragged<usize>, Ragged<usize>, PerSample>;

fn tagged(count: usize, masked: impl Fn(usize) -> bool) -> Result<Tagged, Error> {
    let text = |i: usize| -> Vec<usize> {
        (0..1 + i * 5 % 4)
            .map(|k| if masked(i) { 0 } else { 1 + (i * 37 + k * 91) % 299 })
            .collect()
    };
    let texts: Vec<_> = (0..count).map(text).collect();
    let tags: Vec<Vec<usize>> =
        texts.iter().map(|text| text.iter().map(|word| word % 3).collect()).collect();
    let weights = (0..count).map(|i| (i % 3) as f32).collect();
    InMemory::new(Ragged(texts), Ragged(tags))?.with_weights(PerSample(weights))
}

#[test]
fn words_of_large_tables_are_learned_alike() {
    for masked in [|_: usize| false, |i| i % 2 == 0, |i| i > 2, |_| true] {
        assert_alike(move |rank| {
            let model = Tags::build(&Cpu::seed_from_u64(3))?;
            let loss = SparseCategoricalCrossentropy::default();
            let trainer = Trainer::new(model, loss, Adam::new(0.02))?
                .metric(SparseCategoricalAccuracy)
                .metric(MeanReciprocalRank);
            trained!(rank, trainer, tagged(13, masked)?, tagged(3, masked)?, values)
        });
    }
}

#[test]
fn embeddings_are_compared_with_those_of_all_ranks() {
    type Points = Sequential<(Batch, Const<2>), (Dense<2, 4, Relu>, Dense<4, 3>)>;
    assert_alike(|rank| {
        let model = Points::build(&Cpu::seed_from_u64(3))?;
        let loss = Circle { gamma: 2.0, ..Circle::default() };
        trained!(rank, Trainer::new(model, loss, Adam::new(0.02))?, rows(13, 0), rows(3, 5))
    });
}
