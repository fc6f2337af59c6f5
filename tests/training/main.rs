//! A step of training happens as a whole or not at all, whatever goes wrong in it.

#![allow(missing_docs)]

mod overflow;
mod whole;

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use dfdx::tensor::{OwnedTape, PutTape, Tape};
use kerata::{
    Backend, Batch, BatchNorm, Const, Cpu, Dense, Dropout, Element, Error, Ids, Layer, Softmax,
    Tensor,
    data::InMemory,
    loss::{Loss, MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy},
    metric::{MeanLoss, Metric},
    model::Sequential,
    optim::{Adagrad, Adam, AdamW, LearningRate, Optimizer, RMSprop, Sgd, Slot, State, Update},
    parameters::{Parameter, Parameters, Visitor},
    prelude::*,
    reduce::{Mean, PerSample},
    signal::MaskTransparent,
    train::{Fit, History, Trainer},
};

type In = (Batch, Const<2>);
type Net = Sequential<In, (BatchNorm<2>, Dense<2, 8>, Dropout<30>, Unlucky, Dense<8, 3, Softmax>)>;
type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;

/// What a layer may do in its training pass.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Luck {
    Good,
    Error,
    Panic,
}

thread_local! {
    static LUCK: Cell<Luck> = const { Cell::new(Luck::Good) };
}

/// Counts its training passes, in a field that is no parameter, and fails when it is told to.
#[derive(Debug, Clone, Default)]
struct Unlucky {
    passes: usize,
}

impl<S: MaskTransparent, E: Element, D: Backend<E>> Layer<S, E, D> for Unlucky {
    type Out = S;

    fn call<T: Tape<E, D>>(&self, x: S::Data<E, D, T>) -> Result<S::Data<E, D, T>, Error> {
        Ok(x)
    }

    fn call_mut<T: Tape<E, D>>(&mut self, x: S::Data<E, D, T>) -> Result<S::Data<E, D, T>, Error> {
        self.passes += 1;
        match LUCK.get() {
            Luck::Good => Ok(x),
            Luck::Error => Err(Error::Empty("the luck")),
            Luck::Panic => panic!("bad luck"),
        }
    }
}

impl<E: Element, D: Backend<E>> Build<E, D> for Unlucky {
    fn build(_: &D) -> Result<Self, Error> {
        Ok(Self::default())
    }
}

impl<E: Element, D: Backend<E>> Parameters<E, D> for Unlucky {}

fn fit() -> Fit {
    Fit { progress: false, batch_size: 4, ..Fit::epochs(2) }
}

fn values<M: Parameters<f32, Cpu>>(model: &M) -> Vec<f32> {
    struct Values(Vec<f32>);

    impl Visitor<f32, Cpu> for Values {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            self.0.extend(parameter.tensor.to_vec()?);
            Ok(())
        }
    }

    let mut values = Values(Vec::new());
    model.clone().visit(&mut values).unwrap();
    values.0
}

type Labels = Ids<(Batch,)>;
type NetTrainer = Trainer<Net, SparseCategoricalCrossentropy, Adam, Labels>;

fn trainer() -> NetTrainer {
    let model = Net::build(&Cpu::seed_from_u64(3)).unwrap();
    Trainer::new(model, SparseCategoricalCrossentropy::default(), Adam::new(0.01)).unwrap()
}

fn rows(n: usize) -> Vec<[f32; 2]> {
    (0..n).map(|i| [(i * 7 % 11) as f32 / 5.0 - 1.0, (i * 5 % 13) as f32 / 6.0]).collect()
}

fn good() -> InMemory<Vec<[f32; 2]>, Vec<usize>> {
    InMemory::new(rows(12), (0..12).map(|i| i % 3).collect()).unwrap()
}

/// What goes wrong in a step.
fn failures() -> Vec<(&'static str, Box<dyn Fn(&mut NetTrainer)>)> {
    let fails = |x: Vec<[f32; 2]>, y: Vec<usize>| {
        move |trainer: &mut NetTrainer| {
            let data = InMemory::new(x.clone(), y.clone()).unwrap();
            assert!(trainer.fit(&data, &fit()).is_err());
        }
    };
    let unlucky = |luck: Luck| {
        move |trainer: &mut NetTrainer| {
            LUCK.set(luck);
            let failed = catch_unwind(AssertUnwindSafe(|| trainer.fit(&good(), &fit()).is_err()));
            LUCK.set(Luck::Good);
            assert_eq!(failed.is_err(), luck == Luck::Panic);
            assert!(failed.unwrap_or(true));
        }
    };
    let mut nan = rows(4);
    nan[2][1] = f32::NAN;
    let huge = vec![[3e38, -3e38], [-3e38, 3e38], [3e38, 3e38], [-3e38, 0.0]];
    vec![
        ("nan", Box::new(fails(nan, vec![0; 4]))),
        ("a bad label", Box::new(fails(rows(4), vec![0, 1, 3, 2]))),
        ("values whose squares overflow", Box::new(fails(huge, vec![0; 4]))),
        ("an error", Box::new(unlucky(Luck::Error))),
        ("a panic", Box::new(unlucky(Luck::Panic))),
    ]
}

