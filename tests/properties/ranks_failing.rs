//! What happens on ranks when something goes wrong, and what callbacks of rank 0 do to all.

use std::{
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use dfdx::{
    prelude::{MaxTo, ReshapeTo},
    shapes::Rank0,
    tensor::Tape,
};
use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Embedding, Error, Ids, Relu, Softmax, Tensor,
    callbacks::{EarlyStopping, LearningRateScheduler, ModelCheckpoint},
    data::InMemory,
    distributed::{Communicator, ThreadRank, Threads},
    loss::{Loss, MeanSquaredError, SparseCategoricalCrossentropy},
    model::Sequential,
    optim::Adam,
    prelude::*,
    reduce::Weights,
    train::{Callback, Fit, History, Recovery, Snapshot, Trainer, Training},
};

type Net = Sequential<
    (Batch, Const<2>),
    (Dense<2, 6, Relu>, BatchNorm<6>, Dropout<20>, Dense<6, 3, Softmax>),
>;
type NetTrainer = Trainer<Net, SparseCategoricalCrossentropy, Adam, Ids<(Batch,)>>;

fn trainer(rank: Option<ThreadRank>) -> Result<NetTrainer, Error> {
    let net = Net::build(&Cpu::seed_from_u64(3))?;
    let loss = SparseCategoricalCrossentropy::default();
    let trainer = Trainer::new(net, loss, Adam::new(0.02))?;
    Ok(match rank {
        Some(rank) => trainer.distributed(rank),
        None => trainer,
    })
}

fn data() -> InMemory<Vec<[f32; 2]>, Vec<usize>> {
    let row = |i: usize| [i * 7 % 11, i * 5 % 13].map(|n| n as f32 / 6.0 - 1.0);
    InMemory::new((0..29).map(row).collect(), (0..29).map(|i| i * 7 % 3).collect()).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { progress: false, batch_size: 4, ..Fit::epochs(epochs) }
}

fn assert_close(one: &History, many: &History) {
    assert_eq!(one.epochs(), many.epochs());
    for name in one.names() {
        for (a, b) in one.get(name).unwrap().iter().zip(many.get(name).unwrap()) {
            assert!((a - b).abs() <= 1e-5 * a.abs().max(0.1), "{name}: {a} and {b}");
        }
    }
}

fn rank_of(error: &Error) -> (usize, &str) {
    match error {
        Error::Rank { rank, message } => (*rank, message),
        other => panic!("no error of a rank: {other}"),
    }
}

#[test]
fn a_rank_that_panics_ends_the_others() {
    let result = Threads::new(3).run(|rank| {
        let (number, mut batches) = (rank.rank(), 0);
        let mut trainer = trainer(Some(rank))?.augment(move |x, y, _| {
            batches += 1;
            assert!(number != 1 || batches < 11, "the machine is gone");
            Ok((x, y))
        });
        trainer.fit(&data(), &fit(3))
    });
    assert_eq!(rank_of(&result.unwrap_err()), (1, "it panicked: the machine is gone"));
}

#[test]
fn an_error_on_one_rank_says_which() {
    let result = Threads::new(3).run(|rank| {
        let id = if rank.rank() == 2 { 100 } else { 1 };
        let ids = vec![[id; 3]; 6];
        type Words = Sequential<Ids<(Batch, Const<3>)>, (Embedding<9, 4>, kerata::Flatten<12>)>;
        let model = Words::build(&Cpu::seed_from_u64(0))?;
        let mut trainer = Trainer::new(model, MeanSquaredError, Adam::default())?.distributed(rank);
        trainer.fit(&InMemory::new(ids, vec![[0.0_f32; 12]; 6])?, &fit(1))
    });
    let error = result.unwrap_err();
    let (rank, message) = rank_of(&error);
    assert!(rank == 2 && message.contains("token id 100"), "{error}");
}

