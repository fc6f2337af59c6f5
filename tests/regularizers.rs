//! Regularizers and constraints against Keras 3.15.1, `tests/cases/keras-3.15.1-regularizers/make.py`, and against central
//! differences.

#![allow(missing_docs)]

use dfdx::tensor::{OwnedTape, PutTape};
use kerata::{
    Batch, Const, Conv2d, Cpu, Dense, Embedding, Error, Flatten, Gru, Ids, Lstm, MaskZero,
    Sequences, SimpleRnn, Tensor,
    config::{Config, CustomObjects, DynamicLayer, layer_from_config},
    data::InMemory,
    loss::MeanSquaredError,
    model,
    model::Model,
    optim,
    optim::Sgd,
    parameters::{Named, Parameter, Parameters, Visitor},
    prelude::*,
    regularizers::{
        Constraint, L1, L1L2, L2, MaxNorm, MinMaxNorm, OrthogonalMode, OrthogonalRegularizer,
        Regularizer, UnitNorm,
    },
    train::{Fit, Trainer},
};
use serde_json::Value;

#[model(input = (Batch, 3, 2), output = (Batch, 1))]
struct Net {
    #[with(
        kernel_regularizer = L1(0.02),
        recurrent_regularizer = OrthogonalRegularizer { factor: 0.1, ..Default::default() },
        recurrent_constraint = UnitNorm::default(),
        bias_regularizer = L2(0.3),
    )]
    rnn: SimpleRnn<_, 3>,
    #[with(
        kernel_regularizer = L1L2 { l1: 0.01, l2: 0.03 },
        kernel_constraint = MaxNorm::new(0.6),
        bias_constraint = NonNeg,
    )]
    hidden: Dense<_, 4>,
    #[with(
        kernel_regularizer = OrthogonalRegularizer { factor: 0.2, mode: OrthogonalMode::Columns },
        kernel_constraint = MinMaxNorm { min_value: 0.4, max_value: 0.8, rate: 0.5, axis: 1 },
    )]
    wide: Dense<_, 2>,
    #[with(kernel_regularizer = L2(0.5), trainable = false)]
    head: Dense<_, 1>,
}

fn keras() -> Value {
    serde_json::from_str(include_str!("cases/keras-3.15.1-regularizers/rules.json")).unwrap()
}

fn net() -> Net {
    ramp(Net::build(&Cpu::default()).unwrap())
}

fn ramp<M: Parameters>(mut model: M) -> M {
    struct Ramp;

    impl Visitor<f32, Cpu> for Ramp {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            let count = parameter.tensor.len();
            let values: Vec<f32> =
                (0..count).map(|i| (i as f32 % 7.0 - 3.0) / 5.0 + 0.05).collect();
            parameter.tensor.assign(&values)?;
            Ok(())
        }
    }

    model.visit(&mut Ramp).unwrap();
    model
}

fn close(name: &str, ours: f64, keras: f64) {
    assert!((ours - keras).abs() < 5e-6 * keras.abs().max(1.0), "{name}: {ours}, Keras {keras}");
}

fn trained_as_in_keras<M>(model: M, names: &[Named], keras: &Value) -> M
where
    M: Model<Input = (Batch, Const<3>, Const<2>), Output = (Batch, Const<1>)>,
{
    let x = vec![
        [[1.0_f32, 0.5], [-1.0, 2.0], [0.3, 0.7]],
        [[0.2, -0.4], [2.0, 1.0], [0.0, 1.0]],
        [[-1.0, -1.0], [0.5, 0.5], [1.0, -2.0]],
    ];
    let y = vec![1.0_f32, -2.0, 0.5];
    let data = InMemory::new(x.clone(), y.clone()).unwrap();
    let held_out = InMemory::new(x[..2].to_vec(), y[..2].to_vec()).unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.05)).unwrap();
    let before = trainer.evaluate(&data, 32).unwrap();
    close("before", before[0].1, keras["before"].as_f64().unwrap());
    let fit = Fit { batch_size: 2, shuffle: false, progress: false, ..Fit::epochs(3) };
    let history = trainer.fit_validated(&data, &held_out, &fit).unwrap();
    for name in ["loss", "val_loss"] {
        for (i, ours) in history.get(name).unwrap().iter().enumerate() {
            close(name, *ours, keras["history"][name][i].as_f64().unwrap());
        }
    }
    let mut compared = 0;
    for (Named { name, .. }, ours) in names.iter().zip(values(&trainer.model)) {
        let theirs = keras["weights"][format!("sequential.{name}")].as_array().unwrap();
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            close(name, f64::from(*ours), theirs.as_f64().unwrap());
        }
        compared += 1;
    }
    assert_eq!(compared, keras["weights"].as_object().unwrap().len());
    trainer.model
}

