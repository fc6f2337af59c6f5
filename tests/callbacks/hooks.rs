//! When hooks are called.

use super::*;

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
