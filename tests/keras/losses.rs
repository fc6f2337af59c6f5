//! Losses and metrics by themselves: every mask and weight, value and gradient.

use dfdx::{
    prelude::SumTo,
    tensor::{NoneTape, OwnedTape, PutTape},
};
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Ids, Mask, MaskZero, Masked, Tensor, TimeDistributed,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Loss, MeanAbsoluteError, MeanSquaredError,
        SparseCategoricalCrossentropy,
    },
    metric::{
        self, BinaryAccuracy, CategoricalAccuracy, MeanLoss, Metric, SparseCategoricalAccuracy,
    },
    prelude::*,
    reduce::{Mean, PerSample, PerStep, SampleWeights, Unweighted, Weights},
    signal::Signal,
};
use serde_json::Value;

use crate::{
    case::{Case, skipped},
    models::FromCase,
};

type Plain<const C: usize> = (Batch, Const<4>, Const<C>);

fn mask(case: &Case, tensor: &str) -> Mask {
    let [batch, length] = case.shape(tensor) else { panic!("{tensor} is no mask") };
    Mask::from_bools(case.flags(tensor), *batch, *length).unwrap()
}

/// Every variant of a loss that is reduced as Keras does by default, and the unreduced losses.
fn check<const C: usize, Y, L>(name: &str, loss: L)
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y>,
{
    let Some(case) = Case::open(name) else { return };
    let mut seen = 0;
    for variant in case.json["variants"].as_array().unwrap() {
        let name = |key: &str| variant[key].as_str().map(str::to_owned);
        if name("reduction").unwrap() != "sum_over_batch_size" {
            continue;
        }
        seen += 1;
        let weights = name("sample_weight");
        let mask = name("mask").map(|name| mask(&case, &name));
        let found = match weights.as_deref() {
            None => value(&case, &loss, mask, &Unweighted),
            Some(tensor) if case.shape(tensor)[1] == 1 => {
                value(&case, &loss, mask, &PerSample(case.floats(tensor)))
            }
            Some(tensor) => {
                let weights = PerStep::new(case.floats(tensor), case.shape(tensor)[1]).unwrap();
                value(&case, &loss, mask, &weights)
            }
        };
        case.assert_tensor("loss", &name("value").unwrap(), &[found.0]);
        case.assert_tensor("grad", &name("gradient_wrt_y_pred").unwrap(), &found.1);
    }
    assert_eq!(seen, 12, "{name}: variants");

    let rows = loss_rows::<C, Y, L>(&case, &loss);
    case.assert_tensor("loss", "value.none.nomask.noweight", &rows);
}

fn loss_rows<const C: usize, Y: FromCase, L: Loss<Plain<C>, Y>>(case: &Case, loss: &L) -> Vec<f32> {
    let shape = case.shape("y_pred");
    let rows = Cpu::default().tensor_from_vec(case.floats("y_pred"), (shape[0] * shape[1], C));
    loss.per_position::<NoneTape>(rows, &Y::read(case, "y_true")).unwrap().as_vec()
}

/// The loss and its gradient with respect to the prediction.
fn value<const C: usize, Y, L, W>(
    case: &Case,
    loss: &L,
    mask: Option<Mask>,
    weights: &W,
) -> (f32, Vec<f32>)
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y>,
    W: Weights<Plain<C>> + Weights<Masked<Plain<C>>>,
{
    let prediction: Tensor<Plain<C>, f32, Cpu> = <Plain<C>>::read(case, "y_pred");
    let target = Y::read(case, "y_true");
    let traced = prediction.clone().put_tape(OwnedTape::default());
    let loss = match mask {
        None => Loss::<Plain<C>, Y>::mean(loss, traced, &target, weights),
        Some(mask) => {
            let traced = Masked::new(traced, mask).unwrap();
            Loss::<Masked<Plain<C>>, Y>::mean(loss, traced, &target, weights)
        }
    }
    .unwrap();
    let value = loss.array();
    (value, loss.backward().get_or_alloc_mut(&prediction).unwrap().to_vec())
}

macro_rules! losses {
    ($($name:ident: $classes:literal, $target:ty, $loss:expr;)*) => {
        $(
            #[test]
            fn $name() {
                check::<$classes, $target, _>(stringify!($name), $loss);
            }
        )*
    };
}

