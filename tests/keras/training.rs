//! Training: steps of whole models, and whole runs of `fit` and `evaluate`.

use crate::{
    case::Case,
    each_layer::EachLayer,
    harness::{Test, tests},
    models::{self, Comparable, FromCase, none},
    report::Report,
    variants::{FIT, STEPS, batch_size},
};
use dfdx::tensor::OwnedTape;
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Gru, Ids, Lstm, MaskZero, Relu, Sequences, Sigmoid,
    Softmax, Tanh, TimeDistributed,
    data::{InMemory, Samples},
    loss::{
        BinaryCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError, Prediction,
        SparseCategoricalCrossentropy,
    },
    metric::{BinaryAccuracy, MeanLoss, Metric, SparseCategoricalAccuracy},
    model::{Model, Sequential},
    optim::{Adam, AdamW, Optimizer, RMSprop, Sgd, State},
    parameters::{Build, Parameters},
    prelude::*,
    reduce::Unweighted,
    train::{Feeds, Fit, Trainer},
};

/// How many batches a case has that has several.
const BATCHES: usize = 3;

/// The steps of a `train` case: the loss before each, and the weights after the first and the last.
pub(crate) fn check_steps<In, Y, M, L>(
    case: &Case,
    report: &mut Report,
    loss: &L,
    optimizer: impl Optimizer,
) where
    In: FromCase,
    Y: FromCase,
    M: Layer<In, Out: Comparable + Prediction> + Build + Parameters,
    L: Loss<M::Out, Y>,
{
    let mut model = M::build(&Cpu::default()).unwrap();
    case.load(&mut model);
    let mut state = State::default();
    let steps = case.json["steps"].as_u64().unwrap() as usize;
    let batches = case.has("batch.0.input").then_some(BATCHES);
    for step in 1..=steps {
        // Where there are several batches, they come one after the other.
        let of_step = |tensor: &str| match batches {
            Some(batches) => format!("batch.{}.{tensor}", (step - 1) % batches),
            None => tensor.to_owned(),
        };
        let input = In::read(case, &of_step("input"));
        let input = In::put_tape::<f32, Cpu, OwnedTape<f32, Cpu>>(input, OwnedTape::default());
        let output = model.call_mut(input).unwrap();
        let loss = loss.mean(output, &Y::read(case, &of_step("target")), &Unweighted).unwrap();
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
    let output = model.call(In::read(case, "input")).unwrap();
    case.assert_tensor("train", "final_output", &M::Out::values(&output));
    report.typed(STEPS);
}

/// The model before its first step, then the steps.
fn check_model_and_steps<In, Y, M, L>(
    case: &Case,
    report: &mut Report,
    loss: &L,
    optimizer: impl Optimizer,
) where
    In: FromCase,
    Y: FromCase,
    M: EachLayer<In> + Layer<In, Out: Comparable + Prediction> + Build + Parameters,
    L: Loss<M::Out, Y>,
{
    models::check::<In, Y, M, L, _>(case, report, loss, none, |_| ());
    check_steps::<In, Y, M, L>(case, report, loss, optimizer);
}

type Tagger =
    (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, TimeDistributed<Dense<3, 3, Softmax>>);
type Words<const L: usize> = Ids<(Batch, Const<L>)>;
type Vectors<const F: usize> = (Batch, Const<F>);

fn tagger(case: &Case, report: &mut Report, optimizer: impl Optimizer) {
    let loss = SparseCategoricalCrossentropy::default();
    check_model_and_steps::<Words<5>, Words<5>, Tagger, _>(case, report, &loss, optimizer);
}

fn train_tagger_adam(case: &Case, report: &mut Report) {
    tagger(case, report, Adam::new(0.01));
}

fn train_tagger_adamw(case: &Case, report: &mut Report) {
    tagger(case, report, AdamW::new(0.01, 0.004));
}

fn train_tagger_rmsprop(case: &Case, report: &mut Report) {
    tagger(case, report, RMSprop::new(0.01));
}

fn train_tagger_sgd(case: &Case, report: &mut Report) {
    tagger(case, report, Sgd::new(0.1));
}

fn train_tagger_sgd_momentum(case: &Case, report: &mut Report) {
    tagger(case, report, Sgd { momentum: 0.9, ..Sgd::new(0.1) });
}

fn train_mlp_sgd(case: &Case, report: &mut Report) {
    type Mlp = (Dense<4, 5, Tanh>, Dense<5, 3, Relu>, Dense<3, 1>);
    let (loss, optimizer) = (MeanSquaredError, Sgd::new(0.05));
    check_model_and_steps::<Vectors<4>, Vectors<1>, Mlp, _>(case, report, &loss, optimizer);
}

fn train_classifier_three_batches(case: &Case, report: &mut Report) {
    type Classifier = (Embedding<6, 4, MaskZero>, Gru<4, 3>, Dense<3, 1, Sigmoid>);
    let (loss, optimizer) = (BinaryCrossentropy::default(), Adam::new(0.02));
    check_model_and_steps::<Words<5>, Vectors<1>, Classifier, _>(case, report, &loss, optimizer);
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
    metric: impl Metric<M::Output, Y::Signal> + Send + 'static,
    data: &InMemory<X, Y>,
    validation: Option<&InMemory<X, Y>>,
) where
    M: Model<f32, Cpu, Output: Prediction + Comparable>,
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
    let values = <M::Output as Comparable>::values(&predicted);
    case.assert_tensor("train", "predict_after", &values);
    evaluated(&trainer.evaluate(data, batch_size).unwrap(), "evaluate_after");
}

