//! Training: the steps of the optimisers, and whole runs of `fit` and `evaluate`.

use dfdx::tensor::{Gradients, OwnedTape, PutTape};
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Lstm, MaskZero, Relu, Sequences, Sigmoid,
    Softmax, Tanh, Tensor, TimeDistributed,
    data::{InMemory, Samples},
    loss::{
        BinaryCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError, Prediction,
        SparseCategoricalCrossentropy,
    },
    metric::{BinaryAccuracy, MeanLoss, Metric, SparseCategoricalAccuracy},
    model::{Model, Sequential},
    optim::{Adam, AdamW, Optimizer, RMSprop, Sgd, State},
    parameters::{Build, Parameter, Parameters, Visitor},
    prelude::*,
    reduce::Unweighted,
    train::{Feeds, Fit, Trainer},
};

use crate::{case::Case, models::FromCase};

/// The steps of a `train` case: the loss before each, and the weights after the first and the last.
pub(crate) fn check_steps<In, Y, M, L>(name: &str, loss: L, optimizer: impl Optimizer)
where
    In: FromCase,
    Y: FromCase,
    M: Layer<In, Out: Prediction> + Build + Parameters,
    L: Loss<M::Out, Y>,
{
    let Some(case) = Case::open(name) else { return };
    let mut model = M::build(&Cpu::default()).unwrap();
    case.load(&mut model);
    let mut state = State::default();
    let steps = case.json["steps"].as_u64().unwrap() as usize;
    for step in 1..=steps {
        let input = In::read(&case, "input");
        let input = In::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(input, OwnedTape::default());
        let output = model.call_mut(input).unwrap();
        let loss = loss.mean(output, &Y::read(&case, "target"), &Unweighted).unwrap();
        let expected = case.floats("step_losses")[step - 1];
        case.assert_close(
            "train",
            &format!("the loss of step {step}"),
            &[loss.array()],
            &[expected],
        );
        state.step(&optimizer, &mut model, &mut loss.backward()).unwrap();
        if step == 1 || step == steps {
            for (name, weights) in case.weights(&model) {
                case.assert_tensor("train", &format!("after_step_{step}.{name}"), &weights);
            }
        }
    }
}

type Tagger =
    (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, TimeDistributed<Dense<3, 3, Softmax>>);
type Words<const L: usize> = Ids<(Batch, Const<L>)>;
type Vectors<const F: usize> = (Batch, Const<F>);

fn tagger(name: &str, optimizer: impl Optimizer) {
    let loss = SparseCategoricalCrossentropy::default();
    check_steps::<Words<5>, Words<5>, Tagger, _>(name, loss, optimizer);
}

#[test]
fn train_tagger_adam() {
    tagger("train_tagger_adam", Adam::new(0.01));
}

#[test]
fn train_tagger_adamw() {
    tagger("train_tagger_adamw", AdamW::new(0.01, 0.004));
}

#[test]
fn train_tagger_rmsprop() {
    tagger("train_tagger_rmsprop", RMSprop::new(0.01));
}

#[test]
fn train_tagger_sgd() {
    tagger("train_tagger_sgd", Sgd::new(0.1));
}

#[test]
fn train_tagger_sgd_momentum() {
    tagger("train_tagger_sgd_momentum", Sgd { momentum: 0.9, ..Sgd::new(0.1) });
}

#[test]
fn train_mlp_sgd() {
    type Mlp = (Dense<4, 5, Tanh>, Dense<5, 3, Relu>, Dense<3, 1>);
    check_steps::<Vectors<4>, Vectors<1>, Mlp, _>(
        "train_mlp_sgd",
        MeanSquaredError,
        Sgd::new(0.05),
    );
}

/// The two variables of the optimiser cases.
#[derive(Clone)]
struct Variables(Tensor<(usize,), f32, Cpu>, Tensor<(usize,), f32, Cpu>);

impl Parameters for Variables {
    fn visit<V: Visitor<f32, Cpu>>(&mut self, visitor: &mut V) -> Result<(), Error> {
        visitor.visit(Parameter { name: "a", trainable: true, tensor: &mut self.0 })?;
        visitor.visit(Parameter { name: "b", trainable: true, tensor: &mut self.1 })
    }
}

fn sequence(case: &Case, name: &str, optimizer: impl Optimizer) {
    let flat = |tensor: &str| {
        let values = case.floats(tensor);
        Cpu::default().tensor_from_vec(values.clone(), (values.len(),))
    };
    let mut variables = Variables(flat("variable.0.initial"), flat("variable.1.initial"));
    let mut state = State::default();
    for step in 0..6 {
        let mut gradients = Gradients::leaky();
        for (i, variable) in [&variables.0, &variables.1].into_iter().enumerate() {
            let numbers = case.floats(&format!("grad.{step}.{i}"));
            gradients.get_or_alloc_mut(variable).unwrap().copy_from_slice(&numbers);
        }
        state.step(&optimizer, &mut variables, &mut gradients).unwrap();
        for (i, variable) in [&variables.0, &variables.1].into_iter().enumerate() {
            let tensor = format!("{name}.variable.{i}");
            let size = variable.as_vec().len();
            let expected = &case.floats(&tensor)[step * size..(step + 1) * size];
            case.assert_close(
                "train",
                &format!("{tensor} after step {step}"),
                &variable.as_vec(),
                expected,
            );
        }
    }
}