fn line(weight: f32) -> Line {
    let mut model = Line::build(&Cpu::default()).unwrap();
    model.layers.0.kernel = Cpu::default().tensor([[weight]]);
    model
}

#[test]
fn what_fails_leaves_no_trace() {
    let mut undisturbed = trainer();
    let initial = values(&undisturbed.model);
    undisturbed.fit(&good(), &fit()).unwrap();
    let halfway = values(&undisturbed.model);
    let mut expected = undisturbed.fit(&good(), &fit()).unwrap();
    assert_ne!(initial, halfway);
    for (what, fail) in failures() {
        let mut trainer = trainer();
        let passes = |trainer: &NetTrainer| (trainer.steps(), trainer.model.layers.3.passes);
        fail(&mut trainer);
        assert_eq!(values(&trainer.model), initial, "{what}, before the first step");
        assert_eq!(passes(&trainer), (0, 0), "{what}");
        trainer.fit(&good(), &fit()).unwrap();
        assert_eq!(values(&trainer.model), halfway, "{what}, then training");
        fail(&mut trainer);
        fail(&mut trainer);
        assert_eq!(values(&trainer.model), halfway, "{what}, after six steps");
        assert_eq!((passes(&trainer), trainer.history().epochs()), ((6, 6), 2), "{what}");
        let history = trainer.fit(&good(), &fit()).unwrap();
        assert_eq!(values(&trainer.model), values(&undisturbed.model), "{what}, training on");
        assert_eq!(history, expected, "{what}");
        expected = history;
    }
}

#[test]
fn a_batch_that_fails_within_an_epoch() {
    // Four good batches, then a bad one: the four stay, as if there had been only them.
    let fit = Fit { shuffle: false, ..Fit { epochs: 1, ..fit() } };
    let data = |n: usize, label: usize| {
        let mut labels: Vec<usize> = (0..n).map(|i| i % 3).collect();
        labels[n - 1] = label;
        InMemory::new(rows(n), labels).unwrap()
    };
    let (mut failed, mut short) = (trainer(), trainer());
    failed.fit(&data(20, 9), &fit).unwrap_err();
    short.fit(&data(16, 0), &fit).unwrap();
    assert_eq!((failed.steps(), failed.history().epochs()), (4, 0));
    assert_eq!(values(&failed.model), values(&short.model));
}

/// Panics.
#[derive(Debug, Clone, Copy)]
struct PanickingLoss(bool);

impl Loss<(Batch, Const<1>), (Batch, Const<1>)> for PanickingLoss {
    fn name(&self) -> &'static str {
        "panicking_loss"
    }

    fn per_position<T: Tape<f32, Cpu>>(
        &self,
        prediction: Tensor<(usize, usize), f32, Cpu, T>,
        target: &Tensor<(Batch, Const<1>), f32, Cpu>,
    ) -> Result<Tensor<(usize,), f32, Cpu, T>, Error> {
        assert!(!self.0, "this loss panics");
        Loss::<(Batch, Const<1>), (Batch, Const<1>)>::per_position(
            &MeanSquaredError,
            prediction,
            target,
        )
    }
}

#[test]
fn a_loss_or_a_metric_that_panics() {
    type Norm = Sequential<(Batch, Const<1>), (BatchNorm<1>, Dense<1, 1>)>;
    let data = InMemory::new(vec![[1.0_f32], [3.0]], vec![[0.0_f32], [1.0]]).unwrap();
    let model = || Norm::build(&Cpu::seed_from_u64(1)).unwrap();
    let before = values(&model());
    let mut by_loss = Trainer::new(model(), PanickingLoss(true), Sgd::new(0.1)).unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| by_loss.fit(&data, &fit()))).is_err());
    assert_eq!((values(&by_loss.model), by_loss.steps()), (before.clone(), 0));
    let mut by_metric = Trainer::new(model(), MeanSquaredError, Sgd::new(0.1))
        .unwrap()
        .metric(MeanLoss(PanickingLoss(true)));
    assert!(catch_unwind(AssertUnwindSafe(|| by_metric.fit(&data, &fit()))).is_err());
    assert_eq!((values(&by_metric.model), by_metric.steps()), (before, 0));
}

