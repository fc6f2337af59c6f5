//! A training that goes on from a checkpoint is the one that was never stopped, bit by bit.

#![allow(missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use kerata::{
    Batch, BatchNorm, Const, Cpu, Dense, Dropout, Error, Ids, Relu, Softmax,
    callbacks::{
        CsvLogger, EarlyStopping, LearningRateScheduler, ModelCheckpoint, ReduceLrOnPlateau,
        SwapEmaWeights,
    },
    data::InMemory,
    io::WeightFile,
    loss::SparseCategoricalCrossentropy,
    metric::SparseCategoricalAccuracy,
    model::Sequential,
    optim::{Adafactor, Adam, Nadam, Optimizer, RMSprop, Sgd, schedules::CosineDecay},
    prelude::*,
    train::{Callback, Fit, History, Logs, Snapshot, Trainer, Training},
};

type In = (Batch, Const<3>);
type Layers = (BatchNorm<3>, Dense<3, 16, Relu>, Dropout<30>, Dense<16, 3, Softmax>);
type Net = Sequential<In, Layers>;
type NetTrainer<O> = Trainer<Net, SparseCategoricalCrossentropy, O, Ids<(Batch,)>>;

fn trainer<O: Optimizer>(optimizer: O, seed: u64) -> NetTrainer<O> {
    let model = Net::build(&Cpu::seed_from_u64(seed)).unwrap();
    Trainer::new(model, SparseCategoricalCrossentropy::default(), optimizer)
        .unwrap()
        .metric(SparseCategoricalAccuracy)
}

fn data() -> InMemory<Vec<[f32; 3]>, Vec<usize>> {
    let row = |i: usize| [i * 7 % 11, i * 5 % 13, i * 3 % 17].map(|n| n as f32 / 6.0 - 1.0);
    InMemory::new((0..50).map(row).collect(), (0..50).map(|i| i * 7 % 3).collect()).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { progress: false, batch_size: 8, ..Fit::epochs(epochs) }
}

fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("kerata-checkpoints-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// All slots, as bits.
fn slots<O: Optimizer>(trainer: &mut NetTrainer<O>) -> Vec<(String, Vec<u32>)> {
    let mut slots = Vec::new();
    trainer.state.visit_slots(&trainer.model, |slot| {
        let bits = slot.values.iter().map(|value| value.to_bits()).collect();
        slots.push((format!("{}.{}", slot.parameter, slot.name), bits));
    });
    slots
}

/// Fails unless two trainings are the same.
fn same<O: Optimizer>(a: &mut NetTrainer<O>, b: &mut NetTrainer<O>, what: &str) {
    assert_eq!(Snapshot::of(&a.model).unwrap(), Snapshot::of(&b.model).unwrap(), "{what}");
    assert_eq!(slots(a), slots(b), "{what}");
    assert_eq!((a.steps(), a.history()), (b.steps(), b.history()), "{what}");
}

/// Trains for a while, saving after every batch, and then goes on from each of these files.
fn resumes<O: Optimizer>(optimizer: O) {
    let what = optimizer.name();
    let folder = folder(what);
    let epochs = 3;
    let path = folder.join("{epoch}-{batch}.safetensors");
    let mut whole =
        trainer(optimizer.clone(), 1).callback(ModelCheckpoint::new(name(&path)).every_batches(1));
    let history = whole.fit_validated(&data(), &data(), &fit(epochs)).unwrap();
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let what = format!("{what}, {}", path.display());
        // Of another seed, so that nothing is the same by accident.
        let mut resumed = trainer(optimizer.clone(), 2).callback(
            ModelCheckpoint::new(name(&folder.join("again.safetensors"))).every_batches(1000),
        );
        resumed.resume(&path).unwrap();
        let rest = resumed.fit_validated(&data(), &data(), &fit(epochs)).unwrap();
        assert_eq!(rest, history, "{what}");
        same(&mut resumed, &mut whole, &what);
        files += 1;
    }
    assert_eq!(files, epochs * 7);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn from_every_batch() {
    resumes(Adam { amsgrad: true, global_clipnorm: Some(1.0), ..Adam::new(0.01) });
    resumes(Sgd { momentum: 0.9, gradient_accumulation_steps: Some(3), ..Sgd::new(0.05) });
    resumes(Nadam::new(CosineDecay::new(0.01, 20.0)));
    resumes(RMSprop {
        centered: true,
        use_ema: true,
        ema_overwrite_frequency: Some(5),
        weight_decay: Some(0.01),
        exclude_from_weight_decay: vec!["bias".into()],
        ..RMSprop::new(0.01)
    });
    resumes(Adafactor::new(0.01));
}

fn with_callbacks(folder: &Path, seed: u64) -> NetTrainer<Adam> {
    let adam = Adam { use_ema: true, ema_momentum: 0.9, ..Adam::new(0.02) };
    let best = folder.join("best.safetensors");
    trainer(adam, seed)
        .callback(LearningRateScheduler::new(|_, rate| rate * 0.95))
        .callback(SwapEmaWeights::new().swap_on_epoch(true))
        .callback(ReduceLrOnPlateau::new("val_loss").patience(1).factor(0.5).cooldown(1))
        .callback(EarlyStopping::new("val_loss").patience(3).restore_best_weights(true))
        .callback(ModelCheckpoint::new(name(&best)).save_best_only(true))
        .callback(CsvLogger::new(folder.join("log.csv")))
        .callback(ModelCheckpoint::new(name(&folder.join("run.safetensors"))))
}

/// What callbacks remember is in the file too: patience, the best weights, averages and rates, and logs go on.
#[test]
fn with_all_callbacks() {
    let (one, two) = (folder("one"), folder("two"));
    let mut whole = with_callbacks(&one, 1);
    let history = whole.fit_validated(&data(), &data(), &fit(12)).unwrap();
    for stop in 1..=history.epochs() {
        with_callbacks(&two, 1).fit_validated(&data(), &data(), &fit(stop)).unwrap();
        let mut resumed = with_callbacks(&two, 2);
        resumed.resume(two.join("run.safetensors")).unwrap();
        // One epoch more had been written before the process was killed.
        let more =
            format!("{}{stop},0,0,0,0,0\n", fs::read_to_string(two.join("log.csv")).unwrap());
        fs::write(two.join("log.csv"), more).unwrap();
        let rest = resumed.fit_validated(&data(), &data(), &fit(12)).unwrap();
        assert_eq!(rest, history, "after {stop}");
        same(&mut resumed, &mut whole, &format!("after {stop}"));
        let log = |folder: &Path| fs::read_to_string(folder.join("log.csv")).unwrap();
        assert_eq!(log(&two), log(&one), "after {stop}");
        let early = |trainer: &NetTrainer<Adam>| -> (Option<usize>, Option<f64>) {
            let early: &EarlyStopping = trainer.find_callback().unwrap();
            (early.stopped_epoch(), early.best())
        };
        assert_eq!(early(&resumed), early(&whole), "after {stop}");
    }
    fs::remove_dir_all(one).unwrap();
    fs::remove_dir_all(two).unwrap();
}

/// Fails in the first training that it is to begin.
struct FailsOnce(bool);

impl<M> Callback<M> for FailsOnce {
    fn on_train_begin(&mut self, _: &mut Training<'_, M>) -> Result<(), Error> {
        match std::mem::replace(&mut self.0, true) {
            true => Ok(()),
            false => Err(Error::Empty("the disk")),
        }
    }
}

/// What fails before its first step goes on from the same place when it is tried again.
#[test]
fn after_a_failure_before_the_first_step() {
    let (one, two) = (folder("untouched"), folder("tried-again"));
    let mut whole = with_callbacks(&one, 1);
    let history = whole.fit_validated(&data(), &data(), &fit(7)).unwrap();
    with_callbacks(&two, 1).fit_validated(&data(), &data(), &fit(4)).unwrap();
    let mut resumed = with_callbacks(&two, 2).callback(FailsOnce(false));
    resumed.resume(two.join("run.safetensors")).unwrap();
    let failed = resumed.fit_validated(&data(), &data(), &fit(7));
    assert!(matches!(failed, Err(Error::Empty(_))));
    // Labels that no step can be made of.
    let labels: Vec<usize> = data().targets().iter().map(|_| 100).collect();
    let wrong = InMemory::new(data().inputs().clone(), labels).unwrap();
    resumed.fit_validated(&wrong, &data(), &fit(7)).unwrap_err();
    assert_eq!(resumed.fit_validated(&data(), &data(), &fit(7)).unwrap(), history);
    same(&mut resumed, &mut whole, "tried again");
    fs::remove_dir_all(one).unwrap();
    fs::remove_dir_all(two).unwrap();
}

/// A second call of `fit` has its own orders of the samples, also if it is resumed.
#[test]
fn in_the_second_call_of_fit() {
    let folder = folder("second");
    let path = folder.join("run.safetensors");
    let mut whole = trainer(Adam::new(0.01), 1);
    whole.fit(&data(), &fit(2)).unwrap();
    whole.save_checkpoint(&path).unwrap();
    let history = whole.fit(&data(), &fit(2)).unwrap();
    let mut resumed = trainer(Adam::new(0.01), 2);
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.history().epochs(), 2);
    assert_eq!(resumed.fit(&data(), &fit(2)).unwrap(), history);
    same(&mut resumed, &mut whole, "the second call");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn the_weights_of_a_checkpoint_are_weights() {
    let folder = folder("weights");
    let path = folder.join("run.safetensors");
    let mut trained = trainer(Adam::new(0.01), 1);
    trained.fit(&data(), &fit(1)).unwrap();
    trained.save_checkpoint(&path).unwrap();
    let mut model = Net::build(&Cpu::seed_from_u64(5)).unwrap();
    model.load_weights(&path).unwrap();
    assert_eq!(Snapshot::of(&model).unwrap(), Snapshot::of(&trained.model).unwrap());
    let names: Vec<String> =
        WeightFile::open(&path).unwrap().arrays().iter().map(|array| array.name.clone()).collect();
    assert!(names.contains(&"0.gamma".to_owned()) && names.len() == 8, "{names:?}");
    fs::remove_dir_all(folder).unwrap();
}

/// Changes a text in the header of a file, keeping its length.
fn edit(path: &Path, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(from.len()).position(|part| part == from.as_bytes()).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_differs_is_said() {
    let folder = folder("differs");
    let path = folder.join("run.safetensors");
    let callback = || ModelCheckpoint::new(name(&path)).every_batches(10);
    let early = || EarlyStopping::new("loss").patience(9);
    let mut first = trainer(Adam::new(0.01), 1).callback(early()).callback(callback());
    first.fit(&data(), &fit(2)).unwrap();

    fn says<M>(result: Result<M, Error>, path: &Path) -> String {
        let error = result.err().expect("it fits").to_string();
        error.replace(path.to_str().unwrap(), "FILE")
    }
    let mut other = trainer(Sgd::new(0.01), 1);
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  optimizer: it is sgd here, the checkpoint has adam"
    );
    let mut other = trainer(Adam { amsgrad: true, ..Adam::new(0.01) }, 1);
    let text = says(other.resume(&path), &path);
    assert!(
        text.contains(
            "1.kernel.velocity_hat: the optimiser remembers 48 values, the checkpoint has nothing"
        ),
        "{text}"
    );
    let mut other = trainer(Adam::new(0.01), 1);
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  the callback EarlyStopping: the trainer has none, or fewer, the checkpoint has what it remembers\n  the callback ModelCheckpoint: the trainer has none, or fewer, the checkpoint has what it remembers"
    );
    type Wide =
        Sequential<In, (BatchNorm<3>, Dense<3, 17, Relu>, Dropout<30>, Dense<17, 3, Softmax>)>;
    let wide = Wide::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut other: Trainer<Wide, _, _, Ids<(Batch,)>> =
        Trainer::new(wide, SparseCategoricalCrossentropy::default(), Adam::new(0.01)).unwrap();
    assert_eq!(
        says(other.resume(&path), &path),
        "FILE does not fit:\n  1.kernel: the model has (3, 17), the file has (3, 16)\n  1.bias: the model has (17,), the file has (16,)\n  3.kernel: the model has (17, 3), the file has (16, 3)\n  the layer 1: it is Dense<3, 17, Relu> of 0 here, the checkpoint has Dense<3, 16, Relu> of 0\n  the layer 3: it is Dense<17, 3, Softmax> of 2 here, the checkpoint has Dense<16, 3, Softmax> of 2\n  the metric 1: there is none here, the checkpoint has sparse_categorical_accuracy"
    );

    // Nothing has changed so far; and `fit` is to be called as it was.
    let before = Snapshot::of(&trainer(Adam::new(0.01), 3).model).unwrap();
    let mut same = trainer(Adam::new(0.01), 3).callback(early()).callback(callback());
    assert_eq!(Snapshot::of(&same.model).unwrap(), before);
    same.resume(&path).unwrap();
    assert_eq!((same.steps(), same.history().epochs()), (10, 1));
    let error = same.fit(&data(), &Fit { batch_size: 4, seed: 7, ..fit(2) }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the checkpoint does not fit:\n  batch_size: it is 4 here, the checkpoint has 8\n  seed: it is 7 here, the checkpoint has 0"
    );
    assert_eq!(same.fit(&data(), &fit(2)).unwrap().epochs(), 2);

    let weights = folder.join("weights.safetensors");
    first.model.save_weights(&weights).unwrap();
    assert_eq!(
        says(first.resume(&weights), &weights),
        "FILE: these are weights only, not a checkpoint of a training"
    );
    edit(&path, "version\\\":\\\"3", "version\\\":\\\"7");
    assert_eq!(
        says(first.resume(&path), &path),
        "FILE does not fit:\n  the version of the format: it is 3 here, the checkpoint has 7"
    );
    fs::write(&path, &fs::read(&path).unwrap()[..500]).unwrap();
    assert!(says(first.resume(&path), &path).contains("cut short"));
    fs::remove_dir_all(folder).unwrap();
}