#[test]
fn a_rank_that_hangs_is_named_after_the_timeout() {
    let begin = Instant::now();
    let threads = Threads::new(3).with_timeout(Duration::from_millis(300));
    let result = threads.run(|rank| {
        if rank.rank() == 1 {
            sleep(Duration::from_secs(60));
        }
        trainer(Some(rank))?.fit(&data(), &fit(1))
    });
    let error = result.unwrap_err();
    let (rank, message) = rank_of(&error);
    assert!(rank == 1 && message.contains("300ms"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn ranks_that_do_other_things_are_told() {
    let result = Threads::new(2).run(|rank| {
        let batch_size = 4 + rank.rank();
        trainer(Some(rank))?.fit(&data(), &Fit { batch_size, ..fit(1) })
    });
    assert_eq!(rank_of(&result.unwrap_err()).1, "its `batch_size` is 5, but that of rank 0 is 4");
    let result = Threads::new(2).run(|rank| match rank.rank() {
        0 => Ok(()),
        _ => rank.sum(&mut [1.0]),
    });
    assert_eq!(rank_of(&result.unwrap_err()), (0, "it has ended, but others wait for it"));
    let result = Threads::new(2).run(|rank| rank.sum_f64(&mut vec![1.0; 2 + rank.rank()]));
    assert_eq!(rank_of(&result.unwrap_err()), (1, "it brings 3 values where rank 0 brings 2"));
}

/// Passes over what fails.
struct Skip;

impl<M> Callback<M> for Skip {
    fn on_step_error(&mut self, _: &mut Training<'_, M>, _: usize, error: &Error) -> Recovery {
        assert!(matches!(error, Error::NonFiniteLoss { .. }), "{error}");
        Recovery::Skip
    }
}

#[test]
fn a_batch_without_a_finite_loss_is_passed_over_by_all() {
    let work = |rank| {
        // A row of NaN comes to one of the ranks only.
        let mut rows = data().inputs().clone();
        rows[5] = [f32::NAN; 2];
        let data = InMemory::new(rows, data().targets().clone())?;
        trainer(rank)?.callback(Skip).fit(&data, &fit(3))
    };
    let one = work(None).unwrap();
    for history in Threads::new(3).run(move |rank| work(Some(rank))).unwrap() {
        assert_close(&one, &history);
    }
}

#[test]
fn all_ranks_follow_the_callbacks_of_the_first() {
    let work = |rank: Option<ThreadRank>| {
        let number = rank.as_ref().map_or(0, Communicator::rank);
        let stops = EarlyStopping::new("val_loss").patience(2).restore_best_weights(true);
        let rates = LearningRateScheduler::new(move |epoch, rate| {
            // That of the others is not asked.
            assert_eq!(number, 0);
            if epoch == 4 { 0.5 } else { rate }
        });
        let mut trainer = trainer(rank)?.callback(stops).callback(rates);
        let history = trainer.fit_validated(&data(), &data(), &fit(40))?;
        Ok((history, Snapshot::of(&trainer.model)?, trainer.evaluate(&data(), 8)?))
    };
    let (one, _, measured) = work(None).unwrap();
    assert!((5..40).contains(&one.epochs()), "{}", one.epochs());
    let all = Threads::new(3).run(move |rank| work(Some(rank))).unwrap();
    for (history, weights, of_rank) in &all {
        assert_eq!(history.epochs(), one.epochs());
        assert!((of_rank[0].1 - measured[0].1).abs() < 1e-4);
        assert_eq!(weights, &all[0].1);
    }
    let (a, b) = (one.get("loss").unwrap(), all[1].0.get("loss").unwrap());
    assert!(a.iter().zip(b).take(4).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn a_training_goes_on_from_a_checkpoint_on_another_number_of_ranks() {
    let file = |name: &str| -> PathBuf {
        std::env::temp_dir().join(format!("kerata-ranks-{name}-{}.safetensors", std::process::id()))
    };
    let path = file("killed");
    let saved = path.clone();
    let killed = Threads::new(3).run(move |rank| {
        let (number, mut batches) = (rank.rank(), 0);
        let save = ModelCheckpoint::new(saved.to_str().unwrap()).every_batches(1);
        let mut trainer = trainer(Some(rank))?.callback(save).augment(move |x, y, _| {
            batches += 1;
            assert!(number != 2 || batches < 12, "killed");
            Ok((x, y))
        });
        trainer.fit(&data(), &fit(5))
    });
    assert_eq!(rank_of(&killed.unwrap_err()).0, 2);
    let undisturbed = trainer(None).unwrap().fit(&data(), &fit(5)).unwrap();
    for size in [1, 2, 4] {
        let (from, to) = (path.clone(), file(&format!("on-{size}")));
        let saved = to.clone();
        let all = Threads::new(size).run(move |rank| {
            let save = ModelCheckpoint::new(saved.to_str().unwrap()).every_batches(1);
            let mut trainer = trainer(Some(rank))?.callback(save);
            trainer.resume(&from)?;
            trainer.fit(&data(), &fit(5))?;
            Ok(trainer.history().clone())
        });
        all.unwrap().iter().for_each(|history| assert_close(&undisturbed, history));
        std::fs::remove_file(to).unwrap();
    }
    // If only some of them resume, that is said.
    let from = path.clone();
    let result = Threads::new(2).run(move |rank| {
        let mut trainer = trainer(Some(rank.clone()))?;
        if rank.rank() == 0 {
            let save = ModelCheckpoint::new(from.to_str().unwrap());
            trainer = trainer.callback(save);
            trainer.resume(&from)?;
        }
        trainer.fit(&data(), &fit(5))
    });
    let error = result.unwrap_err();
    assert!(rank_of(&error).1.starts_with("its number of"), "{error}");
    std::fs::remove_file(path).unwrap();
}

/// Losses with a `mean` of their own.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Own {
    /// Not that of the positions.
    Largest,
    /// Made of that of another loss.
    Root,
    Twice,
    More,
    AtMost,
    LargerOfTwo,
    /// That of another loss as it is.
    Same,
}

impl Loss<(Batch, Const<3>), Ids<(Batch,)>> for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: Tensor<(usize, usize), f32, Cpu, T>,
        target: &Tensor<(Batch,), usize, Cpu>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        let loss = SparseCategoricalCrossentropy::default();
        Loss::<(Batch, Const<3>), Ids<(Batch,)>>::per_position(&loss, prediction, target)
    }

    fn mean<T: Tape<f32, Cpu>, W: Weights<(Batch, Const<3>)>>(
        &self,
        prediction: Tensor<(Batch, Const<3>), f32, Cpu, T>,
        target: &Tensor<(Batch,), usize, Cpu>,
        weights: &W,
    ) -> Result<Tensor<Rank0, f32, Cpu, T>, Error> {
        if *self == Self::Largest {
            let rows = prediction.try_reshape_like(&(target.as_vec().len(), 3)).unwrap();
            let losses =
                Loss::<(Batch, Const<3>), Ids<(Batch,)>>::per_position(self, rows, target)?;
            return Ok(losses.max());
        }
        let within = |prediction| {
            let loss = SparseCategoricalCrossentropy::default();
            Loss::<(Batch, Const<3>), Ids<(Batch,)>>::mean(&loss, prediction, target, weights)
        };
        let other = prediction.retaped::<T>();
        let mean = within(prediction)?;
        Ok(match self {
            Self::Root => mean.sqrt(),
            Self::Twice => mean * 2.0,
            Self::More => mean + 1.0,
            // What is never reached.
            Self::AtMost => mean.clamp(-100.0, 100.0),
            Self::LargerOfTwo => within(other)?,
            _ => mean,
        })
    }
}

#[test]
fn what_several_ranks_cannot_do_is_refused() {
    for own in [Own::Largest, Own::Root, Own::Twice, Own::More, Own::AtMost, Own::LargerOfTwo] {
        let seen = Threads::new(2).run(move |rank| {
            let net = Net::build(&Cpu::seed_from_u64(3))?;
            let mut trainer = Trainer::new(net, own, Adam::new(0.02))?.distributed(rank);
            let before = Snapshot::of(&trainer.model)?;
            let errors = [
                trainer.fit(&data(), &fit(1)).unwrap_err().to_string(),
                trainer.evaluate(&data(), 8).unwrap_err().to_string(),
            ];
            // Each rank says it itself, and nothing has changed.
            assert_eq!(Snapshot::of(&trainer.model)?, before);
            Ok((trainer.steps(), errors))
        });
        for (steps, errors) in seen.unwrap() {
            assert_eq!(steps, 0);
            for error in errors {
                let right = "with several ranks, the mean of a loss must be that of `Loss::mean`";
                assert!(error.contains(right), "{own:?}: {error}");
                assert!(error.starts_with("the loss is own (`"), "{own:?}: {error}");
                assert!(error.contains("ranks_failing::Own`)"), "{own:?}: {error}");
            }
        }
    }
}

#[test]
fn a_loss_may_hand_on_the_mean_of_another() {
    let work = |rank: Option<ThreadRank>| {
        let trainer = Trainer::new(Net::build(&Cpu::seed_from_u64(3))?, Own::Same, Adam::new(0.02));
        match rank {
            Some(rank) => trainer?.distributed(rank).fit(&data(), &fit(2)),
            None => trainer?.fit(&data(), &fit(2)),
        }
    };
    let one = work(None).unwrap();
    let all = Threads::new(3).run(move |rank| work(Some(rank))).unwrap();
    all.iter().for_each(|many| assert_close(&one, many));
}

#[test]
fn ranks_with_other_data_are_told() {
    for (own, right) in [
        (0..24, "its number of samples in the batch is 4, but that of rank 0 is 1"),
        (1..30, "its checksum of the first batch is"),
    ] {
        let result = Threads::new(2).run(move |rank| {
            let first = rank.rank() == 0;
            let own = if first { 0..29 } else { own.clone() };
            let (x, y): (Vec<_>, Vec<_>) =
                own.map(|i| ([i as f32 / 29.0, (i % 3) as f32], i % 3)).unzip();
            let fit = Fit { shuffle: false, ..fit(3) };
            trainer(Some(rank))?.fit(&InMemory::new(x, y)?, &fit)
        });
        let error = result.unwrap_err();
        let (rank, message) = rank_of(&error);
        assert!(rank == 1 && (message.starts_with(right) || message.contains("epoch")), "{error}");
    }
}

#[test]
fn ranks_with_other_settings_or_questions_are_told() {
    let result = Threads::new(2).run(|rank| {
        let clipnorm = (rank.rank() == 1).then_some(1.0);
        let mut trainer = trainer(Some(rank))?;
        trainer.optimizer = Adam { clipnorm, ..Adam::new(0.02) };
        trainer.fit(&data(), &fit(1))
    });
    let error = result.unwrap_err();
    assert!(rank_of(&error).1.starts_with("its checksum of the optimizer's options"), "{error}");
    let result = Threads::new(3).run(|rank| {
        let rows = vec![[0.5_f32; 2]; if rank.rank() == 2 { 9 } else { 8 }];
        trainer(Some(rank))?.predict(&rows, 4)
    });
    let error = result.unwrap_err();
    let right = (2, "its number of samples is 9, but that of rank 0 is 8");
    assert_eq!(rank_of(&error), right);
}

#[test]
fn the_learning_rate_is_that_of_the_first() {
    let one = trainer(None).unwrap().fit(&data(), &fit(3)).unwrap();
    let all = Threads::new(3).run(|rank| {
        let number = rank.rank();
        let mut trainer = trainer(Some(rank))?;
        if number > 0 {
            trainer.optimizer = Adam::new(0.5);
        }
        trainer.fit(&data(), &fit(3))
    });
    all.unwrap().iter().for_each(|history| assert_close(&one, history));
}
