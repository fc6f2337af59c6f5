//! Gradients that an optimizer gathers over steps: each rank adds up its own, and all are summed once an update.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use kerata::{
    Batch, Const, Cpu, Dense, Dropout, Embedding, Error, Ids, Length, MaskZero, Sequences,
    SimpleRnn, Softmax, Tensor, TimeDistributed,
    callbacks::ModelCheckpoint,
    data::{InMemory, Ragged},
    distributed::{Communicator, ThreadRank, Threads},
    loss::{Loss, MeanAbsoluteError, PredictionRows, Reduction, SparseCategoricalCrossentropy},
    metric::SparseCategoricalAccuracy,
    model,
    model::Sequential,
    optim::{Adam, Sgd},
    prelude::*,
    reduce::PerSample,
    tensor::{Axis, SumTo, Tape, TrySub},
    train::{Callback, Fit, Recovery, Trainer, Training},
};
use proptest::prelude::{ProptestConfig, any, proptest};

use super::ranks::{Outcome, on_ranks};

/// Tags for each step of texts of unequal lengths.
#[model(input = Ids<(Batch, Length)>)]
struct Tagger {
    #[with(activity_regularizer = L2(0.01))]
    embed: Embedding<9, 4, MaskZero>,
    rnn: SimpleRnn<_, 4, Sequences>,
    drop: Dropout<20>,
    #[with(kernel_regularizer = L2(0.01), kernel_constraint = UnitNorm::default())]
    head: TimeDistributed<Dense<_, 3, Softmax>>,
}

type Tagged = InMemory<Ragged<usize>, Ragged<usize>, PerSample>;
/// Texts of 1 to 4 words, of which every fourth is padding alone.
fn tagged(count: usize) -> Result<Tagged, Error> {
    let text = |i: usize| -> Vec<usize> {
        (0..1 + i * 5 % 4).map(|k| if i % 4 == 3 { 0 } else { 1 + (i + k * 3) % 8 }).collect()
    };
    let texts: Vec<_> = (0..count).map(text).collect();
    let tags = texts.iter().map(|text| text.iter().map(|word| word % 3).collect()).collect();
    let weights = (0..count).map(|i| (i % 3) as f32 / 2.0).collect();
    InMemory::new(Ragged(texts), Ragged(tags))?.with_weights(PerSample(weights))
}

fn optimizer(every: usize) -> Adam {
    let gathers = Some(every).filter(|every| *every > 1);
    Adam { gradient_accumulation_steps: gathers, global_clipnorm: Some(0.3), ..Adam::new(0.02) }
}

macro_rules! tagger {
    ($rank:expr, $every:expr, $reduction:expr) => {{
        let loss = SparseCategoricalCrossentropy::default().reduced_by($reduction);
        let model = Tagger::build(&Cpu::seed_from_u64(7))?;
        let trainer = Trainer::new(model, loss, optimizer($every))?
            .metric(SparseCategoricalAccuracy)
            .weighted_metric(SparseCategoricalAccuracy);
        match $rank {
            Some(rank) => trainer.distributed(rank),
            None => trainer,
        }
    }};
}

/// What the optimizer has gathered since the last update.
macro_rules! gathered {
    ($trainer:expr) => {{
        let (state, model) = (&mut $trainer.state, &$trainer.model);
        let mut all: Vec<f32> = Vec::new();
        state
            .visit_slots(model, |slot| {
                if slot.name == "gradient_accumulator" {
                    all.extend_from_slice(slot.values);
                }
            })
            .unwrap();
        all
    }};
}

/// Two trainings, of which each may end between two updates.
fn tag(
    rank: Option<ThreadRank>,
    count: usize,
    every: usize,
    reduction: Reduction,
    fit: Fit,
) -> Result<Outcome, Error> {
    let mut trainer = tagger!(rank, every, reduction);
    let data = tagged(count)?;
    trainer.fit(&data, &fit)?;
    let between = gathered!(trainer);
    trainer.fit_validated(&data, &tagged(5)?, &fit)?;
    let mut answers = trainer.predict(data.inputs(), 4)?.values().as_vec();
    answers.extend(between);
    answers.extend(gathered!(trainer));
    let (history, measured) = (trainer.history().clone(), trainer.evaluate(&data, 4)?);
    Ok(Outcome { history, answers, measured })
}

