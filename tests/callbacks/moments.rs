//! Checkpoints of any moment, and trainings that end early.

use super::*;

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
