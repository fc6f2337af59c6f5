//! Layers from configs are trained as the typed ones are.

use dfdx::tensor::{OwnedTape, PutTape};
use kerata::{
    AvgPool1d, Batch, BatchNorm, Const, Conv1d, Conv2d, Cpu, Dense, Embedding, Error, Flatten, Ids,
    LayerNorm, Lstm, MaskZero, Masked, MaxPool2d, Permute, Relu, RepeatVector, Sequences, Sigmoid,
    Softmax, Tanh, TimeDistributed, ZeroPadding2d,
    config::{
        AnySignal, Config, CustomObjects, Dynamic, DynamicLayer, DynamicValue, FromDynamic,
        LayerWeight, layer_from_config,
    },
    data::{Dataset, InMemory},
    loss::{Loss, MeanSquaredError, Prediction, SparseCategoricalCrossentropy},
    model::{Model, Sequential},
    optim::{Adam, Sgd, State},
    prelude::*,
    reduce::Weights,
    signal::Signal,
    train::{Feeds, Fit, Trainer},
};
use serde_json::json;

use crate::dynamic::layer;

fn weights<M: Parameters>(model: &M) -> Vec<f32> {
    struct All(Vec<f32>);
    impl kerata::parameters::Visitor<f32, Cpu> for All {
        fn visit(
            &mut self,
            parameter: kerata::parameters::Parameter<'_, f32, Cpu>,
        ) -> Result<(), Error> {
            self.0.extend(parameter.tensor.to_vec()?);
            Ok(())
        }
    }
    let mut all = All(Vec::new());
    model.clone().visit(&mut all).unwrap();
    all.0
}

type Typed<In, L, Out> = Sequential<In, L, f32, Cpu, Out>;

/// Trains a typed model and the dynamic one that is made of it: losses, weights and answers stay the same.
fn twins<In, L, Out, Y, Data>(data: &Data, loss: impl Loss<Out, Y> + Copy)
where
    In: FromDynamic,
    L: Layer<In, Out = Out> + Build + Parameters,
    Out: FromDynamic + Prediction,
    Typed<In, L, Out>: Model<Input = In, Output = Out> + Configured<Element = f32, Device = Cpu>,
    Y: Signal,
    Data: Dataset<Target = Y, Input: Feeds<In>, Weights: Weights<Out>>,
{
    let typed = Typed::<In, L, Out>::build(&Cpu::seed_from_u64(5)).unwrap();
    let dynamic = DynamicLayer::from_layer(&typed).unwrap();
    assert_eq!(weights(&typed), weights(&dynamic));
    let dynamic = dynamic.typed::<In, Out>().unwrap();
    let optimizer = Adam::new(0.01);
    let mut typed = Trainer::new(typed, loss, optimizer.clone()).unwrap();
    let mut dynamic = Trainer::new(dynamic, loss, optimizer).unwrap();
    let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(5) };
    let close = |a: f64, b: f64| {
        assert!(a.is_finite() && (a - b).abs() <= 1e-6 * b.abs().max(1.0), "{a} {b}")
    };
    let (a, b) = (typed.fit(data, &fit).unwrap(), dynamic.fit(data, &fit).unwrap());
    for (a, b) in a.get("loss").unwrap().iter().zip(b.get("loss").unwrap()) {
        close(*a, *b);
    }
    let before = weights(&Typed::<In, L, Out>::build(&Cpu::seed_from_u64(5)).unwrap());
    let (a, b) = (weights(&typed.model), weights(&dynamic.model));
    assert!(a != before && a.len() == before.len());
    a.iter().zip(&b).for_each(|(a, b)| close((*a).into(), (*b).into()));
    close(typed.evaluate(data, 2).unwrap()[0].1, dynamic.evaluate(data, 2).unwrap()[0].1);
    // And back.
    let back: Typed<In, L, Out> = dynamic.model.layer.clone().try_into().unwrap();
    assert_eq!(weights(&back), b);
}

