//! Callbacks, held against what those of Keras do.

#![allow(missing_docs)]

use std::{
    fs,
    panic::AssertUnwindSafe,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use kerata::{
    Batch, Const, Cpu, Dense, Error,
    callbacks::{
        CsvLogger, EarlyStopping, JsonLines, LambdaCallback, LearningRateScheduler, Mode,
        ModelCheckpoint, ReduceLrOnPlateau, SwapEmaWeights, TensorBoard, TerminateOnNan,
        Validation,
    },
    data::InMemory,
    loss::{MeanAbsoluteError, MeanSquaredError},
    metric::{BinaryAccuracy, Direction, MeanLoss},
    model::Sequential,
    optim::{Adam, Optimizer, Sgd, schedules::ExponentialDecay},
    prelude::*,
    train::{Callback, Fit, History, Logs, Recovery, Trainer, Training},
};
use serde_json::Value;

type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;
type LineTrainer<O> = Trainer<Line, MeanSquaredError, O, (Batch, Const<1>)>;

fn data() -> InMemory<Vec<[f32; 1]>, Vec<[f32; 1]>> {
    InMemory::new(vec![[0.0], [1.0], [2.0], [3.0]], vec![[1.0], [3.0], [5.0], [7.0]]).unwrap()
}

fn trainer<O: Optimizer>(optimizer: O) -> LineTrainer<O> {
    let model = Line::build(&Cpu::seed_from_u64(0)).unwrap();
    Trainer::new(model, MeanSquaredError, optimizer).unwrap()
}

fn fit(epochs: usize) -> Fit {
    Fit { progress: false, batch_size: 1, ..Fit::epochs(epochs) }
}

fn bias(model: &Line) -> f32 {
    model.layers.0.bias.array()[0]
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("kerata-callbacks-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

/// Gives the validation loss of each epoch, and the number of the epoch to the bias.
struct Script(Vec<f64>);

impl Callback<Line> for Script {
    fn measure(
        &mut self,
        training: &mut Training<'_, Line>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        training.model.layers.0.bias.copy_from(&[epoch as f32]);
        logs.set("val_loss", self.0[epoch]);
        Ok(())
    }

    fn adds(&self) -> Vec<(String, Option<Direction>)> {
        vec![("val_loss".to_owned(), None)]
    }
}

fn cases(name: &str) -> Vec<Value> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/callbacks/keras-3.15.1.json");
    let json: Value = serde_json::from_str(&text(path)).unwrap();
    json[name].as_array().unwrap().clone()
}

fn numbers(json: &Value) -> Vec<f64> {
    json.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
}

fn mode(json: &Value) -> Mode {
    match json.as_str().unwrap() {
        "min" => Mode::Min,
        "max" => Mode::Max,
        other => panic!("{other}"),
    }
}

#[test]
fn early_stopping_is_that_of_keras() {
    for case in cases("early_stopping") {
        let (config, values) = (&case["config"], numbers(&case["values"]));
        let count = |key: &str| config[key].as_u64().unwrap() as usize;
        let mut early = EarlyStopping::new("val_loss")
            .patience(count("patience"))
            .min_delta(config["min_delta"].as_f64().unwrap())
            .mode(mode(&config["mode"]))
            .start_from_epoch(count("start_from_epoch"))
            .restore_best_weights(config["restore_best_weights"].as_bool().unwrap());
        if let Some(baseline) = config["baseline"].as_f64() {
            early = early.baseline(baseline);
        }
        let epochs = values.len();
        let mut trainer = trainer(Sgd::new(0.01)).callback(Script(values)).callback(early);
        let history = trainer.fit(&data(), &fit(epochs)).unwrap();
        assert_eq!(Some(history.epochs() as u64), case["epochs"].as_u64(), "{case}");
        let early: &EarlyStopping = trainer.find_callback().unwrap();
        let stopped = early.stopped_epoch().unwrap_or(0);
        assert_eq!(Some(stopped as u64), case["stopped_epoch"].as_u64(), "{case}");
        assert_eq!(early.best(), case["best"].as_f64(), "{case}");
        assert_eq!(Some(early.best_epoch() as u64), case["best_epoch"].as_u64(), "{case}");
        assert_eq!(Some(f64::from(bias(&trainer.model))), case["weights"].as_f64(), "{case}");
    }
}

#[test]
fn reduce_lr_on_plateau_is_that_of_keras() {
    for case in cases("reduce_lr_on_plateau") {
        let (config, values) = (&case["config"], numbers(&case["values"]));
        let number = |key: &str| config[key].as_f64().unwrap();
        let count = |key: &str| number(key) as usize;
        let reduce = ReduceLrOnPlateau::new("val_loss")
            .factor(number("factor"))
            .patience(count("patience"))
            .min_delta(number("min_delta"))
            .mode(mode(&config["mode"]))
            .cooldown(count("cooldown"))
            .min_lr(number("min_lr"));
        let epochs = values.len();
        // The gradients of one sample at 0 are small enough for a rate of 1.
        let data = InMemory::new(vec![[0.0_f32]], vec![[0.0_f32]]).unwrap();
        let mut trainer = trainer(Sgd::new(1.0)).callback(Script(values)).callback(reduce);
        let history = trainer.fit(&data, &fit(epochs)).unwrap();
        assert_eq!(history.get("learning_rate").unwrap(), numbers(&case["rates"]), "{case}");
        let rate = trainer.optimizer.learning_rate.at(0).unwrap();
        assert_eq!(Some(rate), case["rate"].as_f64(), "{case}");
    }
}

#[test]
fn model_checkpoints_are_those_of_keras() {
    let folder = folder("best");
    let saved = |folder: &Path| {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut names: Vec<String> =
            names.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    let expected = |case: &Value| {
        let names = case["saved"].as_array().unwrap().iter();
        let mut names: Vec<String> = names.map(|name| name.as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    for (i, case) in cases("save_best_only").iter().enumerate() {
        let folder = folder.join(i.to_string());
        fs::create_dir(&folder).unwrap();
        let values = numbers(&case["values"]);
        let epochs = values.len();
        let path = folder.join("x{epoch:02d}-{val_loss:.3f}.safetensors");
        let mut checkpoint = ModelCheckpoint::new(path.to_str().unwrap())
            .mode(mode(&case["mode"]))
            .save_best_only(true)
            .save_weights_only(true);
        if let Some(threshold) = case["threshold"].as_f64() {
            checkpoint = checkpoint.initial_value_threshold(threshold);
        }
        let mut trainer = trainer(Sgd::new(0.01)).callback(Script(values)).callback(checkpoint);
        trainer.fit(&data(), &fit(epochs)).unwrap();
        assert_eq!(saved(&folder), expected(case), "{case}");
    }
    for case in cases("save_freq") {
        let every = case["freq"].as_u64().unwrap() as usize;
        let folder = folder.join(format!("every-{every}"));
        // The folder is made.
        let path = folder.join("{epoch}-{batch:02d}.safetensors");
        let checkpoint = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(every);
        trainer(Sgd::new(0.01)).callback(checkpoint).fit(&data(), &fit(4)).unwrap();
        assert_eq!(saved(&folder), expected(&case), "{case}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_is_monitored_is_checked_before_the_first_epoch() {
    let says = |callback: EarlyStopping| {
        let mut trainer = trainer(Sgd::new(0.01))
            .metric(MeanLoss(MeanAbsoluteError))
            .callback(callback)
            .callback(Script(vec![0.0; 9]));
        let error = trainer.fit(&data(), &fit(1)).unwrap_err().to_string();
        assert_eq!(trainer.steps(), 0);
        error
    };
    assert_eq!(
        says(EarlyStopping::new("val_mean_absolute_erro")),
        "the value `val_mean_absolute_erro` is not known, did you mean `mean_absolute_error`?; known are loss, mean_absolute_error, val_loss"
    );
    assert_eq!(
        says(EarlyStopping::new("val_loss")),
        "the monitored value is val_loss: whether more of it is better is not known: say `Mode::Min` or `Mode::Max`"
    );
    let mut trainer =
        trainer(Sgd::new(0.01)).callback(ModelCheckpoint::new("{epoch}-{val_loss}.safetensors"));
    assert!(matches!(trainer.fit(&data(), &fit(1)), Err(Error::Unknown { .. })));
}

#[test]
fn directions_are_those_of_the_metrics() {
    // An accuracy of 0 to 1: more is better, and it never becomes better than in the first epoch.
    let data = InMemory::new(vec![[0.0_f32]; 4], vec![[1.0_f32]; 4]).unwrap();
    let mut trainer = trainer(Sgd::new(1e-6))
        .metric(BinaryAccuracy::default())
        .callback(EarlyStopping::new("val_binary_accuracy").patience(2));
    let history = trainer.fit_validated(&data, &data, &fit(10)).unwrap();
    assert_eq!(history.epochs(), 3);
    let early: &EarlyStopping = trainer.find_callback().unwrap();
    assert_eq!((early.best(), early.stopped_epoch()), (Some(0.0), Some(2)));
}

/// Nothing is better than NaN: a training would stop, and a file would not be written, without a word.
#[test]
fn what_values_are_compared_with_is_a_number() {
    let error = |mut trainer: LineTrainer<Sgd>| {
        trainer.fit_validated(&data(), &data(), &fit(2)).unwrap_err().to_string()
    };
    let early = EarlyStopping::new("val_loss").baseline(f64::NAN);
    let text = error(trainer(Sgd::new(1e-6)).callback(early));
    assert!(text.contains("baseline") && text.contains("NaN"), "{text}");
    let folder = folder("compared");
    let path = folder.join("best.safetensors").to_str().unwrap().to_owned();
    let best = ModelCheckpoint::new(path).save_best_only(true).initial_value_threshold(f64::NAN);
    let text = error(trainer(Sgd::new(1e-6)).callback(best));
    assert!(text.contains("initial_value_threshold") && text.contains("NaN"), "{text}");
    fs::remove_dir_all(folder).unwrap();
}

/// A validation after every third epoch: what monitors it counts these only, as in Keras.
#[test]
fn validations_can_be_rare() {
    let mut trainer =
        trainer(Sgd::new(1e-6)).callback(EarlyStopping::new("val_loss").min_delta(1.0).patience(2));
    let rare = Fit { validation_freq: 3, validation_batch_size: Some(4), ..fit(20) };
    let history = trainer.fit_validated(&data(), &data(), &rare).unwrap();
    let measured = history.get("val_loss").unwrap().iter().map(|loss| !loss.is_nan());
    let expected = (1..=9).map(|epoch| epoch % 3 == 0);
    assert_eq!(measured.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let whole = trainer.evaluate(&data(), 1).unwrap()[0].1;
    let last = *history.get("val_loss").unwrap().last().unwrap();
    assert!((last - whole).abs() < 1e-6 * whole, "{last} {whole}");

    for (wrong, name) in [
        (Fit { validation_freq: 0, ..fit(1) }, "validation_freq"),
        (Fit { validation_batch_size: Some(0), ..fit(1) }, "validation_batch_size"),
    ] {
        let error = trainer.fit_validated(&data(), &data(), &wrong).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// The same columns as those of the validation data, for each data of its own.
#[test]
fn more_data_is_judged_by_callbacks() {
    let far = || InMemory::new(vec![[10.0_f32]], vec![[21.0_f32]]).unwrap();
    let mut trainer = trainer(Sgd::new(0.01))
        .metric(MeanLoss(MeanAbsoluteError))
        .callback(
            Validation::new("same", data(), MeanSquaredError)
                .metric(MeanLoss(MeanAbsoluteError))
                .batch_size(2),
        )
        .callback(Validation::new("far", far(), MeanAbsoluteError).freq(2))
        .callback(EarlyStopping::new("same_loss").min_delta(1e9).patience(4));
    let history = trainer.fit_validated(&data(), &data(), &fit(10)).unwrap();
    assert_eq!(history.epochs(), 5);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-6 * b.abs();
    for (own, of_fit) in
        [("same_loss", "val_loss"), ("same_mean_absolute_error", "val_mean_absolute_error")]
    {
        let (own, of_fit) = (history.get(own).unwrap(), history.get(of_fit).unwrap());
        assert!(own.iter().zip(of_fit).all(|(a, b)| near(*a, *b)), "{own:?} {of_fit:?}");
    }
    let far = history.get("far_loss").unwrap();
    assert_eq!(
        far.iter().map(|loss| loss.is_nan()).collect::<Vec<_>>(),
        [true, false, true, false, true]
    );

    let twice = |name: &str| {
        let own = Validation::new(name, data(), MeanSquaredError);
        let mut trainer = self::trainer(Sgd::new(0.01))
            .callback(Validation::new("same", data(), MeanSquaredError))
            .callback(own);
        trainer.fit_validated(&data(), &data(), &fit(1)).map(drop)
    };
    assert!(twice("other").is_ok());
    for name in ["same", "val"] {
        let error = twice(name).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("columns"), "{error}");
    }
    let mut none = self::trainer(Sgd::new(0.01))
        .callback(Validation::new("none", data(), MeanSquaredError).steps(0));
    assert!(matches!(none.fit(&data(), &fit(1)), Err(Error::Invalid { .. })));
}

/// All callbacks see all that is measured, whatever their order.
#[test]
fn the_order_of_callbacks_hides_no_column() {
    let folder = folder("order");
    let csv = folder.join("log.csv");
    let best = folder.join("best-{epoch}-{same_loss:.3f}.safetensors");
    let mut trainer = trainer(Sgd::new(0.01))
        .callback(CsvLogger::new(&csv))
        .callback(EarlyStopping::new("same_loss").min_delta(1e9).patience(2))
        .callback(
            ModelCheckpoint::new(best.to_str().unwrap()).monitor("same_loss").save_best_only(true),
        )
        .callback(ReduceLrOnPlateau::new("same_loss").min_delta(1e9).factor(0.5).patience(1))
        .callback(Validation::new("same", data(), MeanSquaredError));
    let history = trainer.fit(&data(), &fit(10)).unwrap();
    assert_eq!(history.epochs(), 3);
    assert_eq!(history.get("learning_rate").unwrap(), [0.01, 0.01, 0.005]);
    let lines = text(&csv);
    let header = lines.lines().next().unwrap();
    assert_eq!(header, "epoch,learning_rate,loss,same_loss");
    assert!(!lines.contains("NA"), "{lines}");
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 4);
    fs::remove_dir_all(folder).unwrap();
}

/// A validation of a callback is one for the others, too.
#[test]
fn each_validation_is_shown() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let mut trainer = trainer(Sgd::new(0.01))
        .callback(Order(calls.clone()))
        .callback(Validation::new("far", data(), MeanSquaredError).freq(2));
    trainer.fit_validated(&data(), &data(), &fit(2)).unwrap();
    let calls = calls.lock().unwrap();
    let tests: Vec<&str> =
        calls.iter().map(String::as_str).filter(|call| call.starts_with("test")).collect();
    assert_eq!(
        tests,
        ["true", "true", "false"]
            .map(|of_fit| ["test begin".into(), format!("test end: {of_fit}")])
            .concat()
    );
    // One that fails ends the training; the epoch stands in the history with what was measured before.
    let broken = InMemory::new(vec![[1.0_f32]], vec![[f32::NAN]]).unwrap();
    let mut trainer = self::trainer(Sgd::new(0.01))
        .callback(Validation::new("few", broken, MeanSquaredError).steps(2))
        .callback(Validation::new("same", data(), MeanSquaredError));
    let error = trainer.fit_validated(&data(), &data(), &fit(2)).unwrap_err();
    assert!(matches!(error, Error::DataEnded { found: 1, .. }), "{error}");
    assert_eq!(trainer.history().names().collect::<Vec<_>>(), ["loss", "val_loss"]);
}

/// Writes down when it is called.
struct Order(Arc<Mutex<Vec<String>>>);

impl<M> Callback<M> for Order {
    fn on_train_begin(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        let names = training.names().collect::<Vec<_>>().join(" ");
        self.0.lock().unwrap().push(format!("train begin: {names}"));
        Ok(())
    }

    fn on_train_end(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        self.0.lock().unwrap().push(format!("train end: {}", training.history().epochs()));
        Ok(())
    }

    fn on_epoch_begin(&mut self, _: &mut Training<'_, M>, epoch: usize) -> Result<(), Error> {
        self.0.lock().unwrap().push(format!("epoch begin {epoch}"));
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        _: &mut Training<'_, M>,
        epoch: usize,
        logs: &mut Logs,
    ) -> Result<(), Error> {
        let names: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
        self.0.lock().unwrap().push(format!("epoch end {epoch}: {}", names.join(" ")));
        Ok(())
    }

    fn on_train_batch_begin(&mut self, _: &mut Training<'_, M>, batch: usize) -> Result<(), Error> {
        self.0.lock().unwrap().push(format!("batch begin {batch}"));
        Ok(())
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M>,
        batch: usize,
        logs: &Logs,
    ) -> Result<(), Error> {
        self.0.lock().unwrap().push(format!("batch end {batch}"));
        assert!(logs.get("loss").unwrap() > 0.0);
        if training.epoch() == 1 {
            training.stop();
        }
        Ok(())
    }

    fn on_test_begin(&mut self, _: &mut Training<'_, M>) -> Result<(), Error> {
        self.0.lock().unwrap().push("test begin".into());
        Ok(())
    }

    fn on_test_end(&mut self, _: &mut Training<'_, M>, logs: &Logs) -> Result<(), Error> {
        self.0.lock().unwrap().push(format!("test end: {}", logs.get("val_loss").is_some()));
        Ok(())
    }
}

/// The order in which Keras calls the hooks, also if the second epoch is stopped after its first batch.
#[test]
fn hooks_are_called_in_order() {
    let called = Arc::new(Mutex::new(Vec::new()));
    let mut trainer = trainer(Sgd::new(0.01)).callback(Order(called.clone()));
    let fit = Fit { batch_size: 2, ..fit(5) };
    let history = trainer.fit_validated(&data(), &data(), &fit).unwrap();
    assert_eq!(history.epochs(), 2);
    let expected = "train begin: loss val_loss
epoch begin 0
batch begin 0
batch end 0
batch begin 1
batch end 1
test begin
test end: true
epoch end 0: loss val_loss
epoch begin 1
batch begin 0
batch end 0
test begin
test end: true
epoch end 1: loss val_loss
train end: 2";
    assert_eq!(called.lock().unwrap().join("\n"), expected);
}

#[test]
fn learning_rates_are_scheduled() {
    let halve = LearningRateScheduler::new(|epoch, rate| if epoch < 2 { rate } else { rate / 2.0 });
    let mut trainer = trainer(Sgd::new(0.01)).callback(halve);
    let history = trainer.fit(&data(), &fit(4)).unwrap();
    assert_eq!(history.get("learning_rate").unwrap(), [0.01, 0.01, 0.005, 0.0025]);
    assert_eq!(trainer.optimizer.learning_rate, 0.0025);
    // Keras refuses that too.
    let mut scheduled = self::trainer(Sgd::new(ExponentialDecay::new(0.1, 10.0, 0.5)))
        .callback(LearningRateScheduler::new(|_, rate| rate));
    let error = scheduled.fit(&data(), &fit(1)).unwrap_err().to_string();
    assert_eq!(
        error,
        "the callback is LearningRateScheduler: it sets the learning rate, but that follows a schedule"
    );
    // A rate of 0 is none of a constant, but may be set.
    let mut still = self::trainer(Sgd::new(0.01)).callback(LearningRateScheduler::new(|_, _| 0.0));
    let before = bias(&still.model);
    still.fit(&data(), &fit(1)).unwrap();
    assert_eq!(bias(&still.model), before);
    let mut wrong =
        self::trainer(Sgd::new(0.01)).callback(LearningRateScheduler::new(|_, _| f64::NAN));
    assert!(matches!(
        wrong.fit(&data(), &fit(1)),
        Err(Error::Invalid { name: "learning_rate", .. })
    ));
}

#[test]
fn nan_stops_without_an_error() {
    let data =
        InMemory::new(vec![[1.0_f32], [2.0], [f32::NAN], [1.0]], vec![[1.0_f32]; 4]).unwrap();
    let fit = Fit { shuffle: false, ..fit(3) };
    let mut with = trainer(Sgd::new(0.01)).callback(TerminateOnNan::new());
    let history = with.fit(&data, &fit).unwrap();
    assert_eq!((history.epochs(), with.steps()), (1, 2));
    assert!(history.last("loss").unwrap().is_finite());
    let found: &TerminateOnNan = with.find_callback().unwrap();
    assert!(matches!(found.error(), Some(Error::NonFiniteLoss { epoch: 1, batch: 3, .. })));
    let mut without = trainer(Sgd::new(0.01));
    assert!(matches!(without.fit(&data, &fit), Err(Error::NonFiniteLoss { .. })));
    assert_eq!(bias(&with.model), bias(&without.model));
    // No batch at all is as it should be: there is no loss.
    let data = InMemory::new(vec![[f32::NAN]], vec![[1.0_f32]]).unwrap();
    let history = trainer(Sgd::new(0.01)).callback(TerminateOnNan::new()).fit(&data, &fit).unwrap();
    assert!(history.last("loss").unwrap().is_nan());
}

#[test]
fn logs_are_written_as_csv_and_json() {
    let folder = folder("logs");
    let (csv, json) = (folder.join("log.csv"), folder.join("log.jsonl"));
    let mut trainer = trainer(Sgd::new(0.01))
        .metric(MeanLoss(MeanAbsoluteError))
        .callback(CsvLogger::new(&csv))
        .callback(JsonLines::new(&json));
    let history = trainer.fit_validated(&data(), &data(), &fit(2)).unwrap();
    let column = |name: &str| history.get(name).unwrap().to_vec();
    let [loss, mae, val_loss, val_mae] =
        ["loss", "mean_absolute_error", "val_loss", "val_mean_absolute_error"].map(column);
    let lines =
        [0, 1].map(|i| format!("{i},{},{},{},{}\n", loss[i], mae[i], val_loss[i], val_mae[i]));
    let header = "epoch,loss,mean_absolute_error,val_loss,val_mean_absolute_error\n";
    assert_eq!(text(&csv), format!("{header}{}", lines.concat()));
    let objects: Vec<Value> =
        text(&json).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((objects.len(), objects[1]["epoch"].as_u64()), (2, Some(1)));
    assert!((objects[1]["val_loss"].as_f64().unwrap() - val_loss[1]).abs() < 1e-12);
    // Written anew, unless it is to stay.
    trainer.fit(&data(), &fit(1)).unwrap();
    assert_eq!(text(&csv).lines().count(), 2);
    let mut more = self::trainer(Sgd::new(0.01)).callback(CsvLogger::new(&csv).append(true));
    more.fit(&data(), &fit(1)).unwrap();
    assert_eq!(text(&csv).lines().count(), 3);
    let nowhere = folder.join("nowhere/log.csv");
    let mut failing = self::trainer(Sgd::new(0.01)).callback(CsvLogger::new(nowhere));
    assert!(matches!(failing.fit(&data(), &fit(1)), Err(Error::File { .. })));
    fs::remove_dir_all(folder).unwrap();
}

/// A checkpoint may say anything of what callbacks have counted.
#[test]
fn counters_of_a_checkpoint_may_be_huge() {
    let folder = folder("counters");
    let path = folder.join("run.safetensors");
    let run = |path: &Path| {
        let checkpoint = ModelCheckpoint::new(path.to_str().unwrap()).every_batches(1);
        let early = EarlyStopping::new("loss").patience(usize::MAX);
        let reduce = ReduceLrOnPlateau::new("loss");
        trainer(Sgd::new(0.01)).callback(early).callback(reduce).callback(checkpoint)
    };
    run(&path).fit(&data(), &fit(1)).unwrap();
    let file = fs::read(&path).unwrap();
    let (length, rest) = file.split_at(8);
    let (header, values) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut header = String::from_utf8(header.to_vec()).unwrap();
    let mut changed = 0;
    for name in ["EarlyStopping.0.wait", "ReduceLrOnPlateau.0.wait", "ModelCheckpoint.0.waited"] {
        let key = format!("callback.{name}\\\":\\\"");
        changed += header.matches(&key).count();
        let at = header.find(&key).unwrap() + key.len();
        let end = at + header[at..].find('\\').unwrap();
        header.replace_range(at..end, &usize::MAX.to_string());
    }
    assert_eq!(changed, 3);
    // Earlier versions wrote no checksum.
    header =
        header.replace("version\\\":\\\"3", "version\\\":\\\"2").replace("checksum", "nothing!");
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    let length = (header.len() as u64).to_le_bytes();
    fs::write(&path, [&length, header.as_bytes(), values].concat()).unwrap();
    let mut resumed = run(&folder.join("other.safetensors"));
    resumed.resume(&path).unwrap();
    resumed.fit(&data(), &fit(3)).unwrap();
    fs::remove_dir_all(folder).unwrap();
}

/// Nobody reads the other end, which opening it would wait for.
#[cfg(unix)]
#[test]
fn a_log_is_no_named_pipe() {
    let folder = folder("pipe");
    let pipe = folder.join("log");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: there is no `mkfifo`");
        fs::remove_dir_all(folder).unwrap();
        return;
    }
    for logger in [true, false] {
        let trainer = trainer(Sgd::new(0.01));
        let mut trainer = match logger {
            true => trainer.callback(CsvLogger::new(&pipe)),
            false => trainer.callback(JsonLines::new(&pipe)),
        };
        let error = trainer.fit(&data(), &fit(1)).unwrap_err().to_string();
        assert!(error.ends_with("this is a named pipe, not a regular file"), "{error}");
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn closures_are_callbacks() {
    let counts = Arc::new(Mutex::new([0; 6]));
    let count = |i: usize| {
        let counts = counts.clone();
        move || -> Result<(), Error> {
            counts.lock().unwrap()[i] += 1;
            Ok(())
        }
    };
    let [a, b, c, d, e, f] = [0, 1, 2, 3, 4, 5].map(count);
    let lambda = LambdaCallback::new()
        .on_train_begin(move |_| a())
        .on_epoch_begin(move |_, _| b())
        .on_train_batch_begin(move |_, _| c())
        .on_train_batch_end(move |_, _, _| d())
        .on_epoch_end(move |training, epoch, logs| {
            logs.set("answer", 42.0);
            if epoch == 2 {
                training.stop();
            }
            e()
        })
        .on_train_end(move |_| f());
    let history = trainer(Sgd::new(0.01)).callback(lambda).fit(&data(), &fit(9)).unwrap();
    assert_eq!(*counts.lock().unwrap(), [1, 3, 12, 12, 3, 1]);
    assert_eq!(history.get("answer").unwrap(), [42.0; 3]);
    let failing = LambdaCallback::new().on_epoch_begin(|_, epoch| match epoch {
        1 => Err(Error::Empty("the patience")),
        _ => Ok(()),
    });
    let mut trainer = trainer(Sgd::new(0.01)).callback(failing);
    assert_eq!(trainer.fit(&data(), &fit(9)), Err(Error::Empty("the patience")));
    assert_eq!(trainer.history().epochs(), 1);
}

/// The validation sees the averages, the training the weights.
#[test]
fn averages_are_swapped_for_the_validation() {
    let adam = Adam { use_ema: true, ema_momentum: 0.9, ..Adam::new(0.1) };
    let run = |callback: bool, epochs: usize| -> (History, f32) {
        let mut trainer = trainer(adam.clone());
        if callback {
            trainer = trainer.callback(SwapEmaWeights::new());
        }
        let history = trainer.fit_validated(&data(), &data(), &fit(epochs)).unwrap();
        (history, bias(&trainer.model))
    };
    let ((with, a), (without, b)) = (run(true, 3), run(false, 3));
    assert_eq!(with.get("loss"), without.get("loss"));
    assert_ne!(with.get("val_loss"), without.get("val_loss"));
    // In the end the model has the averages, so the last validation was that of the model.
    assert_eq!(a, b);
    let mut trained = trainer(adam.clone()).callback(SwapEmaWeights::new());
    let history = trained.fit_validated(&data(), &data(), &fit(3)).unwrap();
    let evaluated = trained.evaluate(&data(), 1).unwrap()[0].1;
    assert_eq!(history.last("val_loss"), Some(evaluated));
    let mut kept = trainer(adam).callback(SwapEmaWeights::new().swap_on_epoch(true));
    kept.fit_validated(&data(), &data(), &fit(3)).unwrap();
    assert_eq!(bias(&kept.model), a);
    let mut none = trainer(Adam::default()).callback(SwapEmaWeights::new());
    let error = none.fit_validated(&data(), &data(), &fit(1)).unwrap_err();
    assert!(matches!(error, Error::Invalid { name: "use_ema", .. }), "{error}");
}

/// Sees the bias after each step, and fails in one way.
struct FailsLater {
    bias: Arc<Mutex<f32>>,
    fails: &'static str,
}

impl Callback<Line> for FailsLater {
    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, Line>,
        _: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        *self.bias.lock().unwrap() = bias(training.model);
        Ok(())
    }

    fn on_test_begin(&mut self, _: &mut Training<'_, Line>) -> Result<(), Error> {
        match self.fails {
            "error in the validation" => Err(Error::data("no validation")),
            "panic in the validation" => panic!("no validation"),
            _ => Ok(()),
        }
    }

    fn on_epoch_end(
        &mut self,
        _: &mut Training<'_, Line>,
        _: usize,
        _: &mut Logs,
    ) -> Result<(), Error> {
        match self.fails {
            "error at the end of the epoch" => Err(Error::data("no end")),
            _ => Ok(()),
        }
    }
}

/// After whatever failure, the model has its weights and not their averages.
#[test]
fn averages_are_swapped_back_after_a_failure() {
    for fails in
        ["error in the validation", "panic in the validation", "error at the end of the epoch"]
    {
        let last = Arc::new(Mutex::new(0.0));
        let mut trainer = trainer(Adam { use_ema: true, ..Adam::new(0.1) })
            .callback(SwapEmaWeights::new().swap_on_epoch(true))
            .callback(FailsLater { bias: last.clone(), fails });
        let fit = fit(2);
        let mut train = || trainer.fit_validated(&data(), &data(), &fit).map(drop);
        let result = std::panic::catch_unwind(AssertUnwindSafe(&mut train));
        assert!(!matches!(result, Ok(Ok(()))), "{fails}");
        assert_eq!(bias(&trainer.model), *last.lock().unwrap(), "{fails}");
    }
}

#[test]
fn tensorboard_files_have_their_records() {
    let folder = folder("board");
    let board = TensorBoard::new(&folder).histogram_freq(1).update_freq(2);
    trainer(Sgd::new(0.01)).callback(board).fit_validated(&data(), &data(), &fit(2)).unwrap();
    let records = |part: &str| -> Vec<Vec<u8>> {
        let mut files = fs::read_dir(folder.join(part)).unwrap();
        let path = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        assert!(path.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."));
        let bytes = fs::read(path).unwrap();
        let (mut records, mut rest) = (Vec::new(), bytes.as_slice());
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            records.push(rest[12..12 + length].to_vec());
            rest = &rest[16 + length..];
        }
        records
    };
    let holds = |records: &[Vec<u8>], tag: &str| {
        let tag = [&[0x0A, tag.len() as u8], tag.as_bytes()].concat();
        records.iter().filter(|record| record.windows(tag.len()).any(|part| part == tag)).count()
    };
    let (train, validation) = (records("train"), records("validation"));
    assert!(train[0].ends_with(b"brain.Event:2"));
    for (tag, times) in [
        ("model", 1),
        ("epoch_loss", 2),
        ("epoch_learning_rate", 2),
        ("batch_loss", 4),
        ("0/kernel/histogram", 2),
        ("0/bias/histogram", 2),
    ] {
        assert_eq!(holds(&train, tag), times, "{tag}");
    }
    assert_eq!((validation.len(), holds(&validation, "epoch_loss")), (3, 2));
    fs::remove_dir_all(folder).unwrap();
}

/// The process sends itself what a terminal sends at Ctrl-C.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_the_training_and_a_checkpoint_goes_on() {
    use kerata::callbacks::StopOnCtrlC;
    let folder = folder("ctrl-c");
    let path = folder.join("run.safetensors");
    let press = || {
        LambdaCallback::new().on_epoch_begin(|training, epoch| {
            if epoch == 2 && training.resumed().is_none() {
                let process = std::process::id().to_string();
                let sent = std::process::Command::new("kill").args(["-INT", &process]).status();
                assert!(sent.unwrap().success());
                // The handler runs on a thread of its own.
                std::thread::sleep(std::time::Duration::from_millis(300));
            }
            Ok(())
        })
    };
    let with = || {
        trainer(Sgd::new(0.01))
            .callback(press())
            .callback(StopOnCtrlC::new().unwrap())
            .callback(ModelCheckpoint::new(path.to_str().unwrap()))
    };
    let history = with().fit(&data(), &fit(6)).unwrap();
    assert_eq!(history.epochs(), 3);
    let mut resumed = with();
    resumed.resume(&path).unwrap();
    let history = resumed.fit(&data(), &fit(6)).unwrap();
    // One step in the epoch that was interrupted.
    assert_eq!((history.epochs(), resumed.steps()), (6, 5 * 4 + 1));
    fs::remove_dir_all(folder).unwrap();
}

/// Python reads the files, where its reader is installed.
#[test]
fn tensorboard_itself_reads_the_files() {
    let folder = folder("python");
    let board = TensorBoard::new(&folder).histogram_freq(1);
    let mut trainer = trainer(Sgd::new(0.01)).callback(board);
    let history = trainer.fit(&data(), &fit(2)).unwrap();
    let program = "
import sys
try:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    sys.exit(77)
events = EventAccumulator(sys.argv[1], size_guidance={'histograms': 0})
events.Reload()
tags = events.Tags()
print(['%.4f' % e.value for e in events.Scalars('epoch_loss')], tags['histograms'], tags['tensors'])
";
    let python = std::env::var("KERATA_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = std::process::Command::new(python);
    let run = command.args(["-c", program]).arg(folder.join("train")).output();
    match run {
        Ok(output) if output.status.success() => {
            let loss = history.get("loss").unwrap();
            let expected = format!("['{:.4}', '{:.4}']", loss[0], loss[1]);
            let found = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(found.starts_with(&expected), "{found}, expected {expected}");
            assert!(found.contains("'0/kernel/histogram'") && found.contains("'model'"), "{found}");
        }
        Ok(output) if output.status.code() != Some(77) => {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        }
        _ => {
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: Python has no tensorboard; see KERATA_PYTHON"
            );
        }
    }
    fs::remove_dir_all(folder).unwrap();
}

/// What was logged on this thread.
struct Heard;

thread_local! {
    static HEARD: std::cell::RefCell<Vec<(log::Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

impl log::Log for Heard {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("kerata") {
            HEARD.with_borrow_mut(|heard| heard.push((record.level(), record.args().to_string())));
        }
    }

    fn flush(&self) {}
}

#[test]
fn a_logger_hears_of_epochs_checkpoints_and_stops() {
    log::set_logger(&Heard).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let path = std::env::temp_dir().join(format!("kerata-log-{}.safetensors", std::process::id()));
    let mut stopped = trainer(Sgd::new(1e-12))
        .callback(ModelCheckpoint::new(path.to_str().unwrap()))
        .callback(ReduceLrOnPlateau::new("loss").patience(1))
        .callback(EarlyStopping::new("loss").patience(2).restore_best_weights(true));
    stopped.fit(&data(), &fit(9)).unwrap();
    fs::remove_file(&path).unwrap();
    let heard = HEARD.take();
    assert!(heard.iter().all(|(level, _)| *level == log::Level::Info), "{heard:?}");
    let count = |start: &str| heard.iter().filter(|(_, line)| line.starts_with(start)).count();
    for (start, times) in [
        ("training to epoch 9, batches of 1, ", 1),
        ("epoch 1/9: loss ", 1),
        ("epoch ", 3),
        ("checkpoint saved in ", 3),
        ("learning rate reduced from ", 2),
        ("stopped early after epoch 3: loss was best with ", 1),
        ("the weights are those of epoch 1", 1),
        ("the training ended after epoch 3", 1),
    ] {
        assert_eq!(count(start), times, "{start}: {heard:?}");
    }
    // A step that fails is an error in the log too.
    let nan = InMemory::new(vec![[f32::NAN]], vec![[1.0_f32]]).unwrap();
    trainer(Sgd::new(0.1)).fit(&nan, &fit(1)).unwrap_err();
    let heard = HEARD.take();
    assert!(
        heard.iter().any(|(level, line)| *level == log::Level::Error && line.contains("NaN")),
        "{heard:?}"
    );
}

/// Asks for a checkpoint at each moment of a training.
struct Everywhere(PathBuf);

impl Everywhere {
    fn save<M>(&self, training: &mut Training<'_, M>, moment: &str) -> Result<(), Error> {
        let epoch = training.epoch();
        training.save_checkpoint(self.0.join(format!("{epoch}-{moment}.safetensors")));
        Ok(())
    }
}

impl<M> Callback<M> for Everywhere {
    fn on_train_begin(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        self.save(training, "train_begin")
    }

    fn on_train_end(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        self.save(training, "train_end")
    }

    fn on_epoch_begin(&mut self, training: &mut Training<'_, M>, _: usize) -> Result<(), Error> {
        // What has changed before is in the file, and does not change again.
        let rate = training.learning_rate()?;
        training.set_learning_rate(rate * 0.9)?;
        self.save(training, "epoch_begin")
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M>,
        _: usize,
        _: &mut Logs,
    ) -> Result<(), Error> {
        self.save(training, "epoch_end")
    }

    fn on_train_batch_begin(
        &mut self,
        training: &mut Training<'_, M>,
        batch: usize,
    ) -> Result<(), Error> {
        let rate = training.learning_rate()?;
        training.set_learning_rate(rate * 0.99)?;
        self.save(training, &format!("batch_begin_{batch}"))
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M>,
        batch: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        self.save(training, &format!("batch_end_{batch}"))
    }

    fn on_test_begin(&mut self, training: &mut Training<'_, M>) -> Result<(), Error> {
        self.save(training, "test_begin")
    }

    fn on_test_end(&mut self, training: &mut Training<'_, M>, _: &Logs) -> Result<(), Error> {
        self.save(training, "test_end")
    }
}

/// A checkpoint is written at whatever moment it is asked for, and the training goes on from each.
#[test]
fn checkpoints_of_every_moment() {
    let [first, second] = ["moments", "moments-again"].map(folder);
    let run = |folder: &Path, from: Option<&Path>| {
        let mut trainer = trainer(Adam::new(0.1)).callback(Everywhere(folder.to_owned()));
        if let Some(from) = from {
            trainer.resume(from).unwrap();
        }
        let history = trainer.fit_validated(&data(), &data(), &fit(2)).unwrap();
        (history, bias(&trainer.model))
    };
    let whole = run(&first, None);
    let files: Vec<PathBuf> =
        fs::read_dir(&first).unwrap().map(|file| file.unwrap().path()).collect();
    // At the beginning and end; in each epoch at its beginning and end, those of the validation, and those of four batches.
    assert_eq!(files.len(), 2 + 2 * (2 + 2 + 2 * 4), "{files:?}");
    for file in files {
        assert_eq!(run(&second, Some(&file)), whole, "{}", file.display());
    }
    fs::remove_dir_all(first).unwrap();
    fs::remove_dir_all(second).unwrap();
}

/// A step that fails can be gone on from, too.
#[test]
fn checkpoint_of_a_failed_step() {
    struct Rescue(PathBuf);

    impl<M> Callback<M> for Rescue {
        fn on_step_error(
            &mut self,
            training: &mut Training<'_, M>,
            _: usize,
            _: &Error,
        ) -> Recovery {
            training.save_checkpoint(&self.0);
            Recovery::Fail
        }
    }

    let folder = folder("rescue");
    let path = folder.join("rescue.safetensors");
    let spoiled = InMemory::new(vec![[0.0], [1.0], [f32::NAN]], vec![[1.0], [3.0], [5.0]]).unwrap();
    let mut first = trainer(Sgd::new(0.1)).callback(Rescue(path.clone()));
    let fit = Fit { shuffle: false, ..fit(1) };
    first.fit(&spoiled, &fit).unwrap_err();
    let mut second = trainer(Sgd::new(0.1));
    second.resume(&path).unwrap();
    assert_eq!((second.steps(), bias(&second.model)), (2, bias(&first.model)));
    fs::remove_dir_all(folder).unwrap();
}

/// What cannot work is said before the first step.
#[test]
fn a_wrong_set_up_is_found_at_the_beginning() {
    fn says<O: Optimizer>(mut trainer: LineTrainer<O>, expected: &str) {
        let error = trainer.fit_validated(&data(), &data(), &fit(3)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(trainer.steps(), 0, "{error}");
    }
    let schedule = || trainer(Sgd::new(ExponentialDecay::new(0.1, 10.0, 0.9)));
    let follows = "but that follows a schedule";
    says(schedule().callback(ReduceLrOnPlateau::new("loss").patience(100)), follows);
    says(schedule().callback(LearningRateScheduler::new(|_, rate| rate)), follows);
    says(trainer(Sgd::new(0.1)).callback(SwapEmaWeights::new()), "use_ema is false");
    let weights = |name| ModelCheckpoint::new(name).save_weights_only(true);
    for name in ["w.h5", "w.keras", "w.pt"] {
        says(trainer(Sgd::new(0.1)).callback(weights(name)), "written as .safetensors or .npz");
    }
    // It is known at the end of an epoch only.
    let each_batch = ModelCheckpoint::new("{learning_rate}.safetensors").every_batches(1);
    let reduce = ReduceLrOnPlateau::new("loss");
    says(trainer(Sgd::new(0.1)).callback(reduce).callback(each_batch), "learning_rate");
}

/// What a closure sets in the logs has a column in all files, and can be monitored.
#[test]
fn columns_of_closures() {
    let folder = folder("closures");
    let path = folder.join("log.csv");
    let twice = || {
        LambdaCallback::new().on_epoch_end(|_, epoch, logs| {
            logs.set("twice, or \"so\"", 2.0 * epoch as f64);
            Ok(())
        })
    };
    // The columns are known in the first epoch.
    let mut first = trainer(Sgd::new(0.1))
        .callback(twice())
        .callback(CsvLogger::new(&path))
        .callback(ModelCheckpoint::new(folder.join("run.safetensors").to_str().unwrap()));
    first.fit(&data(), &fit(2)).unwrap();
    let header = "epoch,loss,\"twice, or \"\"so\"\"\"";
    assert_eq!(text(&path).lines().next(), Some(header));
    assert!(text(&path).lines().nth(2).unwrap().ends_with(",2"), "{}", text(&path));
    // A training that is resumed has those of the file, be they measured or not.
    let mut second = trainer(Sgd::new(0.1))
        .callback(CsvLogger::new(&path))
        .callback(ModelCheckpoint::new(folder.join("run.safetensors").to_str().unwrap()));
    second.resume(folder.join("run.safetensors")).unwrap();
    second.fit(&data(), &fit(3)).unwrap();
    let lines = text(&path);
    assert_eq!(lines.lines().next(), Some(header));
    assert!(lines.lines().count() == 4 && lines.ends_with(",NA\n"), "{lines}");
    // What is said can be monitored.
    let named = LambdaCallback::new().column("up", Some(Direction::Up)).measure(
        |_, epoch, logs: &mut Logs| {
            logs.set("up", if epoch < 2 { epoch as f64 } else { 0.0 });
            Ok(())
        },
    );
    let mut third = trainer(Sgd::new(0.1)).callback(EarlyStopping::new("up")).callback(named);
    assert_eq!(third.fit(&data(), &fit(9)).unwrap().epochs(), 3);
    fs::remove_dir_all(folder).unwrap();
}
