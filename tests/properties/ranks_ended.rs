//! A training on ranks that ends by an error: every rank hears which one failed, and has the weights of the last complete step.

use std::sync::{Arc, Mutex};

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Error, Ids, Relu, Softmax,
    callbacks::{ModelCheckpoint, SwapEmaWeights},
    data::InMemory,
    distributed::{Communicator, Threads},
    loss::SparseCategoricalCrossentropy,
    model::Sequential,
    optim::Adam,
    prelude::*,
    train::{Callback, Fit, Logs, Snapshot, Trainer, Training},
};

type Net = Sequential<
    (Batch, Const<2>),
    (Dense<2, 6, Relu>, BatchNorm<6>, Dropout<20>, Dense<6, 3, Softmax>),
>;
type NetTrainer = Trainer<Net, SparseCategoricalCrossentropy, Adam, Ids<(Batch,)>>;
type Rows = InMemory<Vec<[f32; 2]>, Vec<usize>>;

const RANKS: usize = 3;
const BATCHES: usize = 5;

fn data() -> Rows {
    let row = |i: usize| [i * 7 % 11, i * 5 % 13].map(|n| n as f32 / 6.0 - 1.0);
    InMemory::new((0..20).map(row).collect(), (0..20).map(|i| i * 7 % 3).collect()).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { progress: false, batch_size: 4, shuffle: false, ..Fit::epochs(epochs) }
}

/// What a rank has behind its work: what went wrong, how many steps it has made, and its weights.
type Ended = (Option<Error>, usize, Snapshot);

/// What each rank has behind the work, also if that fails. It is told its number.
fn ended(
    optimizer: Adam,
    work: impl Fn(NetTrainer, usize) -> (NetTrainer, Result<(), Error>) + Send + Sync + 'static,
) -> Vec<Ended> {
    let all: Arc<Mutex<Vec<Option<Ended>>>> = Arc::default();
    all.lock().unwrap().resize_with(RANKS, || None);
    let seen = all.clone();
    let result = Threads::new(RANKS).run(move |rank| {
        let number = rank.rank();
        let net = Net::build(&Cpu::seed_from_u64(3))?;
        let loss = SparseCategoricalCrossentropy::default();
        let trainer = Trainer::new(net, loss, optimizer.clone())?.distributed(rank);
        let (trainer, result) = work(trainer, number);
        let end = (result.clone().err(), trainer.steps(), Snapshot::of(&trainer.model)?);
        seen.lock().unwrap()[number] = Some(end);
        result
    });
    drop(result);
    all.lock().unwrap().drain(..).map(Option::unwrap).collect()
}

/// What all ranks have behind so many steps that nothing disturbs.
fn undisturbed(optimizer: Adam, steps: usize) -> Snapshot {
    let all = ended(optimizer, move |mut trainer, _| {
        let part = |steps| Fit { steps_per_epoch: Some(steps), ..fit(1) };
        let fits = [vec![BATCHES; steps / BATCHES], vec![steps % BATCHES]].concat();
        let mut fits = fits.into_iter().filter(|steps| *steps > 0);
        let result = fits.try_for_each(|steps| trainer.fit(&data(), &part(steps)).map(drop));
        (trainer, result)
    });
    assert!(all.iter().all(|(error, made, _)| error.is_none() && *made == steps));
    all[0].2.clone()
}

/// Checks that all know which rank has failed and how, and that nobody is ahead of the others.
fn assert_failed(all: &[Ended], failed: usize, text: &str) -> (usize, Snapshot) {
    for (number, (error, steps, weights)) in all.iter().enumerate() {
        match error {
            None => panic!("rank {number} does not know that rank {failed} has failed: {text}"),
            Some(Error::Rank { rank, message }) if number != failed => {
                assert!(*rank == failed && message.contains(text), "{number}: {message}");
            }
            Some(error) => {
                assert!(number == failed && error.to_string().contains(text), "{number}: {error}");
            }
        }
        assert_eq!((*steps, weights), (all[0].1, &all[0].2), "rank {number}: {text}");
    }
    (all[0].1, all[0].2.clone())
}

#[test]
fn an_error_in_the_batch_of_one_rank() {
    let mut right = Vec::new();
    for steps in 1..=8 {
        right.push(undisturbed(Adam::new(0.02), steps));
    }
    // The rank that fails is done with the step before while others may still be in it.
    for round in 0..60 {
        let (failed, before) = (round % RANKS, 1 + round % 8);
        let all = ended(Adam::new(0.02), move |trainer, number| {
            let mut batch = 0;
            let mut trainer = trainer.augment(move |x, y, _| {
                batch += 1;
                match number == failed && batch > before {
                    true => Err(Error::Empty("the disk")),
                    false => Ok((x, y)),
                }
            });
            let result = trainer.fit(&data(), &fit(3)).map(drop);
            (trainer, result)
        });
        let (steps, weights) = assert_failed(&all, failed, "the disk");
        assert_eq!(steps, before);
        assert_eq!(weights, right[before - 1], "{before} steps");
    }
}

