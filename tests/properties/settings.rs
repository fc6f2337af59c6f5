//! A setting that makes no sense is an error that names it, where it is first used; so is a value that the model's
//! elements cannot hold. NaN is never a right answer.

use dfdx::{
    prelude::{Backward, SumTo},
    shapes::{HasShape, Rank0, Rank1, Rank2},
    tensor::{NoneTape, OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Batch, BatchNorm, Cpu, Dense, Dropout, Error, Factor, Ids, Masking, Normalization,
    RandomRotation, RandomZoom, Tensor,
    config::{Config, CustomObjects, DynamicValue, Initializer, layer_from_config},
    data::{Dataset, InMemory, Order},
    init,
    loss::{BinaryCrossentropy, CategoricalCrossentropy, MeanSquaredError, Prediction},
    metric::{Auc, BinaryAccuracy, CategoricalAccuracy, Counts, Metric, SparseCategoricalAccuracy},
    model::Sequential,
    optim::{Adam, AdamW, Optimizer, RMSprop, Sgd, State},
    prelude::*,
    reduce::Mean,
    shape::Const,
    signal::Signal,
    train::{Fit, Trainer},
};

const NAN: f64 = f64::NAN;
const INFINITY: f64 = f64::INFINITY;

/// Checks that a setting is refused with its name and value, and others are not.
fn check<T>(name: &str, bad: &[f64], good: &[f64], with: impl Fn(f64) -> Result<T, Error>) {
    for &value in bad {
        match with(value) {
            Ok(_) => panic!("{name} may be {value}"),
            Err(Error::Invalid { name: found, value: shown, .. }) => {
                assert_eq!(found, name);
                let number: f64 = shown.parse().unwrap();
                assert!(number == value || number.is_nan() && value.is_nan(), "{value}: {shown}");
                assert!(shown.len() <= 40, "{value}: {shown}");
            }
            Err(other) => panic!("{other}"),
        }
    }
    for &value in good {
        assert!(with(value).is_ok(), "{name} may not be {value}");
    }
}

#[test]
fn optimisers() {
    let rate = [-1.0, NAN, INFINITY];
    check("learning_rate", &rate, &[0.0, 1e-9, 1.0], |v| Sgd::new(v).check());
    check("learning_rate", &rate, &[0.0, 1e-9, 1.0], |v| Adam::new(v).check());
    check("learning_rate", &rate, &[0.0, 1e-9, 1.0], |v| RMSprop::new(v).check());
    let share = [-0.1, 1.0, 1.5, NAN, INFINITY];
    check("momentum", &share, &[0.0, 0.9], |v| Sgd { momentum: v, ..Sgd::default() }.check());
    check("beta_1", &share, &[0.0, 0.9], |v| Adam { beta_1: v, ..Adam::default() }.check());
    check("beta_2", &share, &[0.0, 0.9], |v| Adam { beta_2: v, ..Adam::default() }.check());
    check("rho", &share, &[0.0, 0.9], |v| RMSprop { rho: v, ..RMSprop::default() }.check());
    let momentum = |v| RMSprop { momentum: v, ..RMSprop::default() }.check();
    check("momentum", &share, &[0.0, 0.9], momentum);
    check("epsilon", &[0.0, -1.0, NAN, INFINITY], &[1e-7], |v| {
        Adam { epsilon: v, ..Adam::default() }.check()
    });
    check("epsilon", &[0.0, -1.0, NAN, INFINITY], &[1e-7], |v| {
        RMSprop { epsilon: v, ..RMSprop::default() }.check()
    });
    let decay = [-1e-9, NAN, INFINITY];
    check("weight_decay", &decay, &[0.0, 0.1], |v| AdamW::new(0.1, v).check());
    check("weight_decay", &decay, &[0.0, 0.1], |v| {
        Sgd { weight_decay: Some(v), ..Sgd::default() }.check()
    });
    check("weight_decay", &decay, &[0.0, 0.1], |v| {
        RMSprop { weight_decay: Some(v), ..RMSprop::default() }.check()
    });
}

/// One step of an optimiser that nobody has checked.
fn step(optimizer: impl Optimizer) -> Result<Vec<f32>, Error> {
    let mut model = Dense::<1, 1>::build(&Cpu::default())?;
    model.kernel.copy_from(&[1.0]);
    let x: Tensor<(usize, Const<1>), f32, Cpu> =
        Cpu::default().tensor_from_vec(vec![0.0], (1, Const));
    let y = model.forward(x.put_tape(OwnedTape::<f32, Cpu>::default()))?;
    let mut gradients = y.sum::<Rank0, _>().backward();
    State::default().step(&optimizer, &mut model, &mut gradients)?;
    Ok(model.kernel.as_vec())
}

/// What makes sense as an `f64` may be 0, 1 or infinite as an `f32`; and a step checks what was never checked.
#[test]
fn settings_as_elements() {
    check("learning_rate", &[NAN, 1e300, 1e-60], &[1e-3], |v| step(Sgd::new(v)));
    check("epsilon", &[0.0, 1e-60], &[1e-7], |v| step(Adam { epsilon: v, ..Adam::default() }));
    check("beta_1", &[0.999_999_999_9], &[0.9], |v| step(Adam { beta_1: v, ..Adam::default() }));
    check("beta_2", &[0.999_999_999_9], &[0.9], |v| step(Adam { beta_2: v, ..Adam::default() }));
    check("rho", &[0.999_999_999_9], &[0.9], |v| step(RMSprop { rho: v, ..RMSprop::default() }));
    check("weight_decay", &[1e300], &[0.1], |v| step(AdamW::new(1e-3, v)));
    check("momentum", &[2.0], &[0.5], |v| step(Sgd { momentum: v, ..Sgd::default() }));
}

#[test]
fn losses_and_metrics() {
    let dev = Cpu::default();
    let (p, y) = (|| dev.tensor([[0.7_f32, 0.3]]), || dev.tensor([[1.0_f32, 0.0]]));
    let bad = [-0.1, 1.1, NAN, INFINITY, -INFINITY];
    for from_logits in [false, true] {
        check("label_smoothing", &bad, &[0.0, 0.1, 1.0], |label_smoothing| {
            BinaryCrossentropy { from_logits, label_smoothing }.compute(p(), y())
        });
        check("label_smoothing", &bad, &[0.0, 0.1, 1.0], |label_smoothing| {
            CategoricalCrossentropy { from_logits, label_smoothing }.compute(p(), y())
        });
    }
    let rows: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(vec![0.7, 0.3], (1, 2));
    check("threshold", &bad, &[0.0, 0.5, 1.0], |threshold| {
        type Pair = (Const<1>, Const<2>);
        each::<Pair, Pair>(&BinaryAccuracy { threshold }, &rows, &y())
    });
    check("label_weights", &[-0.1, NAN, INFINITY], &[0.0, 2.0], |weight| {
        type Pair = (Const<1>, Const<2>);
        let metric = Auc { label_weights: Some(vec![1.0, weight]), ..Auc::default() };
        Metric::<Pair, Pair>::update(&metric, &mut Counts::default(), &rows, &y(), &[1.0])
    });
}

#[test]
fn layers() {
    let dev = Cpu::default();
    let x = || dev.tensor([[1.0_f32], [3.0]]);
    for training in [false, true] {
        let run = |change: &dyn Fn(&mut BatchNorm<1>)| {
            let mut norm = BatchNorm::<1>::build(&dev)?;
            change(&mut norm);
            if training { norm.forward_mut(x()) } else { norm.forward(x()) }
        };
        let bad = [-0.1, 1.1, NAN, INFINITY];
        check("momentum", &bad, &[0.0, 0.5, 1.0], |v| run(&|norm| norm.momentum = v));
        let bad = [-1e-9, NAN, INFINITY, 1e300];
        check("epsilon", &bad, &[0.0, 1e-3, 1.0], |v| run(&|norm| norm.epsilon = v));
    }
    check("mask_value", &[1e300], &[0.0, -1.0, INFINITY, NAN], |value| {
        Masking { value }.forward(dev.tensor([[[0.0_f32], [1.0]]]))
    });
    let steps: Tensor<_, f64, Cpu> = dev.tensor([[[1e300], [1.0]]]);
    assert_eq!(Masking { value: 1e300 }.forward(steps).unwrap().mask().row(0), [false, true]);
}

/// Layers that prepare data.
#[test]
fn preprocessing() {
    let dev = Cpu::default();
    let x = || dev.tensor([[[[1.0_f32], [2.0]], [[3.0], [4.0]]]]);
    let values = [NAN, INFINITY, 1e300];
    check("fill_value", &values, &[0.0, -1e38], |fill_value| {
        RandomZoom { fill_value, ..RandomZoom::default() }.forward(x())
    });
    check("fill_value", &values, &[0.0, -1e38], |fill_value| {
        RandomRotation { fill_value, ..RandomRotation::default() }.forward_mut(x())
    });
    // A range one of whose ends is NaN is none.
    for (lower, upper) in [(NAN, 0.5), (0.5, NAN), (-2.0, 0.0), (0.0, 2.0)] {
        let factor = Factor::between(lower, upper);
        let turn = RandomRotation { factor, ..RandomRotation::default() };
        let zoom = RandomZoom { height_factor: factor, ..RandomZoom::default() };
        for error in [turn.forward(x()).unwrap_err(), zoom.forward(x()).unwrap_err()] {
            assert!(error.to_string().contains("factor is ["), "{error}");
        }
    }
    // What is no variance makes no value that could be taken for one.
    let mut norm = Normalization::<1>::build(&dev).unwrap();
    let normalised = |config: &str| -> Result<f32, Error> {
        let layer = layer_from_config(&config.parse().unwrap(), &CustomObjects::new())?;
        match { layer }.run(DynamicValue::numbers([1, 1], vec![3.0])?)? {
            DynamicValue::Numbers { values, .. } => Ok(values[0]),
            other => panic!("{other:?}"),
        }
    };
    for variance in [-1.0, f32::NAN] {
        norm.variance.copy_from(&[variance]);
        assert!(norm.forward(dev.tensor([[3.0_f32]])).unwrap().as_vec()[0].is_nan());
    }
    let of = |mean: &str, variance: &str| {
        let keys = format!(r#"{{"axis": -1, "mean": [{mean}], "variance": [{variance}]}}"#);
        normalised(&format!(r#"{{"class_name": "Normalization", "config": {keys}}}"#))
    };
    assert_eq!(of("1", "4").unwrap(), 1.0);
    let bad = [("1e300", "1", "mean"), ("0", "1e39", "variance"), ("0", "-1", "variance")];
    for (mean, variance, place) in bad {
        let error: Error = of(mean, variance).unwrap_err();
        assert!(error.to_string().contains(place), "{error}");
    }
    let scale = r#"{"class_name": "Rescaling", "config": {"scale": 1e300, "offset": 0.0}}"#;
    assert!(normalised(scale).unwrap_err().to_string().contains("scale"));
}

/// What dropout drops is 0, be it infinite.
#[test]
fn dropout_of_infinite_values() {
    let x = Cpu::seed_from_u64(1).tensor([[f32::INFINITY; 100]]);
    let y = Dropout::<50>.forward_mut(x).unwrap().as_vec();
    assert!(y.iter().all(|&y| y == 0.0 || y == f32::INFINITY));
    assert!(y.contains(&0.0));
}

#[test]
fn initial_values() {
    let dev = Cpu::default();
    type Shape = Rank1<3>;
    let uniform = |limit| init::uniform::<Shape, f32, Cpu>(&dev, (Const,), limit);
    check("limit", &[-0.1, NAN, INFINITY, 1e300], &[0.0, 0.5, 1e38], uniform);
    let uniform = |limit| init::uniform::<Shape, f64, Cpu>(&dev, (Const,), limit);
    check("limit", &[-0.1, NAN, INFINITY, f64::MAX], &[0.0, 1e300], uniform);
    let fill = |how: Initializer| how.fill::<Rank2<2, 2>, f32, Cpu>(&dev, (Const, Const));
    for bad in [
        Initializer::Constant(1e300),
        Initializer::Constant(NAN),
        Initializer::Uniform(1.0, 0.0),
        Initializer::Uniform(NAN, 0.0),
        Initializer::Uniform(-INFINITY, INFINITY),
        Initializer::Uniform(1e299, 1e300),
        Initializer::Normal { mean: 0.0, std: -1.0, cut: false },
        Initializer::Normal { mean: 0.0, std: NAN, cut: true },
        Initializer::Normal { mean: 1e300, std: 1.0, cut: false },
        Initializer::Orthogonal(1e300),
        Initializer::Identity(INFINITY),
    ] {
        match fill(bad) {
            Err(Error::Invalid { name: "initializer", value, .. }) => {
                assert_eq!(value, format!("{bad:?}"));
            }
            Err(Error::NonFinite { what: "the initial value", .. }) => {}
            other => panic!("{bad:?}: {other:?}"),
        }
    }
    fill(Initializer::Constant(1e38)).unwrap();
    assert!(Initializer::Constant(1e300).fill::<Shape, f64, Cpu>(&dev, (Const,)).is_ok());
}

/// Numbers of a JSON that `f32` cannot hold.
#[test]
fn configs() {
    let make = |json: &str| {
        let config: Config = json.parse()?;
        layer_from_config(&config, &CustomObjects::new()).map(|_| ())
    };
    let refused = |json: &str, place: &str| {
        let error = make(json).unwrap_err().to_string();
        assert!(error.contains(place), "{error}");
    };
    make(r#"{"class_name": "Masking", "config": {"mask_value": 1e38}}"#).unwrap();
    refused(r#"{"class_name": "Masking", "config": {"mask_value": 1e300}}"#, "mask_value");
    for class in ["BatchNormalization", "LayerNormalization"] {
        let json =
            |v: &str| format!(r#"{{"class_name": "{class}", "config": {{"epsilon": {v}}}}}"#);
        make(&json("0.01")).unwrap();
        refused(&json("1e300"), "epsilon");
        refused(&json("-0.1"), "epsilon");
    }
}

/// Data of `f64` for a model of `f32`.
#[test]
fn samples_beyond_the_range() -> Result<(), Error> {
    let order = Order::sequential(2);
    let data = InMemory::new(vec![[1.0], [2.0], [-1e300]], vec![[0.0], [1.0], [2.0]])?;
    let batches = |data: &InMemory<Vec<[f64; 1]>, Vec<[f64; 1]>>| {
        data.batches::<f32, Cpu>(order, &Cpu::default()).map(|b| b.map(|_| ())).collect::<Vec<_>>()
    };
    let error = Error::Overflow { what: "sample", index: 2, value: -1e300 };
    assert_eq!(batches(&data), [Ok(()), Err(error.clone())]);
    let text = "sample 2 holds -1e300, which is beyond the range of the model's elements";
    assert_eq!(error.to_string(), text);
    let double: Result<Vec<_>, _> = data.batches::<f64, Cpu>(order, &Cpu::default()).collect();
    assert!(double.is_ok());
    // What is infinite already is what the user says.
    let data = InMemory::new(vec![[f64::INFINITY]], vec![[f64::NAN]])?;
    assert_eq!(batches(&data), [Ok(())]);

    type Line = Sequential<(Batch, Const<1>), (Dense<1, 1>,)>;
    let model = Line::build(&Cpu::default())?;
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1))?;
    let data = InMemory::new(vec![[1.0_f32]], vec![[1e39]])?;
    let found = trainer.fit(&data, &Fit { progress: false, ..Fit::default() }).unwrap_err();
    assert_eq!(found, Error::Overflow { what: "sample", index: 0, value: 1e39 });
    Ok(())
}

/// What a metric makes of each position by itself.
fn each<P: Prediction, Y: Signal>(
    metric: &dyn Metric<P, Y, State = Mean>,
    rows: &Tensor<(usize, usize), f32, Cpu>,
    target: &Y::Data<f32, Cpu, NoneTape>,
) -> Result<Vec<f64>, Error> {
    let positions = rows.shape().0;
    let value = |position: usize| {
        let mut mean = Mean::default();
        let weights: Vec<f64> = (0..positions).map(|i| f64::from(i == position)).collect();
        metric.update(&mut mean, rows, target, &weights)?;
        Ok(mean.get())
    };
    (0..positions).map(value).collect()
}

/// A row with NaN has no most probable class, and NaN is neither yes nor no; of equals the first one counts.
#[test]
fn accuracies_of_nan() -> Result<(), Error> {
    let dev = Cpu::default();
    let nan = f32::NAN;
    let rows = vec![0.1, 0.2, nan, nan, nan, nan, 0.5, 0.5, 0.1, nan, 0.2, 0.1];
    let rows: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(rows, (4, 3));
    type Rows = (usize, Const<3>);
    for label in 0..3 {
        let labels = dev.tensor_from_vec(vec![label; 4], (4,));
        let right = if label == 0 { 1.0 } else { 0.0 };
        let values = each::<Rows, Ids<(usize,)>>(&SparseCategoricalAccuracy, &rows, &labels)?;
        assert_eq!(values, [0.0, 0.0, right, 0.0]);
        let hot = (0..12).map(|i| f32::from(u8::from(i % 3 == label))).collect();
        let target: Tensor<Rows, f32, Cpu> = dev.tensor_from_vec(hot, (4, Const));
        let values = each::<Rows, Rows>(&CategoricalAccuracy, &rows, &target)?;
        assert_eq!(values, [0.0, 0.0, right, 0.0]);
    }
    let target: Tensor<Rows, f32, Cpu> = dev.tensor_from_vec(vec![nan; 12], (4, Const));
    assert_eq!(each::<Rows, Rows>(&CategoricalAccuracy, &rows, &target)?, [0.0; 4]);
    for answer in [0.0, 1.0, nan] {
        let target: Tensor<Rows, f32, Cpu> = dev.tensor_from_vec(vec![answer; 3], (1, Const));
        let row: Tensor<(usize, usize), f32, Cpu> = dev.tensor_from_vec(vec![nan; 3], (1, 3));
        assert_eq!(each::<Rows, Rows>(&BinaryAccuracy::default(), &row, &target)?, [0.0]);
    }
    Ok(())
}