const CHILD: &str = "KERATA_CHECKPOINTS_CHILD";

/// The training that is killed: it goes on from the file that is there, and writes it after every batch.
fn train(folder: &Path) -> (History, Snapshot) {
    let path = folder.join("run.safetensors");
    let mut trainer = trainer(Adam::new(0.01), 4)
        .callback(CsvLogger::new(folder.join("log.csv")))
        .callback(ModelCheckpoint::new(name(&path)).every_batches(1));
    if path.exists() {
        trainer.resume(&path).unwrap();
    }
    let history = trainer.fit_validated(&data(), &data(), &fit(40)).unwrap();
    (history, Snapshot::of(&trainer.model).unwrap())
}

/// Only a child process runs it.
#[test]
fn child() {
    if let Some(folder) = std::env::var_os(CHILD) {
        let folder = PathBuf::from(folder);
        let (history, snapshot) = train(&folder);
        fs::write(folder.join("done"), format!("{history:?} {snapshot:?}")).unwrap();
    }
}

/// A process is killed at 50 random moments (`KERATA_KILLS` says how many): nothing is lost.
#[test]
fn killed_at_random_moments() {
    let kills: usize = std::env::var("KERATA_KILLS").map_or(50, |kills| kills.parse().unwrap());
    let (killed, whole) = (folder("killed"), folder("whole"));
    let (history, snapshot) = train(&whole);
    let spawn = |folder: &Path| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "child"]).env(CHILD, folder).stdout(Stdio::null());
        command.stderr(Stdio::null()).spawn().unwrap()
    };
    let (mut random, mut done) = (0x2545_F491_4F6C_DD1D_u64, 0);
    let (start, mut rounds) = (Instant::now(), 0);
    while done < kills && start.elapsed() < Duration::from_secs(600) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut child = spawn(&killed);
        std::thread::sleep(Duration::from_micros(20_000 + random % 200_000));
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            done += 1;
        }
        child.wait().unwrap();
        if killed.join("done").exists() {
            compare(&killed, &whole, &history, &snapshot);
            fs::remove_dir_all(&killed).unwrap();
            fs::create_dir(&killed).unwrap();
            rounds += 1;
        }
    }
    assert_eq!(done, kills, "too slow");
    assert!(spawn(&killed).wait().unwrap().success());
    compare(&killed, &whole, &history, &snapshot);
    println!("{done} kills in {} trainings, {:?}", rounds + 1, start.elapsed());
    fs::remove_dir_all(killed).unwrap();
    fs::remove_dir_all(whole).unwrap();
}