#[test]
fn a_training_as_in_keras() {
    trained_as_in_keras(net(), &net().parameters(), &keras());
}

/// The layers of a config follow its rules as those of a type do.
#[test]
fn a_training_of_dynamic_layers_as_in_keras() {
    let dynamic = DynamicLayer::from_layer(&net()).unwrap();
    let trained = trained_as_in_keras(dynamic.typed().unwrap(), &net().parameters(), &keras());
    // The constraint of the layer `hidden` held to the end.
    let hidden = trained.layer.layers()[1].weights().next().unwrap();
    for unit in 0..4 {
        let norm = hidden.values.iter().skip(unit).step_by(4).map(|w| w * w).sum::<f32>().sqrt();
        assert!(norm <= 0.6 + 1e-5, "{norm}");
    }
}

/// Constraints over one axis, several, and such as are counted from the last, `make_axes.py`.
#[test]
fn axes_as_in_keras() {
    let made: [&dyn Constraint; 7] = [
        &MaxNorm { max_value: 0.7, axis: [0, 1, 2] },
        &MaxNorm { max_value: 0.7, axis: vec![0, 1] },
        &MaxNorm { max_value: 0.3, axis: -1 },
        &UnitNorm { axis: [0, 1, 2] },
        &UnitNorm { axis: [3, -2] },
        &MinMaxNorm { min_value: 0.5, max_value: 0.9, rate: 0.25, axis: [0, 1, 2] },
        &MinMaxNorm { min_value: 0.5, max_value: 0.9, rate: 1.0, axis: 2 },
    ];
    let cases = include_str!("cases/keras-3.15.1-regularizers/axes.json");
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    assert_eq!(made.len(), cases.len());
    let weight: Vec<f64> = (0..36).map(|i| f64::from(i % 7 - 3) / 5.0 + 0.05).collect();
    for (constraint, case) in made.iter().zip(&cases) {
        let config = constraint.config().unwrap();
        assert_eq!(config["class_name"], case["config"]["class_name"]);
        assert_eq!(config["config"], case["config"]["config"]);
        let mut ours = weight.clone();
        constraint.apply(&mut ours, &[2, 3, 2, 3]).unwrap();
        let theirs = case["value"].as_array().unwrap();
        for (ours, theirs) in ours.iter().zip(theirs) {
            close(&config.to_string(), *ours, theirs.as_f64().unwrap());
        }
    }
}

#[model(input = (Batch, 3, 3, 1), output = (Batch, 8))]
struct Filters {
    #[with(kernel_constraint = MaxNorm { max_value: 0.2, axis: [0, 1, 2] })]
    conv: Conv2d<_, 2, 2>,
    flat: Flatten<_>,
}

/// The constraint of a convolution's filters holds in training, for a type and for what is made of its config.
#[test]
fn filters_stay_below_their_norm() {
    let data = InMemory::new(vec![[[[1.0_f32]; 3]; 3]; 2], vec![[5.0_f32; 8]; 2]).unwrap();
    let fit = Fit { progress: false, ..Fit::epochs(5) };
    let typed = Filters::build(&Cpu::seed_from_u64(3)).unwrap();
    let dynamic = DynamicLayer::from_layer(&typed).unwrap();
    let dynamic = dynamic.typed::<<Filters as Model>::Input, <Filters as Model>::Output>().unwrap();
    let mut typed = Trainer::new(typed, MeanSquaredError, Sgd::new(0.1)).unwrap();
    let mut dynamic = Trainer::new(dynamic, MeanSquaredError, Sgd::new(0.1)).unwrap();
    let (history, same) = (typed.fit(&data, &fit).unwrap(), dynamic.fit(&data, &fit).unwrap());
    assert_eq!(history, same);
    let kernel = typed.model.conv.kernel.as_vec();
    for filter in 0..2 {
        let norm = kernel.iter().skip(filter).step_by(2).map(|w| w * w).sum::<f32>().sqrt();
        assert!((norm - 0.2).abs() < 1e-5, "{norm}");
    }
}

#[test]
fn a_regularizer_that_nobody_knows_is_an_error_in_training_only() {
    let config: Config = r#"{"class_name": "Dense", "config": {"units": 1,
        "kernel_regularizer": {"class_name": "Mine", "config": {"strength": 2}}}}"#
        .parse()
        .unwrap();
    let layer = layer_from_config(&config, &CustomObjects::new()).unwrap();
    let model = layer.typed::<(Batch, Const<2>), (Batch, Const<1>)>().unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.1)).unwrap();
    assert_eq!(trainer.predict(&vec![[1.0_f32, 2.0]], 1).unwrap().as_vec().len(), 1);
    let data = InMemory::new(vec![[1.0_f32, 2.0]], vec![[3.0_f32]]).unwrap();
    let fit = Fit { progress: false, ..Fit::epochs(1) };
    let refused = trainer.fit(&data, &fit).unwrap_err().to_string();
    assert!(refused.contains("Mine"), "{refused}");
}

