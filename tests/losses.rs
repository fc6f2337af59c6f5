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
        CategoricalHinge, CosineSimilarity, Ctc, Dice, Hinge, Huber, KLDivergence, LogCosh, Loss,
        MeanAbsoluteError, MeanAbsolutePercentageError, MeanSquaredError,
        MeanSquaredLogarithmicError, Poisson, Reduction, SparseCategoricalCrossentropy,
        SquaredHinge, Tversky,
    },
    prelude::*,
    reduce::{PerSample, Unweighted},
};
use serde_json::Value;

#[path = "losses/circle.rs"]
mod circle;
#[path = "losses/edges.rs"]
mod edges;
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

type Images = (Batch, Const<3>, Const<2>, Const<2>);

fn check_overlap(case: &Value, p: Tensor<Images, f32, Cpu>, loss: impl Loss<Images, Images>) {
    let y =
        Cpu::default().tensor_from_vec(floats(&cases()["overlap"]["y"]), (2, Const, Const, Const));
    let name = format!("{} over {}", case["loss"], case["axis"]);
    let found = loss.compute(p.clone().put_tape(OwnedTape::default()), y.clone()).unwrap();
    close(&name, &[found.array()], &[case["value"].as_f64().unwrap() as f32]);
    let gradient = found.backward().get_or_alloc_mut(&p).unwrap().to_vec();
    close(&name, &gradient, &floats(&case["grad"]));
    if let Some(weighted) = case["weighted"].as_f64() {
        let found = loss.compute_weighted(p, y, &PerSample(vec![0.5, 2.0])).unwrap();
        close(&name, &[found.array()], &[weighted as f32]);
    }
}

#[test]
fn overlap_by_axes() {
    let cases = cases();
    let all = &cases["overlap"];
    let p = Cpu::default().tensor_from_vec(floats(&all["p"]), (2, Const, Const, Const));
    for case in all["cases"].as_array().unwrap() {
        let axis = case["axis"].as_array();
        let axis: Option<Vec<isize>> =
            axis.map(|axis| axis.iter().map(|axis| axis.as_i64().unwrap() as isize).collect());
        match case["loss"].as_str().unwrap() {
            "dice" => {
                check_overlap(case, p.clone(), Dice { axis: axis.clone() });
                // What wraps a loss changes no group.
                let wrapped = Dice { axis }.with_loss_weight(1.0);
                let wrapped = wrapped.reduced_by(Reduction::SumOverBatchSize);
                check_overlap(case, p.clone(), wrapped);
            }
            name => {
                assert_eq!(name, "tversky");
                check_overlap(case, p.clone(), Tversky { alpha: 0.3, beta: 0.9, axis });
            }
        }
    }
}

/// Padding is in no sum: neither what is predicted there, nor the target.
#[test]
fn overlap_under_a_mask() -> Result<(), Error> {
    let dev = Cpu::default();
    let loss = |p: [f32; 3], y: [f32; 3], lengths, axis: Option<Vec<isize>>| {
        let p = dev.tensor([p.map(|p| [p])]).put_tape(OwnedTape::default());
        let x = Masked::new(p, Mask::from_lengths(lengths, 3)?)?;
        Dice { axis }.compute(x, dev.tensor([y.map(|y| [y])]))
    };
    for axis in [None, Some(vec![1, 2]), Some(vec![-1])] {
        let clean = loss([0.2, 0.9, 0.0], [0.0, 1.0, 0.0], &[2], axis.clone())?;
        let padded = loss([0.2, 0.9, f32::NAN], [0.0, 1.0, 1.0], &[2], axis.clone())?;
        assert_eq!(clean.array(), padded.array());
        let nothing = loss([f32::NAN; 3], [1.0; 3], &[0], axis)?;
        assert_eq!(nothing.array(), 0.0);
        nothing.backward();
    }
    let expected = 1.0 - 2.0 * 0.9 / (1.0 + 1.1);
    close("all", &[loss([0.2, 0.9, 7.0], [0.0, 1.0, 1.0], &[2], None)?.array()], &[expected]);
    Ok(())
}

