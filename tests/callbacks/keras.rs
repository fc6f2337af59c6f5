//! The numbers of Keras: when to stop, when to lower the learning rate, which models to keep.

use super::*;

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

#[test]
fn epochs_are_counted_from_the_initial_one() {
    let schedule = LearningRateScheduler::new(|epoch, _| 0.001 * (epoch + 1) as f64);
    let mut trainer = trainer(Sgd::new(0.01)).callback(schedule);
    let part = Fit { initial_epoch: 2, ..fit(5) };
    let history = trainer.fit(&data(), &part).unwrap();
    assert_eq!(history.get("learning_rate").unwrap(), [0.003, 0.004, 0.005]);
    assert_eq!(trainer.steps(), 3 * 4);
    // As in Keras, nothing is left to do here.
    let none = trainer.fit(&data(), &Fit { initial_epoch: 5, ..part }).unwrap();
    assert_eq!((none.epochs(), trainer.steps()), (0, 3 * 4));

    // What happens before the first epoch that is looked at is not waited for.
    let early = EarlyStopping::new("val_loss").mode(Mode::Min).start_from_epoch(3);
    let script = Script(vec![0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
    let mut trainer = self::trainer(Sgd::new(0.01)).callback(script).callback(early);
    let history = trainer.fit(&data(), &Fit { initial_epoch: 2, ..fit(6) }).unwrap();
    assert_eq!(history.epochs(), 3);
    let early: &EarlyStopping = trainer.find_callback().unwrap();
    assert_eq!((early.best_epoch(), early.stopped_epoch()), (3, Some(4)));
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