fn values<M: Parameters>(model: &M) -> Vec<Vec<f32>> {
    struct Values(Vec<Vec<f32>>);

    impl Visitor<f32, Cpu> for Values {
        fn visit(&mut self, parameter: Parameter<'_, f32, Cpu>) -> Result<(), Error> {
            self.0.push(parameter.tensor.to_vec()?);
            Ok(())
        }
    }

    let mut values = Values(Vec::new());
    model.clone().visit(&mut values).unwrap();
    values.0
}

#[test]
fn the_json_is_that_of_keras() {
    let json = keras()["json"].to_string();
    Net::from_json(&json).unwrap();
    let ours: Value = serde_json::from_str(&net().to_json()).unwrap();
    Net::from_json(&ours.to_string()).unwrap();
    let (ours, theirs) = (&ours["config"]["layers"], &keras()["json"]["config"]["layers"]);
    for (layer, key) in [
        (1, "bias_regularizer"),
        (1, "recurrent_constraint"),
        (2, "kernel_regularizer"),
        (2, "kernel_constraint"),
        (2, "bias_constraint"),
        (3, "kernel_constraint"),
        (3, "bias_constraint"),
    ] {
        assert_eq!(ours[layer]["config"][key], theirs[layer]["config"][key], "{layer} {key}");
    }
    let other = json.replace("\"l2\":0.03", "\"l2\":0.04");
    assert_ne!(json, other);
    let error = Net::from_json(&other).unwrap_err().to_string();
    assert!(error.contains("kernel_regularizer"), "{error}");
}

/// Each derivative is what the penalty changes by.
#[test]
fn gradients() {
    let sizes = [3, 4];
    let weight: Vec<f64> = (0..12).map(|i| f64::from(i * 5 % 11) / 7.0 - 0.6).collect();
    let columns = OrthogonalRegularizer { mode: OrthogonalMode::Columns, ..Default::default() };
    let all: [&dyn Regularizer; 5] = [
        &L1(0.1),
        &L2(0.2),
        &L1L2 { l1: 0.1, l2: 0.3 },
        &OrthogonalRegularizer::default(),
        &columns,
    ];
    for regularizer in all {
        let mut gradient = vec![0.0; 12];
        regularizer.add_gradient(&weight, &sizes, &mut gradient).unwrap();
        assert!(gradient.iter().any(|g| g.abs() > 1e-4), "{regularizer:?}");
        for i in 0..12 {
            let at = |step: f64| {
                let mut moved = weight.clone();
                moved[i] += step;
                regularizer.penalty(&moved, &sizes).unwrap()
            };
            let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
            assert!((gradient[i] - numeric).abs() < 1e-8, "{regularizer:?} {i}");
        }
    }
}

#[model(input = (Batch, 2), output = (Batch, 1), element = f64)]
struct Double {
    #[with(kernel_regularizer = L2(0.25))]
    head: Dense<_, 1, kerata::Linear, f64>,
}

#[test]
fn in_double_precision() {
    let double = Double::build(&Cpu::seed_from_u64(1)).unwrap();
    let squares: f64 = double.head.kernel.as_vec().iter().map(|w| w * w).sum();
    assert!((optim::penalty(&double).unwrap() - 0.25 * squares).abs() < 1e-15);
}

#[test]
fn settings_that_make_no_sense() {
    let says = |error: Error, text: &str| {
        assert!(error.to_string().contains(text), "{error}");
    };
    says(L2(-1.0).penalty(&[1.0], &[1]).unwrap_err(), "l2");
    says(L1(f64::NAN).penalty(&[1.0], &[1]).unwrap_err(), "l1");
    let orthogonal = OrthogonalRegularizer::default();
    says(orthogonal.penalty(&[1.0], &[1]).unwrap_err(), "expected 2, found 1");
    says(MaxNorm { axis: 2, ..Default::default() }.apply(&mut [1.0], &[1]).unwrap_err(), "axis");
    let crossed = MinMaxNorm { min_value: 2.0, ..Default::default() };
    says(crossed.apply(&mut [1.0], &[1]).unwrap_err(), "max_value");
}

#[model(input = (Batch, 3, 2), output = (Batch, 1))]
struct Active {
    #[with(activity_regularizer = L1(0.05))]
    first: Lstm<_, 3, Sequences>,
    #[with(activity_regularizer = L2(0.2), kernel_regularizer = L2(0.1))]
    second: Gru<_, 2>,
    #[with(activity_regularizer = L1L2 { l1: 0.02, l2: 0.03 }, trainable = false)]
    head: Dense<_, 1>,
}

