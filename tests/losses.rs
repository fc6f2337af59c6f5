//! Losses against numbers of Keras 3.15.1 (`tests/cases/keras-3.15.1-losses`): values, gradients and reductions.

#![allow(missing_docs)]

use dfdx::{
    prelude::{Backward, SumTo},
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Batch, Const, Cpu, Error, Ids, Mask, Masked, Tensor,
    loss::{
        BinaryFocalCrossentropy, CategoricalFocalCrossentropy, CategoricalGeneralizedCrossEntropy,
        CategoricalHinge, CosineSimilarity, Hinge, Huber, KLDivergence, LogCosh, Loss,
        MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
        MeanSquaredLogarithmicError, Poisson, Reduction, SparseCategoricalCrossentropy,
        SquaredHinge,
    },
    prelude::*,
    reduce::{PerSample, Unweighted},
};
use serde_json::Value;

#[path = "losses/circle.rs"]
mod circle;
#[path = "losses/ctc.rs"]
mod ctc;
#[path = "losses/edges.rs"]
mod edges;
#[path = "losses/overlap.rs"]
mod overlap;
#[path = "losses/saturated.rs"]
mod saturated;

type Rows = (Batch, Const<3>);

fn cases() -> Value {
    serde_json::from_str(include_str!("cases/keras-3.15.1-losses/values.json")).unwrap()
}

fn floats(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
}

fn rows(value: &Value) -> Tensor<Rows, f32, Cpu> {
    Cpu::default().tensor_from_vec(floats(value), (4, Const))
}

fn labels_of(labels: [usize; 4]) -> Tensor<(Batch,), usize, Cpu> {
    Cpu::default().tensor_from_vec(labels.to_vec(), (4,))
}

fn doubles(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

fn near(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let most = 1e-10 * expected.abs().max(1.0);
        assert!((found - expected).abs() <= most, "{name}: {found} for {expected}");
    }
}

fn close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let most = 2e-6 + 2e-5 * expected.abs();
        assert!((found - expected).abs() <= most, "{name}: {found} for {expected}");
    }
}

fn check(cases: &Value, name: &str, loss: impl Loss<Rows, Rows>) {
    let case = &cases[name];
    let (p, y) = (rows(&case["p"]), rows(&case["y"]));
    let values = loss.compute_each(p.clone(), y.clone(), &Unweighted).unwrap();
    close(name, &values.as_vec(), &floats(&case["value"]));
    let traced = p.clone().put_tape(OwnedTape::default());
    let sum = loss.compute_each(traced, y, &Unweighted).unwrap().sum();
    let gradient = sum.backward().get_or_alloc_mut(&p).unwrap().to_vec();
    close(name, &gradient, &floats(&case["grad"]));
}

#[test]
fn values_and_gradients() {
    let cases = cases();
    check(&cases, "mape", MeanAbsolutePercentageError);
    check(&cases, "msle", MeanSquaredLogarithmicError);
    check(&cases, "cosine", CosineSimilarity);
    check(&cases, "huber", Huber { delta: 0.8 });
    check(&cases, "log_cosh", LogCosh);
    check(&cases, "kl", KLDivergence);
    check(&cases, "poisson", Poisson);
    check(&cases, "hinge", Hinge);
    check(&cases, "squared_hinge", SquaredHinge);
    check(&cases, "categorical_hinge", CategoricalHinge);
    let focal = BinaryFocalCrossentropy {
        label_smoothing: 0.1,
        apply_class_balancing: true,
        ..BinaryFocalCrossentropy::default()
    };
    check(&cases, "focal", focal);
    let focal = BinaryFocalCrossentropy {
        gamma: 1.5,
        from_logits: true,
        ..BinaryFocalCrossentropy::default()
    };
    check(&cases, "focal_logits", focal);
    let focal = CategoricalFocalCrossentropy {
        label_smoothing: 0.1,
        ..CategoricalFocalCrossentropy::default()
    };
    check(&cases, "categorical_focal", focal);
    let focal = CategoricalFocalCrossentropy {
        alpha: 0.7,
        gamma: 3.0,
        from_logits: true,
        ..CategoricalFocalCrossentropy::default()
    };
    check(&cases, "categorical_focal_logits", focal);
}

#[test]
fn a_class_is_ignored() -> Result<(), Error> {
    let case = &cases()["ignore"];
    let (p, labels) = (rows(&case["p"]), labels_of([0, 2, 1, 2]));
    let expected = case["value"].as_f64().unwrap() as f32;
    let loss = SparseCategoricalCrossentropy {
        ignore_class: Some(2),
        ..SparseCategoricalCrossentropy::default()
    };
    close("ignored", &[loss.compute(p.clone(), labels)?.array()], &[expected]);
    // It need be no class at all.
    let loss = SparseCategoricalCrossentropy { ignore_class: Some(255), ..loss };
    let labels = labels_of([0, 255, 1, 255]);
    close("no class", &[loss.compute(p.clone(), labels)?.array()], &[expected]);
    let all = labels_of([255; 4]);
    assert_eq!(loss.compute(p.clone(), all)?.array(), 0.0);
    let plain = Loss::<Rows, Ids<(Batch,)>>::counted(
        &SparseCategoricalCrossentropy::default(),
        &Cpu::default().tensor_from_vec(vec![1; 4], (4,)),
    );
    assert_eq!(plain?, None);
    Ok(())
}