#[test]
fn gathered_gradients_are_those_of_one_process() {
    // 5 batches an epoch, of which the last has one sample: the accumulation ends in the middle of epochs, and at their end.
    let fit = Fit { batch_size: 6, progress: false, ..Fit::epochs(4) };
    for every in [2, 3, 5, 8] {
        let work = move |rank| tag(rank, 25, every, Reduction::SumOverBatchSize, fit);
        let one = work(None).unwrap();
        for size in [1, 2, 3, 4] {
            one.assert_close(&on_ranks(size, work));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// More ranks than samples, batches of one sample, and shares of padding alone among them.
    #[test]
    fn batches_of_an_accumulation_may_be_shared_out_in_any_way(
        size in 1_usize..6,
        count in 1_usize..14,
        batch_size in 1_usize..8,
        every in 1_usize..6,
        seed in 0_u64..1000,
        weighted in any::<bool>(),
    ) {
        let fit = Fit { batch_size, seed, progress: false, ..Fit::epochs(2) };
        let reduction =
            if weighted { Reduction::MeanWithSampleWeight } else { Reduction::SumOverBatchSize };
        let work = move |rank| tag(rank, count, every, reduction, fit);
        work(None).unwrap().assert_close(&on_ranks(size, work));
    }
}

fn file(name: &str) -> PathBuf {
    let name = format!("kerata-gathered-{name}-{}.safetensors", std::process::id());
    std::env::temp_dir().join(name)
}

#[test]
fn a_checkpoint_between_two_updates_goes_on_anywhere() {
    let fit = Fit { batch_size: 4, progress: false, ..Fit::epochs(3) };
    const EVERY: usize = 4;
    let undisturbed = {
        let run = || -> Result<_, Error> {
            let mut trainer = tagger!(None::<ThreadRank>, EVERY, Reduction::SumOverBatchSize);
            trainer.fit(&tagged(25)?, &fit)?;
            let answers = trainer.predict(tagged(25)?.inputs(), 4)?.values().as_vec();
            let (history, measured) = (trainer.history().clone(), Vec::new());
            Ok(Outcome { history, answers, measured })
        };
        run().unwrap()
    };
    // 7 batches an epoch. The last batch that was saved is the one before, or the one before that, if rank 0 hears of the failure first.
    for killed_in in [3, 9, 11] {
        for (before, after) in [(3, 1), (2, 4), (1, 3), (3, 3)] {
            let path = file(&format!("{killed_in}-{before}-{after}"));
            let to = path.clone();
            let killed = Threads::new(before).run(move |rank| {
                let (last, mut batch) = (rank.rank() + 1 == rank.size(), 0);
                let save = ModelCheckpoint::new(to.to_str().unwrap()).every_batches(1);
                let mut trainer = tagger!(Some(rank), EVERY, Reduction::SumOverBatchSize)
                    .callback(save)
                    .augment(move |x, y, _| {
                        batch += 1;
                        assert!(!last || batch < killed_in, "killed");
                        Ok((x, y))
                    });
                trainer.fit(&tagged(25)?, &fit)
            });
            assert!(killed.is_err());
            let from = path.clone();
            let resumed = on_ranks(after, move |rank| {
                let save = ModelCheckpoint::new(from.to_str().unwrap()).every_batches(1);
                let mut trainer = tagger!(rank, EVERY, Reduction::SumOverBatchSize).callback(save);
                trainer.resume(&from)?;
                assert!((killed_in - 2..killed_in).contains(&trainer.steps()));
                trainer.fit(&tagged(25)?, &fit)?;
                let answers = trainer.predict(tagged(25)?.inputs(), 4)?.values().as_vec();
                let (history, measured) = (trainer.history().clone(), Vec::new());
                Ok(Outcome { history, answers, measured })
            });
            undisturbed.assert_close(&resumed);
            std::fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn what_one_rank_has_gathered_alone_is_not_saved() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let seen = said.clone();
    let path = file("alone").with_extension("keras");
    let to = path.clone();
    let failed = Threads::new(2).run(move |rank| {
        let (number, mut batch) = (rank.rank(), 0);
        let mut trainer =
            tagger!(Some(rank), 4, Reduction::SumOverBatchSize).augment(move |x, y, _| {
                batch += 1;
                assert!(number == 0 || batch < 4, "the machine is gone");
                Ok((x, y))
            });
        let fit = Fit { batch_size: 4, progress: false, ..Fit::epochs(3) };
        let failed = trainer.fit(&tagged(25)?, &fit);
        let (model, state) = (&trainer.model, &trainer.state);
        let in_keras = kerata::keras::save_training(&to, model, &trainer.optimizer, state);
        seen.lock().unwrap().push(in_keras.unwrap_err().to_string());
        seen.lock().unwrap().push(trainer.save_checkpoint(&to).unwrap_err().to_string());
        failed
    });
    assert!(failed.is_err());
    let right = "those of the others are not known";
    assert!(said.lock().unwrap().iter().all(|said| said.contains(right)), "{said:?}");
    assert_eq!(said.lock().unwrap().len(), 2);
    assert!(!path.exists());
}

/// The distance to the target, whose gradient is NaN where there is none.
struct Distance;

impl Loss<(Batch, Const<1>), (Batch, Const<1>)> for Distance {
    fn name(&self) -> &'static str {
        "distance"
    }

    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: PredictionRows<f32, Cpu, T>,
        target: &Tensor<(Batch, Const<1>), f32, Cpu>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        let rows = target.as_vec().len();
        let target = target.device().tensor_from_vec(target.as_vec(), (rows, 1));
        let difference = prediction.try_sub(target)?;
        Ok(difference.try_square()?.try_sqrt()?.try_sum::<_, Axis<1>>()?)
    }
}

/// Passes over what fails, and notes it.
struct Skip(Arc<Mutex<Vec<String>>>);

impl<M> Callback<M> for Skip {
    fn on_step_error(&mut self, _: &mut Training<'_, M>, _: usize, error: &Error) -> Recovery {
        self.0.lock().unwrap().push(error.to_string());
        Recovery::Skip
    }
}

type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;

fn line() -> Result<Line, Error> {
    let mut line = Line::build(&Cpu::seed_from_u64(1))?;
    line.layers.0.kernel = line.layers.0.kernel.device().zeros();
    Ok(line)
}

#[test]
fn gradients_that_are_not_finite_on_one_rank_are_so_for_all() {
    // A row of zeros is where its target is as long as nothing was learned: its loss is 0, its gradient NaN.
    let nan = |rank: Option<ThreadRank>, at: usize, learned: usize| {
        let mut x = vec![[1.0]; 12];
        let mut y = vec![[0.5]; 12];
        (x[at], y[at]) = ([0.0], [0.0]);
        let seen = Arc::default();
        let every = Some(learned).filter(|n| *n > 1);
        let optimizer = Sgd { gradient_accumulation_steps: every, ..Sgd::new(0.1) };
        let mut trainer =
            Trainer::new(line()?, Distance, optimizer)?.callback(Skip(Arc::clone(&seen)));
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        let fit = Fit { batch_size: 4, shuffle: false, progress: false, ..Fit::epochs(2) };
        let history = trainer.fit(&InMemory::new(x, y)?, &fit)?;
        let steps = trainer.steps() as f32;
        let mut answers = trainer.predict(&vec![[2.0_f32]; 3], 4)?.as_vec();
        answers.push(steps);
        answers.extend(gathered!(trainer));
        let seen = seen.lock().unwrap().clone();
        Ok((Outcome { history, answers, measured: Vec::new() }, seen))
    };
    for every in [1, 2, 3, 7] {
        for at in [1, 4, 7, 11] {
            let (one, told) = nan(None, at, every).unwrap();
            assert_eq!(told.is_empty(), every < at / 4 + 1, "{told:?}");
            assert!(told.iter().all(|told| told.contains("a gradient of `0.kernel` is NaN")));
            for size in [2, 3] {
                let all = Threads::new(size).run(move |rank| nan(Some(rank), at, every)).unwrap();
                all.iter().for_each(|(many, _)| one.assert_close(many));
                assert_eq!(all[0].1, told);
            }
        }
    }
}

#[test]
fn sums_that_are_not_finite_on_one_rank_are_so_for_all() {
    let overflow = |rank: Option<ThreadRank>| {
        let mut x = vec![[0.0]; 16];
        (x[3], x[7], x[11]) = ([3e38], [3e38], [3e38]);
        let optimizer = Sgd { gradient_accumulation_steps: Some(7), ..Sgd::new(0.1) };
        let mut trainer = Trainer::new(line()?, MeanAbsoluteError, optimizer)?;
        if let Some(rank) = rank {
            trainer = trainer.distributed(rank);
        }
        let data = InMemory::new(x, vec![[1.0_f32]; 16])?;
        let fit = Fit { batch_size: 2, shuffle: false, progress: false, ..Fit::epochs(2) };
        let error = trainer.fit(&data, &fit).unwrap_err().to_string();
        // It goes on from there.
        let clean = InMemory::new(vec![[1.0], [2.0]], vec![[1.0_f32]; 2])?;
        let history = trainer.fit(&clean, &Fit { batch_size: 1, ..fit })?;
        let mut answers = gathered!(trainer);
        answers.iter_mut().for_each(|sum| *sum /= 1e38);
        answers.extend(trainer.predict(clean.inputs(), 2)?.as_vec().iter().map(|a| a / 1e38));
        Ok((Outcome { history, answers, measured: Vec::new() }, error))
    };
    let (one, told) = overflow(None).unwrap();
    assert!(told.contains("the step would make `0.kernel`") && told.contains("inf"), "{told}");
    for size in [2, 3] {
        let all = Threads::new(size).run(move |rank| overflow(Some(rank))).unwrap();
        for (many, error) in all {
            assert_eq!(error, told);
            one.assert_close(&many);
        }
    }
}