fn compare(killed: &Path, whole: &Path, history: &History, snapshot: &Snapshot) {
    let found = fs::read_to_string(killed.join("done")).unwrap();
    assert_eq!(found, format!("{history:?} {snapshot:?}"));
    let log = |folder: &Path| fs::read_to_string(folder.join("log.csv")).unwrap();
    assert_eq!(log(killed), log(whole));
    // No temporary file of a killed process is left for long.
    let left = fs::read_dir(killed).unwrap().count();
    assert!(left <= 4, "{left} files");
}

/// In double precision no bit is lost either.
#[test]
fn in_double_precision() {
    type Double = (Dense<1, 4, Relu, f64>, Dense<4, 1, kerata::Linear, f64>);
    type Model = Sequential<(Batch, Const<1>), Double, f64>;
    let folder = folder("double");
    let path = folder.join("run.safetensors");
    let trainer = |seed| {
        let model = <Model as Build<f64, Cpu>>::build(&Cpu::seed_from_u64(seed)).unwrap();
        let trainer: Trainer<Model, _, _, (Batch, Const<1>), f64, Cpu> =
            Trainer::new(model, kerata::loss::MeanSquaredError, Adam::new(0.01)).unwrap();
        trainer
    };
    let data = InMemory::new(vec![[0.1_f64], [0.7], [0.3]], vec![[1.1_f64], [0.2], [0.5]]).unwrap();
    let mut whole = trainer(1);
    whole.fit(&data, &fit(3)).unwrap();
    whole.save_checkpoint(&path).unwrap();
    let mut resumed = trainer(2);
    resumed.resume(&path).unwrap();
    let (a, b) = (whole.fit(&data, &fit(3)).unwrap(), resumed.fit(&data, &fit(3)).unwrap());
    assert_eq!(a, b);
    assert_eq!(Snapshot::of(&whole.model).unwrap(), Snapshot::of(&resumed.model).unwrap());
    fs::remove_dir_all(folder).unwrap();
}