losses! {
    loss_meansquarederror: 3, Plain<3>, MeanSquaredError;
    loss_meanabsoluteerror: 3, Plain<3>, MeanAbsoluteError;
    loss_binarycrossentropy: 1, Plain<1>, BinaryCrossentropy::default();
    loss_binarycrossentropy_from_logits: 1, Plain<1>, BinaryCrossentropy::from_logits();
    loss_categoricalcrossentropy: 3, Plain<3>, CategoricalCrossentropy::default();
    loss_categoricalcrossentropy_from_logits: 3, Plain<3>, CategoricalCrossentropy::from_logits();
    loss_categoricalcrossentropy_label_smoothing_01: 3, Plain<3>,
        CategoricalCrossentropy { label_smoothing: 0.1, ..CategoricalCrossentropy::default() };
    loss_sparsecategoricalcrossentropy: 3, Ids<(Batch, Const<4>)>,
        SparseCategoricalCrossentropy::default();
    loss_sparsecategoricalcrossentropy_from_logits: 3, Ids<(Batch, Const<4>)>,
        SparseCategoricalCrossentropy::from_logits();
}

/// Probabilities of exactly 0 and 1 are clipped, and where they are no gradient passes.
#[test]
fn loss_clipping() {
    fn check<const C: usize, Y, L>(case: &Case, loss: L, name: &str, [x, y]: [&str; 2])
    where
        Y: FromCase,
        L: Loss<(Batch, Const<C>), Y>,
    {
        let x = Cpu::default().tensor_from_vec(case.floats(x), (4, C));
        let traced = x.clone().put_tape(OwnedTape::default());
        let losses = loss.per_position(traced, &Y::read(case, y)).unwrap();
        case.assert_tensor("loss", &format!("{name}.value"), &losses.as_vec());
        let gradient = losses.sum().backward().get_or_alloc_mut(&x).unwrap().to_vec();
        case.assert_tensor("grad", &format!("{name}.grad"), &gradient);
    }
    let Some(case) = Case::open("loss_clipping") else { return };
    let sparse = SparseCategoricalCrossentropy::default();
    check::<3, Ids<(Batch,)>, _>(&case, sparse, "sparse", ["probs", "classes"]);
    let categorical = CategoricalCrossentropy::default();
    check::<3, (Batch, Const<3>), _>(&case, categorical, "categorical", ["probs", "onehot"]);
    let binary = BinaryCrossentropy::default();
    check::<1, (Batch, Const<1>), _>(&case, binary, "binary", ["binary.probs", "binary.target"]);
}

/// The check that is printed with most tutorials on masking: ids 1, 2, 0, 0, of which two are real.
#[test]
fn loss_seed_example() {
    let Some(case) = Case::open("loss_seed_example") else { return };
    let mut model =
        <(Embedding<5, 5, MaskZero>, TimeDistributed<Dense<5, 3>>)>::build(&Cpu::default())
            .unwrap();
    case.load(&mut model);
    let ids: Tensor<(Batch, Const<4>), usize, Cpu> = <Ids<(Batch, Const<4>)>>::read(&case, "input");
    let output = model.forward(ids).unwrap();
    case.assert_tensor("forward", "output", &output.values().as_vec());
    let target: Tensor<Plain<3>, f32, Cpu> = <Plain<3>>::read(&case, "target");
    let unmasked = MeanSquaredError.compute(output.values().clone(), target.clone()).unwrap();
    let loss = MeanSquaredError.compute(output, target.clone()).unwrap().array();
    case.assert_tensor("loss", "loss", &[loss]);
    let number = |of: &str, key: &str| case.json[of][key].as_f64().unwrap() as f32;
    case.assert_close("loss", "evaluate", &[loss], &[number("numbers", "keras3_evaluate")]);
    let expected = number("numbers", "unmasked_mean");
    case.assert_close("loss", "unmasked", &[unmasked.array()], &[expected]);

    // The same from printed predictions.
    let printed: Tensor<Plain<3>, f32, Cpu> =
        Cpu::default().tensor_from_vec(case.floats("seed_document.predictions"), (1, Const, Const));
    let rows = printed.clone();
    let printed = Masked::new(printed, Mask::from_ids(&[1, 2, 0, 0], 1, 4).unwrap()).unwrap();
    let loss = MeanSquaredError.compute(printed, target.clone()).unwrap().array();
    let expected = number("seed_document", "recomputed_from_printed_predictions");
    case.assert_close("loss", "the printed loss", &[loss], &[expected]);
    let rows = <Plain<3> as kerata::loss::Prediction>::rows(rows).unwrap().values;
    let each = Loss::<Plain<3>, Plain<3>>::per_position(&MeanSquaredError, rows, &target).unwrap();
    let expected: Vec<f32> = case.json["seed_document"]["per_step"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step.as_f64().unwrap() as f32)
        .collect();
    case.assert_close("loss", "the printed steps", &each.as_vec(), &expected);
}

