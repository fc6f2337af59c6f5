//! Metrics with a state of their own against Keras 3.15.1: `tests/cases/keras-3.15.1-metrics/make.py`.

#![allow(missing_docs)]

use std::collections::BTreeSet;

use dfdx::tensor::NoneTape;
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Length, Mask, MaskZero, Masked, Softmax,
    Tensor, TimeDistributed,
    data::InMemory,
    loss::{Prediction, SparseCategoricalCrossentropy},
    metric::{
        Accuracy, Auc, BinaryAccuracy, BinaryIoU, ClassAverage, ConcordanceCorrelation,
        CosineSimilarity, Curve, F1Score, FBetaScore, FalseNegatives, FalsePositives, IoU, MeanIoU,
        MeanReciprocalRank, Metric, MetricState, Named, OneHotIoU, OneHotMeanIoU,
        PearsonCorrelation, Precision, PrecisionAtRecall, R2Score, Recall, RecallAtPrecision,
        RootMeanSquaredError, SensitivityAtSpecificity, SparseTopKCategoricalAccuracy,
        SpecificityAtSensitivity, Summation, TopKCategoricalAccuracy, TrueNegatives, TruePositives,
        ValueAverage, update,
    },
    model,
    optim::Sgd,
    prelude::*,
    reduce::{PerSample, Unweighted},
    signal::Signal,
    train::{Fit, Trainer},
};
use serde_json::Value;

#[path = "metrics/labels.rs"]
mod labels;

const ROWS: usize = 8;

fn keras() -> Value {
    serde_json::from_str(include_str!("cases/keras-3.15.1-metrics/metrics.json")).unwrap()
}

