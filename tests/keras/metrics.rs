//! Metrics over two batches: every mask and weight.

use dfdx::tensor::NoneTape;
use kerata::{
    Batch, Const, Cpu, Ids, Masked,
    loss::{
        CategoricalCrossentropy, MeanAbsoluteError, MeanSquaredError, SparseCategoricalCrossentropy,
    },
    metric::{
        self, BinaryAccuracy, CategoricalAccuracy, MeanLoss, Metric, SparseCategoricalAccuracy,
        SparseTopKCategoricalAccuracy,
    },
    reduce::Mean,
    signal::Signal,
};
use serde_json::Value;

use crate::{
    case::Case,
    harness::{Test, tests},
    losses::{AnyWeights, Plain, mask, sample_weights},
    models::FromCase,
    reasons::ACCURACY,
    report::{Reason, Report},
    variants,
};

/// Metrics over two batches, with and without mask and weights.
fn metrics_masked(case: &Case, report: &mut Report) {
    for row in case.json["results"].as_array().unwrap() {
        report.typed_unless(variants::metric(row), run_metric(case, row));
    }
}

fn run_metric(case: &Case, row: &Value) -> Option<&'static Reason> {
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
        "Accuracy" => return Some(&ACCURACY),
        other => panic!("the metric `{other}` is neither run nor listed"),
    }
    None
}

fn run<const C: usize, Y, M>(case: &Case, row: &Value, metric: &M)
where
    Y: FromCase,
    M: Metric<Plain<C>, Y, State = Mean> + Metric<Masked<Plain<C>>, Y, State = Mean>,
{
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let mut mean = Mean::default();
    for (batch, after) in ["after_batch_0", "after_both"].iter().enumerate() {
        let name = |tensor: &str| format!("batch.{batch}.{tensor}");
        let weights = row["sample_weight"].as_str().map(&name);
        let weights = sample_weights(case, weights.as_deref());
        add::<C, Y, M>(case, row, metric, &mut mean, batch, &weights);
        let expected = row[*after].as_f64().unwrap() as f32;
        case.assert_close("metric", &text("metric"), &[mean.get() as f32], &[expected]);
    }
}

fn add<const C: usize, Y, M>(
    case: &Case,
    row: &Value,
    metric: &M,
    mean: &mut Mean,
    batch: usize,
    weights: &AnyWeights,
) where
    Y: FromCase,
    M: Metric<Plain<C>, Y, State = Mean> + Metric<Masked<Plain<C>>, Y, State = Mean>,
{
    let name = |key: &str| format!("batch.{batch}.{}", row[key].as_str().unwrap());
    let target: <Y as Signal>::Data<f32, Cpu, NoneTape> = Y::read(case, &name("y_true"));
    let prediction = <Plain<C>>::read(case, &name("y_pred"));
    if row["use_mask"].as_bool().unwrap() {
        let mask = mask(case, &format!("batch.{batch}.mask"));
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
