//! A training that goes on from a checkpoint is the one that was never stopped, bit by bit.

#![allow(missing_docs)]

mod early;
mod refused;

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
    optim::{
        Adafactor, Adam, Muon, Nadam, Optimizer, RMSprop, ScheduleFreeAdamW, Sgd,
        schedules::CosineDecay,
    },
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
    trainer
        .state
        .visit_slots(&trainer.model, |slot| {
            let bits = slot.values.iter().map(|value| value.to_bits()).collect();
            slots.push((format!("{}.{}", slot.parameter, slot.name), bits));
        })
        .unwrap();
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
    resumes(Muon { exclude_layers: vec!["kernel".into()], ..Muon::new(0.01) });
    resumes(Muon::new(0.01));
    resumes(ScheduleFreeAdamW {
        gradient_accumulation_steps: Some(2),
        ..ScheduleFreeAdamW::new(0.01)
    });
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
