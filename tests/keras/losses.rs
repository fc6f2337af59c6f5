//! Losses by themselves: every mask and weight, value and gradient.

use dfdx::{
    prelude::SumTo,
    tensor::{OwnedTape, PutTape},
};
use kerata::{
    Batch, Const, Cpu, Dense, Embedding, Error, Ids, Mask, MaskZero, Masked, Tensor,
    TimeDistributed,
    loss::{
        BinaryCrossentropy, CategoricalCrossentropy, Huber, Loss, MeanAbsoluteError,
        MeanSquaredError, Reduction, SparseCategoricalCrossentropy,
    },
    metric::{self, MeanLoss},
    prelude::*,
    reduce::{Mean, PerSample, PerStep, SampleWeights, Unweighted, Weights},
};

use crate::{
    case::Case,
    harness::{Test, tests},
    models::FromCase,
    reasons::BROADCAST,
    report::Report,
    variants::{self, ALL},
};

pub(crate) type Plain<const C: usize> = (Batch, Const<4>, Const<C>);

pub(crate) fn mask(case: &Case, tensor: &str) -> Mask {
    let [batch, length] = case.shape(tensor) else { panic!("{tensor} is no mask") };
    Mask::from_bools(case.flags(tensor), *batch, *length).unwrap()
}

/// Every reduction of a loss: value and gradient under each mask and with each weight.
fn check<const C: usize, Y, L>(case: &Case, report: &mut Report, loss: &L)
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y> + Clone,
{
    for variant in case.json["variants"].as_array().unwrap() {
        let name = |key: &str| variant[key].as_str();
        let [value, gradient] = ["value", "gradient_wrt_y_pred"].map(|key| name(key).unwrap());
        let weights = name("sample_weight");
        let mask = name("mask").map(|name| mask(case, name));
        match name("reduction").unwrap() {
            "sum_over_batch_size" => {
                let found = reduced(case, loss, mask, &sample_weights(case, weights));
                case.assert_tensor("loss", value, &[found.0]);
                report.typed(value);
                case.assert_tensor("grad", gradient, &found.1);
                report.typed(gradient);
            }
            // What a metric of the same name is.
            "mean_with_sample_weight" => {
                let per_sample = weights.is_some_and(|tensor| case.shape(tensor)[1] == 1);
                if per_sample && mask.is_none() {
                    report.skipped(value, &BROADCAST);
                    report.skipped(gradient, &BROADCAST);
                } else {
                    let weights = sample_weights(case, weights);
                    let found = averaged(case, loss, mask.clone(), &weights);
                    case.assert_tensor("loss", value, &[found as f32]);
                    let loss = loss.clone().reduced_by(Reduction::MeanWithSampleWeight);
                    let found = reduced(case, &loss, mask, &weights);
                    case.assert_tensor("loss", value, &[found.0]);
                    report.typed(value);
                    case.assert_tensor("grad", gradient, &found.1);
                    report.typed(gradient);
                }
            }
            "none" => {
                let found = each(case, loss, mask, &sample_weights(case, weights));
                case.assert_tensor("loss", value, &found.0);
                report.typed(value);
                case.assert_tensor("grad", gradient, &found.1);
                report.typed(gradient);
            }
            "sum" => {
                let loss = loss.clone().reduced_by(Reduction::Sum);
                let found = reduced(case, &loss, mask, &sample_weights(case, weights));
                case.assert_tensor("loss", value, &[found.0]);
                report.typed(value);
                case.assert_tensor("grad", gradient, &found.1);
                report.typed(gradient);
            }
            other => panic!("the reduction `{other}` is neither run nor listed"),
        }
    }
}

/// Any of the weights of the cases.
#[derive(Clone)]
pub(crate) enum AnyWeights {
    None,
    PerSample(PerSample),
    PerStep(PerStep),
}

/// The sample weights in a tensor of the case.
pub(crate) fn sample_weights(case: &Case, tensor: Option<&str>) -> AnyWeights {
    match tensor {
        None => AnyWeights::None,
        Some(tensor) => match case.shape(tensor)[1] {
            1 => AnyWeights::PerSample(PerSample(case.floats(tensor))),
            length => AnyWeights::PerStep(PerStep::new(case.floats(tensor), length).unwrap()),
        },
    }
}

impl SampleWeights for AnyWeights {
    fn samples(&self) -> Option<usize> {
        match self {
            Self::None => Unweighted.samples(),
            Self::PerSample(weights) => weights.samples(),
            Self::PerStep(weights) => weights.samples(),
        }
    }

    fn select(&self, rows: &[usize]) -> Result<Self, Error> {
        Ok(match self {
            Self::None => Self::None,
            Self::PerSample(weights) => Self::PerSample(weights.select(rows)?),
            Self::PerStep(weights) => Self::PerStep(weights.select(rows)?),
        })
    }

    fn expand(&self, sizes: &[usize]) -> Result<Option<Vec<f64>>, Error> {
        match self {
            Self::None => Unweighted.expand(sizes),
            Self::PerSample(weights) => weights.expand(sizes),
            Self::PerStep(weights) => weights.expand(sizes),
        }
    }
}

