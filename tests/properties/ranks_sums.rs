//! What ranks sum in a step, and that it is one sum wherever it can be.

use std::sync::{Arc, Mutex};

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Embedding, Error, Ids, Length, MaskZero,
    Sequences, SimpleRnn, Softmax, TimeDistributed,
    data::{InMemory, Ragged},
    distributed::{Communicator, ThreadRank, Threads},
    loss::{Reduction, SparseCategoricalCrossentropy},
    metric::SparseCategoricalAccuracy,
    model,
    model::Sequential,
    optim::Adam,
    prelude::*,
    reduce::PerSample,
    train::{Callback, Fit, Recovery, Trainer, Training},
};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::ranks::{Outcome, on_ranks};

/// How many `f32` each sum has.
type Calls = Arc<Mutex<Vec<usize>>>;

/// Notes what a rank sends.
struct Noting(ThreadRank, Calls);

impl Communicator for Noting {
    fn rank(&self) -> usize {
        self.0.rank()
    }

    fn size(&self) -> usize {
        self.0.size()
    }

    fn sum(&self, values: &mut [f32]) -> Result<(), Error> {
        self.1.lock().unwrap().push(values.len());
        self.0.sum(values)
    }

    // What is sent here has no other way, as by the default.
}

const RANKS: usize = 3;
/// Of each rank few values are told, in three `f32` each: at which batch it is (4), whether it has put a divisor off, its part in
/// that, its loss, and how much metrics say.
const TOLD: usize = RANKS * 3 * 8;

/// What three ranks send in an epoch of so many steps, without what comes before the first.
macro_rules! calls {
    ($model:ty, $loss:expr, $every:expr, $steps:expr, $data:expr) => {{
        let all = Threads::new(RANKS).run(move |rank| {
            let model = <$model>::build(&Cpu::seed_from_u64(1))?;
            let (calls, begins) = (Calls::default(), Arc::new(Mutex::new(None)));
            let gathers = Some($every).filter(|every| *every > 1);
            let adam = Adam { gradient_accumulation_steps: gathers, ..Adam::new(0.02) };
            let (seen, begin) = (calls.clone(), begins.clone());
            let mut trainer = Trainer::new(model, $loss, adam)?
                .distributed(Noting(rank, calls.clone()))
                .augment(move |x, y, _| {
                    begin.lock().unwrap().get_or_insert(seen.lock().unwrap().len());
                    Ok((x, y))
                });
            let fit = Fit { batch_size: 4, progress: false, ..Fit::epochs(1) };
            trainer.fit(&$data(4 * $steps)?, &fit)?;
            assert_eq!(trainer.steps(), $steps);
            let before = begins.lock().unwrap().unwrap();
            Ok(calls.lock().unwrap()[before..].to_vec())
        });
        let all = all.unwrap();
        assert!(all.iter().all(|calls| *calls == all[0]));
        all[0].clone()
    }};
}

#[test]
fn an_update_is_one_sum_of_the_size_of_the_model() {
    type Net = Sequential<(Batch, Const<20>), (Dense<20, 30>, Dense<30, 3, Softmax>)>;
    const PARAMETERS: usize = 20 * 30 + 30 + 30 * 3 + 3;
    let data = |count: usize| -> Result<_, Error> {
        let x: Vec<[f32; 20]> = (0..count).map(|i| [(i % 7) as f32 / 7.0; 20]).collect();
        InMemory::new(x, (0..count).map(|i| i % 3).collect::<Vec<usize>>())
    };
    let calls = |every: usize, steps: usize| {
        calls!(Net, SparseCategoricalCrossentropy::default(), every, steps, data)
    };
    let update = PARAMETERS + TOLD;
    assert_eq!(calls(1, 8), [update; 8]);
    // Where no gradients are summed, also whether something is wrong with them (3).
    let gathers = [TOLD + RANKS * 3 * 3; 7];
    assert_eq!(calls(8, 16), [&gathers[..], &[update], &gathers, &[update]].concat());
    // The last three of a training wait for an update that does not come: they are added up at its end.
    let gathers = &gathers[..3];
    let (three, end) = ([gathers, &[update]].concat(), [gathers, &[PARAMETERS]].concat());
    assert_eq!(calls(4, 11), [&three[..], &three, &end].concat());
}