#[test]
fn overlap_of_what_makes_no_sense() {
    let dev = Cpu::default();
    let y = || dev.tensor([[1.0_f32, 0.0, 0.0]]);
    for axis in [vec![2], vec![-3], vec![1, -1]] {
        let error = Dice::over(axis.clone()).compute(y(), y()).unwrap_err().to_string();
        assert!(error.contains("axis"), "{axis:?}: {error}");
    }
    let error = Tversky { alpha: -1.0, ..Tversky::default() }.compute(y(), y()).unwrap_err();
    assert!(error.to_string().contains("alpha"), "{error}");
    let none = || dev.tensor_from_vec(Vec::<f32>::new(), (0, Const::<3>));
    assert_eq!(Dice::default().compute(none(), none()).unwrap().array(), 0.0);
}

fn doubles(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

type Said<const C: usize> = (Batch, usize, Const<C>);

/// The logits of a case of CTC with `C` classes, its labels, and a mask of its lengths.
fn said<const C: usize>(
    case: &Value,
) -> (Tensor<Said<C>, f64, Cpu>, Tensor<(Batch, usize), usize, Cpu>, Mask) {
    let dev = Cpu::default();
    let sizes: Vec<usize> = doubles(&case["sizes"]).into_iter().map(|x| x as usize).collect();
    let labels = case["labels"].as_array().unwrap();
    let flat: Vec<usize> = labels.iter().flat_map(doubles).map(|x| x as usize).collect();
    let shape = (labels.len(), flat.len() / labels.len());
    let lengths: Vec<usize> = doubles(&case["lengths"]).into_iter().map(|x| x as usize).collect();
    (
        dev.tensor_from_vec(doubles(&case["logits"]), (sizes[0], sizes[1], Const)),
        dev.tensor_from_vec(flat, shape),
        Mask::from_lengths(&lengths, sizes[1]).unwrap(),
    )
}

fn near(name: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{name}");
    for (found, expected) in found.iter().zip(expected) {
        let most = 1e-10 * expected.abs().max(1.0);
        assert!((found - expected).abs() <= most, "{name}: {found} for {expected}");
    }
}

fn check_ctc<const C: usize>(cases: &Value, name: &str) {
    let case = &cases[name];
    let (x, labels, mask) = said::<C>(case);
    let losses =
        |x| Ctc.compute_each(Masked::new(x, mask.clone()).unwrap(), labels.clone(), &Unweighted);
    near(name, &losses(x.clone()).unwrap().as_vec(), &doubles(&case["value"]));
    let sum = losses_of(&x, &mask, &labels).sum();
    let gradient = sum.backward().get_or_alloc_mut(&x).unwrap().to_vec();
    near(name, &gradient, &doubles(&case["grad"]));
}

fn losses_of<const C: usize>(
    x: &Tensor<Said<C>, f64, Cpu>,
    mask: &Mask,
    labels: &Tensor<(Batch, usize), usize, Cpu>,
) -> Tensor<(Batch,), f64, Cpu, OwnedTape<f64, Cpu>> {
    let traced = Masked::new(x.clone().put_tape(OwnedTape::default()), mask.clone()).unwrap();
    Ctc.compute_each(traced, labels.clone(), &Unweighted).unwrap()
}

#[test]
fn ctc_of_sequences_of_unequal_lengths() {
    let cases: Value =
        serde_json::from_str(include_str!("cases/keras-3.15.1-ctc/values.json")).unwrap();
    check_ctc::<4>(&cases, "plain");
    check_ctc::<4>(&cases, "lengths");
    check_ctc::<3>(&cases, "repeats");
    check_ctc::<3>(&cases, "impossible");
    check_ctc::<3>(&cases, "empty");
    check_ctc::<3>(&cases, "certain");
    // Without a mask, and reduced with a weight for each sample.
    let (x, labels, _) = said::<4>(&cases["plain"]);
    let weights = PerSample(vec![0.5, 2.0]);
    for (name, reduction) in [
        ("sum_over_batch_size", Reduction::SumOverBatchSize),
        ("sum", Reduction::Sum),
        ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
    ] {
        let loss = Ctc.reduced_by(reduction);
        let loss = loss.compute_weighted(x.clone(), labels.clone(), &weights).unwrap();
        near(name, &[loss.array()], &[cases["plain"][name].as_f64().unwrap()]);
    }
}

#[test]
fn ctc_does_not_see_what_a_mask_leaves_out() {
    let dev = Cpu::default();
    let cases: Value =
        serde_json::from_str(include_str!("cases/keras-3.15.1-ctc/values.json")).unwrap();
    let (x, labels, _) = said::<4>(&cases["plain"]);
    // A step of NaN in the middle of the second sample.
    let values = x.as_vec();
    let (first, second) = values.split_at(20);
    let mut wide = first.to_vec();
    wide.extend([f64::NAN; 4]);
    wide.extend(&second[..8]);
    wide.extend([f64::NAN; 4]);
    wide.extend(&second[8..]);
    let wide: Tensor<Said<4>, f64, Cpu> = dev.tensor_from_vec(wide, (2, 6, Const));
    let mut keep = vec![true; 12];
    (keep[5], keep[8]) = (false, false);
    let mask = Mask::from_bools(keep, 2, 6).unwrap();
    let losses = losses_of(&wide, &mask, &labels);
    near("masked", &losses.as_vec(), &doubles(&cases["plain"]["value"]));
    let gradient = losses.sum().backward().get_or_alloc_mut(&wide).unwrap().to_vec();
    let of_plain = doubles(&cases["plain"]["grad"]);
    near("masked", &gradient[..20], &of_plain[..20]);
    near("padding", &gradient[20..24], &[0.0; 4]);
    near("gap", &gradient[32..36], &[0.0; 4]);
    near("behind", &gradient[36..], &of_plain[28..]);
}

/// A class that is excluded at a step, by a logit of minus infinity.
#[test]
fn ctc_of_what_is_impossible() {
    let dev = Cpu::default();
    let none = f64::NEG_INFINITY;
    let x: Tensor<(Batch, usize, Const<3>), f64, Cpu> =
        dev.tensor_from_vec(vec![0.0, 0.0, none, 0.0, none, 0.0, 0.0, 0.0, 0.0], (1, 3, Const));
    let loss = Ctc.compute(x.clone().put_tape(OwnedTape::default()), dev.tensor([[1_usize, 2]]));
    let loss = loss.unwrap();
    // Of 12 equally probable sequences 1_2, 122 and 12_ remain.
    near("the loss", &[loss.array()], &[4.0_f64.ln()]);
    let gradient = loss.backward().get(&x).as_vec();
    let expected = [0.5, -0.5, 0.0, 1.0 / 6.0, 0.0, -1.0 / 6.0, 0.0, 1.0 / 3.0, -1.0 / 3.0];
    near("the gradient", &gradient, &expected);
}

#[test]
fn ctc_of_what_makes_no_sense_is_an_error() {
    let dev = Cpu::default();
    let x = || dev.tensor([[[0.0_f32; 3]; 4]; 2]);
    let refused = |labels: [[usize; 3]; 2]| Ctc.compute(x(), dev.tensor(labels)).unwrap_err();
    assert!(matches!(
        refused([[1, 2, 0], [1, 3, 0]]),
        Error::LabelOutOfRange { label: 3, classes: 3, position: 4 }
    ));
    let behind = refused([[1, 0, 2], [1, 0, 0]]).to_string();
    assert!(behind.contains("2 of sample 0, behind a 0"), "{behind}");
    let fewer = Ctc.compute(x(), dev.tensor([[1_usize, 2]]));
    assert!(matches!(fewer, Err(Error::Mismatch { .. })));
    let steps = kerata::reduce::PerStep::from(vec![[1.0_f32; 4]; 2]);
    let weighted = Ctc.compute_weighted(x(), dev.tensor([[1_usize]; 2]), &steps);
    assert!(matches!(weighted, Err(Error::Mismatch { .. })), "{weighted:?}");
    // No sample, no step.
    let none: Tensor<(Batch, usize, Const<3>), f32, Cpu> =
        dev.tensor_from_vec(vec![], (0, 4, Const));
    let labels: Tensor<(Batch, usize), usize, Cpu> = dev.tensor_from_vec(vec![], (0, 2));
    assert_eq!(Ctc.compute(none, labels).unwrap().array(), 0.0);
    let short: Tensor<(Batch, usize, Const<3>), f32, Cpu> =
        dev.tensor_from_vec(vec![], (1, 0, Const));
    let loss = Ctc.compute(short, dev.tensor_from_vec(vec![0, 0], (1, 2))).unwrap();
    assert_eq!(loss.array(), 0.0);
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