#[test]
fn a_dynamic_layer_is_trained_as_the_typed_one() {
    let texts = vec![[1_usize, 2, 3, 0], [4, 0, 0, 0], [2, 2, 5, 1], [3, 1, 0, 0], [0, 0, 0, 0]];
    let classes = vec![0_usize, 1, 2, 1, 0];
    let of_texts = InMemory::new(texts.clone(), classes).unwrap();
    twins::<
        Ids<(Batch, Const<4>)>,
        (
            Embedding<6, 3, MaskZero>,
            BatchNorm<3>,
            Lstm<3, 4, Sequences>,
            LayerNorm<4>,
            TimeDistributed<Dense<4, 5, Tanh>>,
            TimeDistributed<BatchNorm<5>>,
            Lstm<5, 3>,
            Dense<3, 4, Relu>,
            BatchNorm<4>,
            Dense<4, 3, Softmax>,
        ),
        _,
        _,
        _,
    >(&of_texts, SparseCategoricalCrossentropy::default());
    let numbers = |seed: usize| ((seed * 7919) % 101) as f32 / 50.0 - 1.0;
    let images: Vec<[[[f32; 2]; 4]; 4]> = (0..4)
        .map(|i| {
            [0, 1, 2, 3].map(|j| {
                [0, 1, 2, 3].map(|k| [numbers(i * 32 + j * 8 + k * 2), numbers(i + j * k)])
            })
        })
        .collect();
    let targets: Vec<[f32; 2]> = (0..4).map(|i| [numbers(i), numbers(i + 9)]).collect();
    twins::<
        (Batch, Const<4>, Const<4>, Const<2>),
        (
            ZeroPadding2d<1>,
            Conv2d<2, 3, 3, 3, Relu>,
            BatchNorm<3>,
            Permute<2, 1, 3>,
            Conv2d<3, 3, 2, 2, Sigmoid, kerata::Same>,
            MaxPool2d<2>,
            Flatten<12>,
            Dense<12, 2>,
        ),
        _,
        _,
        _,
    >(&InMemory::new(images, targets.clone()).unwrap(), MeanSquaredError);
    let rows: Vec<[f32; 3]> =
        (0..4).map(|i| [numbers(i), numbers(i * 3), numbers(i + 1)]).collect();
    twins::<
        (Batch, Const<3>),
        (
            RepeatVector<4>,
            Conv1d<3, 4, 2, Tanh, kerata::Causal>,
            AvgPool1d<2>,
            Permute<2, 1>,
            Flatten<8>,
            Dense<8, 2>,
        ),
        _,
        _,
        _,
    >(&InMemory::new(rows, targets).unwrap(), MeanSquaredError);
}

#[test]
fn frozen_layers_stay_as_they_are() {
    let mut model = layer(json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "BatchNormalization", "config": {"trainable": false}},
        {"class_name": "Sequential", "config": {"trainable": false, "layers": [
            {"class_name": "Dense", "config": {"units": 3}}]}},
        {"class_name": "BatchNormalization", "config": {}},
        {"class_name": "Dense", "config": {"units": 1}}]}}))
    .unwrap();
    let (dev, mut state) = (Cpu::default(), State::default());
    let x = || dev.tensor([[1.0_f32, 4.0], [2.0, -1.0]]);
    model.run(x()).unwrap();
    let before: Vec<LayerWeight> = model.weights().collect();
    state
        .attempt(&Sgd::new(0.1), &mut model, |model| {
            let y =
                model.forward_mut::<(Const<2>, Const<1>), _>(x().put_tape(OwnedTape::default()))?;
            MeanSquaredError.compute(y, dev.tensor([[3.0], [5.0]]))
        })
        .unwrap();
    let changed = model.weights().zip(before).filter(|(after, before)| after != before);
    let changed: Vec<String> = changed.map(|(after, _)| after.name).collect();
    assert_eq!(
        changed,
        ["2.gamma", "2.beta", "2.moving_mean", "2.moving_variance", "3.kernel", "3.bias"]
            .into_iter()
            .filter(|name| changed.contains(&(*name).to_owned()))
            .collect::<Vec<_>>()
    );
    assert!(
        changed.contains(&"3.bias".to_owned()) && changed.contains(&"2.moving_mean".to_owned())
    );
    let trainable = kerata::model::Model::parameters(
        &model.clone().typed::<(Batch, Const<2>), (Batch, Const<1>)>().unwrap(),
    );
    let trainable = trainable.iter().filter(|named| named.trainable).count();
    assert_eq!(trainable, 4);
}

#[test]
fn dropout_drops_in_training_only() {
    for (class, options) in [
        ("Dropout", json!({"rate": 0.5})),
        ("LSTM", json!({"units": 50, "dropout": 0.5})),
        ("GRU", json!({"units": 50, "recurrent_dropout": 0.5, "return_sequences": true})),
        ("LSTM", json!({"units": 50, "recurrent_dropout": 0.5})),
    ] {
        let mut layer = layer(json!({"class_name": class, "config": options})).unwrap();
        let x = Cpu::default().tensor([[[1.0_f32; 20]; 5]; 2]);
        let y = layer.run(x.clone()).unwrap();
        assert_eq!(layer.run(x.clone()).unwrap(), y);
        let sequences = y.sizes().len() == 3;
        let mut train = || match sequences {
            true => layer.forward_mut::<(usize, usize, usize), _>(x.clone()).unwrap().as_vec(),
            false => layer.forward_mut::<(usize, usize), _>(x.clone()).unwrap().as_vec(),
        };
        let (a, b) = (train(), train());
        assert!(a != b && a != y.values(), "{class}");
    }
}

/// A layer without a type.
#[derive(Debug)]
struct Twice(Vec<LayerWeight>);

impl Dynamic for Twice {
    fn gives(&self, arrives: &AnySignal) -> Result<AnySignal, Error> {
        Ok(arrives.clone())
    }

    fn run(&self, x: DynamicValue) -> Result<DynamicValue, Error> {
        let factor = self.0[0].values[0];
        DynamicValue::numbers(x.sizes(), x.values().iter().map(|x| x * factor).collect())
    }