fn fit_mlp(case: &Case, report: &mut Report) {
    type Mlp = Sequential<Vectors<4>, (Dense<4, 6, Relu>, Dense<6, 2>)>;
    let optimizer = Sgd { momentum: 0.9, ..Sgd::new(0.05) };
    let trainer = trainer::<Mlp, _, _, _>(case, MeanSquaredError, optimizer);
    let data =
        InMemory::new(rows::<_, 4>(&case.floats("input")), rows::<_, 2>(&case.floats("target")));
    check_fit(case, trainer, MeanLoss(MeanAbsoluteError), &data.unwrap(), None);
    report.typed(FIT);
}

fn fit_masked_tagger(case: &Case, report: &mut Report) {
    let loss = SparseCategoricalCrossentropy::default();
    let trainer = trainer::<Sequential<Words<5>, Tagger>, _, _, _>(case, loss, Adam::new(0.02));
    let data = |x: &str, y: &str| {
        InMemory::new(rows::<_, 5>(&case.ids(x)), rows::<_, 5>(&case.ids(y))).unwrap()
    };
    let validation = data("val_input", "val_target");
    let train = data("input", "target");
    check_fit(case, trainer, SparseCategoricalAccuracy, &train, Some(&validation));
    report.typed(FIT);
}

fn fit_classifier(case: &Case, report: &mut Report) {
    type Classifier = Sequential<
        Words<5>,
        (Embedding<6, 4, MaskZero>, Lstm<4, 3, Sequences>, Lstm<3, 3>, Dense<3, 1, Sigmoid>),
    >;
    let loss = BinaryCrossentropy::default();
    let trainer = trainer::<Classifier, _, _, _>(case, loss, RMSprop::new(0.01));
    let data =
        InMemory::new(rows::<_, 5>(&case.ids("input")), rows::<_, 1>(&case.floats("target")));
    check_fit(case, trainer, BinaryAccuracy::default(), &data.unwrap(), None);
    report.typed(FIT);
}

/// The loss depends on how the data is cut into batches, the metric of the same name does not.
fn evaluate_uneven_batches(case: &Case, report: &mut Report) {
    type Steps = Sequential<Words<5>, (Embedding<6, 4, MaskZero>, TimeDistributed<Dense<4, 2>>)>;
    let trainer = trainer::<Steps, _, _, _>(case, MeanSquaredError, Adam::default())
        .metric(MeanLoss(MeanSquaredError));
    let target = rows::<_, 2>(&case.floats("target"));
    let data =
        InMemory::new(rows::<_, 5>(&case.ids("input")), rows::<[f32; 2], 5>(&target)).unwrap();
    for row in case.json["evaluate"].as_array().unwrap() {
        let number = |key: &str| row[key].as_f64().unwrap();
        let found = trainer.evaluate(&data, number("batch_size") as usize).unwrap();
        case.assert_close("loss", "loss", &[found[0].1 as f32], &[number("loss") as f32]);
        case.assert_close("metric", "mse", &[found[1].1 as f32], &[number("mse") as f32]);
        report.typed(batch_size(row));
    }
}

pub(crate) fn tests() -> Vec<Test> {
    tests![
        train_tagger_adam,
        train_tagger_adamw,
        train_tagger_rmsprop,
        train_tagger_sgd,
        train_tagger_sgd_momentum,
        train_mlp_sgd,
        train_classifier_three_batches,
        fit_mlp,
        fit_masked_tagger,
        fit_classifier,
        evaluate_uneven_batches,
    ]
}