/// Another training is not gone on with, and one error says all that is another. Nothing of this shows in the shapes of weights.
#[test]
fn another_training_is_refused() {
    use kerata::{
        loss::{KLDivergence, MeanSquaredError},
        metric::{MeanLoss, RootMeanSquaredError},
        model,
    };

    #[model(input = (Batch, 1), output = (Batch, 1))]
    struct Net {
        #[with(kernel_regularizer = L2(0.1))]
        hidden: Dense<_, 4, Relu>,
        head: Dense<_, 1>,
    }

    #[model(input = (Batch, 1), output = (Batch, 1))]
    struct Other {
        #[with(kernel_regularizer = L2(0.2), bias_constraint = NonNeg)]
        hidden: Dense<_, 4, kerata::Tanh>,
        head: Dense<_, 1>,
    }

    let folder = folder("another");
    let path = folder.join("run.safetensors");
    let data = |count: usize| {
        let x: Vec<[f32; 1]> = (0..count).map(|i| [i as f32 / 20.0]).collect();
        InMemory::new(x.clone(), x).unwrap()
    };
    let dev = Cpu::seed_from_u64(1);
    let net = || Net::build(&dev).unwrap();
    let adam = Adam { clipnorm: Some(1.0), ..Adam::new(0.01) };
    let mut first = Trainer::new(net(), MeanSquaredError, adam.clone())
        .unwrap()
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)).every_batches(5));
    first.fit(&data(20), &fit(2)).unwrap();

    let schedule = CosineDecay::new(0.01, 20.0);
    let changed = Adam { beta_1: 0.8, clipnorm: None, ..Adam::new(schedule) };
    let other = Other::build(&dev).unwrap();
    let other: Trainer<Other, _, _, (Batch, Const<1>)> =
        Trainer::new(other, KLDivergence, changed).unwrap();
    let mut other = other
        .metric(MeanLoss(MeanSquaredError))
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)));
    let error = other.resume(&path).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().skip(1).map(str::trim).collect();
    let differs = |place: &str, ours: &str, found: &str| {
        format!("{place}: it is {ours} here, the checkpoint has {found}")
    };
    let root = "root_mean_squared_error";
    let none =
        |place: &str, ours: &str| format!("{place}: it is {ours} here, the checkpoint has none");
    let l2 = |factor: f64| format!("{{\"class_name\":\"L2\",\"config\":{{\"l2\":{factor}}}}}");
    let expected = [
        none("the constraint of hidden.bias", "one"),
        differs("the layer hidden", "Dense<1, 4, Tanh> of input", "Dense<1, 4, Relu> of input"),
        differs("the loss", "KLDivergence", "MeanSquaredError"),
        differs("the metric 1", "mean_squared_error", root),
        none("the metric 2", root),
        differs("the regularizer of hidden.kernel", &l2(0.2), &l2(0.1)),
        differs("beta_1", "0.8", "0.9"),
        differs("clipping", "none", "Norm(1.0)"),
        differs("learning_rate", &format!("{schedule:?}"), "a number"),
    ];
    assert_eq!(lines.len(), expected.len(), "{error}");
    for (line, expected) in lines.iter().zip(&expected) {
        let place = |line: &str| line.split(':').next().map(str::to_owned);
        assert_eq!(place(line), place(expected), "{error}");
    }
    for expected in [&expected[1], &expected[2], &expected[3], &expected[6], &expected[8]] {
        assert!(lines.contains(&expected.as_str()), "{error}\n{expected}");
    }

    // How many samples there are is known to `fit`; here it is in the middle of an epoch.
    let again = || {
        let mut trainer = Trainer::new(
            net(),
            MeanSquaredError,
            Adam { learning_rate: 9.0.into(), ..adam.clone() },
        )
        .unwrap()
        .metric(RootMeanSquaredError)
        .callback(ModelCheckpoint::new(name(&path)).every_batches(50));
        trainer.resume(&path).unwrap();
        trainer
    };
    for count in [4, 40] {
        let error = again().fit(&data(count), &fit(2)).unwrap_err().to_string();
        assert!(error.ends_with(&differs("samples", &count.to_string(), "20")), "{error}");
    }
    // One metric more has measured nothing of this epoch.
    let error = again().metric(MeanLoss(KLDivergence)).fit(&data(20), &fit(2)).unwrap_err();
    assert!(error.to_string().contains("number of metrics"), "{error}");
    // What is set after `resume` is changed on purpose; the rate is that of the checkpoint.
    let mut same = again();
    assert_eq!(same.optimizer.learning_rate, 0.01);
    same.optimizer.beta_1 = 0.8;
    same.fit(&data(20), &fit(2)).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// Ends the training in its second epoch, after the third batch.