/// The reduction by itself: the losses are given, as the mean absolute error against 0.
#[test]
fn loss_reduction_conventions() {
    let Some(case) = Case::open("loss_reduction_conventions") else { return };
    let dev = Cpu::default();
    let prediction: Tensor<Plain<1>, f32, Cpu> =
        dev.tensor_from_vec(case.floats("losses"), (2, Const, Const));
    let target = prediction.clone() * 0.0;
    for row in case.json["rows"].as_array().unwrap() {
        let prediction = prediction.clone();
        let mask = match row["mask"].as_str() {
            None => Mask::full(2, 4),
            Some("all_false") => Mask::from_bools(vec![false; 8], 2, 4).unwrap(),
            Some(name) => mask(&case, name),
        };
        let prediction = Masked::new(prediction, mask).unwrap();
        let target = target.clone();
        let loss = match row["weights"].as_str() {
            None => MeanAbsoluteError.compute(prediction, target),
            Some("w_temporal") => {
                let weights = PerStep::new(case.floats("w_temporal"), 4).unwrap();
                MeanAbsoluteError.compute_weighted(prediction, target, &weights)
            }
            Some(name) => {
                let weights = PerSample(case.floats(name));
                MeanAbsoluteError.compute_weighted(prediction, target, &weights)
            }
        };
        let expected = row["keras3"].as_f64().unwrap();
        let found = f64::from(loss.unwrap().array());
        assert!((found - expected).abs() < 1e-5, "{row}: {found}");
    }
}

/// Metrics over two batches, with and without mask and weights.
#[test]
fn metrics_masked() {
    let Some(case) = Case::open("metrics_masked") else { return };
    let mut seen = 0;
    for row in case.json["results"].as_array().unwrap() {
        let config = |key: &str| row["config"][key].as_f64();
        match row["class_name"].as_str().unwrap() {
            "SparseCategoricalAccuracy" => {
                run::<3, Ids<(Batch, Const<4>)>, _>(&case, row, &SparseCategoricalAccuracy);
            }
            "CategoricalAccuracy" => run::<3, Plain<3>, _>(&case, row, &CategoricalAccuracy),
            "BinaryAccuracy" => {
                let threshold = config("threshold").unwrap_or(0.5);
                run::<1, Plain<1>, _>(&case, row, &BinaryAccuracy { threshold });
            }
            "MeanSquaredError" => run::<3, Plain<3>, _>(&case, row, &MeanLoss(MeanSquaredError)),
            "MeanAbsoluteError" => run::<3, Plain<3>, _>(&case, row, &MeanLoss(MeanAbsoluteError)),
            "SparseCategoricalCrossentropy" => run::<3, Ids<(Batch, Const<4>)>, _>(
                &case,
                row,
                &MeanLoss(SparseCategoricalCrossentropy::default()),
            ),
            "CategoricalCrossentropy" => {
                run::<3, Plain<3>, _>(&case, row, &MeanLoss(CategoricalCrossentropy::default()));
            }
            other => {
                skipped(&format!("no metric {other}"));
                continue;
            }
        }
        seen += 1;
    }
    assert!(seen >= 18, "only {seen} of the stored metrics were looked at");
}

fn run<const C: usize, Y, M>(case: &Case, row: &Value, metric: &M)
where
    Y: FromCase,
    M: Metric<Plain<C>, Y> + Metric<Masked<Plain<C>>, Y>,
{
    let text = |key: &str| row[key].as_str().unwrap().to_owned();
    let mut mean = Mean::default();
    for (batch, after) in ["after_batch_0", "after_both"].iter().enumerate() {
        let name = |tensor: &str| format!("batch.{batch}.{tensor}");
        match row["sample_weight"].as_str() {
            None => add::<C, Y, M>(case, row, metric, &mut mean, batch, &Unweighted),
            Some("sw1") => {
                let weights = PerSample(case.floats(&name("sw1")));
                add::<C, Y, M>(case, row, metric, &mut mean, batch, &weights);
            }
            Some(other) => {
                let weights = PerStep::new(case.floats(&name(other)), 4).unwrap();
                add::<C, Y, M>(case, row, metric, &mut mean, batch, &weights);
            }
        }
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
    weights: &impl SampleWeights,
) where
    Y: FromCase,
    M: Metric<Plain<C>, Y> + Metric<Masked<Plain<C>>, Y>,
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