#[test]
fn optimizer_sequences() {
    let Some(case) = Case::open("optimizer_sequences") else { return };
    let number = |name: &str, key: &str| {
        let config = &case.json["optimizers"][name]["full_config"][key];
        config.as_f64().unwrap_or_else(|| panic!("{name}: {key} is {config}"))
    };
    let rate = |name: &str| number(name, "learning_rate");
    sequence(&case, "sgd", Sgd::new(rate("sgd")));
    let momentum = |name: &str, nesterov| Sgd {
        momentum: number(name, "momentum"),
        nesterov,
        ..Sgd::new(rate(name))
    };
    sequence(&case, "sgd_momentum", momentum("sgd_momentum", false));
    sequence(&case, "sgd_nesterov", momentum("sgd_nesterov", true));
    sequence(&case, "rmsprop", RMSprop::new(rate("rmsprop")));
    let name = "rmsprop_momentum";
    let with_momentum = RMSprop { momentum: number(name, "momentum"), ..RMSprop::new(rate(name)) };
    sequence(&case, name, with_momentum);
    let name = "rmsprop_centered";
    sequence(&case, name, RMSprop { centered: true, ..RMSprop::new(rate(name)) });
    sequence(&case, "adam", Adam::new(rate("adam")));
    let decay = |name: &str| Adam {
        weight_decay: Some(number(name, "weight_decay")),
        ..Adam::new(rate(name))
    };
    sequence(&case, "adam_weight_decay", decay("adam_weight_decay"));
    sequence(&case, "adamw", AdamW(decay("adamw")));
}

/// The gradients of a row are summed over its occurrences before the optimiser squares them.
#[test]
fn optimizer_duplicate_ids() {
    let Some(case) = Case::open("optimizer_duplicate_ids") else { return };
    fn run(case: &Case, name: &str, optimizer: impl Optimizer) {
        let table =
            Cpu::default().tensor_from_vec(case.floats("0.embedding.embeddings"), (Const, Const));
        let mut model = (Embedding::<5, 2, MaskZero>::from_embeddings(table),);
        let mut state = State::default();
        for step in 0..3 {
            let input: Tensor<(Batch, Const<3>), usize, Cpu> = <Words<3>>::read(case, "input");
            let output = model.forward_mut(input.put_tape(OwnedTape::default())).unwrap();
            let target: Tensor<(Batch, Const<3>, Const<2>), f32, Cpu> =
                <(Batch, Const<3>, Const<2>)>::read(case, "target");
            let loss = MeanSquaredError.compute(output, target).unwrap();
            state.step(&optimizer, &mut model, &mut loss.backward()).unwrap();
            let tensor = format!("expected.{name}");
            let expected = &case.floats(&tensor)[step * 10..(step + 1) * 10];
            case.assert_close("train", &tensor, &model.0.embeddings.as_vec(), expected);
        }
    }
    run(&case, "sgd", Sgd::new(0.1));
    run(&case, "adam", Adam::new(0.1));
    run(&case, "rmsprop", RMSprop::new(0.1));
}

/// Rows of ids or numbers out of a flat list.
fn rows<T: Copy, const N: usize>(flat: &[T]) -> Vec<[T; N]> {
    flat.chunks(N).map(|row| row.try_into().unwrap()).collect()
}

fn trainer<M, Y, L, O>(case: &Case, loss: L, optimizer: O) -> Trainer<M, L, O, Y>
where
    M: Model<f32, Cpu, Output: Prediction> + Build + Parameters,
    Y: kerata::signal::Signal,
    L: Loss<M::Output, Y>,
    O: Optimizer,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    case.load(&mut model);
    Trainer::new(model, loss, optimizer).unwrap()
}

