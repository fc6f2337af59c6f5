//! Numbers that become too large for the number type.

use super::*;

/// The error of one batch, and the weights after it.
fn one_batch(weight: f32, x: f32, optimizer: impl Optimizer) -> (Result<History, Error>, Vec<f32>) {
    let mut trainer = Trainer::new(line(weight), MeanSquaredError, optimizer).unwrap();
    let data = InMemory::new(vec![[x]], vec![[0.0_f32]]).unwrap();
    let result = trainer.fit(&data, &Fit { epochs: 1, ..fit() });
    (result, values(&trainer.model))
}

#[test]
fn a_gradient_that_overflows() {
    // The loss is finite, its gradient is not: 2 * 1.8e19 * 1e19.
    for optimizer in [Adam::default(), Adam::new(1.0)] {
        let (result, after) = one_batch(1.8, 1e19, optimizer);
        let text = "a gradient of `0.kernel` is inf in epoch 1, batch 1: lower the learning rate or look at that batch";
        assert_eq!(result.unwrap_err().to_string(), text);
        assert_eq!(after, [1.8, 0.0]);
    }
    let (result, after) = one_batch(1.8, 1e19, Sgd::new(0.1));
    assert!(matches!(result, Err(Error::NonFiniteGradient { at: Some((1, 1)), .. })));
    assert_eq!(after, [1.8, 0.0]);
}

#[test]
fn a_step_that_overflows() {
    fn refused(weight: f32, x: f32, optimizer: impl Optimizer + std::fmt::Debug) {
        let what = format!("{weight}, {x}, {optimizer:?}");
        let (result, after) = one_batch(weight, x, optimizer);
        assert!(matches!(result, Err(Error::NonFiniteParameter { .. })), "{what}: {result:?}");
        assert_eq!(after, [weight, 0.0], "{what}");
    }
    refused(1.0, 10.0, Sgd::new(1e38));
    refused(1.0, 10.0, Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(3e38) });
    refused(1.0, 1.0, Sgd { weight_decay: Some(1e30), ..Sgd::new(1e10) });
    // The square of the gradient is kept.
    refused(1.0, 1e13, Adam::default());
    refused(1.0, 1e13, AdamW::default());
    refused(1.0, 1e13, RMSprop::default());
    refused(1.0, 1.0, Adam::new(3e38));
    refused(1.0, 1.0, RMSprop { momentum: 0.9, ..RMSprop::new(3e38) });
}

/// Settings that would be 0, 1 or infinite in single precision.
#[test]
fn a_setting_that_is_rounded_away() {
    fn refused(name: &str, optimizer: impl Optimizer) {
        let (result, after) = one_batch(1.0, 1.0, optimizer);
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Invalid { name: found, .. } if found == name), "{error}");
        assert_eq!(after, [1.0, 0.0]);
    }
    refused("learning_rate", RMSprop::new(1e39));
    refused("epsilon", Adam { epsilon: 1e-60, ..Adam::default() });
    refused("beta_2", Adam { beta_2: 0.999_999_999_999, ..Adam::default() });
}

/// A moving statistic of values whose squares overflow.
#[test]
fn a_statistic_that_overflows() {
    type Norm = Sequential<(Batch, Const<1>), (BatchNorm<1>, Dense<1, 1>)>;
    let model = Norm::build(&Cpu::default()).unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1)).unwrap();
    let data = InMemory::new(vec![[1e25_f32], [-1e25]], vec![[0.0_f32], [1.0]]).unwrap();
    let error = trainer.fit(&data, &fit()).unwrap_err();
    let Error::NonFiniteParameter { parameter, .. } = error else { panic!("{error}") };
    assert_eq!(parameter, "0.moving_variance");
    assert_eq!(trainer.model.layers.0.moving_variance.array(), [1.0]);
}

/// The sum of the squares grows from step to step until it overflows.
#[test]
fn an_overflow_after_many_steps() {
    let mut model = line(1.0).layers;
    let (mut state, dev) = (State::default(), Cpu::default());
    let adagrad = Adagrad::new(1e-3);
    let mut last = (values(&model), 0);
    let error = loop {
        let step = state.attempt(&adagrad, &mut model, |model| {
            let x = dev.tensor([[1.0_f32]]).put_tape(OwnedTape::default());
            // The gradient of the kernel stays 1e18.
            let y = model.forward_mut(x)?;
            Ok(dfdx::prelude::TryMul::try_mul(
                MeanAbsoluteError.compute(y, dev.tensor([[-9.0]]))?,
                1e18_f32,
            )
            .unwrap())
        });
        match step {
            Ok(_) => last = (values(&model), state.steps()),
            Err(error) => break error,
        }
        assert!(state.steps() < 1000);
    };
    assert!(matches!(error, Error::NonFiniteParameter { at: None, .. }), "{error}");
    assert_eq!((values(&model), state.steps()), last);
    assert!(state.steps() > 5 && values(&model).iter().all(|v| v.is_finite()));
}

/// An optimiser of which no bounds are known.
#[derive(Debug, Clone)]
struct Unbounded<O>(O, Arc<AtomicBool>);

impl<O: Optimizer> Optimizer for Unbounded<O> {
    fn name(&self) -> &'static str {
        "unbounded"
    }

    fn learning_rate(&self) -> &LearningRate {
        self.0.learning_rate()
    }

    fn learning_rate_mut(&mut self) -> &mut LearningRate {
        self.0.learning_rate_mut()
    }

    fn slots(&self, shape: &[usize]) -> Vec<Slot> {
        self.0.slots(shape)
    }

    fn update<E: Element>(&self, update: Update<'_, E>) -> Result<(), Error> {
        self.0.update(update)?;
        assert!(
            !self.1.load(Ordering::Relaxed),
            "this optimiser panics, after it has changed its slots"
        );
        Ok(())
    }
}

/// Steps on a copy are the same as those in place, and a panic in one takes it back.
#[test]
fn steps_on_a_copy() {
    fn check(optimizer: impl Optimizer) {
        let x: Vec<[f32; 1]> = (0..32).map(|i| [i as f32 / 16.0]).collect();
        let y: Vec<[f32; 1]> = (0..32).map(|i| [1.0 - i as f32 / 8.0]).collect();
        let data = InMemory::new(x, y).unwrap();
        let mut known = Trainer::new(line(0.3), MeanSquaredError, optimizer.clone()).unwrap();
        let panics = Arc::new(AtomicBool::new(false));
        let unbounded = Unbounded(optimizer, panics.clone());
        let mut unknown = Trainer::new(line(0.3), MeanSquaredError, unbounded).unwrap();
        for _ in 0..3 {
            known.fit(&data, &fit()).unwrap();
            unknown.fit(&data, &fit()).unwrap();
            assert_eq!(values(&known.model), values(&unknown.model));
            panics.store(true, Ordering::Relaxed);
            let panicked = catch_unwind(AssertUnwindSafe(|| unknown.fit(&data, &fit())));
            assert!(panicked.is_err());
            panics.store(false, Ordering::Relaxed);
            assert_eq!(values(&known.model), values(&unknown.model));
            assert_eq!(known.steps(), unknown.steps());
        }
    }
    check(Sgd { momentum: 0.9, nesterov: true, ..Sgd::new(0.05) });
    check(Adam::new(0.05));
    check(RMSprop { momentum: 0.9, ..RMSprop::new(0.01) });
}