fn values(keras: &Value, case: &str, key: &str, batch: usize) -> Vec<f32> {
    let all = keras["data"][case][key].as_array().unwrap();
    let half = all.len() / 2;
    all[batch * half..][..half].iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

type Rows<const V: usize> = (Batch, Const<V>);

fn tensor<const V: usize>(values: Vec<f32>) -> Tensor<Rows<V>, f32, Cpu> {
    Cpu::default().tensor_from_vec(values, (ROWS, Const))
}

/// Both batches at once, and by two states that are merged, are what Keras says; so is what comes of the state's values.
fn check<const V: usize, K>(done: &mut BTreeSet<String>, name: &str, case: &str, metric: K)
where
    K: Metric<Rows<V>, Rows<V>>,
    Rows<V>: Prediction<Data<f32, Cpu, NoneTape> = Tensor<Rows<V>, f32, Cpu>>,
{
    let keras = keras();
    for weighted in [false, true] {
        let batch = |state: &mut K::State, batch: usize| {
            let of = |key| values(&keras, case, key, batch);
            let (p, y) = (tensor::<V>(of("p")), tensor::<V>(of("y")));
            match weighted {
                true => update::<Rows<V>, Rows<V>, f32, Cpu, K>(
                    state,
                    &metric,
                    p,
                    &y,
                    &PerSample(of("w")),
                ),
                false => {
                    update::<Rows<V>, Rows<V>, f32, Cpu, K>(state, &metric, p, &y, &Unweighted)
                }
            }
            .unwrap();
        };
        let (mut whole, mut first, mut second) =
            (K::State::default(), K::State::default(), K::State::default());
        batch(&mut whole, 0);
        batch(&mut whole, 1);
        batch(&mut first, 0);
        batch(&mut second, 1);
        first.merge(&second);
        let again = K::State::from_values(whole.to_values()).unwrap();
        let expected = keras["results"][name][usize::from(weighted)].as_f64().unwrap();
        for state in [whole, first, again] {
            let ours = metric.result(&state);
            let close = (ours - expected).abs() < 3e-6 * expected.abs().max(1.0);
            assert!(close, "{name}, weighted {weighted}: {ours}, Keras {expected}");
        }
    }
    done.insert(name.to_owned());
}

#[test]
fn as_keras_says() {
    let mut done = BTreeSet::new();
    macro_rules! check {
        ($width:literal $case:literal: $($name:literal $metric:expr;)*) => {
            $(check::<$width, _>(&mut done, $name, $case, $metric);)*
        };
    }
    check! { 3 "many":
        "precision" Precision::default();
        "precision 0.3" Precision { threshold: Some(0.3), ..Default::default() };
        "precision top 2" Precision { top_k: Some(2), ..Default::default() };
        "precision class 1" Precision { class_id: Some(1), ..Default::default() };
        "precision top 1 class 2 at 0.4"
            Precision { threshold: Some(0.4), top_k: Some(1), class_id: Some(2) };
        "recall" Recall::default();
        "tp" TruePositives::default();
        "fp" FalsePositives { threshold: Some(0.7), ..Default::default() };
        "tn" TrueNegatives::default();
        "fn" FalseNegatives { threshold: Some(0.2), ..Default::default() };
        "auc 5" Auc { num_thresholds: 5, ..Default::default() };
        "auc given" Auc { thresholds: Some(vec![0.1, 0.7, 0.35]), ..Default::default() };
        "auc labels" Auc { multi_label: true, ..Default::default() };
        "auc weighted labels"
            Auc { multi_label: true, label_weights: Some(vec![1.0, 2.0, 0.5]), ..Default::default() };
        "auc label weights" Auc { label_weights: Some(vec![1.0, 2.0, 0.5]), ..Default::default() };
        "auc logits" Auc { from_logits: true, ..Default::default() };
        "sensitivity" SensitivityAtSpecificity::new(0.5);
        "specificity"
            SpecificityAtSensitivity { num_thresholds: 7, ..SpecificityAtSensitivity::new(0.6) };
        "precision at" PrecisionAtRecall::new(0.4);
        "recall at" RecallAtPrecision { class_id: Some(0), ..RecallAtPrecision::new(0.5) };
        "f1 threshold" F1Score { threshold: Some(0.5), ..Default::default() };
        "binary iou" BinaryIoU { threshold: 0.4, ..Default::default() };
        "binary iou 1" BinaryIoU { target_class_ids: vec![1], threshold: 0.5 };
        "binary accuracy" BinaryAccuracy { threshold: 0.3 };
    }
    for (curve, of) in [(Curve::Roc, "ROC"), (Curve::Pr, "PR"), (Curve::PrGain, "PRGAIN")] {
        for (summation_method, by) in [
            (Summation::Interpolation, "interpolation"),
            (Summation::Minoring, "minoring"),
            (Summation::Majoring, "majoring"),
        ] {
            let auc = Auc { curve, summation_method, ..Default::default() };
            check::<3, _>(&mut done, &format!("auc {of} {by}"), "many", auc);
        }
    }
    check! { 4 "classes":
        "recall top 1" Recall { top_k: Some(1), ..Default::default() };
        "f1 macro" F1Score::default();
        "f1 micro" F1Score { average: ClassAverage::Micro, ..Default::default() };
        "f1 weighted" F1Score { average: ClassAverage::Weighted, ..Default::default() };
        "f2" FBetaScore { beta: 2.0, ..Default::default() };
        "mean iou" OneHotMeanIoU;
        "iou" OneHotIoU { target_class_ids: vec![0, 2] };
        "top 2" TopKCategoricalAccuracy { k: 2 };
    }
    check! { 3 "values":
        "rmse" RootMeanSquaredError;
        "cosine" CosineSimilarity;
        "pearson" PearsonCorrelation;
        "concordance" ConcordanceCorrelation;
        "r2" R2Score::default();
        "r2 variance"
            R2Score { class_aggregation: ValueAverage::VarianceWeighted, ..Default::default() };
        "r2 adjusted" R2Score { num_regressors: 2, ..Default::default() };
    }
    let keras = keras();
    let all: BTreeSet<String> = keras["results"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(done, all);
}

/// Labels are one-hot rows by another name.
#[test]
fn of_labels() {
    fn result<Y: Signal, K: Metric<Rows<4>, Y>>(metric: K, y: &Y::Data<f32, Cpu, NoneTape>) -> f64 {
        let (mut state, keras) = (K::State::default(), keras());
        let p = tensor::<4>(values(&keras, "classes", "p", 0));
        let weights = PerSample(values(&keras, "classes", "w", 0));
        update::<Rows<4>, Y, f32, Cpu, K>(&mut state, &metric, p, y, &weights).unwrap();
        metric.result(&state)
    }

    let hot = tensor::<4>(values(&keras(), "classes", "y", 0));
    let labels = Cpu::default().tensor_from_vec(hot.argmax().unwrap(), (ROWS,));
    type Labels = Ids<(Batch,)>;
    let pairs = [
        (result::<Labels, _>(MeanIoU, &labels), result::<Rows<4>, _>(OneHotMeanIoU, &hot)),
        (
            result::<Labels, _>(IoU { target_class_ids: vec![1] }, &labels),
            result::<Rows<4>, _>(OneHotIoU { target_class_ids: vec![1] }, &hot),
        ),
        (
            result::<Labels, _>(SparseTopKCategoricalAccuracy { k: 3 }, &labels),
            result::<Rows<4>, _>(TopKCategoricalAccuracy { k: 3 }, &hot),
        ),
    ];
    for (sparse, dense) in pairs {
        assert_eq!(sparse, dense);
    }
    assert!(pairs[2].0 > 0.0);
}

/// What stands in the padding does not count: as if the real steps were all.
#[test]
fn masks_leave_out() {
    type Steps = Masked<(Batch, Length, Const<2>)>;
    type Targets = (Batch, Length, Const<2>);
    fn both<K: Metric<Steps, Targets> + Metric<Rows<2>, Rows<2>>>(metric: K) {
        let dev = Cpu::default();
        let (p, y) =
            (vec![0.9_f32, 0.2, 0.4, 0.7, 0.1, 0.6], vec![1.0_f32, 0.0, 1.0, 1.0, 0.0, 1.0]);
        let padded = |values: &[f32]| {
            let mut values = values.to_vec();
            values.splice(4..4, [f32::NAN, 7.0]);
            dev.tensor_from_vec(values, (2, 2, Const::<2>))
        };
        let mask = Mask::from_bools(vec![true, true, false, true], 2, 2).unwrap();
        let (mut masked, mut plain) = Default::default();
        let prediction = Masked::new(padded(&p), mask).unwrap();
        update::<Steps, Targets, f32, Cpu, K>(
            &mut masked,
            &metric,
            prediction,
            &padded(&y),
            &Unweighted,
        )
        .unwrap();
        let rows = |values: Vec<f32>| dev.tensor_from_vec(values, (3, Const::<2>));
        update::<Rows<2>, Rows<2>, f32, Cpu, K>(
            &mut plain,
            &metric,
            rows(p),
            &rows(y),
            &Unweighted,
        )
        .unwrap();
        let masked = Metric::<Steps, Targets>::result(&metric, &masked);
        assert_eq!(masked, Metric::<Rows<2>, Rows<2>>::result(&metric, &plain));
        assert!(masked.is_finite());
    }

    both(Precision::default());
    both(Auc::default());
    both(F1Score::default());
    both(OneHotMeanIoU);
    both(R2Score::default());
    both(RootMeanSquaredError);
    both(TopKCategoricalAccuracy { k: 1 });
}

#[test]
fn settings_that_make_no_sense() {
    fn says<K: Metric<Rows<3>, Rows<3>>>(metric: K, text: &str) {
        let p = || tensor::<3>(vec![0.5; ROWS * 3]);
        let mut state = K::State::default();
        let result =
            update::<Rows<3>, Rows<3>, f32, Cpu, K>(&mut state, &metric, p(), &p(), &Unweighted);
        let error = result.unwrap_err().to_string();
        assert!(error.contains(text), "{error}");
    }

    says(Precision { threshold: Some(1.5), ..Default::default() }, "threshold");
    says(Recall { top_k: Some(4), ..Default::default() }, "top_k");
    says(TruePositives { class_id: Some(3), ..Default::default() }, "class_id");
    says(Auc { num_thresholds: 1, ..Default::default() }, "num_thresholds");
    says(Auc { num_thresholds: usize::MAX, ..Default::default() }, "num_thresholds");
    says(
        PrecisionAtRecall { num_thresholds: usize::MAX, ..PrecisionAtRecall::new(0.5) },
        "num_thresholds",
    );
    says(Auc { label_weights: Some(vec![1.0]), ..Default::default() }, "label weights");
    says(FBetaScore { beta: 0.0, ..Default::default() }, "beta");
    says(OneHotIoU { target_class_ids: vec![3] }, "target_class_ids");
    says(TopKCategoricalAccuracy { k: 0 }, "k is 0");
    says(PrecisionAtRecall::new(-0.5), "value");
    let nan = tensor::<3>(vec![f32::NAN; ROWS * 3]);
    let result = update::<Rows<3>, Rows<3>, f32, Cpu, _>(
        &mut Default::default(),
        &Auc::default(),
        nan,
        &tensor::<3>(vec![1.0; ROWS * 3]),
        &Unweighted,
    );
    assert!(matches!(result, Err(Error::NonFinite { .. })), "{result:?}");
}

#[model(input = Ids<(Batch, 3)>)]
struct Tagger {
    words: Embedding<5, 4, MaskZero>,
    tags: TimeDistributed<Dense<4, 2, Softmax>>,
}

/// The columns of metrics with states of different kinds, and that a training goes on from them.
#[test]
fn in_a_trainer() {
    let trainer = || {
        let model = Tagger::build(&Cpu::seed_from_u64(2)).unwrap();
        Trainer::new(model, SparseCategoricalCrossentropy::default(), Sgd::new(0.5))
            .unwrap()
            .metric(MeanIoU)
            .weighted_metric(MeanIoU)
            .metric(Named("top", SparseTopKCategoricalAccuracy { k: 1 }))
    };
    let x = vec![[1_usize, 2, 0], [3, 0, 0], [4, 1, 2], [2, 2, 0]];
    let y = vec![[0_usize, 1, 0], [1, 0, 0], [0, 0, 1], [1, 1, 0]];
    let data = InMemory::new(x, y).unwrap().with_weights(PerSample(vec![1.0, 0.0, 2.0, 1.0]));
    let data = data.unwrap();
    let fit = Fit { batch_size: 2, progress: false, ..Fit::epochs(3) };
    let history = trainer().fit(&data, &fit).unwrap();
    let names: Vec<&str> = history.names().collect();
    assert_eq!(names, ["loss", "mean_io_u", "weighted_mean_io_u", "top"]);
    assert_ne!(history.get("mean_io_u"), history.get("weighted_mean_io_u"));
    assert!(history.get("top").unwrap().iter().all(|share| (0.0..=1.0).contains(share)));
}

#[test]
fn labels_against_labels() {
    // `keras.metrics.Accuracy` says 0.75, and with these weights 0.5.
    let (p, y) = (vec![0.0_f32, 2.0, 3.0, 4.0], vec![1.0_f32, 2.0, 3.0, 4.0]);
    let rows = |values: &Vec<f32>| -> Tensor<Rows<1>, f32, Cpu> {
        Cpu::default().tensor_from_vec(values.clone(), (4, Const))
    };
    let mut plain = kerata::reduce::Mean::default();
    update::<Rows<1>, Rows<1>, f32, Cpu, _>(
        &mut plain,
        &Accuracy,
        rows(&p),
        &rows(&y),
        &Unweighted,
    )
    .unwrap();
    assert_eq!(plain.get(), 0.75);
    let mut weighted = kerata::reduce::Mean::default();
    let weights = PerSample(vec![1.0, 1.0, 0.0, 0.0]);
    update::<Rows<1>, Rows<1>, f32, Cpu, _>(
        &mut weighted,
        &Accuracy,
        rows(&p),
        &rows(&y),
        &weights,
    )
    .unwrap();
    assert_eq!(weighted.get(), 0.5);
}

#[test]
fn the_rank_of_a_label_in_a_masked_sequence() {
    type Steps = Masked<(Batch, usize, Const<3>)>;
    let dev = Cpu::default();
    let values = vec![
        0.5_f32,
        0.3,
        0.2,
        0.2,
        0.5,
        0.3,
        f32::NAN,
        0.1,
        0.2,
        0.4,
        0.4,
        0.2,
        9.0,
        9.0,
        9.0,
        9.0,
        9.0,
        9.0,
    ];
    let x: Tensor<(Batch, usize, Const<3>), f32, Cpu> = dev.tensor_from_vec(values, (2, 3, Const));
    let mask = Mask::from_lengths(&[3, 1], 3).unwrap();
    // 99 is no class, but stands in the padding.
    let labels: Tensor<(Batch, usize), usize, Cpu> =
        dev.tensor_from_vec(vec![0, 0, 0, 1, 99, 99], (2, 3));
    let mut mean = kerata::reduce::Mean::default();
    let x = Masked::new(x, mask).unwrap();
    update::<Steps, Ids<(Batch, usize)>, f32, Cpu, _>(
        &mut mean,
        &MeanReciprocalRank,
        x,
        &labels,
        &Unweighted,
    )
    .unwrap();
    // First, third, NaN, and one of two that are equal.
    assert!((mean.get() - (1.0 + 1.0 / 3.0 + 0.0 + 1.0) / 4.0).abs() < 1e-9, "{}", mean.get());
}