    fn build(&mut self, dev: &Cpu, prefix: &str, _: &AnySignal) -> Result<(), Error> {
        let two = kerata::config::Initializer::Constant(2.0);
        self.0 = vec![LayerWeight::new(dev, format!("{prefix}factor"), vec![1], two)?];
        Ok(())
    }

    fn weights(&self) -> Vec<&LayerWeight> {
        self.0.iter().collect()
    }

    fn set_weights(&mut self, values: &mut dyn Iterator<Item = Vec<f32>>) -> Result<(), Error> {
        self.0.iter_mut().zip(values).for_each(|(weight, values)| weight.values = values);
        Ok(())
    }
}

#[test]
fn a_layer_without_a_type_is_not_trained() {
    let objects = CustomObjects::new().constructor("Twice", |_, _| Ok(Box::new(Twice(Vec::new()))));
    let json = json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Twice", "config": {"name": "my_twice"}}]}});
    let mut model = layer_from_config(&Config::try_from(json).unwrap(), &objects).unwrap();
    let x = || Cpu::default().tensor([[3.0_f32]]);
    assert_eq!(model.run(x()).unwrap().values(), [6.0]);
    let names: Vec<String> = model.weights().map(|weight| weight.name).collect();
    assert_eq!(names, ["0.factor"]);
    let error = model.forward_mut::<(usize, usize), _>(x().leaky_trace()).unwrap_err();
    assert!(
        error.to_string().starts_with("`my_twice`: this layer has no training pass"),
        "{error}"
    );

    // A clone that gets other weights leaves this one as it is.
    let path = std::env::temp_dir().join(format!("kerata-twice-{}.npz", std::process::id()));
    model.save_weights(&path).unwrap();
    let json = json!({"class_name": "Sequential", "config": {"layers": [
        {"class_name": "Twice", "config": {}}]}});
    let mut other = layer_from_config(&Config::try_from(json).unwrap(), &objects).unwrap();
    other.run(x()).unwrap();
    let mut twin = other.clone();
    struct Three;
    impl kerata::parameters::Visitor<f32, Cpu> for Three {
        fn visit(
            &mut self,
            parameter: kerata::parameters::Parameter<'_, f32, Cpu>,
        ) -> Result<(), Error> {
            parameter.tensor.assign(&[3.0])?;
            Ok(())
        }
    }
    twin.visit(&mut Three).unwrap();
    assert_eq!(twin.run(x()).unwrap().values(), [9.0]);
    assert_eq!(other.run(x()).unwrap().values(), [6.0]);
    twin.load_weights(&path).unwrap();
    assert_eq!(twin.run(x()).unwrap().values(), [6.0]);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_leaves_a_typed_one_is_checked() {
    let dense = || {
        layer(json!({"class_name": "Dense", "config": {"units": 2},
            "build_config": {"input_shape": [null, 3]}}))
        .unwrap()
    };
    dense().typed::<(Batch, Const<3>), (Batch, Const<2>)>().unwrap();
    dense().typed::<(usize, usize), (Batch, kerata::Length)>().unwrap();
    let error = dense().typed::<(Batch, Const<3>), (Batch, Const<4>)>().unwrap_err();
    assert_eq!(error.to_string(), "`dense`: `(Batch, 2)` leaves it, not `(Batch, 4)`");
    let error = dense().typed::<(Batch, Const<4>), (Batch, Const<2>)>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`dense`: the number of features must be 3 here, but `4` arrives"
    );
    let masked = layer(json!({"class_name": "Masking", "config": {}})).unwrap();
    masked.typed::<(Batch, Const<3>, Const<1>), Masked<(Batch, Const<3>, Const<1>)>>().unwrap();
}

#[test]
fn a_layer_of_a_penalty_alone_is_trained_with_it() {
    let ones = |units: usize| json!({"class_name": "Dense", "config": {"units": units, "use_bias": false, "kernel_initializer": "ones"}});
    let penalty = json!({"class_name": "ActivityRegularization", "config": {"l2": 0.5}});
    let layers = [ones(2), penalty, ones(1)];
    let model = layer(json!({"class_name": "Sequential", "config": {"layers": layers}})).unwrap();
    let model = model.typed::<(Batch, Const<2>), (Batch, Const<1>)>().unwrap();
    let mut trainer = Trainer::new(model, MeanSquaredError, Sgd::new(0.01)).unwrap();
    let data = InMemory::new(vec![[1.0_f32, 2.0], [3.0, 4.0]], vec![[0.0_f32]; 2]).unwrap();
    let fit = Fit { shuffle: false, progress: false, ..Fit::epochs(2) };
    let history = trainer.fit(&data, &fit).unwrap();
    // What Keras 3.15.1 says.
    let close = |found: &[f32], expected: &[f32]| {
        approx::assert_relative_eq!(found, expected, max_relative = 1e-5);
    };
    let losses: Vec<f32> = history.get("loss").unwrap().iter().map(|&loss| loss as f32).collect();
    close(&losses, &[145.0, 2.055_976_4]);
    close(
        &weights(&trainer.model),
        &[0.3663768, 0.3663768, 0.1025968, 0.1025968, -0.148064, -0.148064],
    );
}
