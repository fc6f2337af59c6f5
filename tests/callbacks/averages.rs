//! Moving averages that replace the weights.

use super::*;

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
