//! What is written down: files, TensorBoard, the logger of a program.

use kerata::{
    Layer,
    tensor::{BroadcastTo, HasShape, Rank1, Tape, Tensor, TryMul},
};

use super::*;

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
    for separator in ['"', '\n', '\r', '.', '-', '1', 'e'] {
        let logger = CsvLogger::new(&csv).separator(separator);
        let result = self::trainer(Sgd::new(0.01)).callback(logger).fit(&data(), &fit(1));
        assert!(matches!(result, Err(Error::Invalid { name: "separator", .. })), "{separator}");
    }
    assert_eq!(text(&csv).lines().count(), 3);
    let nowhere = folder.join("nowhere/log.csv");
    let mut failing = self::trainer(Sgd::new(0.01)).callback(CsvLogger::new(nowhere));
    assert!(matches!(failing.fit(&data(), &fit(1)), Err(Error::File { .. })));
    fs::remove_dir_all(folder).unwrap();
}

/// A device may give without end, and a terminal nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_log_may_be_a_device_which_is_not_read() {
    let on = |path: &str| {
        let mut trainer = trainer(Sgd::new(0.01)).callback(CsvLogger::new(path));
        trainer.fit(&data(), &fit(1)).map(|_| ())
    };
    assert_eq!(on("/dev/null"), Ok(()));
    let error = on("/dev/full").unwrap_err().to_string();
    assert!(error.starts_with("/dev/full: No space left on device"), "{error}");
}

/// Nobody reads the other end, which opening it would wait for.
#[cfg(unix)]
#[test]
fn a_log_is_no_named_pipe() {
    let folder = folder("pipe");
    let pipe = folder.join("log");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if !made.is_ok_and(|status| status.success()) {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no `mkfifo`");
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

thread_local! {
    static HEARD: std::cell::RefCell<Vec<(log::Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// What was logged on this thread.
struct Heard;

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

/// Multiplies by a weight that something is done with before it meets what is recorded.
#[kerata::layer]
struct Lost {
    #[weight(init = ones)]
    factor: Tensor<Rank1<1>, f32, Cpu>,
}

impl Layer<(Batch, Const<1>)> for Lost {
    type Out = (Batch, Const<1>);

    fn call<T: Tape<f32, Cpu>>(
        &self,
        x: Tensor<Self::Out, f32, Cpu, T>,
    ) -> Result<Tensor<Self::Out, f32, Cpu, T>, Error> {
        let factor = (self.factor.clone() * 2.0).try_broadcast_like(x.shape())?;
        Ok(x.try_mul(factor)?)
    }
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
    // And a weight that is never trained is a warning, once.
    let lost = Sequential::<(Batch, Const<1>), (Dense<1, 1>, Lost)>::build(&Cpu::seed_from_u64(0));
    let mut lost = Trainer::new(lost.unwrap(), MeanSquaredError, Sgd::new(0.01)).unwrap();
    lost.fit(&data(), &fit(4)).unwrap();
    let heard = HEARD.take();
    let warned: Vec<&String> = heard
        .iter()
        .filter_map(|(level, line)| (*level == log::Level::Warn).then_some(line))
        .collect();
    assert_eq!(warned.len(), 1, "{heard:?}");
    assert!(warned[0].starts_with("no gradient has reached 1.factor in 10 steps"), "{warned:?}");
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
