//! Trainings that ended before they should.

use super::*;

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
