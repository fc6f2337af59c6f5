//! Metrics over two batches: every mask and weight.

use dfdx::tensor::NoneTape;
use kerata::{
    Batch, Const, Cpu, Ids, Mask, Masked,
    loss::{
        CategoricalCrossentropy, MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy,
    },
    metric::{
        self, Accuracy, BinaryAccuracy, CategoricalAccuracy, MeanLoss, Metric,
        SparseCategoricalAccuracy, SparseTopKCategoricalAccuracy,
    },
    prelude::*,
    reduce::Mean,
    signal::Signal,
};
use serde_json::Value;

use crate::{
    case::Case,
    harness::{Test, tests},
    losses::{AnyWeights, Plain, mask, sample_weights},
    models::FromCase,
    report::Report,
    variants,
};

/// Metrics over two batches, with and without mask and weights.
fn metrics_masked(case: &Case, report: &mut Report) {
    for row in case.json["results"].as_array().unwrap() {
        run_metric(case, row);
        report.typed(variants::metric(row));
    }
}

fn run_metric(case: &Case, row: &Value) {
    let config = |key: &str| row["config"][key].as_f64();
    match row["class_name"].as_str().unwrap() {
        "SparseCategoricalAccuracy" => {
            run::<3, Ids<(Batch, Const<4>)>, _>(case, row, &SparseCategoricalAccuracy);
        }
        "CategoricalAccuracy" => run::<3, Plain<3>, _>(case, row, &CategoricalAccuracy),
        "BinaryAccuracy" => {
            let threshold = config("threshold").unwrap_or(0.5);
            run::<1, Plain<1>, _>(case, row, &BinaryAccuracy { threshold });
        }
        "MeanSquaredError" => run::<3, Plain<3>, _>(case, row, &MeanLoss(MeanSquaredError)),
        "MeanAbsoluteError" => run::<3, Plain<3>, _>(case, row, &MeanLoss(MeanAbsoluteError)),
        "SparseCategoricalCrossentropy" => run::<3, Ids<(Batch, Const<4>)>, _>(
            case,
            row,
            &MeanLoss(SparseCategoricalCrossentropy::default()),
        ),
        "CategoricalCrossentropy" => {
            run::<3, Plain<3>, _>(case, row, &MeanLoss(CategoricalCrossentropy::default()));
        }
        "SparseTopKCategoricalAccuracy" => {
            let k = row["config"]["k"].as_u64().map_or(5, |k| k as usize);
            run::<3, Ids<(Batch, Const<4>)>, _>(case, row, &SparseTopKCategoricalAccuracy { k });
        }
        "Accuracy" => run_of::<1, Plain<1>, _>(case, row, &Accuracy, labels, labels_from_one),
        other => panic!("the metric `{other}` is neither run nor listed"),
    }
}

type Data<S> = <S as Signal>::Data<f32, Cpu, NoneTape>;

/// Labels as numbers.
fn labels(case: &Case, tensor: &str) -> Data<Plain<1>> {
    numbers(case, tensor, 0)
}

/// What the case calls `max(cls, 1)`.
fn labels_from_one(case: &Case, tensor: &str) -> Data<Plain<1>> {
    let (batch, of) = tensor.rsplit_once('.').unwrap();
    assert_eq!(of, "max(cls, 1)");
    numbers(case, &format!("{batch}.cls"), 1)
}

fn numbers(case: &Case, tensor: &str, least: usize) -> Data<Plain<1>> {
    let values = case.ids(tensor).into_iter().map(|id| id.max(least) as f32).collect();
    Cpu::default().tensor_from_vec(values, (case.shape(tensor)[0], Const, Const))
}

fn run<const C: usize, Y, M>(case: &Case, row: &Value, metric: &M)
where
    Y: FromCase,
    M: Metric<Plain<C>, Y, State = Mean> + Metric<Masked<Plain<C>>, Y, State = Mean>,
{
    run_of(case, row, metric, Y::read, <Plain<C>>::read);
}

fn run_of<const C: usize, Y, M>(
    case: &Case,
    row: &Value,
    metric: &M,
    target: fn(&Case, &str) -> Data<Y>,
    prediction: fn(&Case, &str) -> Data<Plain<C>>,
) where
    Y: Signal,
    M: Metric<Plain<C>, Y, State = Mean> + Metric<Masked<Plain<C>>, Y, State = Mean>,
{
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let mut mean = Mean::default();
    for (batch, after) in ["after_batch_0", "after_both"].iter().enumerate() {
        let name = |tensor: &str| format!("batch.{batch}.{tensor}");
        let weights = row["sample_weight"].as_str().map(&name);
        let weights = sample_weights(case, weights.as_deref());
        let read = |key: &str| name(row[key].as_str().unwrap());
        let (target, prediction) =
            (target(case, &read("y_true")), prediction(case, &read("y_pred")));
        let mask =
            row["use_mask"].as_bool().unwrap().then(|| mask(case, &format!("batch.{batch}.mask")));
        add::<C, Y, M>(metric, &mut mean, (target, prediction, mask), &weights);
        let expected = row[*after].as_f64().unwrap() as f32;
        case.assert_close("metric", &text("metric"), &[mean.get() as f32], &[expected]);
    }
}

fn add<const C: usize, Y, M>(
    metric: &M,
    mean: &mut Mean,
    (target, prediction, mask): (Data<Y>, Data<Plain<C>>, Option<Mask>),
    weights: &AnyWeights,
) where
    Y: Signal,
    M: Metric<Plain<C>, Y, State = Mean> + Metric<Masked<Plain<C>>, Y, State = Mean>,
{
    if let Some(mask) = mask {
        let prediction = Masked::new(prediction, mask).unwrap();
        metric::update::<Masked<Plain<C>>, Y, f32, Cpu, M>(
            mean, metric, prediction, &target, weights,
        )
    } else {
        metric::update::<Plain<C>, Y, f32, Cpu, M>(mean, metric, prediction, &target, weights)
    }
    .unwrap();
}

pub(crate) fn tests() -> Vec<Test> {
    tests![metrics_masked]
}