struct Ends {
    /// For now only.
    interrupts: bool,
}

impl<M> Callback<M> for Ends {
    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M>,
        batch: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        match (training.epoch(), batch, self.interrupts) {
            (1, 2, false) => training.stop(),
            (1, 2, true) => training.interrupt(),
            _ => {}
        }
        Ok(())
    }
}

/// A training that was stopped within an epoch has come to its end with that, also from a checkpoint of that moment; one that was
/// interrupted goes on as if it had not been.
#[test]
fn stopped_within_an_epoch() {
    let folder = folder("stopped");
    let again = || ModelCheckpoint::new(name(&folder.join("again"))).every_batches(1000);
    let begun = |interrupts: bool, path: &Path| {
        let mut first = trainer(Adam::new(0.01), 1)
            .callback(ModelCheckpoint::new(name(path)).every_batches(1))
            .callback(Ends { interrupts });
        let history = first.fit_validated(&data(), &data(), &fit(3)).unwrap();
        (first, history)
    };
    let (mut whole, history) = begun(false, &folder.join("{epoch}-{batch}.safetensors"));
    assert_eq!(history.epochs(), 2);
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 7 + 3);
    for path in &files {
        let mut resumed =
            trainer(Adam::new(0.01), 2).callback(again()).callback(Ends { interrupts: false });
        resumed.resume(path).unwrap();
        let rest = resumed.fit_validated(&data(), &data(), &fit(3)).unwrap();
        assert_eq!(rest, history, "{}", path.display());
        same(&mut resumed, &mut whole, name(path));
    }

    let path = folder.join("interrupted.safetensors");
    assert_eq!(begun(true, &path).1.epochs(), 2);
    let mut undisturbed = trainer(Adam::new(0.01), 1);
    let history = undisturbed.fit_validated(&data(), &data(), &fit(3)).unwrap();
    let mut resumed = trainer(Adam::new(0.01), 2).callback(again());
    resumed.resume(&path).unwrap();
    assert_eq!(resumed.fit_validated(&data(), &data(), &fit(3)).unwrap(), history);
    same(&mut resumed, &mut undisturbed, "interrupted");
    fs::remove_dir_all(folder).unwrap();
}

