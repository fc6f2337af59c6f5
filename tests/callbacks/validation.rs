//! Data that callbacks judge the model by.

use super::*;

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