#[test]
fn penalties_of_activities_as_in_keras() {
    let keras: Value =
        serde_json::from_str(include_str!("cases/keras-3.15.1-regularizers/activity.json"))
            .unwrap();
    let model = ramp(Active::build(&Cpu::default()).unwrap());
    let names = model.parameters();
    trained_as_in_keras(model.clone(), &names, &keras);
    let dynamic = DynamicLayer::from_layer(&model).unwrap();
    trained_as_in_keras(dynamic.typed().unwrap(), &names, &keras);

    let json = keras["json"].to_string();
    Active::from_json(&json).unwrap();
    let ours: Value = serde_json::from_str(&model.to_json()).unwrap();
    for layer in 1..=3 {
        let of = |json: &Value| {
            json["config"]["layers"][layer]["config"]["activity_regularizer"].clone()
        };
        // Keras has rounded the numbers.
        let (ours, theirs) = (of(&ours), of(&keras["json"]));
        assert_eq!(ours["class_name"], theirs["class_name"], "{layer}");
        for (key, ours) in ours["config"].as_object().unwrap() {
            close(key, ours.as_f64().unwrap(), theirs["config"][key].as_f64().unwrap());
        }
    }
    let other = json.replace("0.05000000074505806", "0.5");
    assert_ne!(json, other);
    let error = Active::from_json(&other).unwrap_err().to_string();
    assert!(error.contains("activity_regularizer"), "{error}");
}

#[model(input = Ids<(Batch, 3)>, output = (Batch, 1))]
struct ActiveMask {
    #[with(activity_regularizer = L2(1.0))]
    embed: Embedding<4, 1, MaskZero>,
    last: SimpleRnn<_, 1>,
}

/// Padding has no activity, a prediction no penalty, and a pass that fails leaves none behind.
#[test]
fn what_a_mask_leaves_out_is_no_activity() {
    let mut model = ActiveMask::build(&Cpu::default()).unwrap();
    model.embed.embeddings.copy_from(&[9.0, 1.0, 2.0, 3.0]);
    model.last.kernel.copy_from(&[0.0]);
    let dev = Cpu::default();
    let batch = || -> Tensor<(Batch, Const<3>), usize, Cpu> {
        dev.tensor_from_vec(vec![1, 3, 0, 2, 0, 0], (2, Const))
    };
    let mut state = optim::State::default();
    let mut step = |model: &mut ActiveMask, fails: bool| {
        state.attempt(&Sgd::new(0.1), model, |model| {
            let y = model.forward_mut(batch().put_tape(OwnedTape::default()))?;
            if fails {
                return Err(Error::Empty("the batch"));
            }
            let target: Tensor<(Batch, Const<1>), f32, Cpu> =
                dev.tensor_from_vec(vec![0.0; 2], (2, Const));
            MeanSquaredError.compute(y, target)
        })
    };
    step(&mut model, true).unwrap_err();
    let before = model.embed.embeddings.array();
    let loss = step(&mut model, false).unwrap();
    assert!((loss - (1.0 + 9.0 + 4.0) / 2.0).abs() < 1e-6, "{loss}");
    let after = model.embed.embeddings.array();
    for (id, (before, after)) in before.iter().zip(&after).enumerate() {
        let slope = if id == 0 { 0.0 } else { 2.0 * before[0] / 2.0 };
        assert!((after[0] - (before[0] - 0.1 * slope)).abs() < 1e-6, "{id}: {after:?}");
    }
}

/// Constraints hold after every step, also while gradients are gathered: the kernels of Keras 3.15.1 for this model.
#[test]
fn constraints_hold_while_gradients_are_gathered() {
    #[model(input = (Batch, 1), output = (Batch, 1))]
    struct Unit {
        #[with(kernel_constraint = UnitNorm::default(), use_bias = false)]
        head: Dense<_, 1>,
    }

    let mut net = Unit::build(&Cpu::default()).unwrap();
    net.head.kernel.copy_from(&[3.0]);
    let sgd = Sgd { gradient_accumulation_steps: Some(2), ..Sgd::new(0.1) };
    let mut trainer = Trainer::new(net, MeanSquaredError, sgd).unwrap();
    let data = InMemory::new(vec![[1.0_f32]], vec![[0.0_f32]]).unwrap();
    for expected in [1.0, 0.999_999_8, 0.999_999_9, 0.999_999_9] {
        trainer.fit(&data, &Fit { progress: false, ..Fit::epochs(1) }).unwrap();
        let [[kernel]] = trainer.model.head.kernel.array();
        assert!((kernel - expected).abs() < 3e-7, "{kernel}, {expected}");
    }
}
