//! `Ctc`, in double precision.

use dfdx::{
    prelude::{Backward, SumTo},
    tensor::{OwnedTape, PutTape, TensorFromVec},
};
use kerata::{
    Batch, Const, Cpu, Error, Mask, Masked, Tensor,
    loss::{Ctc, Reduction},
    prelude::*,
    reduce::{PerSample, Unweighted},
};
use serde_json::Value;

use super::{doubles, near};

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
        serde_json::from_str(include_str!("../cases/keras-3.15.1-ctc/values.json")).unwrap();
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
        serde_json::from_str(include_str!("../cases/keras-3.15.1-ctc/values.json")).unwrap();
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