/// A whole `fit` case: history, final weights, predictions and evaluations.
fn check_fit<M, X, Y, L, O>(
    case: &Case,
    trainer: Trainer<M, L, O, Y::Signal>,
    metric: impl Metric<M::Output, Y::Signal> + 'static,
    data: &InMemory<X, Y>,
    validation: Option<&InMemory<X, Y>>,
) where
    M: Model<f32, Cpu, Output: Prediction + crate::models::Comparable>,
    X: Samples<Signal: Feeds<M::Input>>,
    Y: Samples,
    L: Loss<M::Output, Y::Signal>,
    O: Optimizer,
{
    let batch_size = case.json["batch_size"].as_u64().unwrap() as usize;
    let epochs = case.json["epochs"].as_u64().unwrap() as usize;
    let keras = case.json["metrics"][0].as_str().unwrap();
    let ours = metric.name();
    let mut trainer = trainer.metric(metric);
    let evaluated = |found: &[(String, f64)], key: &str| {
        let expected = |name: &str| case.json[key][name].as_f64().unwrap() as f32;
        case.assert_close("train", key, &[found[0].1 as f32], &[expected("loss")]);
        case.assert_close("train", key, &[found[1].1 as f32], &[expected(keras)]);
    };
    evaluated(&trainer.evaluate(data, batch_size).unwrap(), "evaluate_before");
    let fit = Fit { batch_size, shuffle: false, ..Fit::epochs(epochs) };
    let history = match validation {
        None => trainer.fit(data, &fit).unwrap(),
        Some(validation) => trainer.fit_validated(data, validation, &fit).unwrap(),
    };
    for name in history.names() {
        let column: Vec<f32> = history.get(name).unwrap().iter().map(|&v| v as f32).collect();
        case.assert_tensor("train", &format!("history.{}", name.replace(&ours, keras)), &column);
    }
    for (name, weights) in case.weights(&trainer.model) {
        case.assert_tensor("train", &format!("final.{name}"), &weights);
    }
    let predicted = trainer.predict(data.inputs(), batch_size).unwrap();
    let values = <M::Output as crate::models::Comparable>::values(&predicted);
    case.assert_tensor("train", "predict_after", &values);
    evaluated(&trainer.evaluate(data, batch_size).unwrap(), "evaluate_after");
}

#[test]
fn fit_mlp() {
    let Some(case) = Case::open("fit_mlp") else { return };
    type Mlp = Sequential<Vectors<4>, (Dense<4, 6, Relu>, Dense<6, 2>)>;
    let optimizer = Sgd { momentum: 0.9, ..Sgd::new(0.05) };
    let trainer = trainer::<Mlp, _, _, _>(&case, MeanSquaredError, optimizer);
    let data =
        InMemory::new(rows::<_, 4>(&case.floats("input")), rows::<_, 2>(&case.floats("target")));
    check_fit(&case, trainer, MeanLoss(MeanAbsoluteError), &data.unwrap(), None);
}

#[test]
fn fit_masked_tagger() {
    let Some(case) = Case::open("fit_masked_tagger") else { return };
    let loss = SparseCategoricalCrossentropy::default();
    let trainer = trainer::<Sequential<Words<5>, Tagger>, _, _, _>(&case, loss, Adam::new(0.02));
    let data = |x: &str, y: &str| {
        InMemory::new(rows::<_, 5>(&case.ids(x)), rows::<_, 5>(&case.ids(y))).unwrap()
    };
    let validation = data("val_input", "val_target");
    let train = data("input", "target");
    check_fit(&case, trainer, SparseCategoricalAccuracy, &train, Some(&validation));
}

#[test]
fn fit_classifier() {
    let Some(case) = Case::open("fit_classifier") else { return };
    type Classifier = Sequential<
        Words<5>,
        (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, Lstm<3, 3>, Dense<3, 1, Sigmoid>),
    >;
    let loss = BinaryCrossentropy::default();
    let trainer = trainer::<Classifier, _, _, _>(&case, loss, RMSprop::new(0.01));
    let data =
        InMemory::new(rows::<_, 5>(&case.ids("input")), rows::<_, 1>(&case.floats("target")));
    check_fit(&case, trainer, BinaryAccuracy::default(), &data.unwrap(), None);
}

/// The loss depends on how the data is cut into batches, the metric of the same name does not.
#[test]
fn evaluate_uneven_batches() {
    let Some(case) = Case::open("evaluate_uneven_batches") else { return };
    type Steps = Sequential<Words<5>, (Embedding<6, 4, MaskZero>, TimeDistributed<Dense<4, 2>>)>;
    let trainer = trainer::<Steps, _, _, _>(&case, MeanSquaredError, Adam::default())
        .metric(MeanLoss(MeanSquaredError));
    let target = rows::<_, 2>(&case.floats("target"));
    let data =
        InMemory::new(rows::<_, 5>(&case.ids("input")), rows::<[f32; 2], 5>(&target)).unwrap();
    for row in case.json["evaluate"].as_array().unwrap() {
        let number = |key: &str| row[key].as_f64().unwrap();
        let found = trainer.evaluate(&data, number("batch_size") as usize).unwrap();
        case.assert_close("loss", "loss", &[found[0].1 as f32], &[number("loss") as f32]);
        case.assert_close("metric", "mse", &[found[1].1 as f32], &[number("mse") as f32]);
    }
}