/// Fails at a moment, the second time that it comes if it comes more than once.
struct FailAt(&'static str, usize);

impl FailAt {
    fn at(&mut self, moment: &str) -> Result<(), Error> {
        if moment == self.0 {
            self.1 += 1;
            if self.1 == 2 || ["train_begin", "train_end"].contains(&moment) {
                return Err(Error::Empty("the logbook"));
            }
        }
        Ok(())
    }
}

impl<M> Callback<M> for FailAt {
    fn on_train_begin(&mut self, _: &mut Training<'_, M>) -> Result<(), Error> {
        self.at("train_begin")
    }

    fn on_train_end(&mut self, _: &mut Training<'_, M>) -> Result<(), Error> {
        self.at("train_end")
    }

    fn on_epoch_begin(&mut self, _: &mut Training<'_, M>, _: usize) -> Result<(), Error> {
        self.at("epoch_begin")
    }

    fn on_epoch_end(
        &mut self,
        _: &mut Training<'_, M>,
        _: usize,
        _: &mut Logs,
    ) -> Result<(), Error> {
        self.at("epoch_end")
    }

    fn on_train_batch_begin(&mut self, _: &mut Training<'_, M>, _: usize) -> Result<(), Error> {
        self.at("batch_begin")
    }

    fn on_train_batch_end(
        &mut self,
        _: &mut Training<'_, M>,
        _: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        self.at("batch_end")
    }

    fn on_test_begin(&mut self, _: &mut Training<'_, M>) -> Result<(), Error> {
        self.at("test_begin")
    }

    fn on_test_end(&mut self, _: &mut Training<'_, M>, _: &Logs) -> Result<(), Error> {
        self.at("test_end")
    }
}

#[test]
fn an_error_in_a_callback() {
    for (moment, right) in [
        ("train_begin", 0),
        ("epoch_begin", BATCHES),
        ("batch_begin", 1),
        ("batch_end", 2),
        ("test_begin", 2 * BATCHES),
        ("test_end", 2 * BATCHES),
        ("epoch_end", 2 * BATCHES),
        ("train_end", 3 * BATCHES),
    ] {
        let all = ended(Adam::new(0.02), move |trainer, _| {
            let mut trainer = trainer.callback(FailAt(moment, 0));
            let result = trainer.fit_validated(&data(), &data(), &fit(3)).map(drop);
            (trainer, result)
        });
        let (steps, weights) = assert_failed(&all, 0, "the logbook");
        assert_eq!(steps, right, "{moment}");
        assert_eq!(weights, undisturbed(Adam::new(0.02), steps), "{moment}");
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written() {
    // A file stands where its folder is to be.
    let name = format!("kerata-ranks-ended-{}", std::process::id());
    let file = std::env::temp_dir().join(name);
    std::fs::write(&file, "no folder").unwrap();
    let path = file.join("checkpoint.safetensors").to_str().unwrap().to_owned();
    for (every, weights_only, right) in
        [(None, false, BATCHES), (Some(3), false, 3), (Some(2), true, 2), (None, true, BATCHES)]
    {
        for epochs in [1, 2] {
            let path = path.clone();
            let all = ended(Adam::new(0.02), move |trainer, _| {
                let save = ModelCheckpoint::new(&path).save_weights_only(weights_only);
                let save = match every {
                    Some(batches) => save.every_batches(batches),
                    None => save,
                };
                let mut trainer = trainer.callback(save);
                let result = trainer.fit(&data(), &fit(epochs)).map(drop);
                (trainer, result)
            });
            let (steps, weights) = assert_failed(&all, 0, "kerata-ranks-ended");
            assert_eq!(steps, right);
            assert_eq!(weights, undisturbed(Adam::new(0.02), steps));
        }
    }
    std::fs::remove_file(file).unwrap();
}

/// Asks for a checkpoint at the very end.
struct SaveAtEnd(String);

impl<M> Callback<M> for SaveAtEnd {
    fn on_train_end(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        training.save_checkpoint(&self.0);
        Ok(())
    }
}

#[test]
fn a_checkpoint_that_cannot_be_written_at_the_very_end() {
    let all = ended(Adam::new(0.02), |trainer, _| {
        let mut trainer = trainer.callback(SaveAtEnd("/dev/null/end.safetensors".to_owned()));
        let result = trainer.fit(&data(), &fit(1)).map(drop);
        (trainer, result)
    });
    let (steps, weights) = assert_failed(&all, 0, "end.safetensors");
    assert_eq!(weights, undisturbed(Adam::new(0.02), steps));
}

/// Data of which one rank has a class that there is not.
fn broken(broken: bool) -> Rows {
    let mut classes = data().targets().clone();
    if broken {
        classes[8] = 9;
    }
    InMemory::new(data().inputs().clone(), classes).unwrap()
}

#[test]
fn an_error_in_evaluate_and_in_the_validation() {
    // Rank 1 has the row with it in a batch of all.
    let all = ended(Adam::new(0.02), |mut trainer, number| {
        let result = trainer.fit(&data(), &fit(1)).map(drop);
        let result = result.and_then(|()| trainer.evaluate(&broken(number == 1), 20).map(drop));
        (trainer, result)
    });
    let (steps, weights) = assert_failed(&all, 1, "9");
    assert_eq!(weights, undisturbed(Adam::new(0.02), steps));
    // The averages that were judged are not what stays in the models.
    let averages = Adam { use_ema: true, ema_momentum: 0.8, ..Adam::new(0.02) };
    for on_epoch in [false, true] {
        let all = ended(averages.clone(), move |trainer, number| {
            let mut trainer = trainer.callback(SwapEmaWeights::new().swap_on_epoch(on_epoch));
            let validation = broken(number == 1);
            let settings = Fit { validation_batch_size: Some(20), validation_freq: 2, ..fit(4) };
            let result = trainer.fit_validated(&data(), &validation, &settings).map(drop);
            (trainer, result)
        });
        let (steps, weights) = assert_failed(&all, 1, "9");
        assert_eq!(steps, 2 * BATCHES);
        assert_eq!(weights, undisturbed(Adam::new(0.02), steps));
    }
}