/// A loss of other settings is another loss.
#[test]
fn other_settings_of_a_loss_are_refused() {
    use kerata::{loss::Huber, loss::Reduction, model};

    #[model(input = (Batch, 3), outputs(size, kind))]
    struct Heads {
        trunk: Dense<_, 4, Relu>,
        size: Dense<_, 1>,
        #[from(trunk)]
        kind: Dense<_, 3, Softmax>,
    }

    let folder = folder("settings");
    let path = folder.join("run.safetensors");
    let every = || ModelCheckpoint::new(name(&path));
    let mut first = trainer(Adam::new(0.01), 1).callback(every());
    first.fit(&data(), &fit(1)).unwrap();
    let loss = SparseCategoricalCrossentropy { ignore_class: Some(2), ..Default::default() };
    let model = Net::build(&Cpu::seed_from_u64(1)).unwrap();
    let mut other: NetTrainer<_> = Trainer::new(model, loss, Adam::new(0.01)).unwrap();
    other = other.metric(SparseCategoricalAccuracy).callback(every());
    other.resume(&path).unwrap();
    let error = other.fit(&data(), &fit(2)).unwrap_err().to_string();
    let expected = "ignore_class of the loss: it is Some(2) here, the checkpoint has None";
    assert!(error.ends_with(expected), "{error}");

    let heads = |delta: f64, weight: f64, reduction: Reduction| {
        let kind = SparseCategoricalCrossentropy::default().reduced_by(reduction);
        let losses = (Huber { delta }, kind.with_loss_weight(weight));
        let model = Heads::build(&Cpu::seed_from_u64(1)).unwrap();
        Trainer::new(model, losses, Adam::new(0.01)).unwrap().callback(every())
    };
    let data = InMemory::new(vec![[1.0_f32; 3]; 8], (vec![2.0_f32; 8], vec![1_usize; 8])).unwrap();
    heads(1.0, 0.5, Reduction::Sum).fit(&data, &fit(1)).unwrap();
    let mut other = heads(2.0, 0.25, Reduction::SumOverBatchSize);
    other.fit(&data, &fit(1)).unwrap();
    heads(1.0, 0.5, Reduction::Sum).fit(&data, &fit(1)).unwrap();
    other.resume(&path).unwrap();
    let error = other.fit(&data, &fit(2)).unwrap_err().to_string();
    for expected in [
        "delta of the loss of `size`: it is 2.0 here, the checkpoint has 1.0",
        "loss_weight of the loss of `kind`: it is 0.25 here, the checkpoint has 0.5",
        "reduction of the loss of `kind`: it is SumOverBatchSize here, the checkpoint has Sum",
    ] {
        assert!(error.contains(expected), "{error}");
    }
    let mut same = heads(1.0, 0.5, Reduction::Sum);
    same.resume(&path).unwrap();
    assert_eq!(same.fit(&data, &fit(2)).unwrap().epochs(), 2);
    fs::remove_dir_all(folder).unwrap();
}

/// No bit of a checkpoint can change without an error; but one without a checksum, as earlier versions wrote it, is read.
#[test]
fn flipped_bits_are_an_error() {
    let folder = folder("flipped");
    let (path, broken) = (folder.join("run.safetensors"), folder.join("broken.safetensors"));
    type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;
    let trainer = |seed| {
        let model = Line::build(&Cpu::seed_from_u64(seed)).unwrap();
        Trainer::new(model, kerata::loss::MeanSquaredError, Adam::new(0.01)).unwrap()
    };
    let data = InMemory::new(vec![[0.1_f32], [0.7]], vec![[1.1_f32], [0.2]]).unwrap();
    let mut first = trainer(1);
    first.fit(&data, &fit(3)).unwrap();
    first.save_checkpoint(&path).unwrap();
    let bytes = fs::read(&path).unwrap();
    let mut second = trainer(2);
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&broken, flipped).unwrap();
        assert!(second.resume(&broken).is_err(), "byte {at} of {}", bytes.len());
    }
    // The weights alone are checked too.
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::write(&broken, flipped).unwrap();
    let error = second.model.load_weights(&broken).unwrap_err().to_string();
    assert!(error.contains("the checkpoint is broken"), "{error}");
    // What version 2 wrote has no checksum, and says nothing of the set-up.
    fs::write(&broken, &bytes).unwrap();
    edit(&broken, "version\\\":\\\"3", "version\\\":\\\"2");
    edit(&broken, "checksum", "chexksum");
    let text = fs::read(&broken).unwrap();
    let count = text.windows(6).filter(|part| part == b"setup.").count();
    for _ in 0..count {
        edit(&broken, "setup.", "zetup.");
    }
    let mut other = trainer(3);
    other.optimizer.beta_1 = 0.5;
    other.resume(&broken).unwrap();
    assert_eq!(other.steps(), 3);
    fs::remove_dir_all(folder).unwrap();
}
