//! Steps of the rows of a table, seen by callbacks, and where a training fails.

use std::sync::{Arc, Mutex};

use kerata::{
    Error,
    data::InMemory,
    optim::{Adam, AdamW},
    prelude::*,
    train::{Callback, Fit, Logs, Recovery, Training},
};

use crate::tables::{FIT, Net, ROWS, assert_same, data, ids, moves_fewer, trained, values};

/// Collects what a training is after each batch, or each epoch.
struct Collect {
    batches: bool,
    values: Arc<Mutex<Vec<Vec<f32>>>>,
}

impl<M: Parameters> Callback<M> for Collect {
    fn reads_model_in_batches(&self) -> bool {
        self.batches
    }

    fn on_train_batch_end(
        &mut self,
        training: &mut Training<'_, M>,
        _: usize,
        _: &Logs,
    ) -> Result<(), Error> {
        if self.batches {
            self.values.lock().unwrap().push(values(training.model));
        }
        Ok(())
    }

    fn on_epoch_end(
        &mut self,
        training: &mut Training<'_, M>,
        _: usize,
        _: &mut Logs,
    ) -> Result<(), Error> {
        self.values.lock().unwrap().push(values(training.model));
        Ok(())
    }

    fn on_step_error(&mut self, _: &mut Training<'_, M>, _: usize, error: &Error) -> Recovery {
        match error {
            Error::NonFiniteLoss { .. } => Recovery::Skip,
            _ => Recovery::Fail,
        }
    }
}

/// Whoever looks at the model sees what it would be with steps of whole tables.
#[test]
fn callbacks_see_the_model_of_the_last_step() {
    for batches in [true, false] {
        let data = data(60, 1);
        let [found, expected] = [false, true].map(|whole| {
            let seen = Arc::new(Mutex::new(Vec::new()));
            let after = trained::<Net, _>(AdamW::new(0.01, 0.01), whole, |trainer| {
                let mut trainer = trainer.callback(Collect { batches, values: seen.clone() });
                trainer.fit_validated(&data, &data, &Fit { epochs: 2, ..FIT }).unwrap();
                trainer
            });
            let mut seen = seen.lock().unwrap().clone();
            seen.push(after.0);
            seen
        });
        assert_eq!(found.len(), if batches { 123 } else { 3 });
        found.iter().zip(&expected).for_each(|(a, b)| assert_same("seen", a, b));
    }
}

/// Steps that fail are passed over; one of gradients so large that it may overflow is made of the whole table; and what is remembered
/// of it can be looked at in between.
#[test]
fn steps_that_fail_or_may() {
    let few = 40;
    let mut y: Vec<[f32; 1]> = (0..2 * few).map(|i| [i as f32 / 20.0 - 1.0]).collect();
    (y[20][0], y[50][0]) = (f32::NAN, 3e17);
    let data = InMemory::new(ids(few, ROWS, 5), y).unwrap();
    let [found, expected] = [false, true].map(|whole| {
        trained::<Net, _>(Adam::new(0.01), whole, |trainer| {
            let values = Arc::default();
            let mut trainer = trainer.callback(Collect { batches: false, values });
            for _ in 0..2 {
                trainer.fit(&data, &FIT).unwrap();
                let mut slots = 0;
                trainer
                    .state
                    .visit_slots(&trainer.model, |slot| slots += slot.values.len())
                    .unwrap();
                assert_eq!(slots, 2 * Net::PARAMS);
            }
            assert_eq!(trainer.steps(), 2 * (few - 1));
            trainer
        })
    });
    assert_same("values", &found.0, &expected.0);
    moves_fewer("values", found.2, expected.2);
}

/// Ends a training by a panic or by an error.
struct End(bool);

impl<M> Callback<M> for End {
    fn reads_model_in_batches(&self) -> bool {
        false
    }

    fn on_train_batch_begin(&mut self, _: &mut Training<'_, M>, batch: usize) -> Result<(), Error> {
        match batch {
            30 if self.0 => panic!("at this batch"),
            30 => Err(Error::Empty("the rest")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_training_that_ends_by_a_panic_or_an_error() {
    for panics in [true, false] {
        let data = data(60, 2);
        let [found, expected] = [false, true].map(|whole| {
            trained::<Net, _>(AdamW::new(0.01, 0.1), whole, |trainer| {
                let mut trainer = trainer.callback(End(panics));
                let fit = std::panic::AssertUnwindSafe(|| trainer.fit(&data, &FIT));
                match std::panic::catch_unwind(fit) {
                    Ok(result) => assert!(!panics && result.is_err()),
                    Err(_) => assert!(panics),
                }
                trainer
            })
        });
        assert_same("values", &found.0, &expected.0);
        assert_same("slots", &found.1, &expected.1);
    }
}