#[test]
fn reductions_under_a_mask_and_weights() -> Result<(), Error> {
    let dev = Cpu::default();
    let steps = || dev.tensor([[[1.0_f32], [2.0]], [[3.0], [f32::NAN]]]);
    let masked = || Masked::new(steps(), Mask::from_lengths(&[2, 1], 2)?);
    let target = || dev.tensor([[[0.0_f32], [0.0]], [[0.0], [0.0]]]);
    let weights = PerSample(vec![1.0, 2.0]);
    for (reduction, plain, weighted) in [
        (Reduction::SumOverBatchSize, 6.0 / 3.0, 9.0 / 3.0),
        (Reduction::Sum, 6.0, 9.0),
        (Reduction::MeanWithSampleWeight, 6.0 / 3.0, 9.0 / 4.0),
    ] {
        let loss = MeanAbsoluteError.reduced_by(reduction);
        close("plain", &[loss.compute(masked()?, target())?.array()], &[plain]);
        let found = loss.compute_weighted(masked()?, target(), &weights)?.array();
        close("weighted", &[found], &[weighted]);
    }
    let each = MeanSquaredError.compute_each(masked()?, target(), &weights)?;
    assert_eq!(each.as_vec(), [1.0, 4.0, 18.0, 0.0]);
    Ok(())
}

#[test]
fn what_makes_no_sense_is_an_error() {
    let dev = Cpu::default();
    let y = || dev.tensor([[1.0_f32, 0.0, 0.0]]);
    let error = Huber { delta: f64::NAN }.compute(y(), y()).unwrap_err().to_string();
    assert!(error.contains("delta"), "{error}");
    let loss = CategoricalFocalCrossentropy { gamma: -1.0, ..Default::default() };
    let error = loss.compute(y(), y()).unwrap_err().to_string();
    assert!(error.contains("gamma"), "{error}");
    // Nothing, infinities and NaN are no panic.
    let none = || dev.tensor_from_vec(Vec::<f32>::new(), (0, Const::<3>));
    assert_eq!(LogCosh.compute(none(), none()).unwrap().as_vec(), [0.0]);
    let wild = dev.tensor([[f32::INFINITY, f32::NAN, -1e38]]).put_tape(OwnedTape::default());
    let loss = Huber::default().compute(wild, y()).unwrap();
    assert!(loss.array().is_nan());
    loss.backward();
}

#[test]
fn generalized_cross_entropy() {
    let cases: Value =
        serde_json::from_str(include_str!("cases/keras-3.15.1-ctc/values.json")).unwrap();
    let case = &cases["gce"];
    let dev = Cpu::default();
    let p: Tensor<Rows, f64, Cpu> = dev.tensor_from_vec(doubles(&case["p"]), (4, Const));
    let labels = labels_of([2, 0, 1, 1]);
    let loss = CategoricalGeneralizedCrossEntropy { q: 0.7 };
    let values = loss.compute_each(p.clone(), labels.clone(), &Unweighted).unwrap();
    near("gce", &values.as_vec(), &doubles(&case["value"]));
    let traced = p.clone().put_tape(OwnedTape::default());
    let sum = loss.compute_each(traced, labels.clone(), &Unweighted).unwrap().sum();
    let gradient = sum.backward().get_or_alloc_mut(&p).unwrap().to_vec();
    near("gce", &gradient, &doubles(&case["grad"]));
    let refused = CategoricalGeneralizedCrossEntropy { q: 1.0 }.compute(p, labels);
    assert!(matches!(refused, Err(Error::Invalid { .. })));
}

#[test]
fn a_target_may_have_its_batch_in_its_type() {
    let dev = Cpu::default();
    let logits = || dev.tensor_from_vec(vec![0.0_f32, 1.0, 2.0, 2.0, 1.0, 0.0], (2, Const::<3>));
    let loss = SparseCategoricalCrossentropy::from_logits();
    let open: Tensor<(Batch,), usize, Cpu> = dev.tensor_from_vec(vec![2, 0], (2,));
    let expected = loss.compute(logits(), open).unwrap().array();
    assert_eq!(loss.compute(logits(), dev.tensor([2_usize, 0])).unwrap().array(), expected);
    let rows = dev.tensor([[0.0_f32, 1.0, 2.0], [2.0, 1.0, 1.0]]);
    assert_eq!(MeanSquaredError.compute(logits(), rows).unwrap().array(), 1.0 / 6.0);

    let error = loss.compute(logits(), dev.tensor([2_usize, 0, 1])).unwrap_err().to_string();
    assert_eq!(error, "the number of labels: expected 2, found 3");
    let rows = dev.tensor([[0.0_f32, 1.0, 2.0]]);
    assert!(MeanSquaredError.compute(logits(), rows).is_err());
}