impl<const C: usize> Weights<Plain<C>> for AnyWeights {}
impl<const C: usize> Weights<Masked<Plain<C>>> for AnyWeights {}

/// The loss of each position, and the gradient of their sum with respect to the prediction.
fn each<const C: usize, Y, L>(
    case: &Case,
    loss: &L,
    mask: Option<Mask>,
    weights: &AnyWeights,
) -> (Vec<f32>, Vec<f32>)
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y>,
{
    let prediction: Tensor<Plain<C>, f32, Cpu> = <Plain<C>>::read(case, "y_pred");
    let target = Y::read(case, "y_true");
    let traced = prediction.clone().put_tape(OwnedTape::default());
    let losses = match mask {
        None => Loss::<Plain<C>, Y>::each(loss, traced, &target, weights),
        Some(mask) => {
            let traced = Masked::new(traced, mask).unwrap();
            Loss::<Masked<Plain<C>>, Y>::each(loss, traced, &target, weights)
        }
    }
    .unwrap();
    let values = losses.as_vec();
    (values, losses.sum().backward().get_or_alloc_mut(&prediction).unwrap().to_vec())
}

/// The mean that a metric makes of a loss: weights stand in the denominator too.
fn averaged<const C: usize, Y, L>(
    case: &Case,
    loss: &L,
    mask: Option<Mask>,
    weights: &AnyWeights,
) -> f64
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y> + Clone,
{
    let (mut mean, loss) = (Mean::default(), MeanLoss(loss.clone()));
    let prediction = <Plain<C>>::read(case, "y_pred");
    let target = Y::read(case, "y_true");
    let shown = match mask {
        None => metric::update::<Plain<C>, Y, f32, Cpu, _>(
            &mut mean, &loss, prediction, &target, weights,
        ),
        Some(mask) => metric::update::<Masked<Plain<C>>, Y, f32, Cpu, _>(
            &mut mean,
            &loss,
            Masked::new(prediction, mask).unwrap(),
            &target,
            weights,
        ),
    };
    shown.unwrap();
    mean.get()
}

/// The loss and its gradient with respect to the prediction.
fn reduced<const C: usize, Y, L>(
    case: &Case,
    loss: &L,
    mask: Option<Mask>,
    weights: &AnyWeights,
) -> (f32, Vec<f32>)
where
    Y: FromCase,
    L: Loss<Plain<C>, Y> + Loss<Masked<Plain<C>>, Y>,
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
            fn $name(case: &Case, report: &mut Report) {
                check::<$classes, $target, _>(case, report, &$loss);
            }
        )*

        pub(crate) fn tests() -> Vec<Test> {
            tests![
                $($name,)*
                loss_clipping,
                loss_seed_example,
                loss_reduction_conventions,
            ]
        }
    };
}

losses! {
    loss_huber: 3, Plain<3>, Huber::default();
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
fn loss_clipping(case: &Case, report: &mut Report) {
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
    let sparse = SparseCategoricalCrossentropy::default();
    check::<3, Ids<(Batch,)>, _>(case, sparse, "sparse", ["probs", "classes"]);
    report.typed("sparse");
    let categorical = CategoricalCrossentropy::default();
    check::<3, (Batch, Const<3>), _>(case, categorical, "categorical", ["probs", "onehot"]);
    report.typed("categorical");
    let binary = BinaryCrossentropy::default();
    check::<1, (Batch, Const<1>), _>(case, binary, "binary", ["binary.probs", "binary.target"]);
    report.typed("binary");
}

/// The check that is printed with most tutorials on masking: ids 1, 2, 0, 0, of which two are real.
fn loss_seed_example(case: &Case, report: &mut Report) {
    let mut model =
        <(Embedding<5, 5, MaskZero>, TimeDistributed<Dense<5, 3>>)>::build(&Cpu::default())
            .unwrap();
    case.load(&mut model);
    let ids: Tensor<(Batch, Const<4>), usize, Cpu> = <Ids<(Batch, Const<4>)>>::read(case, "input");
    let output = model.forward(ids).unwrap();
    case.assert_tensor("forward", "output", &output.values().as_vec());
    let target: Tensor<Plain<3>, f32, Cpu> = <Plain<3>>::read(case, "target");
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
    report.typed(ALL);
}

/// The reduction by itself: the losses are given, as the mean absolute error against 0.
fn loss_reduction_conventions(case: &Case, report: &mut Report) {
    let dev = Cpu::default();
    let prediction: Tensor<Plain<1>, f32, Cpu> =
        dev.tensor_from_vec(case.floats("losses"), (2, Const, Const));
    let target = prediction.clone() * 0.0;
    for row in case.json["rows"].as_array().unwrap() {
        let prediction = prediction.clone();
        let mask = match row["mask"].as_str() {
            None => Mask::full(2, 4),
            Some("all_false") => Mask::from_bools(vec![false; 8], 2, 4).unwrap(),
            Some(name) => mask(case, name),
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
        report.typed(variants::reduction(row));
    }
}
