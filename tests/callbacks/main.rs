//! Callbacks, held against what those of Keras do.

#![allow(missing_docs)]

mod averages;
mod hooks;
mod keras;
mod logs;
mod moments;
mod validation;

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
        "the value `val_mean_absolute_erro` is not known, did you mean `mean_absolute_error`?"
    );
    assert_eq!(
        says(EarlyStopping::new("val_loss")),
        "the monitored value is val_loss: whether more of it is better is not known: say `Mode::Min` or `Mode::Max`"
    );
    let mut trainer =
        trainer(Sgd::new(0.01)).callback(ModelCheckpoint::new("{epoch}-{val_loss}.safetensors"));
    assert!(matches!(trainer.fit(&data(), &fit(1)), Err(Error::Unknown { .. })));
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