/// Tags for each step of texts of unequal lengths.
#[model(input = Ids<(Batch, Length)>)]
struct Tagger {
    embed: Embedding<9, 4, MaskZero>,
    rnn: SimpleRnn<_, 4, Sequences>,
    drop: Dropout<20>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

#[model(input = Ids<(Batch, Length)>)]
struct Penalized {
    embed: Embedding<9, 4, MaskZero>,
    #[with(kernel_regularizer = L2(0.01))]
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

#[model(input = Ids<(Batch, Length)>)]
struct Active {
    #[with(activity_regularizer = L2(0.01))]
    embed: Embedding<9, 4, MaskZero>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

#[model(input = Ids<(Batch, Length)>)]
struct Normalized {
    embed: Embedding<9, 4, MaskZero>,
    norm: BatchNorm<_>,
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

type Tagged = InMemory<Ragged<usize>, Ragged<usize>, PerSample>;

/// Texts of 1 to 4 words, of which some are padding alone.
fn tagged(count: usize, masked: fn(usize) -> bool) -> Result<Tagged, Error> {
    let text = |i: usize| -> Vec<usize> {
        (0..1 + i * 5 % 4).map(|k| if masked(i) { 0 } else { 1 + (i + k * 3) % 8 }).collect()
    };
    let texts: Vec<_> = (0..count).map(text).collect();
    let tags = texts.iter().map(|text| text.iter().map(|word| word % 3).collect()).collect();
    let weights = (0..count).map(|i| (i % 3) as f32 / 2.0).collect();
    InMemory::new(Ragged(texts), Ragged(tags))?.with_weights(PerSample(weights))
}

#[test]
fn the_divisor_of_a_masked_mean_takes_a_sum_only_where_more_adds_to_the_loss() {
    // One value of each rank, in double precision.
    const SMALL: usize = RANKS * 3;
    const NORM: usize = 9 * 4 + 4 * 3 + 3 + 2 * 4;
    let data = |count| tagged(count, |i| i % 4 == 3);
    let loss = SparseCategoricalCrossentropy::default();
    let means = Reduction::MeanWithSampleWeight;
    let tagger = [9 * 4 + 2 * 4 * 4 + 4 + 4 * 3 + 3 + TOLD; 2];
    assert_eq!(calls!(Tagger, loss, 1, 2, data), tagger);
    assert_eq!(calls!(Tagger, loss.reduced_by(means), 1, 2, data), tagger);
    let plain = 9 * 4 + 4 * 3 + 3 + TOLD;
    assert_eq!(calls!(Penalized, loss, 1, 2, data), [SMALL, plain, SMALL, plain]);
    assert_eq!(calls!(Active, loss, 1, 2, data), [SMALL, plain, SMALL, plain]);
    let gathers = plain + RANKS * 3 * 3 - (9 * 4 + 4 * 3 + 3);
    let update = 9 * 4 + 2 * 4 * 4 + 4 + 4 * 3 + 3 + TOLD;
    assert_eq!(calls!(Tagger, loss, 2, 2, data), [SMALL, gathers, SMALL, update]);
    // How many steps there are, their sums and squares, and one sum in the backward pass, of which the reference makes two.
    let norm = calls!(Normalized, loss, 1, 1, data);
    let reference = std::env::var("KERATA_BACKEND").is_ok_and(|name| name == "reference");
    assert_eq!(norm.len(), if reference { 6 } else { 5 }, "{norm:?}");
    assert_eq!(norm.last(), Some(&(NORM + TOLD)));
}

/// Passes over what fails.
struct Skip;

impl<M> Callback<M> for Skip {
    fn on_step_error(&mut self, _: &mut Training<'_, M>, _: usize, _: &Error) -> Recovery {
        Recovery::Skip
    }
}

fn tag(
    rank: Option<ThreadRank>,
    data: Result<Tagged, Error>,
    reduction: Reduction,
    fit: Fit,
) -> Result<Outcome, Error> {
    let data = data?;
    let model = Tagger::build(&Cpu::seed_from_u64(7))?;
    let loss = SparseCategoricalCrossentropy::default().reduced_by(reduction).with_loss_weight(0.7);
    let mut trainer = Trainer::new(model, loss, Adam::new(0.02))?
        .metric(SparseCategoricalAccuracy)
        .callback(Skip);
    if let Some(rank) = rank {
        trainer = trainer.distributed(rank);
    }
    let history = trainer.fit(&data, &fit)?;
    let mut answers = trainer.predict(data.inputs(), 4)?.values().as_vec();
    answers.push(trainer.steps() as f32);
    Ok(Outcome { history, answers, measured: trainer.evaluate(&data, 4)? })
}

const REDUCTIONS: [Reduction; 3] =
    [Reduction::SumOverBatchSize, Reduction::Sum, Reduction::MeanWithSampleWeight];

#[test]
fn what_is_divided_behind_the_sum_is_learned_as_by_one_process() {
    let fit = Fit { batch_size: 5, progress: false, ..Fit::epochs(8) };
    for reduction in REDUCTIONS {
        for masked in [|_: usize| false, |i| i % 2 == 0, |i| i > 2, |_| true] {
            let work = move |rank| tag(rank, tagged(13, masked), reduction, fit);
            let one = work(None).unwrap();
            for size in [1, 2, 3, 4] {
                one.assert_close(&on_ranks(size, work));
            }
        }
    }
}

#[test]
fn what_is_no_number_is_so_for_all_where_the_sum_is_divided() {
    // A weight that no loss can take, in the second batch, on one of the ranks.
    let data = || {
        let clean = tagged(13, |i| i == 6)?;
        let weights = (0..13).map(|i| if i == 7 { f32::MAX } else { 1.0 }).collect();
        InMemory::new(clean.inputs().clone(), clean.targets().clone())?
            .with_weights(PerSample(weights))
    };
    let fit = Fit { batch_size: 5, shuffle: false, progress: false, ..Fit::epochs(2) };
    let work = move |rank| tag(rank, data(), Reduction::SumOverBatchSize, fit);
    let one = work(None).unwrap();
    // Two of three batches, twice.
    assert_eq!(one.answers.last(), Some(&4.0));
    for size in [1, 2, 3, 4] {
        one.assert_close(&on_ranks(size, work));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// More ranks than samples, batches of one sample, and shares of padding alone among them.
    #[test]
    fn masked_batches_may_be_shared_out_in_any_way(
        size in 1_usize..6,
        count in 1_usize..14,
        batch_size in 1_usize..8,
        seed in 0_u64..1000,
        reduction in 0_usize..3,
        odd in any::<bool>(),
    ) {
        let masked: fn(usize) -> bool = if odd { |i| i % 2 == 1 } else { |i| i % 4 == 0 };
        let fit = Fit { batch_size, seed, progress: false, ..Fit::epochs(2) };
        let work = move |rank| tag(rank, tagged(count, masked), REDUCTIONS[reduction], fit);
        work(None).unwrap().assert_close(&on_ranks(size, work));
    }
}