/// In double precision there is more room.
#[test]
fn double_precision() {
    type Model = (BatchNorm<1, f64>, Dense<1, 1, kerata::Linear, f64>, Dropout<50>);
    let dev = Cpu::default();
    let mut model = Model::build(&dev).unwrap();
    let mut state = State::default();
    let mut step = |x: f64, model: &mut Model| {
        state.attempt(&Adam::default(), model, |model| {
            let x = dev.tensor([[x], [-x]]).put_tape(OwnedTape::default());
            MeanSquaredError.compute(model.forward_mut(x)?, dev.tensor([[0.5], [1.0]]))
        })
    };
    step(1e25, &mut model).unwrap();
    step(2.0, &mut model).unwrap();
    let before = model.0.moving_variance.array();
    step(1e200, &mut model).unwrap_err();
    step(f64::NAN, &mut model).unwrap_err();
    assert_eq!(model.0.moving_variance.array(), before);
}

#[test]
fn an_error_in_the_validation_data() {
    let bad = InMemory::new(rows(4), vec![0, 1, 2, 3]).unwrap();
    let mut trainer = trainer();
    trainer.fit_validated(&good(), &good(), &fit()).unwrap();
    trainer.fit_validated(&good(), &bad, &fit()).unwrap_err();
    trainer.fit(&good(), &fit()).unwrap();
    let history = trainer.history();
    assert_eq!((trainer.steps(), history.epochs()), (15, 5));
    let column = |name: &str| history.get(name).unwrap();
    assert!(column("loss").iter().all(|loss| loss.is_finite()));
    let measured: Vec<bool> = column("val_loss").iter().map(|loss| loss.is_finite()).collect();
    assert_eq!(measured, [true, true, false, false, false]);
}

/// One metric under several names.
#[test]
fn names_in_the_history() {
    struct Named(&'static str);

    impl Metric<(Batch, Const<1>), (Batch, Const<1>)> for Named {
        type State = Mean;

        fn name(&self) -> String {
            self.0.into()
        }

        fn update(
            &self,
            mean: &mut Mean,
            _: &Tensor<(usize, usize), f32, Cpu>,
            _: &Tensor<(Batch, Const<1>), f32, Cpu>,
            weights: &[f64],
        ) -> Result<(), Error> {
            mean.add(std::iter::repeat(1.0), weights.iter().copied());
            Ok(())
        }

        fn result(&self, mean: &Mean) -> f64 {
            mean.get()
        }
    }

    let data = InMemory::new(vec![[1.0_f32], [2.0]], vec![[0.0_f32], [1.0]]).unwrap();
    let data = data.with_weights(PerSample(vec![1.0, 3.0])).unwrap();
    let mut trainer = Trainer::new(line(1.0), MeanSquaredError, Sgd::new(0.01))
        .unwrap()
        .metric(MeanLoss(MeanSquaredError))
        .weighted_metric(MeanLoss(MeanSquaredError))
        .metric(Named("loss"))
        .metric(Named("val_loss"));
    let history = trainer.fit_validated(&data, &data, &Fit { epochs: 3, ..fit() }).unwrap();
    let names =
        ["loss", "mean_squared_error", "weighted_mean_squared_error", "loss_1", "val_loss_2"];
    let validation = names.map(|name| format!("val_{name}"));
    let all: Vec<&str> = names.into_iter().chain(validation.iter().map(String::as_str)).collect();
    assert_eq!(history.names().collect::<Vec<_>>(), all);
    assert_eq!(history.epochs(), 3);
    assert!(all.iter().all(|name| history.get(name).unwrap().len() == 3));
    // 1 and 1, weighted 1 and 3: the loss is (1 * 1 + 1 * 3) / 2.
    let first = |name: &str| history.get(name).unwrap()[0];
    assert_eq!((first("loss"), first("mean_squared_error")), (2.0, 1.0));
    assert_eq!((first("weighted_mean_squared_error"), first("loss_1")), (1.0, 1.0));
    let report = trainer.evaluate(&data, 2).unwrap();
    assert_eq!(report.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
    assert_eq!(history.to_string().lines().count(), 3);
    assert!(history.to_string().lines().all(|line| line.matches("val_loss").count() == 4));
}

#[test]
fn a_history_has_one_value_per_epoch() {
    let mut history = History::default();
    history.push([("loss".into(), 1.0), ("a".into(), 2.0), ("a".into(), 3.0)]);
    history.push([("loss".into(), 0.5), ("b".into(), 4.0)]);
    history.push([("a".into(), 5.0), ("a".into(), 6.0)]);
    assert_eq!(history.epochs(), 3);
    let text = |name: &str| format!("{:?}", history.get(name).unwrap());
    assert_eq!(text("loss"), "[1.0, 0.5, NaN]");
    assert_eq!(text("a"), "[2.0, NaN, 5.0]");
    assert_eq!(text("a_1"), "[3.0, NaN, 6.0]");
    assert_eq!(text("b"), "[NaN, 4.0, NaN]");
    assert_eq!(
        history.to_string().lines().nth(1),
        Some("epoch   2  loss 0.5000  a -  a_1 -  b 4.0000")
    );
}
